"""What a call of `partial_fit` takes where rows come a few at a time, beside PyTorch and scikit-learn.

    python benchmarks/partial_fit.py

One minibatch a call, of rows with 19 % non-zeros, on three hidden layers that are 83 % zeros. PyTorch takes
its step written out by hand, from an array and without any check; scikit-learn's `MLPClassifier` does what
our estimator does: it checks rows and targets and counts the call as an epoch. Everybody takes turns; a cell
is the median of the rounds, each a quarter of a second of calls. "engine" is what `Engine.train` takes of
ours.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from truezero import DeepRectifierClassifier
from truezero.bench.rows import OUTPUTS, labeled, network_with_zeros
from truezero.bench.timing import interleave, timed
from truezero.bench.torch_by_hand import TorchByHand
from truezero.engines import StepSettings, get_engine, resolve_threads
from truezero.runs.provenance import processor

RATE, L1 = 1e-4, 1e-5  # small, so that the network stays as it is
CLASSES = np.arange(OUTPUTS)
NAMES = ("truezero", "engine", "torch by hand", "scikit-learn")


def contestants(width: int, n: int, n_threads: int) -> dict[str, Callable[[], Any]]:
    """One call of everybody, on the next n rows."""
    import torch

    network, X, _ = network_with_zeros(width, 0.83, n_rows=4000)
    y = np.random.default_rng(1).integers(0, OUTPUTS, len(X))
    common: dict[str, Any] = {"learning_rate_init": RATE, "batch_size": n, "random_state": 0}
    ours = DeepRectifierClassifier.from_network(network, l1_activation=L1, n_threads=n_threads, **common)
    theirs = MLPClassifier((width,) * 3, solver="sgd", momentum=0, alpha=0, **common)
    theirs.partial_fit(X[:n], y[:n], classes=CLASSES)
    by_hand = TorchByHand(network, learning_rate=RATE, l1=L1)
    by_hand.n_threads = n_threads
    trained, order = network.copy(), np.arange(n)
    steps = StepSettings(RATE, n, (L1,) * 3)

    def each(call: Callable[[Any, Any], Any]) -> Callable[[], Any]:
        """Let it have the next rows at every call."""
        starts = cycle(range(0, len(X) - n + 1, n))

        def on_next() -> None:
            start = next(starts)
            call(X[start : start + n], y[start : start + n])

        return on_next

    def engine(rows: Any, classes: Any) -> None:
        get_engine("native").train(
            trained, labeled(rows, classes), order, steps, epoch=1, seed=0, n_threads=n_threads,
            density=(0.19, 0.17, 0.17, 0.17),
        )  # fmt: skip

    def hand(rows: Any, classes: Any) -> None:
        by_hand.train([(torch.from_numpy(rows), torch.from_numpy(classes))])

    calls = (ours.partial_fit, engine, hand, theirs.partial_fit)
    return dict(zip(NAMES, map(each, calls), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--widths", type=int, nargs="+", default=[256, 1000])
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    n_threads = resolve_threads(None)
    print(f"{processor()}, {n_threads} threads; milliseconds a call")
    print("| hidden units | rows | " + " | ".join(NAMES) + " |\n" + "|---" * (2 + len(NAMES)) + "|")
    for width in options.widths:
        for n in options.rows:
            calls = {name: timed(call) for name, call in contestants(width, n, n_threads).items()}
            seconds = interleave(calls, options.rounds, lambda _: None)
            medians = [f"{1e3 * statistics.median(seconds[name]):.2f}" for name in NAMES]
            print(f"| {width}³ | {n} | " + " | ".join(medians) + " |", flush=True)


if __name__ == "__main__":
    main()
