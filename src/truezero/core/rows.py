"""Rows of data: features with their scale and offset, and what comes with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.autoencoder import Autoencoder
from truezero.core.network import Network
from truezero.core.sparse_structure import checked_rows
from truezero.errors import DataError

SAMPLED_ROWS = 1000  # whose non-zeros stand for those of all dense rows
_BLOCK = 200_000  # values at a time where all are gone through


@dataclass(frozen=True)
class Features:
    """Input rows: a feature's value is ``X * scale + offset``.

    It is computed where it is used, in the wider of X's and the network's dtype, and rounded to the
    network's. So rows are kept as they come, pixels as uint8, and no copy of them is made.

    Attributes
    ----------
    X : ndarray or sparse matrix, shape (n_samples, n_features)
        float32, float64 or uint8; read-only and memory-mapped arrays too. Sparse rows are kept as a CSR
        array, which shares what is CSR already; it may hold explicit zeros, unsorted indices, duplicates
        and 64-bit indices, and is never densified as a whole. No array that is handed in is changed.
    scale : float, or ndarray of shape (n_features,)
        1/255 for pixels kept as uint8; or of each feature its own.
    offset : float, or ndarray of shape (n_features,)
        −1 for pixels that shall reach from −1 to 1. CSR has none: its zeros would be none.

    Raises
    ------
    DataError
        If X is no matrix of such numbers, its indices point outside of it, or scale and offset do not fit
        it.
    """

    X: Any
    scale: float | NDArray[np.float64] = 1.0
    offset: float | NDArray[np.float64] = 0.0

    def __post_init__(self) -> None:
        shape = getattr(self.X, "shape", None)
        if shape is None or len(shape) != 2:
            raise DataError(f"input rows must be a matrix, got {type(self.X).__name__} of shape {shape}")
        if self.X.dtype.newbyteorder("=") not in (np.float32, np.float64, np.uint8):
            raise DataError(f"input rows must be float32, float64 or uint8, got {self.X.dtype}")
        if sparse.issparse(self.X):
            object.__setattr__(self, "X", checked_rows(self.X))
        for name in ("scale", "offset"):
            of_each = np.asarray(getattr(self, name))
            if of_each.shape not in ((), (self.n_features,)) or not np.isfinite(of_each).all():
                raise DataError(
                    f"the {name} of input rows must be a finite number, or {self.n_features}, one per feature"
                )
        if sparse.issparse(self.X) and np.any(self.offset):
            raise DataError("sparse rows cannot have an offset: what they do not store would not be 0")

    @property
    def n_samples(self) -> int:
        """Number of rows."""
        return int(self.X.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @property
    def plain(self) -> bool:
        """Whether X holds the values themselves."""
        return bool(np.all(self.scale == 1.0)) and not np.any(self.offset)

    def take(self, rows: slice | NDArray[Any]) -> Features:
        """Some of the rows; a slice shares memory."""
        return Features(self.X[rows], self.scale, self.offset)

    def divided(self, by: NDArray[np.floating]) -> Features:
        """Divide every feature's value by a number of its own, without a copy of X."""
        inverse = np.float64(1 / by)  # in the dtype it comes in
        return replace(self, scale=self.scale * inverse, offset=self.offset * inverse)

    def values(self, dtype: str | np.dtype[np.floating]) -> Any:
        """Compute the values in a dtype, float32 or float64, shape of X; CSR stays CSR, without zeros."""
        wide = np.result_type(self.X.dtype, dtype)
        X: Any = (self.X if sparse.issparse(self.X) else np.asarray(self.X)).astype(wide)
        if np.any(self.scale != 1.0):
            scale = np.asarray(self.scale, wide)
            if sparse.issparse(X):
                X.data *= scale[X.indices] if scale.ndim else scale
            else:
                X *= scale
        if np.any(self.offset):
            X += np.asarray(self.offset, wide)
        X = X.astype(dtype, copy=False)
        if sparse.issparse(X):
            X.eliminate_zeros()  # of a scale of 0, or too small for the dtype
        return X

    def canonical(self) -> Features:
        """Return native byte order; CSR with sorted indices, no duplicates and no explicit zeros.

        The caller's arrays are left as they are; a copy is made only where something must change.
        """
        X = self.X
        if sparse.issparse(X):
            if not X.data.dtype.isnative:
                X = X.astype(X.dtype.newbyteorder("="))
            if not X.has_canonical_format or bool((X.data == 0).any()):
                # Duplicates are added, and their sum may be no byte.
                X = X.astype(np.float32) if X.dtype == np.uint8 else X.copy()
                X.sum_duplicates()
                X.eliminate_zeros()
            return replace(self, X=X)
        if type(X) is np.ndarray and X.dtype.isnative:
            return self
        X = np.asarray(X)
        return replace(self, X=X if X.dtype.isnative else X.astype(X.dtype.newbyteorder("=")))

    def density(self) -> float:
        """Fraction of stored numbers that are not 0, with their offset; of dense rows, the first 1000."""
        if sparse.issparse(self.X):
            n_cells = self.n_samples * self.n_features
            return float(np.count_nonzero(self.X.data) / n_cells) if n_cells else 0.0
        first: Any = self.take(slice(SAMPLED_ROWS))
        first = first.values("float64") if np.any(self.offset) else np.asarray(first.X)
        return float(np.count_nonzero(first) / first.size) if first.size else 0.0

    def least(self) -> float:
        """Least value; 0 without rows. Of CSR what is not stored counts as 0."""
        if not self.n_samples:
            return 0.0
        return min(float(block.min()) for block in self.blocks())

    def largest(self) -> NDArray[np.float64]:
        """Largest absolute value of every feature, shape (n_features,)."""
        largest = np.zeros(self.n_features)
        for block in self.blocks():
            of_block = abs(block).max(axis=0)
            np.maximum(
                largest, of_block.toarray().ravel() if sparse.issparse(of_block) else of_block, out=largest
            )
        return largest

    def blocks(self) -> Iterator[Any]:
        """Values, float64, so many rows at a time that they take little memory; CSR stays CSR, canonical."""
        canonical = self.canonical()
        for part in self._stretches():
            yield canonical.take(part).values("float64")

    def _stretches(self) -> Iterator[slice]:
        """Rows, in order, so many at a time that what is made of them takes little memory."""
        width = self.X.nnz / max(self.n_samples, 1) if sparse.issparse(self.X) else self.n_features
        n = max(int(_BLOCK / max(width, 1)), 1)
        return (slice(start, start + n) for start in range(0, self.n_samples, n))

    def check_finite(self, dtype: np.dtype[np.floating] | None = None) -> None:
        """Refuse values that are no numbers, or none in the dtype that is computed in.

        Parameters
        ----------
        dtype : dtype, optional
            float32 or float64; without it, what is stored is looked at alone.

        Raises
        ------
        DataError
            Naming the first row and feature that is NaN, infinite, or too large for the dtype.
        """
        largest = float(np.finfo(np.float64 if dtype is None else dtype).max)
        if self.plain and (self.X.dtype == np.uint8 or self.X.dtype.itemsize <= 4):
            largest = np.inf  # whatever is finite is small enough
        if self.X.dtype == np.uint8 and largest == np.inf:
            return
        for part in self._stretches():
            block, start = self.X[part], part.start
            if np.isfinite(block.data if sparse.issparse(block) else block).all():
                if largest == np.inf:
                    continue
                block = self.take(part).values("float64")
                with np.errstate(invalid="ignore"):
                    if (np.abs(block.data if sparse.issparse(block) else block) <= largest).all():
                        continue
            stored = sparse.coo_array(block)
            first = np.flatnonzero(~(np.abs(stored.data) <= largest) | ~np.isfinite(stored.data))[0]
            row, column = start + stored.row[first], stored.col[first]
            value = stored.data[first]
            if np.isfinite(value):
                raise DataError(
                    f"row {row}, feature {column} is {value:.6g}, too large for {np.dtype(dtype or 'f8')}; "
                    "if it marks what is missing, fill or drop it, else divide the feature"
                )
            raise DataError(f"row {row}, feature {column} is NaN or infinite; fill or drop it")

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


def stacked(parts: Sequence[Features]) -> Features:
    """Rows of several sources, one after the other; a single source is not copied."""
    first = parts[0]
    if len(parts) == 1:
        return first
    alike = all(
        part.X.dtype == first.X.dtype
        and np.array_equal(part.scale, first.scale)
        and np.array_equal(part.offset, first.offset)
        for part in parts
    )
    dtype = np.result_type(*(part.X.dtype for part in parts), np.float32)
    rows = [part.X if alike else part.values(dtype) for part in parts]
    together = sparse.vstack(rows, format="csr") if any(map(sparse.issparse, rows)) else np.concatenate(rows)
    return replace(first, X=together) if alike else Features(together)


def as_features(X: Any, dtype: np.dtype[np.floating]) -> Features:
    """Input rows from whatever holds numbers.

    Parameters
    ----------
    X : array-like, sparse matrix or Features of shape (n_samples, n_features)
        float32, float64 and uint8 are taken as they are, without a copy.
    dtype : dtype
        Of other numbers, once they are rows.

    Returns
    -------
    Features

    Raises
    ------
    DataError
        If it is no matrix, or does not hold numbers.
    """
    if isinstance(X, Features):
        return X
    if not sparse.issparse(X):
        try:
            X = np.asarray(X)
        except ValueError as error:  # rows of different lengths
            raise DataError(f"input rows must be a matrix of numbers: {error}") from error
    X = checked_rows(X)
    if X.ndim != 2:
        hint = "; for one row, hand in [row]" if X.ndim == 1 else ""
        raise DataError(f"input rows must be a matrix (n_samples, n_features), got shape {X.shape}{hint}")
    if X.dtype.newbyteorder("=") not in (np.float32, np.float64, np.uint8):
        try:
            if X.dtype.kind not in "biufO":
                raise TypeError(f"got {X.dtype}")
            X = X.astype(dtype)
        except (TypeError, ValueError) as error:
            raise DataError(f"input rows must be numbers: {error}") from error
    return Features(X)


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

    def take(self, rows: slice | NDArray[Any]) -> Examples:
        """Some of the rows with all that belongs to them."""
        weight = None if self.weight is None else self.weight[rows]
        return Examples(self.features.take(rows), self.target[rows], weight, self.ids[rows])

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
        if self.weight is not None and self.weight.shape != (n,):
            raise DataError(f"there must be one of the weights per row ({n}), got shape {self.weight.shape}")
        _check_ids(self.ids, n)


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

    def take(self, rows: slice | NDArray[Any]) -> Unlabeled:
        """Some of the rows with all that belongs to them."""
        target = None if self.target is None else self.target[rows]
        return Unlabeled(self.features.take(rows), self.ids[rows], target)

    def check(self, autoencoder: Autoencoder) -> None:
        """Refuse rows that do not fit the auto-encoder.

        Raises
        ------
        DataError
            Naming what does not fit.
        """
        self.features.check_width(autoencoder.network)
        n = self.features.n_samples
        _check_ids(self.ids, n)
        if self.target is None and autoencoder.target == "before":
            raise DataError("the targets from before the activation must be given")
        if self.target is not None and self.target.shape != self.features.X.shape:
            raise DataError(f"the targets must have shape {self.features.X.shape}, got {self.target.shape}")


def _check_ids(ids: NDArray[np.int64], n: int) -> None:
    if ids.shape != (n,):
        raise DataError(f"there must be one of the ids per row ({n}), got shape {ids.shape}")
    if n and not 0 <= ids.min() <= ids.max() < 2**32:
        raise DataError("example ids must be at least 0 and below 2**32")
