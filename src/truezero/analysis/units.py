"""How many units are active, row by row: the variable size of a sparse representation (section 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.network import Network
from truezero.core.rows import Features
from truezero.models import check_rows, estimator_of, rows_of

_N_ROWS = 2048  # at a time: codes of wide layers take memory


@dataclass(frozen=True)
class ActiveUnits:
    """Active units of each hidden layer.

    Attributes
    ----------
    counts : ndarray of int64, shape (n_rows, n_layers)
        Units with h ≠ 0.
    often : tuple of ndarray of float64, shapes (n_units,)
        Share of the rows on which each unit is active.
    """

    counts: NDArray[np.int64]
    often: tuple[NDArray[np.float64], ...]

    def independent_deviation(self, layer: int) -> float:
        """Standard deviation of a layer's counts, were its units as often active but each by itself."""
        p = self.often[layer]
        return float(np.sqrt((p * (1 - p)).sum()))


def active_units(model: Any, X: Any) -> ActiveUnits:
    """Count the active units of each row.

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
    check_rows(model, X)
    X, model = rows_of(model, X), estimator_of(model)
    network = model if isinstance(model, Network) else model.network_
    rows = X if isinstance(X, Features) else Features(X)
    counts = np.zeros((rows.n_samples, network.n_hidden), np.int64)
    totals = [np.zeros(size, np.int64) for size in network.layer_sizes[1:-1]]
    for start in range(0, rows.n_samples, _N_ROWS):
        part = slice(start, start + _N_ROWS)
        block = rows.take(part)
        for layer, total in enumerate(totals):
            code = network.encode(block, layer)
            counts[part, layer] = np.diff(code.indptr)
            total += np.bincount(code.indices, minlength=len(total))
    return ActiveUnits(counts, tuple(total / max(rows.n_samples, 1) for total in totals))
