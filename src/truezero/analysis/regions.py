"""How many of its "exponential number of linear models" a network uses on rows (section 3.1)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.analysis.local_map import check_linear_by_parts
from truezero.analysis.rows import network_and_rows, parts

_BYTES = 16  # of a digest: two of n sets have the same by chance with less than n² / 10³⁸


@dataclass(frozen=True)
class Regions:
    """Rows by the set of units that are active: all of a region go through the same linear function.

    Attributes
    ----------
    of_row : ndarray of int64, shape (n_rows,)
        Number of each row's region, in the order in which they first appear.
    of_layer : ndarray of int64, shape (n_rows, n_layers)
        Likewise the number of the set of active units of each hidden layer by itself.
    """

    of_row: NDArray[np.int64]
    of_layer: NDArray[np.int64]

    @property
    def n_regions(self) -> int:
        """Different regions."""
        return int(self.of_row.max(initial=-1)) + 1

    @property
    def n_of_layers(self) -> tuple[int, ...]:
        """Different sets of active units of each hidden layer."""
        return tuple((self.of_layer.max(axis=0, initial=-1) + 1).tolist())

    @property
    def seen(self) -> NDArray[np.int64]:
        """Different regions among the first row, the first two, … shape (n_rows,)."""
        return np.asarray(np.maximum.accumulate(self.of_row) + 1)

    @property
    def seen_of_layers(self) -> NDArray[np.int64]:
        """Likewise different sets of each hidden layer, shape (n_rows, n_layers)."""
        return np.asarray(np.maximum.accumulate(self.of_layer, axis=0) + 1)


def regions(model: Any, X: Any) -> Regions:
    """Count the different sets of active units among rows.

    Sets are told apart by a digest of 16 bytes, which is all that is kept of a row.

    Parameters
    ----------
    model : an estimator of truezero, Network, or Pipeline that ends in one
        Of rectifiers (or linear units), with or without sign masks.
    X : ndarray, CSR or Features of shape (n_rows, n_features)

    Returns
    -------
    Regions

    Raises
    ------
    OptionError
        If its units are not linear by parts.
    DataError
        If rows and model do not fit.
    """
    network, rows = network_and_rows(model, X)
    check_linear_by_parts(network)
    # A linear unit has one slope everywhere: its zeros part no regions.
    layers = [layer for layer, name in enumerate(network.activations) if name == "rectifier"]
    digests = np.zeros((rows.n_samples, network.n_hidden + 1), f"V{_BYTES}")
    for part in parts(rows.n_samples, network):
        block = rows.take(part)
        whole = [hashlib.blake2b(digest_size=_BYTES) for _ in range(block.n_samples)]
        for layer in layers:
            code = network.encode(block, layer)
            code.sort_indices()
            units = code.indices.astype(np.int64)
            for row, (start, end) in enumerate(zip(code.indptr, code.indptr[1:], strict=False)):
                of_layer = hashlib.blake2b(units[start:end].tobytes(), digest_size=_BYTES).digest()
                digests[part.start + row, layer] = of_layer
                whole[row].update(of_layer)
        digests[part, -1] = [digest.digest() for digest in whole]
    numbers = np.column_stack([_numbered(column) for column in digests.T])
    return Regions(numbers[:, -1], numbers[:, :-1])


def _numbered(digests: NDArray[Any]) -> NDArray[np.int64]:
    """Numbers of different values, in the order in which they first appear."""
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return np.asarray(number[inverse])
