"""What the studies of images have in common: arms, the rates tried for each, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from truezero.errors import DataError, DivergenceError
from truezero.runs import Data, Requests, Result, Run
from truezero.runs.provenance import CPU, WALL
from truezero.studies.study import Setting

# The paper's: softplus units with quadratic cost, cross-entropy for tanh (section 4.1).
RECONSTRUCTIONS = {
    "rectifier": "softplus-quadratic",
    "softplus": "softplus-quadratic",
    "tanh": "sigmoid-cross-entropy",
}


@dataclass(frozen=True)
class Scale:
    """How much of a study is run.

    Attributes
    ----------
    hidden_layer_sizes : tuple of int
    learning_rates : tuple of float
        Tried for fine-tuning.
    n_seeds, max_iter : int
    n_iter_no_change : int or None
    pretraining_rates : tuple of float
        Tried for pre-training.
    pretraining_epochs : int
        Of each layer.
    l1, pretraining_l1 : float
        λ of fine-tuning and of pre-training.
    choose_seeds, choose_epochs : int or None
        Both rates are chosen on so many seeds, that of fine-tuning after so many epochs; None: on all.
    of_norb : tuple of int or None
        Hidden layers on NORB; on what stands in for it, of a tenth of the rows, half as many units. None:
        those of other data.
    """

    hidden_layer_sizes: tuple[int, ...]
    learning_rates: tuple[float, ...]
    n_seeds: int
    max_iter: int
    n_iter_no_change: int | None
    pretraining_rates: tuple[float, ...]
    pretraining_epochs: int
    l1: float = 1e-4
    pretraining_l1: float = 1e-4
    choose_seeds: int | None = None
    choose_epochs: int | None = None
    of_norb: tuple[int, ...] | None = None


def for_its_data(setting: Setting) -> Setting:
    """A setting whose networks are those for its data: NORB's are others (section 4.1)."""
    scale, dataset = setting.scale, setting.dataset
    if scale.of_norb is None or "NORB" not in (dataset.name.upper(), dataset.stand_in_for):
        return setting
    sizes = scale.of_norb if dataset.stand_in_for is None else tuple(n // 2 for n in scale.of_norb)
    return replace(setting, scale=replace(scale, hidden_layer_sizes=sizes))


@dataclass(frozen=True)
class Arm:
    """One kind of training that a study compares with others.

    Attributes
    ----------
    activation : str
        Of all hidden units; rectifiers get a sign mask.
    reconstruction : str or None
        Of pre-training; None trains from random weights.
    target : {"after", "before"}
        What layers above the first reconstruct.
    labels : float
        Share of the training labels that fine-tuning uses.
    settings : mapping
        Parameters of fine-tuning, beside those that all arms have or instead of them.
    units : float
        Share of the scale's hidden units.
    """

    activation: str
    reconstruction: str | None = None
    target: str = "after"
    labels: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    units: float = 1.0

    @property
    def described(self) -> str:
        """Write it for messages."""
        name = self.activation
        if self.units != 1:
            name += f", {100 * self.units:g} % of the units"
        if self.reconstruction is not None:
            before = ", target before the activation" if self.target == "before" else ""
            name += f" with {self.reconstruction}{before}"
        name += "".join(f", {parameter}={value!r}" for parameter, value in self.settings.items())
        return name if self.labels == 1 else f"{name}, {100 * self.labels:g} % of the labels"


@dataclass(frozen=True)
class Pretrained:
    """An arm's pre-training at the rate chosen for it.

    Attributes
    ----------
    rate : float
    error_by_rate : dict of str to (float or None)
        Reconstruction error of the first layer at every rate tried, mean over the seeds; None where it
        diverged. Empty if only one was.
    stacks : list of list of Run
        Runs of the layers from the bottom, for every seed.
    results : list of list of Result
        Theirs.
    """

    rate: float
    error_by_rate: dict[str, float | None]
    stacks: list[list[Run]]
    results: list[list[Result]]


def layer_runs(setting: Setting, arm: Arm, rate: float, seed: int) -> list[Run]:
    """Runs that pre-train a stack, layer by layer from the bottom."""
    runs: list[Run] = []
    for layer, n_units in enumerate(_sizes(setting, arm)):
        parameters = {
            **_units(arm, n_units),
            "reconstruction": _reconstruction(setting, arm, layer),
            "target": arm.target if layer > 0 else "after",
            "corruption": "masking",
            "corruption_level": 0.25,
            "l1_activation": setting.scale.pretraining_l1,
            "learning_rate_init": rate,
            "batch_size": 10,
            "max_iter": setting.scale.pretraining_epochs,
            "random_state": seed,
        }
        runs.append(Run("pretrain-layer", parameters, data_of(setting), tuple(runs[-1:])))
    return runs


def fine_tuning_run(
    setting: Setting, arm: Arm, rate: float, seed: int, stack: list[Run], epochs: int | None = None
) -> Run:
    """Run that fine-tunes a network, from a stack or, if that is empty, from random weights.

    For exactly so many epochs, or as the scale says.
    """
    scale: Scale = setting.scale
    parameters = {
        **_units(arm, _sizes(setting, arm)),
        "l1_activation": scale.l1,
        "learning_rate_init": rate,
        "batch_size": 10,
        "max_iter": scale.max_iter if epochs is None else epochs,
        "n_iter_no_change": scale.n_iter_no_change if epochs is None else None,
        "random_state": seed,
        **arm.settings,
    }
    return Run("fine-tune", parameters, data_of(setting, arm.labels, seed), tuple(stack[-1:]))


def _sizes(setting: Setting, arm: Arm) -> list[int]:
    return [round(arm.units * n) for n in setting.scale.hidden_layer_sizes]


def _reconstruction(setting: Setting, arm: Arm, layer: int) -> str | None:
    """An arm's reconstruction; cross-entropy has no targets below 0, where inputs of NORB are."""
    if layer == 0 and arm.reconstruction == "sigmoid-cross-entropy" and setting.dataset.offset < 0:
        return "linear-quadratic"
    return arm.reconstruction


def _units(arm: Arm, sizes: Any) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": sizes,
        "activation": arm.activation,
        "sign_mask": "half" if arm.activation == "rectifier" else None,
    }


def data_of(
    setting: Setting, labels: float = 1.0, seed: int = 0, fold: tuple[int, int] | None = None
) -> Data:
    """Rows of a study's data; see `Data`."""
    return Data(setting.dataset.name, setting.dataset.fingerprint, labels=labels, fold=fold, seed=seed)


def pretrained(setting: Setting, arm: Arm) -> Requests[Pretrained]:
    """Pre-train an arm's stacks at the rate whose first layer reconstructs held-out rows best.

    The costs of the layers above cannot be compared between rates: their targets differ.

    Raises
    ------
    DivergenceError
        If the network cannot be pre-trained at any of the rates.
    """
    scale: Scale = setting.scale
    rates, seeds = scale.pretraining_rates, range(scale.n_seeds)
    errors: dict[float, float | None] = {}
    if len(rates) > 1:
        few = seeds[: scale.choose_seeds]
        first = {rate: [layer_runs(setting, arm, rate, seed)[0] for seed in few] for rate in rates}
        errors = yield from _tried(first, "reconstruction_error")
    measured = {rate: error for rate, error in errors.items() if error is not None}
    for rate in sorted(measured, key=lambda r: measured[r]) if errors else rates:
        stacks = [layer_runs(setting, arm, rate, seed) for seed in seeds]
        found = yield [run for stack in stacks for run in stack]
        if any("diverged" in result for result in found):  # in a layer further up: the next best rate then
            continue
        n = len(setting.scale.hidden_layer_sizes)
        results = [found[start : start + n] for start in range(0, len(found), n)]
        return Pretrained(rate, {f"{r:g}": error for r, error in errors.items()}, stacks, results)
    raise DivergenceError(f"pre-training {arm.described} diverges at every rate")


def fine_tuned(setting: Setting, arm: Arm) -> Requests[dict[str, Any]]:
    """Fine-tune an arm at every rate and seed; what came of it at the rate with the least validation error.

    Returns
    -------
    dict
        Means and standard deviations over the seeds, as fractions, and the runs of the chosen rate. A
        rate at which a seed diverges has None for its error.

    Raises
    ------
    DivergenceError
        If every rate diverges.
    DataError
        If there is nothing to measure the test error by.
    """
    scale: Scale = setting.scale
    rates, seeds = scale.learning_rates, range(scale.n_seeds)
    few = seeds[: scale.choose_seeds]
    before: Pretrained | None = None
    stacks: list[list[Run]] = [[] for _ in seeds]

    def trials() -> dict[float, list[Run]]:
        epochs = scale.choose_epochs if len(rates) > 1 else None
        return {r: [fine_tuning_run(setting, arm, r, s, stacks[s], epochs) for s in few] for r in rates}

    if arm.reconstruction is not None:
        if len(scale.pretraining_rates) == 1:
            # There is nothing to choose: the layers and all that starts from them may be asked for at once.
            stacks = [layer_runs(setting, arm, scale.pretraining_rates[0], seed) for seed in seeds]
            yield [run for runs in trials().values() for run in runs]
        before = yield from pretrained(setting, arm)
        stacks = before.stacks
    validation = yield from _tried(trials(), "validation_error")
    usable = {rate: error for rate, error in validation.items() if error is not None}
    for rate in sorted(usable, key=lambda candidate: usable[candidate]):
        runs = [fine_tuning_run(setting, arm, rate, seed, stacks[seed]) for seed in seeds]
        results = yield runs
        if not any("diverged" in result for result in results):  # a seed it was not tried on: the next best
            break
    else:
        raise DivergenceError(f"{arm.described} diverges at every rate")
    errors = [result["test_error"] for result in results]
    if None in errors:
        raise DataError(f"{setting.dataset.name} has no labels of test rows to measure by")
    return {
        "activation": arm.activation,
        "pretraining": None if before is None else _of_pretraining(arm, before),
        "labels": arm.labels,
        "n_labels": results[0]["n_train"],
        "learning_rate": rate,
        "validation_error_by_rate": {f"{r:g}": error for r, error in validation.items()},
        "test_error": float(np.mean(errors)),
        "test_error_deviation": deviation(errors),
        "sparsity": {
            "overall": float(np.mean([result["sparsity"]["overall"] for result in results])),
            "layers": _mean([result["sparsity"]["layers"] for result in results]),
        },
        "n_seeds": len(results),
        "seconds": float(np.sum([result["seconds"] for result in results])),
        "engine": results[0]["engine"],
        "runs": [{"key": run.key, **result} for run, result in zip(runs, results, strict=True)],
    }


def _tried(runs: dict[float, list[Run]], measure: str) -> Requests[dict[float, float | None]]:
    """What was measured at every rate, mean over the seeds; None where one of them diverged."""
    results = iter((yield [run for of_rate in runs.values() for run in of_rate]))
    return {rate: _mean_or_none([next(results) for _ in of], measure) for rate, of in runs.items()}


def _of_pretraining(arm: Arm, before: Pretrained) -> dict[str, Any]:
    """What came of an arm's pre-training."""

    def by_layer(key: str) -> list[float]:
        return _mean([[layer[key] for layer in stack] for stack in before.results])

    return {
        "reconstruction": arm.reconstruction,
        "target": arm.target,
        "learning_rate": before.rate,
        "reconstruction_error_by_rate": before.error_by_rate,
        "reconstruction_errors": by_layer("reconstruction_error"),
        "sparsity": by_layer("sparsity"),
        "stuck": by_layer("stuck"),
        "squared_error": -float(np.mean([stack[-1]["score"] for stack in before.results])),
        "seconds": float(np.sum([layer["seconds"] for stack in before.results for layer in stack])),
        "layers": [
            [{"key": run.key, **result} for run, result in zip(runs, results, strict=True)]
            for runs, results in zip(before.stacks, before.results, strict=True)
        ],
    }


def _mean(of_seeds: list[list[float]]) -> list[float]:
    """Mean over the seeds, layer by layer."""
    return [float(np.mean(layer)) for layer in zip(*of_seeds, strict=True)]


def _mean_or_none(results: list[Result], key: str) -> float | None:
    """Mean over the seeds; None if one of them diverged, or has nothing that was measured."""
    values: list[Any] = [None if "diverged" in result else result[key] for result in results]
    return None if None in values else float(np.mean(values))


def seconds_per_epoch(setting: Setting, runs: Sequence[Result]) -> float | None:
    """Median over runs of fine-tuning, given with their keys, of the processor's seconds per epoch.

    The clock's would tell of other work on the machine, too. None if it is known of none of them: runs of
    early versions do not tell, nor do those that went on from a checkpoint tell of what came before.
    """
    known = []
    for run in runs:
        made = setting.store.provenance(run["key"])
        in_one_go = made.get(WALL, 0) >= sum(record["seconds"] for record in run["history"])
        if made.get(CPU) is not None and in_one_go:
            known.append(made[CPU] / run["n_epochs"])
    return float(np.median(known)) if known else None


def deviation(values: list[float]) -> float | None:
    """Standard deviation of a sample; None of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
