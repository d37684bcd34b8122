"""Time to a test error: ours, PyTorch's, and a recipe of our own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import peers
from truezero.bench.machine import machine
from truezero.bench.timing import Contestant, Progress, best_threads
from truezero.bench.train import training_rows
from truezero.core.draws import Purpose, permutation
from truezero.core.network import initialize
from truezero.datasets import Dataset
from truezero.engines import Examples, Features, StepSettings, get_engine, resolve_threads
from truezero.errors import OptionError

_BATCH = 10
_ROWS = 1000  # that PyTorch evaluates at once
# Our own recipe: the rate falls in a straight line, a piece of an epoch at a time.
_RECIPE: dict[str, Any] = {
    "hidden_layer_sizes": (800, 800),
    "batch_size": 10,
    "first_rate": 0.15,
    "last_rate": 0.002,
    "epochs": 3,
    "pieces_per_epoch": 16,
}


class _Race:
    """What one contestant has reached: seconds of training and of validation, and errors by epoch."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.history: list[dict[str, float]] = []

    def note(self, validation_error: float, test_error: float) -> None:
        best = min([*self.history, {"validation_error": 2.0}], key=lambda r: r["validation_error"])
        selected = test_error if validation_error < best["validation_error"] else best["selected_test_error"]
        self.history.append(
            {
                "epoch": len(self.history) + 1,
                "seconds": self.seconds,
                "validation_error": validation_error,
                "test_error": test_error,
                "selected_test_error": selected,
            }
        )

    def reached(self, target: float) -> dict[str, float] | None:
        return next((r for r in self.history if r["selected_test_error"] <= target), None)


def bench_error(
    dataset: Dataset,
    *,
    hidden_layer_sizes: Sequence[int] = (1000, 1000, 1000),
    learning_rate: float = 0.1,
    l1_activation: float = 1e-5,
    targets: Sequence[float] = (0.02, 0.015),
    max_epochs: int = 40,
    seed: int = 0,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Train the paper's network, an epoch of ours and one of PyTorch's in turn, until both reach the error.

    Both start from the same initial weights and see the same minibatches of 10 in the same order. The
    test error is that of the best validation epoch so far. The seconds are those of training and of
    predicting the validation rows, with the data loaded; loading and testing are not counted.

    Parameters
    ----------
    dataset : Dataset
        With validation and test rows.
    hidden_layer_sizes : sequence of int
    learning_rate, l1_activation : float
    targets : sequence of float
        Test errors, fractions, the largest first.
    max_epochs : int
    seed : int
    n_threads : int, optional
        The most anybody may use.
    on_progress : callable

    Returns
    -------
    dict
        `histories`; `targets`, with the seconds and epoch at which each was reached and the ratio;
        `recipe`, what our own recipe reached in which time.

    Raises
    ------
    OptionError
        If PyTorch is not installed, or the data have no validation or test rows.
    """
    peers.require_torch()
    if list(targets) != sorted(targets, reverse=True) or not targets:
        raise OptionError(f"target errors must fall, got {targets}")
    import torch

    if dataset.X_validation is None or dataset.X_test is None:
        raise OptionError(f"{dataset.name} has no validation and test rows")
    threads = resolve_threads(n_threads)
    X, target = training_rows(dataset)
    classes = np.unique(np.asarray(dataset.y_train))
    validation, test = (
        (Features(dataset.scaled(part)), np.searchsorted(classes, np.asarray(dataset.part(part)[1])))
        for part in ("validation", "test")
    )
    network = initialize((X.shape[1], *hidden_layer_sizes, len(classes)), seed=seed)
    native = get_engine("native", network)
    examples = Examples(Features(X), target, None, np.arange(len(X), dtype=np.int64))
    settings = StepSettings(learning_rate, _BATCH, (l1_activation,) * network.n_hidden)
    trial = peers.torch_batches(X, target, np.resize(np.arange(len(X), dtype=np.int64), 500 * _BATCH), _BATCH)

    fastest = {}
    for variant in peers.TORCH_VARIANTS:

        def make(n: int, variant: str = variant) -> Contestant:
            model = peers.TorchTraining(
                network, variant, learning_rate=learning_rate, l1=l1_activation, n_threads=n
            )
            return lambda: model.train(trial)

        n, run = best_threads(make, threads, on_progress, variant)
        fastest[variant] = (run(), n)
    variant = min(fastest, key=lambda v: fastest[v][0])
    model = peers.TorchTraining(
        network, variant, learning_rate=learning_rate, l1=l1_activation, n_threads=fastest[variant][1]
    )
    model.train(trial[:3])  # compiles, if it is compiled
    for layer, (w, b) in zip(model.layers, zip(network.weights, network.biases, strict=True), strict=True):
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(w.T.copy()))
            layer.bias.copy_(torch.tensor(b))
    rows = [torch.tensor(part[0].X) for part in (validation, test)]

    ours, theirs, trained, density = _Race(), _Race(), network.copy(), None
    for epoch in range(1, max_epochs + 1):
        order = permutation(seed, Purpose.ORDER, examples.ids, epoch=epoch)
        if ours.reached(targets[-1]) is None:
            on_progress(_note("truezero", ours))
            started = time.perf_counter()
            native.train(
                trained, examples, order, settings, epoch=epoch, seed=seed, n_threads=threads, density=density
            )
            evaluation = native.evaluate(trained, validation[0], n_threads=threads)
            ours.seconds += time.perf_counter() - started
            density = (examples.features.density(), *(1 - zeros for zeros in evaluation.sparsity))
            ours.note(
                _wrong(evaluation.output, validation[1]),
                _wrong(native.forward(trained, test[0], n_threads=threads), test[1]),
            )
        if theirs.reached(targets[-1]) is None:
            on_progress(_note(variant, theirs))
            batches = peers.torch_batches(X, target, order, _BATCH)
            theirs.seconds += model.train(batches) * len(batches)
            started = time.perf_counter()
            outputs = _in_parts(model, rows[0])
            theirs.seconds += time.perf_counter() - started
            theirs.note(_wrong(outputs, validation[1]), _wrong(_in_parts(model, rows[1]), test[1]))
        if ours.reached(targets[-1]) and theirs.reached(targets[-1]):
            break
    on_progress("our own recipe")
    reached = []
    for wanted in targets:
        first, second = ours.reached(wanted), theirs.reached(wanted)
        gain = second["seconds"] / first["seconds"] if first and second else None
        reached.append({"test_error": wanted, "truezero": first, variant: second, "ratio": gain})
    return {
        "benchmark": "error",
        "data": dataset.name,
        "network": list(network.layer_sizes),
        "batch_size": _BATCH,
        "learning_rate": learning_rate,
        "l1_activation": l1_activation,
        "seed": seed,
        "peer": variant,
        "n_threads": {"truezero": threads, variant: fastest[variant][1]},
        "targets": reached,
        "histories": {"truezero": ours.history, variant: theirs.history},
        "recipe": [_own_recipe(examples, validation, test, threads, s) for s in range(5)],
        "machine": machine(threads),
    }


def _own_recipe(
    examples: Examples, validation: tuple[Features, Any], test: tuple[Features, Any], threads: int, seed: int
) -> dict[str, Any]:
    """Train by our own recipe, from initialization to the last step; no epoch is selected."""
    r = _RECIPE
    started = time.perf_counter()
    n_classes = int(examples.target.max()) + 1
    network = initialize((examples.features.n_features, *r["hidden_layer_sizes"], n_classes), seed=seed)
    native = get_engine("native", network)
    order = np.concatenate(
        [permutation(seed, Purpose.ORDER, examples.ids, epoch=e + 1) for e in range(r["epochs"])]
    )
    whole = order[: len(order) // r["batch_size"] * r["batch_size"]].reshape(-1, r["batch_size"])
    pieces = np.array_split(whole, r["epochs"] * r["pieces_per_epoch"])
    for number, piece in enumerate(pieces):
        rate = r["last_rate"] + (r["first_rate"] - r["last_rate"]) * (1 - number / len(pieces))
        settings = StepSettings(rate, r["batch_size"], (0.0,) * network.n_hidden)
        native.train(network, examples, piece.ravel(), settings, epoch=number, seed=seed, n_threads=threads)
    seconds = time.perf_counter() - started
    errors = [
        _wrong(native.forward(network, features, n_threads=threads), classes)
        for features, classes in (validation, test)
    ]
    return {
        "hidden_layer_sizes": list(r["hidden_layer_sizes"]), "batch_size": r["batch_size"],
        "first_rate": r["first_rate"], "last_rate": r["last_rate"], "epochs": r["epochs"], "seed": seed,
        "seconds": seconds, "validation_error": errors[0], "test_error": errors[1],
    }  # fmt: skip


def _in_parts(model: peers.TorchTraining, rows: Any) -> NDArray[Any]:
    return np.concatenate(
        [model.outputs(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS)]
    )


def _wrong(output: NDArray[Any], classes: NDArray[Any]) -> float:
    return float((output.argmax(axis=1) != classes).mean())


def _note(name: str, race: _Race) -> str:
    last = f", test error {race.history[-1]['selected_test_error']:.4f}" if race.history else ""
    return f"{name}, epoch {len(race.history) + 1}{last}"
