"""What the studies have in common: arms, the rates tried for each, and what came of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from truezero.datasets import Dataset
from truezero.errors import DataError, DivergenceError, OptionError
from truezero.runs.run import PretrainingResult, PretrainingRun, Run, RunResult
from truezero.runs.store import RunStore

L1 = 1e-4
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
    """

    hidden_layer_sizes: tuple[int, ...]
    learning_rates: tuple[float, ...]
    n_seeds: int
    max_iter: int
    n_iter_no_change: int | None
    pretraining_rates: tuple[float, ...]
    pretraining_epochs: int


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
    """

    activation: str
    reconstruction: str | None = None
    target: str = "after"
    labels: float = 1.0


class Trials:
    """Runs the trainings of a study's arms on one data set.

    Parameters
    ----------
    dataset : Dataset
        With validation and test rows.
    scale : str
        A key of `scales`.
    scales : dict of str to Scale
    store : RunStore
    study : str
        Name of the study, for messages.
    n_threads : int, optional
    on_run : callable
        Called with a note before each run.
    on_epoch : callable
        Called after every epoch of a run.

    Raises
    ------
    OptionError
        If the scale is unknown.
    DataError
        If the data set lacks a part.
    """

    def __init__(
        self,
        dataset: Dataset,
        scale: str,
        scales: dict[str, Scale],
        store: RunStore,
        study: str,
        *,
        n_threads: int | None = None,
        on_run: Callable[[str], Any] = lambda note: None,
        on_epoch: Callable[[Any], Any] = lambda state: None,
    ) -> None:
        if scale not in scales:
            raise OptionError(f"unknown scale {scale!r}; known: {', '.join(scales)}")
        for part, rows in (("validation", dataset.X_validation), ("test", dataset.X_test)):
            if rows is None:
                raise DataError(
                    f"{study} needs {part} rows, which {dataset.name} does not have; use a named data set"
                )
        if dataset.y_train is None:
            raise DataError(f"{study} needs labels, which {dataset.name} does not have")
        self.dataset, self.scale, self.scale_name, self.store = dataset, scales[scale], scale, store
        self.n_threads, self.on_run, self.on_epoch = n_threads, on_run, on_epoch
        # Of arms whose pre-training is known: results, errors of the rates tried, and the rate chosen.
        self._pretrained_arms: dict[Any, list[tuple[PretrainingRun, Any, PretrainingResult]]] = {}
        self._errors: dict[Any, dict[str, float | None]] = {}
        self._chosen: dict[Any, float] = {}

    # ---- pre-training ---------------------------------------------------------------------------

    def pretrained(self, arm: Arm) -> list[tuple[PretrainingRun, Any, PretrainingResult]]:
        """Run, model and result of an arm's pre-training for every seed, at the rate chosen for it.

        Raises
        ------
        DivergenceError
            If the network cannot be pre-trained at any of the rates.
        """
        key = (arm.activation, arm.reconstruction, arm.target)
        if key in self._pretrained_arms:
            return self._pretrained_arms[key]
        failure: DivergenceError | None = None
        for rate in self._rates_by_error(arm):
            try:
                self._pretrained_arms[key] = [
                    self._pretrain(
                        self._pretraining_run(arm, seed, rate, self.scale.hidden_layer_sizes),
                        f"pre-training {_named(arm)}, rate {rate:g}, seed {seed}",
                    )
                    for seed in range(self.scale.n_seeds)
                ]
            except DivergenceError as error:  # in a layer further up: the next best rate then
                failure = error
                continue
            self._chosen[key] = rate
            return self._pretrained_arms[key]
        raise failure or DivergenceError(f"pre-training {_named(arm)} diverges at every rate")

    def _pretrain(self, run: PretrainingRun, note: str) -> tuple[PretrainingRun, Any, PretrainingResult]:
        self.on_run(note)
        model, result = self.store.pretrained(
            run, self.dataset, n_threads=self.n_threads, callbacks=[self.on_epoch]
        )
        return run, model, result

    def _rates_by_error(self, arm: Arm) -> list[float]:
        """Rates that do not diverge, the one whose first layer reconstructs held-out rows best coming first.

        The costs of the layers above cannot be compared between rates: their targets differ.
        """
        key = (arm.activation, arm.reconstruction, arm.target)
        rates = self.scale.pretraining_rates
        errors: dict[float, float | None] = {}
        for rate in rates if len(rates) > 1 else ():
            found = []
            try:
                for seed in range(self.scale.n_seeds):
                    run = self._pretraining_run(arm, seed, rate, self.scale.hidden_layer_sizes[:1])
                    note = f"pre-training {_named(arm)}, first layer, rate {rate:g}, seed {seed}"
                    found.append(self._pretrain(run, note)[2]["reconstruction_errors"][0])
                errors[rate] = float(np.mean(found))
            except DivergenceError:
                errors[rate] = None
        self._errors[key] = {f"{rate:g}": error for rate, error in errors.items()}
        if not errors:
            return list(rates)
        return sorted((r for r in rates if errors[r] is not None), key=lambda r: errors[r] or 0.0)

    def _pretraining_run(self, arm: Arm, seed: int, rate: float, sizes: tuple[int, ...]) -> PretrainingRun:
        n = len(sizes)
        parameters = {
            **_network(arm, sizes),
            "reconstruction": arm.reconstruction,
            "target": ["after"] + [arm.target] * (n - 1),
            "corruption": "masking",
            "corruption_level": 0.25,
            "l1_activation": L1,
            "learning_rate_init": rate,
            "batch_size": 10,
            "max_iter": self.scale.pretraining_epochs,
            "random_state": seed,
        }
        return PretrainingRun(parameters, self.dataset.name, self.dataset.fingerprint)

    # ---- fine-tuning ----------------------------------------------------------------------------

    def run(self, arm: Arm, rate: float, seed: int) -> Run:
        """One fine-tuning of an arm."""
        parameters = {
            **_network(arm, self.scale.hidden_layer_sizes),
            "l1_activation": L1,
            "learning_rate_init": rate,
            "batch_size": 10,
            "max_iter": self.scale.max_iter,
            "n_iter_no_change": self.scale.n_iter_no_change,
            "random_state": seed,
        }
        pretraining = None if arm.reconstruction is None else self.pretrained(arm)[seed][0]
        return Run(parameters, self.dataset.name, self.dataset.fingerprint, pretraining, arm.labels)

    def row(self, arm: Arm) -> dict[str, Any]:
        """Run an arm at every rate and seed; what came of it at the rate with the least validation error.

        Returns
        -------
        dict
            Means and standard deviations over the seeds, as fractions, and the runs of the chosen rate. A
            rate at which a seed diverges has None for its error.

        Raises
        ------
        DivergenceError
            If every rate diverges.
        """
        tried: dict[float, list[tuple[Run, RunResult]]] = {}
        validation: dict[float, float | None] = {}
        for rate in self.scale.learning_rates:
            try:
                tried[rate] = [self._execute(arm, rate, seed) for seed in range(self.scale.n_seeds)]
            except DivergenceError:  # of a seed: this rate is none
                validation[rate] = None
                continue
            validation[rate] = float(np.mean([r["validation_error"] for _, r in tried[rate]]))
        if not tried:
            raise DivergenceError(f"{_named(arm)} diverges at every rate")
        rate = min(tried, key=lambda candidate: validation[candidate] or 0.0)
        results = [result for _, result in tried[rate]]
        errors = [float(result["test_error"] or 0.0) for result in results]
        return {
            "activation": arm.activation,
            "pretraining": self._pretraining_row(arm),
            "labels": arm.labels,
            "n_labels": results[0]["n_train"],
            "learning_rate": rate,
            "validation_error_by_rate": {f"{r:g}": error for r, error in validation.items()},
            "test_error": float(np.mean(errors)),
            "test_error_deviation": _deviation(errors),
            "sparsity": {
                "overall": float(np.mean([result["sparsity"]["overall"] for result in results])),
                "layers": _mean([result["sparsity"]["layers"] for result in results]),
            },
            "seconds": float(np.sum([result["seconds"] for result in results])),
            "engine": results[0]["engine"],
            "runs": [{"key": run.key, **result} for run, result in tried[rate]],
        }

    def _execute(self, arm: Arm, rate: float, seed: int) -> tuple[Run, RunResult]:
        run = self.run(arm, rate, seed)
        self.on_run(f"{_named(arm)}, rate {rate:g}, seed {seed}")
        result = self.store.execute(run, self.dataset, n_threads=self.n_threads, callbacks=[self.on_epoch])
        return run, result

    def _pretraining_row(self, arm: Arm) -> dict[str, Any] | None:
        """What came of an arm's pre-training."""
        if arm.reconstruction is None:
            return None
        results = [result for _, _, result in self.pretrained(arm)]
        key = (arm.activation, arm.reconstruction, arm.target)

        return {
            "reconstruction": arm.reconstruction,
            "target": arm.target,
            "learning_rate": self._chosen[key],
            "reconstruction_error_by_rate": self._errors[key],
            "reconstruction_errors": _mean([result["reconstruction_errors"] for result in results]),
            "sparsity": _mean([result["sparsity"] for result in results]),
            "stuck": _mean([result["stuck"] for result in results]),
            "score": float(np.mean([result["score"] for result in results])),
            "seconds": float(np.sum([result["seconds"] for result in results])),
            "histories": [result["history"] for result in results],
        }

    # ---- what every study's result begins with --------------------------------------------------

    def header(self, study: str, title: str, choices: tuple[str, ...]) -> dict[str, Any]:
        """Study, data and network, as JSON holds them."""
        dataset, classes = self.dataset, np.unique(np.asarray(self.dataset.y_train))
        return {
            "study": study,
            "title": title,
            "data": dataset.name,
            "data_fingerprint": dataset.fingerprint,
            "scale": self.scale_name,
            "network": [dataset.X_train.shape[1], *self.scale.hidden_layer_sizes, len(classes)],
            "n_seeds": self.scale.n_seeds,
            "n_train": dataset.X_train.shape[0],
            "n_validation": dataset.X_validation.shape[0],
            "n_test": dataset.X_test.shape[0],
            "choices": list(choices),
        }


def _network(arm: Arm, sizes: tuple[int, ...]) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": list(sizes),
        "activation": arm.activation,
        "sign_mask": "half" if arm.activation == "rectifier" else None,
    }


def _named(arm: Arm) -> str:
    name = arm.activation
    if arm.reconstruction is not None:
        before = ", target before the activation" if arm.target == "before" else ""
        name += f" with {arm.reconstruction}{before}"
    return name if arm.labels == 1 else f"{name}, {100 * arm.labels:g} % of the labels"


def _mean(of_seeds: list[list[float]]) -> list[float]:
    """Mean over the seeds, layer by layer."""
    return [float(np.mean(layer)) for layer in zip(*of_seeds, strict=True)]


def _deviation(values: list[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
