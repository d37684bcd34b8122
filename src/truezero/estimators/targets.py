"""Targets at the door: which rows have one, and in what shape they come.

One rule holds in fitting, scoring and measuring: a row without a label is left out, a column is the same as
a vector, and nothing is compared with what has another shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import _check_y

from truezero.errors import DataError, TruezeroError

_LARGEST = 1e150  # targets: the square of what is above, which errors are, is none in float64


@contextmanager
def data_errors() -> Iterator[None]:
    """Turn what scikit-learn says of data that it refuses into a DataError, which is a ValueError too."""
    try:
        yield
    except TruezeroError:
        raise
    except (ValueError, OverflowError) as error:
        raise DataError(str(error)) from error


def as_target_array(y: Any, n_rows: int, owner: str) -> NDArray[Any]:
    """Targets as an array with a row for every row of X.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
    n_rows : int
    owner : str
        Who asks, for the message.

    Returns
    -------
    ndarray
        As they came; a list of text and numbers as objects.

    Raises
    ------
    DataError
        If they are none, or not as many.
    """
    if y is None:
        raise DataError(f"{owner} requires y to be passed, but the target y is None")
    if sparse.issparse(y):
        raise DataError("y is a sparse matrix; hand in an array, y.toarray() say")
    if isinstance(y, np.ma.MaskedArray):
        raise DataError(
            "y is a masked array, whose masked values would be learned: y.filled(value) says what of"
        )
    with data_errors():
        array = np.asarray(y)
        if array.dtype.kind == "U" and isinstance(y, (list, tuple)) and not all(_is_text_value(v) for v in y):
            array = np.array(y, dtype=object)  # else numbers among text become text
    if array.ndim not in (1, 2):
        raise DataError(
            f"y should be a 1d array, or (n_samples, n_outputs) for regression; got an array of shape "
            f"{array.shape} instead"
        )
    if array.dtype.names is not None or array.dtype.kind in "VMm":
        raise DataError(f"y holds {array.dtype}: hand in numbers or text, one field or column of it")
    if len(array) != n_rows:
        raise DataError(f"X has {n_rows} rows, y {len(array)}: there must be one target per row")
    return array


def as_weights(weight: Any, n_rows: int) -> NDArray[np.float64] | None:
    """Sample weights, shape (n_rows,); None if there are none.

    Parameters
    ----------
    weight : array-like of shape (n_rows,), number, or None
        They may all be 0, as those of a stream's chunk; scikit-learn's own check refuses that.
    n_rows : int

    Raises
    ------
    DataError
        If they are no finite numbers of at least 0, or not as many.
    """
    if weight is None:
        return None
    with data_errors():
        weights = np.asarray(weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(n_rows, weights)
    if weights.ndim != 1:
        raise DataError(f"Sample weights must be 1D array or scalar, got shape {weights.shape}")
    if len(weights) != n_rows:
        raise DataError(f"sample_weight.shape == {weights.shape}, expected ({n_rows},)!")
    wrong = ~(np.isfinite(weights) & (weights >= 0))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"sample weights must be finite and at least 0, that of row {row} is {weights[row]:g}"
        )
    return weights


def labeled_rows(y: NDArray[Any], mark: object) -> NDArray[np.bool_] | None:
    """Which rows have a label.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    mark : object
        The value that means "no label", in any of a row's outputs; NaN means every missing value, None as
        well. None: every value is a label.

    Returns
    -------
    ndarray of shape (n_samples,), bool, or None
        None where all rows have one.
    """
    if mark is None:
        return None
    unlabeled: NDArray[np.bool_]
    if isinstance(mark, (float, np.floating)) and np.isnan(mark):
        if y.dtype.kind in "US":
            unlabeled = np.asarray(np.char.lower(y.astype(str)) == "nan", np.bool_)
        else:
            unlabeled = np.asarray(np.isnan(y), np.bool_) if y.dtype.kind == "f" else _each(y, _is_missing)
    elif y.dtype.kind == "O":
        unlabeled = _each(y, lambda value: not _is_missing(value) and bool(value == mark))
    elif isinstance(mark, str) and y.dtype.kind not in "US":
        return None  # text and numbers are never equal
    elif y.dtype.kind in "US":
        unlabeled = np.asarray(y.astype(str) == str(mark), np.bool_)  # as files have numbers among text
    else:
        unlabeled = np.asarray(y == mark, np.bool_)
    labeled = np.asarray(~unlabeled.reshape(len(y), -1).any(axis=1), dtype=np.bool_)
    return None if labeled.all() else labeled


def _each(y: NDArray[Any], what: Any) -> NDArray[np.bool_]:
    return np.array([what(value) for value in y.ravel().tolist()], dtype=np.bool_).reshape(y.shape)


def _is_text_value(value: Any) -> bool:
    return isinstance(value, (str, bytes))


def _is_missing(value: Any) -> bool:
    """None, NaN, and what pandas has for them, which cannot be compared."""
    try:
        return value is None or bool(value != value)
    except TypeError:
        return True


def check_targets(y: NDArray[Any], *, numeric: bool) -> NDArray[Any]:
    """Targets of labelled rows, as scikit-learn checks them; objects that are all numbers become numbers.

    Raises
    ------
    DataError
        If one of them is missing or infinite, or they are of a kind that nothing can be learned from.
    """
    if y.dtype.kind == "O" and all(isinstance(value, (int, float, np.number)) for value in y.ravel()):
        with data_errors():
            y = np.array(y.tolist(), dtype=np.float64 if numeric else None)
    if not numeric and y.dtype.kind == "O" and len({_is_text_value(value) for value in y.ravel()}) > 1:
        raise DataError("y holds both text and other values: make all of them text, or all numbers")
    missing = np.isnan(y) if y.dtype.kind == "f" else _each(y, _is_missing) if y.dtype.kind == "O" else None
    if missing is not None and np.any(missing):
        row = int(np.flatnonzero(np.asarray(missing).reshape(len(y), -1).any(axis=1))[0])
        raise DataError(
            f"Input y contains NaN, in row {row} of those that are not marked; fill or drop it, or set "
            "unlabeled_label to the value that means no label: np.nan"
        )
    if numeric and y.dtype.kind in "USO":
        try:
            return np.asarray(_check_y(y.astype(np.float64), multi_output=True))
        except (ValueError, TypeError) as error:
            raise DataError(
                f"y must be numbers, got {y.ravel().tolist()[0]!r}; for classes use DeepRectifierClassifier "
                "(without --regression on the command line)"
            ) from error
    with data_errors():
        checked = np.asarray(_check_y(y, multi_output=True, y_numeric=numeric))
    if numeric and len(checked) and np.abs(checked.astype(np.float64)).max() > _LARGEST:
        raise DataError(
            f"y has {checked.ravel()[np.abs(checked.astype(np.float64)).argmax()]:g}: the square of such an "
            "error is infinite"
        )
    return checked


def as_values(y: NDArray[Any], n_outputs: int) -> NDArray[np.float64]:
    """Targets of a regression as a matrix, to be compared with its output.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    n_outputs : int

    Raises
    ------
    DataError
        If they are no finite numbers, or have another number of outputs.
    """
    return np.asarray(check_targets(as_columns(y, n_outputs), numeric=True), dtype=np.float64)


def as_columns(y: NDArray[Any], n_outputs: int | None = None) -> NDArray[Any]:
    """Targets of a regression as a matrix, their values as they are.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    n_outputs : int, optional
        By default as many as there are.

    Raises
    ------
    DataError
        If they have another number of outputs.
    """
    columns = y[:, np.newaxis] if y.ndim == 1 else y
    if n_outputs is not None and columns.shape[1] != n_outputs:
        raise DataError(
            f"y has {columns.shape[1]} columns, the model {n_outputs} outputs, which a network keeps: fit a "
            "new one"
        )
    return columns


def as_labels(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[Any]:
    """Labels as a vector, to be compared with classes.

    Raises
    ------
    DataError
        As `check_targets` and `comparable`, and if there are several a row.
    """
    if y.ndim == 2 and y.shape[1] != 1:
        raise DataError(f"y must be one label per row, got shape {y.shape}")
    return comparable(check_targets(y.ravel(), numeric=False), classes)


def comparable(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[Any]:
    """Labels that are checked already, as they are.

    Raises
    ------
    DataError
        If they are text and the classes numbers, or the other way round.
    """
    if not len(labels):
        return labels
    if labels.dtype.kind == "f" and (labels != np.round(labels)).any() and classes.dtype.kind != "f":
        raise DataError(f"y holds {labels[labels != np.round(labels)].tolist()[0]!r}, which is no class")
    if _is_text(labels) != _is_text(classes):
        raise DataError(
            f"y holds {labels.tolist()[0]!r}, which cannot be one of the classes, {classes.tolist()[0]!r} "
            "for instance: one is text and the other is not"
        )
    return labels


def _is_text(labels: NDArray[Any]) -> bool:
    return labels.dtype.kind in "US" or (labels.dtype.kind == "O" and isinstance(labels[0], (str, bytes)))
