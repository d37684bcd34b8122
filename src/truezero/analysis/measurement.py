"""Error and sparsity of a model on rows of data, in the words every interface uses."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.network import Network
from truezero.engines import Evaluation, Features, get_engine, resolve_threads
from truezero.errors import DataError
from truezero.estimators import DeepRectifierClassifier, DeepRectifierRegressor


class Sparsity(TypedDict):
    """Fractions of exact zeros, 0..1: over all hidden units, and per hidden layer."""

    overall: float
    layers: list[float]


class Measurement(TypedDict):
    """A model on some rows: `test_error` is the fraction wrong (mean squared error for regression)."""

    test_error: float | None
    sparsity: Sparsity
    dead_units: list[int]
    n_test: int


def measure(
    model: Any, X: Any, y: NDArray[Any] | None = None, *, n_threads: int | None = None
) -> Measurement:
    """Measure a model on rows of data.

    Parameters
    ----------
    model : DeepRectifierClassifier, DeepRectifierRegressor or Network
    X : ndarray or CSR of shape (n_samples, n_features), float32 or float64
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs), optional
        Without it, and for a bare Network, the error is None.
    n_threads : int, optional

    Returns
    -------
    Measurement

    Raises
    ------
    DataError
        If rows and model, or rows and targets, do not fit.
    """
    network = model if isinstance(model, Network) else model.network_
    if y is not None and len(y) != X.shape[0]:
        raise DataError(f"{X.shape[0]} rows but {len(y)} targets")
    engine = get_engine("auto", network)
    evaluation = engine.evaluate(network, Features(X), n_threads=resolve_threads(n_threads))
    return {
        "test_error": None if y is None else _error(model, evaluation.output, y),
        "sparsity": sparsity(evaluation, X),
        "dead_units": list(evaluation.dead_units),
        "n_test": X.shape[0],
    }


def _error(model: Any, output: NDArray[np.floating], y: NDArray[Any]) -> float | None:
    if isinstance(model, DeepRectifierClassifier):
        return float((model.classes_[output.argmax(axis=1)] != y).mean())
    if isinstance(model, DeepRectifierRegressor):
        return float(((output.astype(np.float64) - np.asarray(y).reshape(output.shape)) ** 2).mean())
    return None


def sparsity(evaluation: Evaluation, X: Any) -> Sparsity:
    """Sparsity of an evaluation of rows X; without a hidden layer, the overall one is X's own."""
    units = sum(len(active) for active in evaluation.ever_active)
    if units:
        overall = sum(evaluation.zeros) / (units * len(evaluation.output))
    else:
        values = X.data if sparse.issparse(X) else X
        active = np.count_nonzero(values)
        overall = 1 - float(active) / (X.shape[0] * X.shape[1])
    return {"overall": overall, "layers": list(evaluation.sparsity)}
