"""How well a linear model reads the codes of each layer (section 2.2, "linear separability")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from truezero.analysis.measurement import error_unit
from truezero.analysis.rows import network_and_rows, parts
from truezero.core.constraints import whole_number
from truezero.core.draws import Purpose, permutation
from truezero.core.network import Network
from truezero.core.rows import Features
from truezero.errors import DataError
from truezero.estimators.targets import as_target_array, data_errors, labeled_rows
from truezero.models import estimator_of

_PENALTIES = tuple(10.0**exponent for exponent in range(-5, 2))  # times the mean variance of a unit
_WIDEST = 8192  # units: the matrix of their products takes half a GiB
_FEWEST = 10  # rows


@dataclass(frozen=True)
class Probe:
    """Error of linear models on the input and on each hidden layer's code.

    Attributes
    ----------
    errors : tuple of (float or None), n_hidden + 1 of them
        On the rows that are measured: the fraction wrong, or the mean squared error in y's own units. The
        input's first; None of what is too wide (above 8192).
    fitted : tuple of (float or None)
        The same on the rows that were fitted: whether the code can be separated at all.
    error_unit : str
        "fraction" or "squared units of y".
    n_fit, n_test : int
        Rows fitted and rows measured.
    """

    errors: tuple[float | None, ...]
    fitted: tuple[float | None, ...]
    error_unit: str
    n_fit: int
    n_test: int


def linear_probe(
    model: Any, X: Any, y: Any, *, X_test: Any = None, y_test: Any = None, random_state: int = 0
) -> Probe:
    """Fit a linear model on the input and on each hidden layer's code, and measure it on other rows.

    It is least squares with a ridge penalty: on classes, of which the largest output is taken, or on
    numbers. The penalty is the one of seven that does best on a fifth of the rows, without which it was
    fitted; then all are fitted. Codes are gone through block by block: sums of products are all that is kept.

    Parameters
    ----------
    model : an estimator of truezero, Network, or Pipeline that ends in one
        Of a regressor, predictor of ratings, or bare Network with linear output, y is taken for numbers, of
        all others for classes.
    X : ndarray, CSR or Features of shape (n_rows, n_features)
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Rows that the model's `unlabeled_label` marks are left out.
    X_test, y_test : optional
        Rows to measure on. Without them a quarter of the rows is set apart, drawn at random.
    random_state : int, default=0
        Seed of the draws.

    Returns
    -------
    Probe

    Raises
    ------
    OptionError
        If the seed is no whole number.
    DataError
        If rows, targets and model do not fit, or there are fewer than ten rows with a label.
    """
    whole_number().check("random_state", random_state)
    network, rows = network_and_rows(model, X)
    numbers = _predicts_numbers(model)
    rows, target = _labeled(model, rows, y, numbers)
    order = permutation(random_state, Purpose.SPLIT, np.arange(rows.n_samples))
    if X_test is None:
        n_apart = rows.n_samples // 4
        order, apart = order[n_apart:], np.sort(order[:n_apart])
        test_rows, test_target = rows.take(apart), target[apart]
    else:
        test_rows, test_target = _labeled(model, network_and_rows(model, X_test)[1], y_test, numbers)
    if len(order) + len(test_target) < _FEWEST or not len(test_target):
        raise DataError(f"a probe needs {_FEWEST} rows with a label, got {len(order) + len(test_target)}")
    n_chosen_by = len(order) // 5
    fit, chosen_by = np.sort(order[n_chosen_by:]), np.sort(order[:n_chosen_by])
    fit_sets = [(rows.take(fit), target[fit]), (rows.take(chosen_by), target[chosen_by])]
    known = None if numbers else np.unique(target[np.sort(order)])
    found = [
        _probe(network, layer, fit_sets, (test_rows, test_target), known)
        for layer in range(-1, network.n_hidden)
    ]
    return Probe(
        tuple(error for error, _ in found),
        tuple(error for _, error in found),
        "squared units of y" if numbers else "fraction",
        len(order),
        len(test_target),
    )


def _predicts_numbers(model: Any) -> bool:
    estimator = estimator_of(model)
    if isinstance(estimator, Network):
        return estimator.output == "linear"
    return error_unit(estimator) not in (None, "fraction")


def _labeled(model: Any, rows: Features, y: Any, numbers: bool) -> tuple[Features, NDArray[Any]]:
    """Rows that have a label, and their labels; of numbers a matrix."""
    target = as_target_array(y, rows.n_samples, "linear_probe")
    labeled = labeled_rows(target, getattr(estimator_of(model), "unlabeled_label", None))
    if labeled is not None:
        rows, target = rows.take(np.flatnonzero(labeled)), target[labeled]
    if not numbers:
        if target.ndim == 2 and target.shape[1] != 1:
            raise DataError(f"classes must be a vector, got y of shape {target.shape}")
        return rows, target.ravel()
    with data_errors():
        target = target.reshape(len(target), -1).astype(np.float64)
    if not np.isfinite(target).all():
        raise DataError("y has values that are NaN or infinite")
    return rows, target


def _probe(
    network: Network,
    layer: int,
    fit_sets: list[tuple[Features, NDArray[Any]]],
    test: tuple[Features, NDArray[Any]],
    known: NDArray[Any] | None,
) -> tuple[float | None, float | None]:
    """Error on the rows to measure, and on those fitted; layer −1 is the input."""
    if network.layer_sizes[layer + 1] > _WIDEST:
        return None, None
    sums = [_Sums.of(network, layer, *rows, known) for rows in fit_sets]
    maps = [sums[0].solve(penalty) for penalty in _PENALTIES]
    penalty = _PENALTIES[int(np.argmin(_errors(network, layer, *fit_sets[1], known, maps)))]
    chosen = [(sums[0] + sums[1]).solve(penalty)]
    fitted = [(_errors(network, layer, *rows, known, chosen)[0], len(rows[1])) for rows in fit_sets]
    return (
        float(_errors(network, layer, *test, known, chosen)[0]),
        float(sum(error * n for error, n in fitted) / sum(n for _, n in fitted)),
    )


Map = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Weights and bias of a linear model."""


@dataclass(frozen=True)
class _Sums:
    """What least squares needs of rows: the sums of products of code and target, both with a 1 beside."""

    of_code: NDArray[np.float64]
    with_target: NDArray[np.float64]

    @classmethod
    def of(
        cls, network: Network, layer: int, rows: Features, target: NDArray[Any], known: NDArray[Any] | None
    ) -> _Sums:
        n, n_outputs = network.layer_sizes[layer + 1] + 1, target.shape[1] if known is None else len(known)
        sums = cls(np.zeros((n, n)), np.zeros((n, n_outputs)))
        for part, code in _codes(network, layer, rows):
            wide = np.column_stack([code, np.ones(len(code))])
            wanted = target[part] if known is None else (target[part, np.newaxis] == known).astype(np.float64)
            sums.of_code[:] += wide.T @ wide
            sums.with_target[:] += wide.T @ wanted
        return sums

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(self.of_code + other.of_code, self.with_target + other.with_target)

    def solve(self, penalty: float) -> Map:
        """Least squares with a penalty, in units of the mean variance, on all weights but the bias."""
        n = self.of_code[-1, -1]
        mean, mean_target = self.of_code[-1, :-1] / n, self.with_target[-1] / n
        centred = self.of_code[:-1, :-1] - n * np.outer(mean, mean)
        variance = float(np.trace(centred)) / len(mean)
        centred[np.diag_indices_from(centred)] += penalty * (variance if variance > 0 else 1.0)
        weights = linalg.solve(
            centred, self.with_target[:-1] - n * np.outer(mean, mean_target), assume_a="pos"
        )
        return weights, mean_target - mean @ weights


def _errors(
    network: Network,
    layer: int,
    rows: Features,
    target: NDArray[Any],
    known: NDArray[Any] | None,
    maps: list[Map],
) -> NDArray[np.float64]:
    """Error of each of some linear models."""
    wrong = np.zeros(len(maps))
    for part, code in _codes(network, layer, rows):
        for place, (weights, bias) in enumerate(maps):
            output = code @ weights + bias
            if known is None:
                wrong[place] += ((output - target[part]) ** 2).mean(axis=1).sum()
            else:
                wrong[place] += np.count_nonzero(known[output.argmax(axis=1)] != target[part])
    return wrong / max(len(target), 1)


def _codes(network: Network, layer: int, rows: Features) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Codes of a layer, or the input, block by block, dense."""
    for part in parts(rows.n_samples, network):
        block = rows.take(part)
        code = block.values(network.dtype) if layer < 0 else network.encode(block, layer)
        yield part, (code.toarray() if sparse.issparse(code) else code).astype(np.float64)
