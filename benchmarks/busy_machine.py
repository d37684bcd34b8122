"""What threads bring, and cost, on a machine that has other work.

    python benchmarks/busy_machine.py

Trains a small and a large network and predicts one row, on several numbers of threads, while 0, 1 and 2
other processes keep a core busy each. Every cell is the median of rounds in which all numbers of threads
take turns; in brackets, that as a multiple of one thread's.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from truezero.core.initial import initialize
from truezero.engines import Examples, Features, StepSettings, get_engine
from truezero.runs.provenance import processor

THREADS = (1, 2, 4, 8)
SIZES = {"256³": (20, 256, 256, 256, 2), "1000³": (784, 1000, 1000, 1000, 10)}
ROWS = {"256³": 1000, "1000³": 300}  # of an epoch
CALLS = 50  # of a prediction of one row, a round

Work = Callable[[int], float]  # number of threads -> seconds


@contextmanager
def busy(n: int) -> Iterator[None]:
    """Keep so many processes busy meanwhile."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        time.sleep(0.3)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def training(name: str) -> Work:
    """An epoch of minibatches of 10."""
    random = np.random.default_rng(0)
    n, sizes = ROWS[name], SIZES[name]
    network, order = initialize(sizes), np.arange(n)
    X = random.normal(size=(n, sizes[0])).astype(np.float32)
    examples = Examples(Features(X), random.integers(0, sizes[-1], n), None, np.arange(n))
    settings = StepSettings(0.01, 10, (1e-5,) * network.n_hidden)

    def work(n_threads: int) -> float:
        copy, started = network.copy(), time.perf_counter()
        get_engine("native").train(copy, examples, order, settings, epoch=0, seed=0, n_threads=n_threads)
        return time.perf_counter() - started

    return work


def prediction(name: str) -> Work:
    """One row at a time: the mean of a few calls, so that one that waits is not overlooked."""
    network = initialize(SIZES[name]).freeze()
    row = Features(np.random.default_rng(0).normal(size=(1, SIZES[name][0])).astype(np.float32))

    def work(n_threads: int) -> float:
        started = time.perf_counter()
        for _ in range(CALLS):
            get_engine("native").forward(network, row, n_threads=n_threads)
        return (time.perf_counter() - started) / CALLS

    return work


def measure(works: dict[str, Work], rounds: int) -> dict[str, dict[int, float]]:
    """Medians of seconds, per work and number of threads."""
    seconds: dict[str, dict[int, list[float]]] = {name: {n: [] for n in THREADS} for name in works}
    for of_round in range(rounds + 1):
        for name, work in works.items():
            for n_threads in THREADS:
                taken = work(n_threads)
                if of_round:  # the first warms up
                    seconds[name][n_threads].append(taken)
    return {
        name: {n: statistics.median(taken) for n, taken in of_work.items()}
        for name, of_work in seconds.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--busy", type=int, nargs="*", default=[0, 1, 2], help="other processes")
    given = parser.parse_args()
    works = {f"train {name}": training(name) for name in SIZES}
    works |= {f"one row {name}": prediction(name) for name in SIZES}
    print(f"{processor()}; milliseconds, medians of {given.rounds} rounds; times of one thread in brackets\n")
    print("| others busy | work | " + " | ".join(f"{n} threads" for n in THREADS) + " |")
    print("| --- | --- |" + " --- |" * len(THREADS))
    for n_busy in given.busy:
        with busy(n_busy):
            measured = measure(works, given.rounds)
        for name, seconds in measured.items():
            cells = [f"{1e3 * s:.3g} ({s / seconds[1]:.2f})" for s in seconds.values()]
            print(f"| {n_busy} | {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
