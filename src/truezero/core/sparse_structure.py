"""Whether the indices of sparse rows point where they may, looked at before anything follows them.

SciPy's routines and the compiled core read and write where indices say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.errors import DataError


def checked_rows(X: Any) -> Any:
    """Sparse rows as a CSR array, once it is sure that their indices point where they may.

    Parameters
    ----------
    X : sparse matrix or array of any form, or anything else

    Returns
    -------
    csr_array, or X itself where it is not sparse
        An object of its own, as SciPy notes on the object what it finds about its arrays; it shares the
        arrays of what is CSR already. Bytes that COO holds twice for one place are added as float32.

    Raises
    ------
    DataError
        As `check_structure`.
    """
    if not sparse.issparse(X):
        return X
    check_structure(X)
    X = _as_scipy_wants(X)
    if X.format == "coo" and X.dtype == np.uint8:
        added = sparse.csr_array(X.astype(np.float32))
        return added.astype(np.uint8) if added.nnz == X.nnz else added
    return sparse.csr_array(X)


def _as_scipy_wants(X: Any) -> Any:
    """Indices in one signed dtype, and, where values will be moved, these in this machine's byte order."""
    if X.format != "csr" and not X.dtype.isnative:
        X = X.astype(X.dtype.newbyteorder("="))
    if X.format not in ("csr", "csc", "bsr"):
        return X
    if X.indices.dtype == X.indptr.dtype and X.indices.dtype in (np.int32, np.int64):
        return X
    return type(X)((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), shape=X.shape)


def check_structure(X: Any) -> None:
    """Refuse sparse rows whose indices point outside; nothing is changed, and dense rows pass.

    Parameters
    ----------
    X : sparse matrix or array of any form, or anything else

    Raises
    ------
    DataError
        Naming the row and the index.
    """
    if not sparse.issparse(X) or len(X.shape) != 2:
        return
    if X.format in ("csr", "csc"):
        check_compressed(X.format, X.shape, X.indptr, X.indices, X.data)
    elif X.format == "bsr":
        check_blocks(X.shape, X.indptr, X.indices, X.data)
    elif X.format == "coo":
        check_coordinates(X.shape, X.row, X.col, X.data)
    elif X.format == "dia":
        check_diagonals(X.shape, X.offsets, X.data)
    elif X.format == "dok":
        keys = np.array(list(X.keys()), dtype=object).reshape(-1, 2)
        check_coordinates(X.shape, keys[:, 0].astype(np.int64), keys[:, 1].astype(np.int64), keys[:, 0])
    elif X.format == "lil":
        _check_lists(X)


def check_compressed(
    form: str, shape: tuple[int, int], indptr: NDArray[Any], indices: NDArray[Any], data: NDArray[Any]
) -> None:
    """Refuse arrays of CSR ("csr") or CSC ("csc") that do not fit each other or a shape.

    Raises
    ------
    DataError
        Naming the row (of CSC: the feature) and the index.
    """
    names = ("row", "feature") if form == "csr" else ("feature", "row")
    _check_compressed(form, names, shape if form == "csr" else shape[::-1], indptr, indices, data)


def check_blocks(
    shape: tuple[int, int], indptr: NDArray[Any], indices: NDArray[Any], data: NDArray[Any]
) -> None:
    """Refuse arrays of BSR that do not fit each other or a shape.

    Raises
    ------
    DataError
        Naming the row and the index, of blocks.
    """
    if (
        data.ndim != 3
        or 0 in data.shape[1:]
        or any(n % b for n, b in zip(shape, data.shape[1:], strict=True))
    ):
        raise DataError(f"BSR rows of shape {shape} cannot have blocks of shape {data.shape[1:]}")
    n_blocks = (shape[0] // data.shape[1], shape[1] // data.shape[2])
    _check_compressed("bsr", ("row of blocks", "column of blocks"), n_blocks, indptr, indices, data)


def check_coordinates(
    shape: tuple[int, int], row: NDArray[Any], col: NDArray[Any], data: NDArray[Any]
) -> None:
    """Refuse arrays of COO that do not fit each other or a shape.

    Raises
    ------
    DataError
        Naming the first entry that lies outside.
    """
    _check_vectors("coo", row=row, col=col)
    if data.ndim != 1 or not len(row) == len(col) == len(data):
        raise DataError(
            f"COO rows need as many rows as columns and values, got {row.shape}, {col.shape}, {data.shape}"
        )
    for name, index, n in (("row", row, shape[0]), ("feature", col, shape[1])):
        if len(index) and not 0 <= index.min() <= index.max() < n:
            entry = int(np.flatnonzero((index < 0) | (index >= n))[0])
            raise DataError(
                f"entry {entry} of the COO rows (row {row[entry]}, feature {col[entry]}) lies outside: the "
                f"{name} must be 0 .. {n - 1}"
            )


def check_diagonals(shape: tuple[int, int], offsets: NDArray[Any], data: NDArray[Any]) -> None:
    """Refuse arrays of DIA that do not fit each other or a shape.

    Raises
    ------
    DataError
        Saying what does not fit.
    """
    _check_vectors("dia", offsets=offsets)
    if data.ndim != 2 or len(data) != len(offsets):
        raise DataError(f"DIA rows of {len(offsets)} diagonals have values of shape {data.shape}")
    if len(np.unique(offsets)) != len(offsets):
        raise DataError("DIA rows have a diagonal twice")
    if len(offsets) and not -shape[0] < offsets.min() <= offsets.max() < shape[1]:
        wrong = offsets[(offsets <= -shape[0]) | (offsets >= shape[1])][0]
        raise DataError(f"DIA rows of shape {shape} have a diagonal {wrong}, which lies outside")


def _check_compressed(
    form: str,
    names: tuple[str, str],
    shape: tuple[int, ...],
    indptr: NDArray[Any],
    indices: NDArray[Any],
    data: NDArray[Any],
) -> None:
    """Check CSR or its like; `names` are of what is compressed, and of what indices name."""
    (major, minor), (n_major, n_minor) = names, shape
    what = f"{form.upper()} rows"
    _check_vectors(form, indptr=indptr, indices=indices)
    if form != "bsr" and data.ndim != 1:
        raise DataError(f"{what} must have values in one dimension, got shape {data.shape}")
    if len(indptr) != n_major + 1:
        raise DataError(
            f"{what} with a {major} count of {n_major} need {n_major + 1} indptr, got {len(indptr)}"
        )
    if len(indices) != len(data):
        raise DataError(f"{what} have {len(indices)} indices but {len(data)} values")
    if indptr[0] != 0:
        raise DataError(f"{what}: indptr must start at 0, got {indptr[0]}")
    if (indptr[1:] < indptr[:-1]).any():
        at = int(np.flatnonzero(indptr[1:] < indptr[:-1])[0])
        raise DataError(f"{what}: {major} {at} ends ({indptr[at + 1]}) before it begins ({indptr[at]})")
    if indptr[-1] > len(indices):
        at = int(np.flatnonzero(indptr[1:] > len(indices))[0])
        raise DataError(f"{what}: {major} {at} ends at {indptr[at + 1]}, beyond the {len(indices)} entries")
    used = indices[: indptr[-1]]
    if len(used) and not 0 <= used.min() <= used.max() < n_minor:
        entry = int(np.flatnonzero((used < 0) | (used >= n_minor))[0])
        at = int(np.searchsorted(indptr, entry, side="right")) - 1
        raise DataError(
            f"{what}: {major} {at} has the {minor} index {used[entry]}; it must be 0 .. {n_minor - 1}"
        )


def _check_lists(X: Any) -> None:
    """Check LIL, whose rows are lists of Python."""
    lengths = [(len(row), len(data)) for row, data in zip(X.rows, X.data, strict=False)]
    if not len(X.rows) == len(X.data) == X.shape[0]:
        raise DataError(f"LIL rows must be {X.shape[0]} lists, got {len(X.rows)} and {len(X.data)}")
    for at, ((n, n_values), row) in enumerate(zip(lengths, X.rows, strict=True)):
        if n != n_values:
            raise DataError(f"LIL rows: row {at} has {n} indices but {n_values} values")
        if n and not 0 <= min(row) <= max(row) < X.shape[1]:
            wrong = next(index for index in row if not 0 <= index < X.shape[1])
            raise DataError(
                f"LIL rows: row {at} has the feature index {wrong}; it must be 0 .. {X.shape[1] - 1}"
            )


def _check_vectors(form: str, **vectors: NDArray[Any]) -> None:
    for name, vector in vectors.items():
        if vector.ndim != 1 or vector.dtype.kind not in "iu":
            raise DataError(
                f"{name} of {form.upper()} rows must be whole numbers in one dimension, got dtype "
                f"{vector.dtype}, shape {vector.shape}"
            )
