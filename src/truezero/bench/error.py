"""Time to a test error: ours, PyTorch's, and a recipe of our own."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import markdown, peers
from truezero.bench.benchmark import at_least
from truezero.bench.machine import machine
from truezero.bench.ours import training_steps
from truezero.bench.rows import labeled, training_rows
from truezero.bench.terminal import Table, sizes
from truezero.bench.timing import OURS, Contest, Progress
from truezero.core.draws import Purpose, permutation
from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.datasets import Dataset
from truezero.engines import Examples, Features, StepSettings, get_engine, resolve_threads
from truezero.errors import OptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BATCH = 10
_TRIAL = 500  # steps by which PyTorch's fastest variant is found
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


def run(
    dataset: Dataset,
    *,
    hidden_layer_sizes: Sequence[int] = (1000, 1000, 1000),
    learning_rate_init: float = 0.1,
    l1_activation: float = 1e-5,
    targets: Sequence[float] = (0.02, 0.015),
    max_iter: int = 40,
    random_state: int = 0,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time how long training takes to a test error, against PyTorch doing the same.

    The paper's network is trained, an epoch of ours and one of PyTorch's in turn, until both reach the
    error. Both start from the same initial weights and see the same minibatches of 10 in the same order. The
    test error is that of the best validation epoch so far. The seconds are those of training and of
    predicting the validation rows, with the data loaded; loading and testing are not counted.

    Parameters
    ----------
    dataset : Dataset
        With validation and test rows.
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    learning_rate_init : float
        Rate of SGD.
    l1_activation : float
        λ of the L1 penalty on activations.
    targets : sequence of float
        Test errors, fractions, the largest first.
    max_iter : int
        Epochs at most.
    random_state : int
        Seed of the initial weights and of the order of rows.
    n_threads : int, optional
        The most threads anybody may use.
    on_progress : callable
        Called with a note on what is being done.

    Returns
    -------
    dict
        `histories`; `targets`, with the seconds and epoch at which each was reached and the ratio;
        `recipe`, what our own recipe reached in which time.

    Raises
    ------
    OptionError
        If PyTorch is not installed, the data have no validation or test rows, or a number is out of range.
    TruezeroError
        If PyTorch's weights come out differently.
    """
    peers.require_torch()
    if list(targets) != sorted(targets, reverse=True) or not targets:
        raise OptionError(f"target errors must fall, got {targets}")
    at_least(1, max_iter=max_iter)
    at_least(0, random_state=random_state)
    import torch

    if dataset.X_validation is None or dataset.X_test is None:
        raise OptionError(f"{dataset.name} has no validation and test rows")
    threads, seed = resolve_threads(n_threads), random_state
    X, target = training_rows(dataset)
    classes = np.unique(np.asarray(dataset.y_train))
    validation, test = (
        (Features(dataset.scaled(part)), np.searchsorted(classes, np.asarray(dataset.part(part)[1])))
        for part in ("validation", "test")
    )
    network = initialize((X.shape[1], *hidden_layer_sizes, len(classes)), seed=seed)
    native = get_engine("native", network)
    examples = labeled(X, target)
    settings = StepSettings(learning_rate_init, _BATCH, (l1_activation,) * network.n_hidden)
    variant, model = _fastest_variant(network, examples, settings, threads, on_progress)
    rows = [torch.tensor(part[0].X) for part in (validation, test)]

    ours, theirs, trained, density = _Race(), _Race(), network.copy(), None
    for epoch in range(1, max_iter + 1):
        order = permutation(seed, Purpose.ORDER, examples.ids, epoch=epoch)
        if ours.reached(targets[-1]) is None:
            on_progress(_note(OURS, ours))
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
        reached.append({"test_error": wanted, OURS: first, variant: second, "ratio": gain})
    return {
        "benchmark": "error",
        "data": dataset.name,
        "network": list(network.layer_sizes),
        "batch_size": _BATCH,
        "learning_rate": learning_rate_init,
        "l1_activation": l1_activation,
        "seed": seed,
        "peer": variant,
        "n_threads": {OURS: threads, variant: model.n_threads},
        "targets": reached,
        "histories": {OURS: ours.history, variant: theirs.history},
        "recipe": [_own_recipe(examples, validation, test, threads, s) for s in range(5)],
        "machine": machine(threads),
    }


def _fastest_variant(
    network: Network, examples: Examples, settings: StepSettings, threads: int, on_progress: Progress
) -> tuple[str, peers.TorchTraining]:
    """Find PyTorch's fastest variant over some steps; its model starts from the network."""
    order = np.resize(examples.ids, _TRIAL * settings.batch_size)
    batches = peers.torch_batches(examples.features.X, examples.target, order, settings.batch_size)
    make = partial(peers.TorchTraining, network, learning_rate=settings.learning_rate, l1=settings.l1[0])
    contest = Contest(1, threads, on_progress)
    ours = training_steps(network, examples, order, settings)
    models = peers.enter_torch_variants(contest, make, batches, ours)
    contest.hold()
    variant = min(models, key=lambda name: contest.seconds[name])
    model = models[variant]
    model.restart(network)
    model.n_threads = contest.n_threads[variant]
    return variant, model


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


def tables(result: dict[str, Any]) -> list[Table | str]:
    """When each target was reached, and what our own recipe reached."""
    rows = []
    for target in result["targets"]:
        reached = (target[OURS], target[result["peer"]])
        gain = target["ratio"]
        rows.append(
            (
                f"{100 * target['test_error']:.2f}",
                *(f"{r['seconds']:.1f} (epoch {r['epoch']})" if r else "not reached" for r in reached),
                "-" if gain is None else f"{gain:.2f}",
            )
        )
    return [
        Table(
            f"seconds to a test error, {result['data']}, {sizes(result['network'])}",
            ("test error, %", OURS, result["peer"], "ratio"),
            rows,
        ),
        *(
            f"our own recipe, seed {r['seed']}: {100 * r['test_error']:.2f} % in {r['seconds']:.1f} s"
            for r in result["recipe"]
        ),
    ]


def figure(result: dict[str, Any]) -> Figure:
    """Draw test errors against seconds: steps of the best validation epoch, dots of every epoch."""
    from truezero.plots.benchmarks import COLOURS, GREEN, panels, plain_logarithms, tidy

    drawn, [[axes]] = panels(1, 1, (8, 4))
    for (name, history), colour in zip(result["histories"].items(), COLOURS, strict=False):
        seconds = [r["seconds"] for r in history]
        axes.step(
            seconds, [100 * r["selected_test_error"] for r in history],
            where="post", color=colour, label=name, linewidth=2,
        )  # fmt: skip
        axes.plot(
            seconds, [100 * r["test_error"] for r in history], ".", color=colour, alpha=0.4, markersize=4
        )
    for number, once in enumerate(result["recipe"]):
        axes.plot(
            once["seconds"], 100 * once["test_error"], "*", color=GREEN, markersize=9,
            label="our own recipe" if number == 0 else None,
        )  # fmt: skip
    for target in result["targets"]:
        axes.axhline(100 * target["test_error"], color="black", linewidth=0.8, linestyle=":")
    axes.set(
        xscale="log", yscale="log", xlabel="seconds", ylabel="test error, % (of the best validation epoch)"
    )
    plain_logarithms(axes.yaxis, (1, 1.5, 2, 3, 5))
    plain_logarithms(axes.xaxis)
    tidy(axes)
    axes.legend(frameon=False)
    axes.set_title(f"{result['data']}, {sizes(result['network'])}, batch {result['batch_size']}")
    return drawn


def page(result: dict[str, Any]) -> str:
    """Write the section."""
    r, peer = result, result["peer"]
    histories = (r["histories"][OURS], r["histories"][peer])
    rows = []
    for target in r["targets"]:
        most, gain = target["test_error"], target["ratio"]
        reached = (
            f"{t['seconds']:.1f} s (epoch {t['epoch']:.0f})" if t else "not reached"
            for t in (target[OURS], target[peer])
        )
        first = (next((f"{h['seconds']:.1f} s" for h in history if h["test_error"] <= most), "–")
                 for history in histories)  # fmt: skip
        rows.append((f"{100 * most:g} %", *reached, "–" if gain is None else f"**{gain:.2f}**", *first))
    recipe = r["recipe"][0]
    runs = ", ".join(f"{100 * once['test_error']:.2f} % in {once['seconds']:.1f} s" for once in r["recipe"])
    below = "first epoch below it"
    return "\n".join(
        (
            "## Time to a test error\n",
            f"`truezero bench error --data {r['data']} --l1-activation {r['l1_activation']:g} --random-state "
            f"{r['seed']}`: {sizes(r['network'])}, batches of {r['batch_size']}, rate "
            f"{r['learning_rate']:g}. An epoch of each in turn from the same weights in the same order; the "
            "error is that of the best validation epoch; training and validation are timed.\n",
            markdown.table(("test error", OURS, peer, "ratio", f"{OURS}, {below}", f"{peer}, {below}"), rows),
            f"Epochs trained: {OURS} {len(histories[0])}, {peer} {len(histories[1])}. Selection by "
            "validation error may pass over an epoch that was below the target on the test rows: the last "
            "two columns.\n",
            f"A recipe of our own (hidden layers {', '.join(map(str, recipe['hidden_layer_sizes']))}, "
            f"batches of {recipe['batch_size']}, {recipe['epochs']} epochs, the rate falling from "
            f"{recipe['first_rate']:g} to {recipe['last_rate']:g} in a straight line, no epoch selected), "
            f"one run per seed: {runs}.\n",
        )
    )
