"""What several processes bring to a sweep of equal runs.

    python benchmarks/jobs.py

Fine-tunes the same network from different seeds: in one process on one thread, and in `--jobs` processes of
one thread each, in turn. Prints seconds and their ratio; that processes and the library in them start counts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from typing import Any

from truezero.datasets import load_dataset
from truezero.runs import Data, Processes, Run, RunStore, Serial, carry_out
from truezero.runs.provenance import processor


def sweep(n_runs: int, executor: Any) -> float:
    """Seconds for so many runs."""
    dataset = load_dataset("digits")
    data = Data(dataset.name, dataset.fingerprint)
    parameters = {"hidden_layer_sizes": [400, 400, 400], "max_iter": 20, "n_iter_no_change": None}
    runs = [Run("fine-tune", {**parameters, "random_state": seed}, data) for seed in range(n_runs)]

    def study() -> Any:
        return (yield runs)

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        carry_out(study(), RunStore(folder), [dataset], executor=executor, n_threads=1)
        return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"{processor()}; {given.runs} runs of 64-400-400-400-10, 20 epochs of 1,097 rows")
    ratios = []
    for _ in range(given.rounds):
        alone, several = sweep(given.runs, Serial()), sweep(given.runs, Processes(given.jobs))
        ratios.append(alone / several)
        print(f"one process {alone:.1f} s, {given.jobs} {several:.1f} s: {ratios[-1]:.2f} times as fast")
    print(f"median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
