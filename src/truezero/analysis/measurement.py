"""Error and sparsity of a model on rows of data, in the words every interface uses."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from scipy import sparse

from truezero.analysis.rows import network_and_rows
from truezero.engines import Evaluation, Features, get_engine, resolve_threads
from truezero.models import estimator_of


class Sparsity(TypedDict):
    """Fractions of exact zeros, 0..1: over all hidden units, and per hidden layer."""

    overall: float
    layers: list[float]


class Measurement(TypedDict):
    """A model on some rows.

    `test_error` is the fraction wrong, or the mean squared error in y's own units, as `error_unit` says; of
    rows that have a label, and None if none has.
    """

    test_error: float | None
    error_unit: str | None
    sparsity: Sparsity
    dead_units: list[int]
    n_test: int


def measure(model: Any, X: Any, y: Any = None, *, n_threads: int | None = None) -> Measurement:
    """Measure a model on rows of data.

    Parameters
    ----------
    model : classifier, predictor of ratings or regressor of truezero, Network, or Pipeline that ends in one
    X : ndarray, CSR or Features of shape (n_samples, n_features)
        float32, float64 or uint8.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
        A column is the same as a vector. Rows that the model's `unlabeled_label` marks are left out of the
        error. Without y, and for a bare Network, the error is None.
    n_threads : int, optional

    Returns
    -------
    Measurement

    Raises
    ------
    DataError
        If rows and model, or rows and targets, do not fit.
    """
    network, rows = network_and_rows(model, X)
    model = estimator_of(model)
    unit = error_unit(model)
    engine = get_engine("auto", network)
    evaluation = engine.evaluate(network, rows, n_threads=resolve_threads(n_threads))
    return {
        "test_error": model.measured_error(evaluation.output, y) if y is not None and unit else None,
        "error_unit": unit,
        "sparsity": sparsity(evaluation, rows),
        "dead_units": list(evaluation.dead_units),
        "n_test": rows.n_samples,
    }


def error_unit(model: Any) -> str | None:
    """What a model's errors are: "fraction" of rows, or "squared units of y"; None if it has none.

    Parameters
    ----------
    model : object
        An estimator of truezero, or anything else.

    Returns
    -------
    str or None
    """
    return getattr(model, "_error_unit", None)


def sparsity(evaluation: Evaluation, rows: Features) -> Sparsity:
    """Sparsity of an evaluation of rows; without a hidden layer, the overall one is the rows' own.

    Parameters
    ----------
    evaluation : Evaluation
        What an engine's `evaluate` gave.
    rows : Features
        The rows that it was given.

    Returns
    -------
    Sparsity
        Fractions of exact zeros, 0..1.
    """
    units = sum(len(active) for active in evaluation.ever_active)
    if units:
        overall = sum(evaluation.zeros) / (units * len(evaluation.output))
    else:
        active = sum(_count(block) for block in rows.blocks())
        overall = 1 - active / (rows.n_samples * rows.n_features)
    return {"overall": overall, "layers": list(evaluation.sparsity)}


def _count(block: Any) -> int:
    return int(np.count_nonzero(block.data if sparse.issparse(block) else block))
