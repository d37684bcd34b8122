"""Table 1, its lower half: rectifier, tanh and softplus networks without pre-training (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from truezero.datasets import Dataset
from truezero.errors import DataError, OptionError
from truezero.studies._store import Run, RunResult, RunStore

# Test error of the networks without pre-training; sparsity where the paper gives it. Fractions.
PAPER_ERROR = {"mnist": {"rectifier": 0.0143, "tanh": 0.0157, "softplus": 0.0177}}
PAPER_SPARSITY = {"mnist": {"rectifier": 0.834}}
ACTIVATIONS = ("rectifier", "tanh", "softplus")


@dataclass(frozen=True)
class Scale:
    """How much of the study is run."""

    hidden_layer_sizes: tuple[int, ...]
    learning_rates: tuple[float, ...]
    n_seeds: int
    max_iter: int
    n_iter_no_change: int | None


SCALES = {
    "smoke": Scale((32, 32, 32), (0.1,), 2, 3, None),
    "laptop": Scale((200, 200, 200), (0.1, 0.01), 3, 40, 10),
    "paper": Scale((1000, 1000, 1000), (0.1, 0.01, 0.001, 0.0001), 5, 150, 40),
}

CHOICES = (
    "The rate is chosen per activation by validation error, mean over the seeds (the paper gives the grid "
    "alone).",
    "The sign mask is the rectifier's alone: exactly half of the units of each layer, as the paper says.",
    "λ = 1e-4 on the activations of every network, one coefficient for all layers (the paper does not "
    "give its coefficients).",
    "Batches of 10, constant rate, a new order every epoch; the best validation epoch is kept and measured "
    "on the test rows.",
    "Sparsity is the fraction of exact zeros among all hidden activations on the test rows.",
)


def runs(dataset: Dataset, scale: Scale) -> dict[tuple[str, float], list[Run]]:
    """List the study's runs, one per seed, by activation and rate."""
    listed: dict[tuple[str, float], list[Run]] = {}
    for activation in ACTIVATIONS:
        for rate in scale.learning_rates:
            parameters = {
                "hidden_layer_sizes": list(scale.hidden_layer_sizes),
                "activation": activation,
                "sign_mask": "half" if activation == "rectifier" else None,
                "l1_activation": 1e-4,
                "learning_rate_init": rate,
                "batch_size": 10,
                "max_iter": scale.max_iter,
                "n_iter_no_change": scale.n_iter_no_change,
            }
            listed[activation, rate] = [
                Run({**parameters, "random_state": seed}, dataset.name, dataset.fingerprint)
                for seed in range(scale.n_seeds)
            ]
    return listed


def reproduce(
    dataset: Dataset,
    *,
    scale: str,
    store: RunStore,
    n_threads: int | None = None,
    on_run: Callable[[str], Any] = lambda note: None,
    on_epoch: Callable[[Any], Any] = lambda state: None,
) -> dict[str, Any]:
    """Run the study.

    Parameters
    ----------
    dataset : Dataset
        With validation and test rows.
    scale : {"smoke", "laptop", "paper"}
    store : RunStore
        Finished runs in it are not repeated.
    n_threads : int, optional
    on_run : callable
        Called with a note before each run, for progress.
    on_epoch : callable
        Called after every epoch of a run.

    Returns
    -------
    dict
        As JSON holds it: one row per activation with mean and standard deviation over the seeds, the
        paper's number, and the histories of its runs. Errors are fractions.

    Raises
    ------
    OptionError
        If the scale is unknown.
    DataError
        If the data set lacks a part, or the store cannot be written.
    """
    if scale not in SCALES:
        raise OptionError(f"unknown scale {scale!r}; known: {', '.join(SCALES)}")
    for part, rows_of in (("validation", dataset.X_validation), ("test", dataset.X_test)):
        if rows_of is None:
            raise DataError(
                f"table1 needs {part} rows, which {dataset.name} does not have; use a named data set"
            )
    size = SCALES[scale]
    rows = []
    for activation in ACTIVATIONS:
        tried = {}
        for (name, rate), listed in runs(dataset, size).items():
            if name != activation:
                continue
            results = []
            for run in listed:
                on_run(f"{activation}, rate {rate:g}, seed {run.parameters['random_state']}")
                results.append((run, store.execute(run, dataset, n_threads=n_threads, callbacks=[on_epoch])))
            tried[rate] = results
        rows.append(_row(activation, tried, dataset))
    return {
        "study": "table1",
        "title": "Table 1, without pre-training",
        "data": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "scale": scale,
        "network": [
            dataset.X_train.shape[1],
            *size.hidden_layer_sizes,
            len(np.unique(np.asarray(dataset.y_train))),
        ],
        "n_train": dataset.X_train.shape[0],
        "n_validation": dataset.X_validation.shape[0],
        "n_test": dataset.X_test.shape[0],
        "choices": list(CHOICES),
        "rows": rows,
    }


def _row(
    activation: str, tried: dict[float, list[tuple[Run, RunResult]]], dataset: Dataset
) -> dict[str, Any]:
    validation = {
        rate: float(np.mean([r["validation_error"] for _, r in results])) for rate, results in tried.items()
    }
    rate = min(validation, key=lambda candidate: validation[candidate])
    results = [result for _, result in tried[rate]]
    errors = [float(result["test_error"] or 0.0) for result in results]
    overall = [result["sparsity"]["overall"] for result in results]
    return {
        "activation": activation,
        "learning_rate": rate,
        "validation_error_by_rate": {f"{r:g}": error for r, error in validation.items()},
        "test_error": float(np.mean(errors)),
        "test_error_deviation": float(np.std(errors, ddof=1)) if len(errors) > 1 else None,
        "paper_test_error": PAPER_ERROR.get(dataset.name, {}).get(activation),
        "sparsity": {
            "overall": float(np.mean(overall)),
            "layers": np.mean([result["sparsity"]["layers"] for result in results], axis=0).tolist(),
        },
        "paper_sparsity": PAPER_SPARSITY.get(dataset.name, {}).get(activation),
        "seconds": float(np.sum([result["seconds"] for result in results])),
        "engine": results[0]["engine"],
        "runs": [{"key": run.key, **result} for run, result in tried[rate]],
    }
