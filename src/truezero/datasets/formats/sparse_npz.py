"""Sparse rows as `scipy.sparse.save_npz` writes them: CSR, CSC, COO, BSR or DIA; they become CSR.

Labels are an array y in the same file, which `numpy.savez` can put there::

    numpy.savez("rows.npz", data=X.data, indices=X.indices, indptr=X.indptr, shape=X.shape, format="csr", y=y)

What is stored is checked before SciPy follows an index, and a shape may not claim more rows than a file of
its size can describe.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.sparse_structure import (
    check_blocks,
    check_compressed,
    check_coordinates,
    check_diagonals,
    checked_rows,
)
from truezero.core.text import printable
from truezero.datasets.formats.archive import Archive
from truezero.datasets.formats.numbers import read_numbers
from truezero.errors import DataError

_FORMS = {
    "csr": ("indices", "indptr"),
    "csc": ("indices", "indptr"),
    "bsr": ("indices", "indptr"),
    "coo": ("row", "col"),
    "dia": ("offsets",),
}
MOST_FEATURES = 2**31 - 1  # indices of 32 bits reach


def is_sparse(archive: Archive) -> bool:
    """Whether a file holds sparse rows."""
    return "data" in archive and "shape" in archive


def read_sparse(archive: Archive, n_features: int | None) -> Any:
    """Read sparse rows as CSR; a great width must be asked for by `n_features`.

    Raises
    ------
    DataError
        If they are damaged: an index points outside, or lengths differ.
    """
    form = _form(archive)
    if form not in _FORMS:
        raise DataError(f"holds sparse rows of the form '{printable(form)}'; known: {', '.join(_FORMS)}")
    shape = _shape(archive)
    if n_features is None and shape[1] > archive.allowance.most_features:
        raise DataError(
            f"has shape {shape}, far more features than such a file can use; if that is meant, ask for "
            f"{shape[1]} with n_features"
        )
    # The end of every row will be noted, whatever the form, and SciPy does so twice.
    archive.allowance.take(16 * (shape[0] + 1), f"{shape[0]} sparse rows")
    places = [_whole_numbers(archive, name) for name in _FORMS[form]]
    data = read_numbers(archive, "data")
    # SciPy converts by way of two more copies.
    archive.allowance.take(2 * (data.nbytes + 8 * data.size), "sparse rows")
    if form == "coo":
        check_coordinates(shape, places[0], places[1], data)
        return checked_rows(sparse.coo_array((data, tuple(places)), shape=shape))
    if form == "dia":
        check_diagonals(shape, places[0], data)
        return checked_rows(sparse.dia_array((data, places[0]), shape=shape))
    indices, indptr = places
    if form == "bsr":
        check_blocks(shape, indptr, indices, data)
        return checked_rows(sparse.bsr_array((data, indices, indptr), shape=shape))
    check_compressed(form, shape, indptr, indices, data)
    made = sparse.csr_array if form == "csr" else sparse.csc_array
    return checked_rows(made((data, indices, indptr), shape=shape))


def _form(archive: Archive) -> str:
    if "format" not in archive:
        return "csr"
    header = archive.header("format")
    if header.dtype.kind not in "SU" or header.shape or header.dtype.itemsize > 400:
        raise DataError("is damaged: the form of its sparse rows is no word")
    form = archive.read("format").reshape(1).tolist()[0]
    return form if isinstance(form, str) else form.decode("latin1")


def _shape(archive: Archive) -> tuple[int, int]:
    header = archive.header("shape")
    if header.dtype.kind not in "iu" or header.shape != (2,):
        raise DataError("is damaged: the shape of its sparse rows is no pair of whole numbers")
    n_rows, n_features = map(int, archive.read("shape"))
    if n_rows < 1 or not 1 <= n_features <= MOST_FEATURES:
        raise DataError(f"must hold a matrix with rows and columns, got shape ({n_rows}, {n_features})")
    return n_rows, n_features


def _whole_numbers(archive: Archive, name: str) -> NDArray[Any]:
    header = archive.header(name)
    if header.dtype.kind not in "iu" or len(header.shape) != 1:
        raise DataError(
            f"is damaged: {name} must be whole numbers in one dimension, got dtype {header.dtype}, shape "
            f"{header.shape}"
        )
    numbers: NDArray[Any] = archive.read(name)
    if numbers.dtype.kind == "u":  # SciPy knows signed ones alone
        if numbers.max(initial=0) > np.iinfo(np.int64).max:
            raise DataError(f"is damaged: {name} holds {numbers.max()}")
        numbers = numbers.astype(np.int64)
    return numbers
