"""A data set: training, validation and test rows, as arrays."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.rows import Examples, Features
from truezero.core.sparse_structure import checked_rows
from truezero.datasets.labels import checked_labels
from truezero.errors import DataError

Part = Literal["train", "validation", "test"]
PARTS: tuple[Part, ...] = ("train", "validation", "test")

_BLOCK = 1 << 20  # bytes that are hashed at a time


class Endless(Protocol):
    """Makes training rows that are new in every epoch."""

    @property
    def fingerprint(self) -> str:
        """Digest of all that the rows depend on, as hexadecimal digits."""
        ...

    def ahead(self, n_processes: int) -> AbstractContextManager[Callable[[int], Iterable[Examples]]]:
        """What gives the pieces of each epoch, as a `Stream` takes it.

        So many processes make rows ahead, and end with the block that it is used in.
        """
        ...


@dataclass(frozen=True)
class Dataset:
    """Rows of a data set in its parts; a feature's value is ``X * scale + offset``.

    Attributes
    ----------
    name : str
    X_train, X_validation, X_test : ndarray or csr_array, shape (n_samples, n_features), or None
        uint8, float32 or float64.
    y_train, y_validation, y_test : ndarray of shape (n_samples,) or (n_samples, n_outputs), or None
        Numbers or text; a column is made a vector, bytes text. NaN may mean that a row has no label.
    scale : float
        1/255 for pixels kept as uint8 (the paper's MNIST, section 4.1).
    offset : float
        −1 for pixels that shall reach from −1 to 1 (the paper's NORB). CSR has none.
    image_shape : (int, int, int) or None
        (channels, height, width) of a row that is an image.
    zero_based : bool or None
        Whether the file counted features from 0; None where it does not count them.
    columns : tuple of str or None
        Names of the features, where they have any.
    X_unlabeled : ndarray or csr_array, shape (n_samples, n_features), or None
        Further rows of training, which have no labels.
    stand_in_for : str or None
        The paper's data that these are used in place of; None for what is nobody's stand-in.
    endless : Endless or None
        What makes new training rows for every epoch; `X_train` and `y_train` are those of the first, for
        whoever needs rows that stay. None: they are all there are.

    Raises
    ------
    DataError
        If rows and labels do not fit each other, or cannot be trained or predicted on.
    """

    name: str
    X_train: Any
    y_train: NDArray[Any] | None
    X_validation: Any = None
    y_validation: NDArray[Any] | None = None
    X_test: Any = None
    y_test: NDArray[Any] | None = None
    scale: float = 1.0
    offset: float = 0.0
    image_shape: tuple[int, int, int] | None = None
    zero_based: bool | None = None
    columns: tuple[str, ...] | None = None
    X_unlabeled: Any = None
    stand_in_for: str | None = None
    endless: Endless | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.scale) and math.isfinite(self.offset)):
            raise DataError(f"{self.name}: scale and offset must be finite")
        if self.X_train is None:
            raise DataError(f"{self.name} has no train rows")
        for part in PARTS:
            X, y = self.part(part)
            try:
                X, y = _checked(X, y, self.X_train.shape[1])
            except DataError as error:
                raise DataError(f"{self.name}: {part} {error}") from error
            object.__setattr__(self, f"X_{part}", X)
            object.__setattr__(self, f"y_{part}", y)
            if self.offset and sparse.issparse(self.part(part)[0]):
                raise DataError(f"{self.name}: sparse rows cannot have an offset, the {part} rows are sparse")
        try:
            X, _ = _checked(self.X_unlabeled, None, self.X_train.shape[1])
        except DataError as error:
            raise DataError(f"{self.name}: unlabelled {error}") from error
        object.__setattr__(self, "X_unlabeled", X)
        if X is not None and self.endless is not None:
            raise DataError(
                f"{self.name}: rows that are new in every epoch have none without labels beside them"
            )
        if self.columns is not None and len(self.columns) != self.X_train.shape[1]:
            raise DataError(f"{self.name}: {len(self.columns)} names for {self.X_train.shape[1]} features")
        shape = self.image_shape
        if shape is not None and (len(shape) != 3 or math.prod(shape) != self.X_train.shape[1]):
            raise DataError(
                f"{self.name}: rows of {self.X_train.shape[1]} features are no images of "
                f"{shape} (channels, height, width)"
            )

    def part(self, part: Part) -> tuple[Any, NDArray[Any] | None]:
        """X and y of a part as they are stored; None where there are none."""
        return getattr(self, f"X_{part}"), getattr(self, f"y_{part}")

    def features(self, part: Part) -> Features:
        """Rows of a part as they are stored, with their scale and offset; nothing is copied.

        Raises
        ------
        DataError
            If the data set has no such part.
        """
        X, _ = self.part(part)
        if X is None:
            raise DataError(f"{self.name} has no {part} rows")
        return Features(X, self.scale, self.offset)

    def scaled(self, part: Part, dtype: str = "float32") -> Any:
        """Feature values of a part, shape (n_samples, n_features); CSR stays CSR.

        Raises
        ------
        DataError
            If the data set has no such part.
        """
        return self.features(part).values(dtype)

    def rows_to_measure(self) -> tuple[Features, NDArray[Any] | None]:
        """Rows and targets of the test part, or, where there is none, of all rows."""
        part: Part = "train" if self.X_test is None else "test"
        return self.features(part), self.part(part)[1]

    def rows_to_pretrain(self) -> Features:
        """Rows of training, those without labels below the others."""
        if self.X_unlabeled is None:
            return self.features("train")
        stack = sparse.vstack if sparse.issparse(self.X_train) else np.vstack
        return Features(stack([self.X_train, self.X_unlabeled]), self.scale, self.offset)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all rows, targets, scale and offset, and what makes others, as hexadecimal digits.

        Rows are read once.
        """
        digest = hashlib.sha256(repr((self.scale, self.offset)).encode())
        if self.endless is not None:
            digest.update(self.endless.fingerprint.encode())
        for part in PARTS:
            for array in self.part(part):
                _add_rows(digest, array)
        if self.X_unlabeled is not None:
            _add_rows(digest, self.X_unlabeled)
        return digest.hexdigest()


def _add_rows(digest: Any, rows: Any) -> None:
    """Add rows to a digest, dense or CSR."""
    if sparse.issparse(rows):
        digest.update(repr(rows.shape).encode())  # its arrays do not say its width
        for piece in (rows.data, rows.indices, rows.indptr):
            _add_to(digest, piece)
    else:
        _add_to(digest, rows)


def _add_to(digest: Any, array: NDArray[Any] | None) -> None:
    """Add an array's dtype, shape and values to a digest, without a copy of the whole."""
    if array is None:
        digest.update(b"none")
        return
    digest.update(f"{array.dtype.str}{array.shape}".encode())
    rows = max(_BLOCK // max(array[:1].nbytes, 1), 1)
    for start in range(0, len(array), rows):
        digest.update(np.ascontiguousarray(array[start : start + rows]).view(np.uint8).data)


def _checked(X: Any, y: Any, n_features: int) -> tuple[Any, NDArray[Any] | None]:
    """Rows and labels of a part, as they are kept; refuse those that cannot be trained or predicted on."""
    if X is None:
        if y is not None:
            raise DataError("labels have no rows")
        return None, None
    X = checked_rows(X)
    if X.ndim != 2 or 0 in X.shape:
        raise DataError(f"rows must be a matrix with rows and columns, got shape {X.shape}")
    if X.dtype not in (np.uint8, np.float32, np.float64):
        raise DataError(f"rows must be float32, float64 or uint8, got {X.dtype}")
    if X.shape[1] != n_features:
        raise DataError(f"rows have {X.shape[1]} features, training rows {n_features}")
    Features(X).check_finite()
    return X, None if y is None else checked_labels(y, X.shape[0])
