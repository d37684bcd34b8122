"""What a sweep costs beside its runs: seconds, bytes sent, and bytes in the store; and what workers bring.

    python benchmarks/sweeps.py --runs 100 1000
    python benchmarks/sweeps.py --efficiency --runs 40 --epochs 60

Starts a Dask scheduler and workers of one thread each on this machine, and has runs done that do next to
nothing (a baseline that always says the most frequent class): all that is left is what sweeping itself costs.
With `--efficiency`, equal fine-tunings instead (64-400-400-400-10 from different seeds), on one worker and on
two, of Dask and local ones, in turn; that workers start, and the library in them, counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from truezero.datasets import load_dataset
from truezero.runs import Data, Processes, Run, RunStore, carry_out
from truezero.runs.cluster import Cluster
from truezero.runs.provenance import processor


@contextmanager
def dask(n_workers: int) -> Iterator[Cluster]:
    """Connect to a scheduler of our own, when all of its workers are there."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        options = ["--scheduler-file", str(file), "--no-dashboard"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        module = [sys.executable, "-m"]
        started = [
            subprocess.Popen([*module, "distributed.cli.dask_scheduler", *options, "--port", "0"], **quiet)
        ]
        try:
            while not file.exists():
                time.sleep(0.05)
            started += [
                subprocess.Popen(
                    [*module, "distributed.cli.dask_worker", *options, "--nthreads", "1", "--no-nanny"],
                    **quiet,
                )
                for _ in range(n_workers)
            ]
            cluster = Cluster(json.loads(file.read_text())["address"])
            cluster._client.wait_for_workers(n_workers)
            yield cluster
            cluster.close()
        finally:
            for process in started:
                process.kill()
                process.wait()


def study(runs: list[Run]) -> Any:
    return (yield runs)


def overhead(n: int, n_workers: int) -> None:
    """Print what n runs cost that do next to nothing."""
    dataset = load_dataset("digits")
    data = Data(dataset.name, dataset.fingerprint)
    runs = [
        Run("baseline", {"estimator": "DummyClassifier", "parameters": {"random_state": seed}}, data)
        for seed in range(n)
    ]
    with dask(n_workers) as cluster, tempfile.TemporaryDirectory() as folder:
        store, before = RunStore(folder), _sent()
        started, at_work = time.perf_counter(), time.process_time()
        carry_out(study(runs), store, [dataset], executor=cluster)
        seconds, at_work = time.perf_counter() - started, time.process_time() - at_work
        sent = _sent() - before
        started = time.perf_counter()
        carry_out(study(runs), store, [dataset], executor=cluster)
        again = time.perf_counter() - started
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
        disk = sum(path.stat().st_blocks * 512 for path in Path(folder).rglob("*") if path.is_file())
    print(
        f"{n} runs, {n_workers} workers: {1e3 * seconds / n:.1f} ms a run, {1e3 * at_work / n:.1f} ms of a "
        f"processor here; {sent / n / 1e3:.1f} kB sent a run; store "
        f"{size / n / 1e3:.1f} kB ({disk / n / 1e3:.1f} kB on disk) a run; to find them all finished "
        f"{1e3 * again / n:.2f} ms a run",
        flush=True,
    )


def _sent() -> int:
    """Bytes sent over this machine's loopback, by whomever: client, scheduler, workers."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    return int(next(line for line in lines if line.strip().startswith("lo:")).split()[9])


def seconds_of(executor: Any, n: int, epochs: int) -> tuple[float, float]:
    """Seconds for n equal runs, and those that they were at work in, added up."""
    dataset = load_dataset("digits")
    data = Data(dataset.name, dataset.fingerprint)
    parameters = {"hidden_layer_sizes": [400, 400, 400], "max_iter": epochs, "n_iter_no_change": None}
    runs = [Run("fine-tune", {**parameters, "random_state": seed}, data) for seed in range(n)]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        found = carry_out(study(runs), RunStore(folder), [dataset], executor=executor, n_threads=1)
        return time.perf_counter() - started, sum(result["seconds"] for result in found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, nargs="+", default=[100])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--efficiency", action="store_true")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(processor())
    if not given.efficiency:
        for n in given.runs:
            overhead(n, given.workers)
        return
    n, epochs = given.runs[0], given.epochs
    ratios: dict[str, list[float]] = {"Dask workers": [], "local processes": []}
    for _ in range(given.rounds):
        with dask(1) as one:
            alone = seconds_of(one, n, epochs)
        with dask(2) as two:
            note(ratios["Dask workers"], "Dask workers", alone, seconds_of(two, n, epochs))
        alone = seconds_of(Processes(1), n, epochs)
        note(ratios["local processes"], "local processes", alone, seconds_of(Processes(2), n, epochs))
    for name, found in ratios.items():
        print(f"2 {name}: {statistics.median(found):.2f} times one ({min(found):.2f} to {max(found):.2f})")


def note(ratios: list[float], name: str, one: tuple[float, float], two: tuple[float, float]) -> None:
    """Keep and print what two of them bring."""
    ratios.append(one[0] / two[0])
    print(
        f"{name}: one {one[0]:.1f} s, two {two[0]:.1f} s, {ratios[-1]:.2f} times; of their time they were at "
        f"work in runs for {100 * one[1] / one[0]:.0f} and {100 * two[1] / two[0] / 2:.0f} %",
        flush=True,
    )


if __name__ == "__main__":
    main()
