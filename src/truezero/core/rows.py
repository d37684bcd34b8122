"""Rows of data: features with their scale, and what comes with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.autoencoder import Autoencoder
from truezero.core.network import Network
from truezero.errors import DataError


@dataclass(frozen=True)
class Features:
    """Input rows: a feature's value is ``X * scale``.

    Attributes
    ----------
    X : ndarray or scipy CSR, shape (n_samples, n_features)
        float32, float64 or uint8; read-only and memory-mapped arrays too. CSR may hold explicit
        zeros, unsorted indices, duplicates and 64-bit indices; it is never densified as a whole.
    scale : float
        1/255 for pixels kept as uint8.
    """

    X: Any
    scale: float = 1.0

    def __post_init__(self) -> None:
        if len(self.X.shape) != 2:
            raise DataError(f"input rows must be a matrix, got shape {self.X.shape}")
        if self.X.dtype.newbyteorder("=") not in (np.float32, np.float64, np.uint8):
            raise DataError(f"input rows must be float32, float64 or uint8, got {self.X.dtype}")

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    def canonical(self) -> Features:
        """Return native byte order; CSR with sorted indices, no duplicates and no explicit zeros.

        The caller's arrays are left as they are; a copy is made only where something must change.
        """
        X = self.X
        if sparse.issparse(X):
            X = sparse.csr_array(X)  # shares the arrays of what is CSR already
            if not X.data.dtype.isnative:
                X = X.astype(X.dtype.newbyteorder("="))
            if not X.has_canonical_format or bool((X.data == 0).any()):
                X = X.copy()
                X.sum_duplicates()
                X.eliminate_zeros()
            return Features(X, self.scale)
        if type(X) is np.ndarray and X.dtype.isnative:
            return self
        X = np.asarray(X)
        return Features(X if X.dtype.isnative else X.astype(X.dtype.newbyteorder("=")), self.scale)

    def density(self) -> float:
        """Fraction of non-zeros; of dense rows, among the first 1000."""
        if sparse.issparse(self.X):
            n_cells = self.n_samples * self.n_features
            return float(np.count_nonzero(self.X.data) / n_cells) if n_cells else 0.0
        first = np.asarray(self.X[:1000])
        return float(np.count_nonzero(first) / first.size) if first.size else 0.0

    def check_width(self, network: Network) -> None:
        """Refuse rows that the network cannot take.

        Raises
        ------
        DataError
            If the numbers of columns and of the network's inputs differ.
        """
        wanted = network.weights[0].shape[0]
        if self.n_features != wanted:
            raise DataError(f"the network takes {wanted} features, the data have {self.n_features}")


@dataclass(frozen=True)
class Examples:
    """Input rows with their targets.

    Attributes
    ----------
    features : Features
    target : ndarray
        Class numbers, int64, shape (n_samples,), for a softmax output; values in the network's
        dtype, shape (n_samples, n_outputs), for a linear one.
    weight : ndarray of shape (n_samples,), float64, or None
        Multiplies an example's cost and L1 alike; None means 1.
    ids : ndarray of shape (n_samples,), int64
        What the random draws of an example are addressed by, 0 <= id < 2**32.
    """

    features: Features
    target: NDArray[Any]
    weight: NDArray[np.float64] | None
    ids: NDArray[np.int64]

    def check(self, network: Network) -> None:
        """Refuse examples that do not fit the network or each other.

        Raises
        ------
        DataError
            Naming what does not fit.
        """
        self.features.check_width(network)
        n, n_outputs = self.features.n_samples, network.layer_sizes[-1]
        shape = (n,) if network.output == "softmax" else (n, n_outputs)
        if self.target.shape != shape:
            raise DataError(f"the targets must have shape {shape}, got {self.target.shape}")
        if network.output == "softmax" and n and not 0 <= self.target.min() <= self.target.max() < n_outputs:
            raise DataError(f"class numbers must be 0 .. {n_outputs - 1}")
        for name, values in (("weights", self.weight), ("ids", self.ids)):
            if values is not None and values.shape != (n,):
                raise DataError(f"there must be one of the {name} per row ({n}), got shape {values.shape}")
        if n and not 0 <= self.ids.min() <= self.ids.max() < 2**32:
            raise DataError("example ids must be at least 0 and below 2**32")


@dataclass(frozen=True)
class Unlabeled:
    """Input rows without targets, as an auto-encoder learns from them.

    Attributes
    ----------
    features : Features
        Clean input.
    ids : ndarray of shape (n_samples,), int64
        What the random draws of an example are addressed by, 0 <= id < 2**32.
    target : ndarray of shape (n_samples, n_features) or None
        What shall be reconstructed instead of the auto-encoder's own target of the clean input, in its
        dtype.
    """

    features: Features
    ids: NDArray[np.int64]
    target: Array | None = None

    def check(self, autoencoder: Autoencoder) -> None:
        """Refuse rows that do not fit the auto-encoder.

        Raises
        ------
        DataError
            Naming what does not fit.
        """
        self.features.check_width(autoencoder.network)
        n = self.features.n_samples
        if self.ids.shape != (n,):
            raise DataError(f"there must be one id per row ({n}), got shape {self.ids.shape}")
        if n and not 0 <= self.ids.min() <= self.ids.max() < 2**32:
            raise DataError("example ids must be at least 0 and below 2**32")
        if self.target is None and autoencoder.target == "before":
            raise DataError("the targets from before the activation must be given")
        if self.target is not None and self.target.shape != self.features.X.shape:
            raise DataError(f"the targets must have shape {self.features.X.shape}, got {self.target.shape}")
