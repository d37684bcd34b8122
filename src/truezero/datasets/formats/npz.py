"""NumPy's npz: rows and labels as arrays under their names.

X and y, or parts: X_train, y_train, X_val, y_val, X_test, y_test; or what `scipy.sparse.save_npz` writes
(see sparse_npz.py). Other arrays are not looked at, and not unpacked. All headers are compared with each
other and with the file before any content is read.
"""

from __future__ import annotations

import math
from typing import IO, Any

from numpy.typing import NDArray

from truezero.datasets.formats.archive import Archive
from truezero.datasets.formats.numbers import kept_as, read_as_csr, read_numbers
from truezero.datasets.formats.source import Allowance
from truezero.datasets.formats.sparse_npz import is_sparse, read_sparse
from truezero.errors import DataError

_PARTS = {"train": "train", "validation": "val", "test": "test"}  # of a data set -> in the file
_LONGEST_LABEL = 1000  # characters


def load_npz(file: IO[bytes], allowance: Allowance, n_features: int | None) -> dict[str, Any]:
    """Read an npz file.

    Parameters
    ----------
    file : file
    allowance : Allowance
    n_features : int or None
        Width that is expected, which very wide sparse rows need.

    Returns
    -------
    dict
        X_train and whichever there are of y_train, X_validation, y_validation, X_test, y_test.

    Raises
    ------
    DataError
        If it is damaged, or its arrays cannot be rows and labels.
    """
    archive = Archive(file, allowance)
    if "X" in archive:
        return _load_parts(archive, {"train": ("X", "y")})
    if "X_train" in archive:
        return _load_parts(archive, {part: (f"X_{key}", f"y_{key}") for part, key in _PARTS.items()})
    if is_sparse(archive):
        X = read_sparse(archive, n_features)
        return {"X_train": X, "y_train": read_labels(archive, "y", X.shape[0])}
    raise DataError(f"must hold X and y, or X_train and y_train; it holds {archive.listed()}")


def _load_parts(archive: Archive, parts: dict[str, tuple[str, str]]) -> dict[str, Any]:
    headers = {part: archive.header(X) for part, (X, _) in parts.items() if X in archive}
    for part, header in headers.items():
        X, y = parts[part]
        if len(header.shape) != 2 or 0 in header.shape:
            raise DataError(f"must hold {X} as a matrix with rows and columns, got shape {header.shape}")
        if header.dtype.kind in "SU":
            raise DataError(f"must hold numbers in {X}, got text")
        if y in archive:
            _check_labels(archive, y, header.shape[0])
    for part, (X, y) in parts.items():
        if part not in headers and y in archive:
            raise DataError(f"holds {y} but no {X}")
    takes = sum(math.prod(header.shape) * kept_as(header.dtype).itemsize for header in headers.values())
    read = read_numbers if takes <= archive.allowance.left else read_as_csr
    loaded: dict[str, Any] = {f"X_{part}": read(archive, parts[part][0]) for part in headers}
    for part, header in headers.items():
        loaded[f"y_{part}"] = read_labels(archive, parts[part][1], header.shape[0])
    return loaded


def _check_labels(archive: Archive, name: str, n_rows: int) -> None:
    """Refuse labels that are not one per row, by what their header says."""
    header = archive.header(name)
    if len(header.shape) not in (1, 2):
        raise DataError(f"must hold one label per row in {name}, got shape {header.shape}")
    if header.shape[0] != n_rows:
        raise DataError(f"has {n_rows} rows but {header.shape[0]} labels in {name}")
    of_character = 4 if header.dtype.kind == "U" else 1
    if header.dtype.kind in "SU" and header.dtype.itemsize > _LONGEST_LABEL * of_character:
        raise DataError(f"has labels of more than {_LONGEST_LABEL} characters in {name}")


def read_labels(archive: Archive, name: str, n_rows: int) -> NDArray[Any] | None:
    """Labels as they are; None if there are none."""
    if name not in archive:
        return None
    _check_labels(archive, name, n_rows)
    return archive.read(name)
