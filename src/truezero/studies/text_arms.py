"""What the studies of text have in common: arms, the folds each is trained on, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from truezero.errors import DataError, DivergenceError
from truezero.runs import Data, Requests, Result, Run
from truezero.runs.provenance import PEAK_MEMORY
from truezero.studies.arms import deviation
from truezero.studies.study import Column, Setting

RATINGS = "fine-tune-ratings"
# Of the first author's runs on OpenTable, layer by layer (section 4.2 says how they were chosen, not which).
CORRUPTIONS: tuple[tuple[str, Any], ...] = (
    ("salt-and-pepper", (0.8, 0.005)),
    ("masking", 0.5),
    ("masking", 0.3),
)

# What a fold and pre-training cost, for tables.
COSTS = (
    Column("seconds", "seconds a fold", "seconds", detail=True, about="On the clock, of training."),
    Column("pretraining.seconds", "seconds of pre-training", "seconds", detail=True, about="All layers."),
    Column("peak_megabytes", "most memory of a fold, MB", "count", detail=True),
    Column("pretraining.peak_megabytes", "of pre-training, MB", "count", detail=True),
)
COSTS_SAID = (
    "Memory is the most that the process held meanwhile, libraries and the rows of the data set among it; it "
    "is known on Linux alone."
)


@dataclass(frozen=True)
class TextScale:
    """How much of a study is run.

    Attributes
    ----------
    width : int
        Units of each hidden layer.
    n_labels : int
        Training rows whose labels are used.
    n_seeds : int
        Folds that are done, of ten; each has a seed of its own.
    learning_rates : tuple of float
        Tried for fine-tuning.
    max_iter, n_iter_no_change : int
        Of fine-tuning.
    l1 : float
        λ of every layer, in fine-tuning.
    pretraining_rates, pretraining_l1 : tuple of float
        Of each layer.
    pretraining_epochs : tuple of int
        Of each layer.
    sampling : float or None
        Share of the zeros of a row that the first layer reconstructs (Dauphin, Glorot, Bengio, 2011).
    corruptions : tuple of (str, object)
        Noise and its level, of each layer.
    upper_strategy : str or None
        The reconstruction of layers above the first, where it is another than the arm's.
    msda_levels : tuple of float
        Probabilities of masking that are tried for marginalised layers.
    msda_layers : int
    """

    width: int
    n_labels: int
    n_seeds: int
    learning_rates: tuple[float, ...]
    max_iter: int
    n_iter_no_change: int
    l1: float = 1e-5
    pretraining_rates: tuple[float, float, float] = (0.01, 0.01, 0.01)
    pretraining_l1: tuple[float, float, float] = (1e-3, 1e-4, 1e-4)
    pretraining_epochs: tuple[int, int, int] = (8, 8, 8)
    sampling: float | None = 0.1
    corruptions: tuple[tuple[str, Any], ...] = CORRUPTIONS
    upper_strategy: str | None = None
    msda_levels: tuple[float, ...] = (0.5, 0.8)
    msda_layers: int = 3

    @property
    def hidden_layer_sizes(self) -> tuple[int, ...]:
        """Of the deepest network."""
        return (self.width,) * len(self.corruptions)


@dataclass(frozen=True)
class TextArm:
    """One kind of training that a study compares with others.

    Attributes
    ----------
    activation : str
    n_layers : int
        Hidden layers.
    pretrained : bool
    strategy : str
        The reconstruction of pre-training.
    target : {"after", "before"}
        What layers above the first reconstruct.
    slower : float
        Factor of the rates of pre-training.
    dropout, input_dropout : float
        In fine-tuning, of hidden units and of words; the paper has none.
    """

    activation: str = "rectifier"
    n_layers: int = 3
    pretrained: bool = True
    strategy: str = "sigmoid-cross-entropy"
    target: str = "after"
    slower: float = 1.0
    dropout: float = 0.0
    input_dropout: float = 0.0

    @property
    def described(self) -> str:
        """Write it for tables and messages."""
        if not self.n_layers:
            return "no hidden layer"
        layers = f"{self.n_layers} layer{'s' * (self.n_layers > 1)}"
        pretrained = "" if self.pretrained else ", not pre-trained"
        return f"{self.activation}, {layers}{pretrained}{', dropout' if self.dropout else ''}"


# Beside the paper's: what dropout is worth where rows with labels are few, with pre-training and without.
WITH_DROPOUT = (
    TextArm(n_layers=1, pretrained=False, dropout=0.5, input_dropout=0.4),
    TextArm(n_layers=1, dropout=0.5),
    TextArm(n_layers=3, dropout=0.5),
)


@dataclass(frozen=True)
class Baseline:
    """A method of scikit-learn's on the same folds.

    Attributes
    ----------
    name : str
    estimator : str
    parameters : dict
    rows : str
        What it learns from: see the recipe.
    """

    name: str
    estimator: str
    parameters: dict[str, Any]
    rows: str = "as they are"


@dataclass(frozen=True)
class Marginalised:
    """A linear method on marginalised denoising layers and the words (Chen, Xu, Weinberger, Sha, 2012).

    Attributes
    ----------
    strengths : tuple of float
        C of a linear SVM, α of a ridge regression, of which cross-validation chooses.
    n_folds : int
        Of it, within the training rows of a fold.
    """

    strengths: tuple[float, ...]
    n_folds: int


def other_than_text(scale: TextScale) -> list[str]:
    """What networks of a scale do otherwise than those of section 4.2."""
    found = []
    if scale.width != 5000:
        found.append(f"Hidden layers of {scale.width:,} units; the paper's have 5,000.")
    if scale.sampling is not None:
        found.append(
            f"The first layer reconstructs all ones of a row and {100 * scale.sampling:g} % of its zeros "
            "(Dauphin, Glorot, Bengio, 2011); the paper's all of them."
        )
    return found


def layer_runs(setting: Setting, arm: TextArm, data: Data) -> list[Run]:
    """Runs that pre-train a stack on all rows there are, layer by layer from the bottom."""
    scale: TextScale = setting.scale
    runs: list[Run] = []
    for layer, (corruption, level) in enumerate(scale.corruptions[: arm.n_layers if arm.pretrained else 0]):
        parameters = {
            "hidden_layer_sizes": scale.width,
            "activation": arm.activation,
            "reconstruction": (layer and scale.upper_strategy) or arm.strategy,
            "corruption": corruption,
            "corruption_level": level,
            "l1_activation": scale.pretraining_l1[layer],
            "target": arm.target if layer > 0 else "after",
            "learning_rate_init": arm.slower * scale.pretraining_rates[layer],
            "batch_size": 10,
            "max_iter": scale.pretraining_epochs[layer],
            "random_state": 0,
        }
        if layer == 0 and scale.sampling is not None:
            parameters["sampling"] = scale.sampling
        runs.append(Run("pretrain-layer", parameters, data, tuple(runs[-1:])))
    return runs


def trained(
    setting: Setting, recipe: str, arm: TextArm, below: Data, folds: Sequence[Data]
) -> Requests[dict[str, Any]]:
    """Fine-tune an arm on every fold at every rate; what came of it at that with the least validation error.

    Parameters
    ----------
    setting : Setting
    recipe : {"fine-tune", "fine-tune-ratings"}
    arm : TextArm
    below : Data
        Rows of pre-training.
    folds : sequence of Data

    Returns
    -------
    dict
        As `arms.fine_tuned` gives it.

    Raises
    ------
    DivergenceError
        If every rate diverges.
    """
    scale: TextScale = setting.scale
    stack = layer_runs(setting, arm, below)
    runs = {
        rate: [
            Run(recipe, _settings(scale, arm, rate, seed), fold, tuple(stack[-1:]))
            for seed, fold in enumerate(folds)
        ]
        for rate in scale.learning_rates
    }
    found = yield [*stack, *(run for rate in runs for run in runs[rate])]
    layers, found = found[: len(stack)], found[len(stack) :]
    tried = dict(zip(runs, _parts(found, len(folds)), strict=True))
    usable = {rate: results for rate, results in tried.items() if all("diverged" not in r for r in results)}
    if not usable:
        raise DivergenceError(f"{arm.described} diverges at every rate")
    means = {rate: _mean(results, "validation_error") for rate, results in usable.items()}
    rate = min(means, key=lambda candidate: means[candidate])
    return {
        "name": arm.described,
        "activation": arm.activation,
        "n_layers": arm.n_layers,
        "pretraining": None
        if not stack
        else {
            "reconstruction": arm.strategy,
            "target": arm.target,
            "slower": arm.slower,
            "squared_error": -layers[-1]["score"],
            "sparsity": [layer["sparsity"] for layer in layers],
            "stuck": [layer["stuck"] for layer in layers],
            "seconds": float(sum(layer["seconds"] for layer in layers)),
            "peak_megabytes": peak_megabytes(setting, stack),
            "layers": [[{"key": run.key, **of} for run, of in zip(stack, layers, strict=True)]],
        },
        "learning_rate": rate,
        "validation_error": means[rate],
        "validation_error_by_rate": {f"{r:g}": means.get(r) for r in tried},
        **_measured(setting, usable[rate], runs[rate], recipe == RATINGS),
        "sparsity": {
            "overall": _mean([result["sparsity"] for result in usable[rate]], "overall"),
            "layers": [
                float(np.mean(layer))
                for layer in zip(*(r["sparsity"]["layers"] for r in usable[rate]), strict=True)
            ],
        },
    }


def _settings(scale: TextScale, arm: TextArm, rate: float, seed: int) -> dict[str, Any]:
    """Parameters of the fine-tuning of an arm."""
    return {
        "hidden_layer_sizes": [scale.width] * arm.n_layers,
        "activation": arm.activation,
        "l1_activation": scale.l1,
        "learning_rate_init": rate,
        "batch_size": 10,
        "max_iter": scale.max_iter,
        "n_iter_no_change": scale.n_iter_no_change,
        "dropout": arm.dropout,
        "input_dropout": arm.input_dropout,
        "random_state": seed,
    }


def kept(setting: Setting, recipe: str, arm: TextArm, below: Data, fold: Data, rate: float) -> Run:
    """The run that trains an arm on the first fold as `trained` does, and leaves its network."""
    parameters = {**_settings(setting.scale, arm, rate, 0), "keep_model": True}
    return Run(recipe, parameters, fold, tuple(layer_runs(setting, arm, below)[-1:]))


def measured(setting: Setting, baseline: Baseline, folds: Sequence[Data], *, ratings: bool) -> Requests[Any]:
    """Fit a baseline on every fold; what came of it."""
    runs = []
    for seed, fold in enumerate(folds):
        own = dict(baseline.parameters)
        if "random_state" in own:
            own["random_state"] = seed
        parameters = {"estimator": baseline.estimator, "parameters": own, "rows": baseline.rows}
        runs.append(Run("baseline", {**parameters, "ratings": ratings}, fold))
    found = yield runs
    return {"name": baseline.name, "pretraining": None, **_measured(setting, found, runs, ratings)}


def marginalised(
    setting: Setting, method: Marginalised, below: Data, folds: Sequence[Data], *, ratings: bool
) -> Requests[dict[str, Any]]:
    """Make layers of all rows there are, and fit a linear method on them on every fold.

    What came of it at the probability of masking that has the least validation error, mean over the folds.
    """
    scale: TextScale = setting.scale
    stacks = {
        level: Run("msda", {"corruption_level": level, "n_layers": scale.msda_layers}, below)
        for level in scale.msda_levels
    }
    parameters = {"strengths": method.strengths, "n_folds": method.n_folds, "ratings": ratings}
    runs = {
        level: [Run("msda-linear", parameters, fold, (stack,)) for fold in folds]
        for level, stack in stacks.items()
    }
    found = yield [*stacks.values(), *(run for of_level in runs.values() for run in of_level)]
    layers = dict(zip(stacks, found, strict=False))
    tried = dict(zip(runs, _parts(found[len(stacks) :], len(folds)), strict=True))
    means = {level: _mean(results, "validation_error") for level, results in tried.items()}
    level = min(means, key=lambda candidate: means[candidate])
    n = scale.msda_layers
    return {
        "name": f"mSDA of {n} layer{'s' * (n > 1)}, {'ridge regression' if ratings else 'linear SVM'}",
        "pretraining": {
            "corruption_level": level,
            "seconds": layers[level]["seconds"],
            "peak_megabytes": peak_megabytes(setting, [stacks[level]]),
            "layers": [[{"key": stacks[level].key, **layers[level]}]],
        },
        "validation_error_by_level": {f"{p:g}": mean for p, mean in means.items()},
        **_measured(setting, tried[level], runs[level], ratings),
    }


def peak_megabytes(setting: Setting, runs: Sequence[Run]) -> int | None:
    """Most memory that the process held during any of the runs, rows and libraries among it; None if unknown.

    Runs that were done in one process after each other are told apart; what one leaves may stay.
    """
    held = [setting.store.provenance(run.key).get(PEAK_MEMORY) for run in runs]
    return most_megabytes([None if of is None else round(of / 1e6) for of in held])


def most_megabytes(held: Sequence[int | None]) -> int | None:
    """Find the most; None where one is not known."""
    known = [of for of in held if of is not None]
    return max(known, default=None) if len(known) == len(held) else None


def _measured(setting: Setting, results: list[Result], runs: list[Run], ratings: bool) -> dict[str, Any]:
    """Means over the folds; of ratings the root of the mean squared error is what is told, fold by fold."""
    if any(result["test_error"] is None for result in results):
        raise DataError("there are no test rows with labels to measure by")
    measure = "test_rmse" if ratings else "test_error"
    of_folds = [
        {"key": run.key, **result, measure: result["test_error"] ** (0.5 if ratings else 1.0)}
        for run, result in zip(runs, results, strict=True)
    ]
    errors = [result[measure] for result in of_folds]
    return {
        "measure": measure,
        measure: float(np.mean(errors)),
        f"{measure}_deviation": deviation(errors),
        "n_seeds": len(results),
        "seconds": _mean(results, "seconds"),
        "peak_megabytes": peak_megabytes(setting, runs),
        "engine": results[0]["engine"],
        "runs": of_folds,
    }


def _mean(results: Sequence[Result], key: str) -> float:
    return float(np.mean([result[key] for result in results]))


def _parts(found: list[Result], n: int) -> list[list[Result]]:
    return [found[start : start + n] for start in range(0, len(found), n)]
