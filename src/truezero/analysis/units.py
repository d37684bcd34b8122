"""Which units are active, how often, and how many at once: codes of variable size (section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.analysis.rows import network_and_rows, parts


@dataclass(frozen=True)
class ActiveUnits:
    """Active units of each hidden layer, and how sparse they are by Treves and Rolls' measure.

    The measure is (1 − a) / (1 − 1/n) with a = (Σ|h| / n)² / (Σh² / n): 0 where all n responses are the same,
    1 where only one is not 0 (Rolls and Tovee 1995 for a; Vinje and Gallant 2000 for its scale). Unlike the
    fraction of exact zeros it also counts how unequal the active ones are.

    Attributes
    ----------
    counts : ndarray of int64, shape (n_rows, n_layers)
        Units with h ≠ 0.
    often : tuple of ndarray of float64, shapes (n_units,)
        Share of the rows on which each unit is active.
    lifetime : tuple of ndarray of float64, shapes (n_units,)
        The measure of each unit over the rows, 0..1; NaN of a unit that is never active.
    population : ndarray of float64, shape (n_rows, n_layers)
        The measure of each row over a layer's units, 0..1; NaN where none is active.
    """

    counts: NDArray[np.int64]
    often: tuple[NDArray[np.float64], ...]
    lifetime: tuple[NDArray[np.float64], ...]
    population: NDArray[np.float64]

    @property
    def dead(self) -> tuple[NDArray[np.int64], ...]:
        """Units of each layer that are active on no row."""
        return tuple(np.flatnonzero(often == 0) for often in self.often)

    @property
    def always_on(self) -> tuple[NDArray[np.int64], ...]:
        """Units of each layer that are active on every row."""
        return tuple(np.flatnonzero(often == 1) for often in self.often)

    def histogram(self, layer: int) -> NDArray[np.int64]:
        """How many rows have 0, 1, … n_units active units in a layer, shape (n_units + 1,)."""
        return np.bincount(self.counts[:, layer], minlength=len(self.often[layer]) + 1)

    def independent_deviation(self, layer: int) -> float:
        """Standard deviation of a layer's counts, were its units as often active but each by itself."""
        p = self.often[layer]
        return float(np.sqrt((p * (1 - p)).sum()))


def active_units(model: Any, X: Any) -> ActiveUnits:
    """Count the active units of each row, and how often each unit is active.

    Codes are gone through block by block; what is kept are a few numbers per row and per unit.

    Parameters
    ----------
    model : an estimator of truezero, Network, or Pipeline that ends in one
        Fitted, with a hidden layer or more.
    X : ndarray, CSR or Features of shape (n_rows, n_features)

    Returns
    -------
    ActiveUnits

    Raises
    ------
    DataError
        If rows and model do not fit.
    """
    network, rows = network_and_rows(model, X)
    n, sizes = rows.n_samples, network.layer_sizes[1:-1]
    counts = np.zeros((n, network.n_hidden), np.int64)
    population = np.zeros((n, network.n_hidden))
    active = [np.zeros(size, np.int64) for size in sizes]
    sums, squares = ([np.zeros(size) for size in sizes] for _ in range(2))
    for part in parts(n, network):
        block = rows.take(part)
        for layer, size in enumerate(sizes):
            code = network.encode(block, layer)
            h = np.abs(code.data, dtype=np.float64)
            row = np.repeat(np.arange(code.shape[0]), np.diff(code.indptr))
            counts[part, layer] = np.diff(code.indptr)
            population[part, layer] = _sparseness(
                np.bincount(row, h, code.shape[0]), np.bincount(row, h * h, code.shape[0]), size
            )
            active[layer] += np.bincount(code.indices, minlength=size)
            sums[layer] += np.bincount(code.indices, h, size)
            squares[layer] += np.bincount(code.indices, h * h, size)
    return ActiveUnits(
        counts,
        tuple(of_layer / max(n, 1) for of_layer in active),
        tuple(_sparseness(*both, n) for both in zip(sums, squares, strict=True)),
        population,
    )


def _sparseness(sums: NDArray[Any], squares: NDArray[Any], n: int) -> NDArray[np.float64]:
    """Treves and Rolls' measure of n responses from their sum and that of their squares."""
    if n < 2:
        return np.full(len(sums), np.nan)
    a = np.divide(sums * sums, n * squares, out=np.full(len(sums), np.nan), where=squares > 0)
    return np.asarray(np.clip((1 - a) / (1 - 1 / n), 0, 1))
