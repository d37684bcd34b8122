"""Labels and targets as a data set holds them: which are taken, and in what form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.errors import DataError

_OTHERS = {"c": "complex numbers", "V": "structures", "M": "dates", "m": "spans of time"}
_LARGEST_CHARACTER = 0x10FFFF
_HALVES = (0xD800, 0xDFFF)  # of characters


def checked_labels(y: Any, n: int) -> NDArray[Any]:
    """Labels or targets, one per row.

    Parameters
    ----------
    y : array-like of shape (n,), (n, 1) or, of numbers, (n, n_outputs)
    n : int
        Number of rows.

    Returns
    -------
    ndarray of shape (n,) or (n, n_outputs)
        Whole numbers, truth values, float32, float64 or text. A column is the same as a vector. NaN stays: it
        may mean that a row has no label. Bytes are read as UTF-8.

    Raises
    ------
    DataError
        Naming the row that has no such label, or saying what they are instead.
    """
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape[:1] != (n,) or y.ndim > 2 or 0 in y.shape:
        raise DataError(f"labels must be one per row ({n}), or one row of targets, got shape {y.shape}")
    if y.dtype == object:
        raise DataError(
            "labels must be numbers or text, not Python objects; np.asarray(y.tolist()) makes them so"
        )
    if y.dtype.kind in _OTHERS:
        raise DataError(f"labels must be numbers or text, not {_OTHERS[y.dtype.kind]}")
    if y.dtype.kind in "SU" and y.ndim == 2:
        raise DataError(f"labels that are text must have shape (n,), got {y.shape}")
    if y.dtype.kind == "S":
        return _decoded(y)
    if y.dtype.kind == "U":
        return _text(y)
    if y.dtype.kind == "f":
        return _floats(y)
    return np.asarray(y.astype(y.dtype.newbyteorder("="), copy=False))


def _decoded(y: NDArray[Any]) -> NDArray[Any]:
    try:
        return _text(np.char.decode(y, "utf-8"))
    except UnicodeDecodeError:
        for row, label in enumerate(y.tolist()):
            try:
                label.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(f"row {row} has a label of bytes that are no UTF-8 text") from error
        raise


def _text(y: NDArray[Any]) -> NDArray[Any]:
    y = np.ascontiguousarray(y if y.dtype.isnative else y.astype(y.dtype.newbyteorder("=")))
    characters = y.view(np.uint32).reshape(len(y), -1)
    wrong = (characters > _LARGEST_CHARACTER) | ((characters >= _HALVES[0]) & (characters <= _HALVES[1]))
    if wrong.any():
        first = int(np.flatnonzero(wrong.any(axis=1))[0])
        raise DataError(f"row {first} has a label with what is no character")
    return y


def _floats(y: NDArray[Any]) -> NDArray[Any]:
    kept = np.float32 if y.dtype.itemsize <= 4 else np.float64
    with np.errstate(over="ignore"):
        y = y.astype(kept, copy=False)
    if np.isinf(y).any():
        raise DataError(f"row {int(np.argwhere(np.isinf(y))[0, 0])} has an infinite label")
    return y
