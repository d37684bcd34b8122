"""Binary matrices, the official format of NORB: a little-endian header, then the values.

The header is a number that says what the values are, how many dimensions there are, and their sizes. At
least three sizes are always stored; those past the last dimension mean nothing. The official training images
are ten files of 680 MB, so a matrix can be read block by block.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from truezero.core.atomic import writing
from truezero.datasets.formats.source import Unpacked, fill, reading, unpacked
from truezero.errors import DataError

# What the format calls packed, 0x1E3D4C52, is not described anywhere and in none of the files.
_DTYPES: dict[int, np.dtype[Any]] = {
    0x1E3D4C51: np.dtype("<f4"),
    0x1E3D4C53: np.dtype("<f8"),
    0x1E3D4C54: np.dtype("<i4"),
    0x1E3D4C55: np.dtype("u1"),
    0x1E3D4C56: np.dtype("<i2"),
}
_MAGIC = {dtype: magic for magic, dtype in _DTYPES.items()}
_MOST_DIMENSIONS = 8
_LEAST_STORED = 3


class Matrix:
    """A matrix in an open file.

    Attributes
    ----------
    shape : tuple of int
    dtype : dtype
        uint8, int16, int32, float32 or float64, native byte order.
    """

    def __init__(self, file: Unpacked, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._file = file
        self._stored = dtype
        self.shape = shape
        self.dtype = dtype.newbyteorder("=")

    def blocks(self, n_rows: int) -> Iterator[NDArray[Any]]:
        """Go through the matrix once, so many rows at a time, and look whether it ends where it should.

        Yields
        ------
        ndarray of shape (n_rows or fewer, ...)

        Raises
        ------
        DataError
            If the content ends before, or goes on afterwards.
        """
        row = math.prod(self.shape[1:]) * self._stored.itemsize
        for start in range(0, self.shape[0], n_rows):
            block = np.empty((min(n_rows, self.shape[0] - start), *self.shape[1:]), self._stored)
            n = fill(self._file, block)
            if n < block.nbytes:
                promised, had = self.shape[0] * row, start * row + n
                raise DataError(
                    f"is cut off: its header says {self.shape}, {promised} bytes, it has {had}; get it again"
                )
            yield block.astype(self.dtype, copy=False)
        if self._file.read(1):
            raise DataError(f"goes on after its end: its header says {self.shape}, it has more")


@contextmanager
def open_matrix(path: str | os.PathLike[str]) -> Iterator[Matrix]:
    """Open a matrix file; gzip, bzip2 and xz are unpacked.

    What goes wrong within names the file.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    Matrix

    Raises
    ------
    DataError
        If the file is missing, is no matrix, is damaged, or promises more than a file of its size can hold.
    """
    with reading(path) as allowance, unpacked(path) as file:
        shape, dtype, n_header = _read_header(file)
        promised = math.prod(shape) * dtype.itemsize
        if not file.packed and n_header + promised > allowance.size:
            raise DataError(
                f"is cut off: its header says {shape}, {promised} bytes, it has "
                f"{allowance.size - n_header}; get it again"
            )
        allowance.take(promised, f"what its header says, {shape},")
        yield Matrix(file, shape, dtype)


def read_matrix(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read a matrix file as a whole; see `open_matrix`.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ndarray
        In the header's shape and dtype, native byte order.

    Raises
    ------
    DataError
        As `open_matrix`, and if the content is shorter or longer than the header says.
    """
    with open_matrix(path) as matrix:
        (values,) = matrix.blocks(matrix.shape[0])
        return values


def write_matrix(path: str | os.PathLike[str], values: NDArray[Any]) -> None:
    """Write a matrix file, whole or not at all; a name that ends in .gz is compressed.

    Parameters
    ----------
    path : path-like
    values : ndarray
        uint8, int16, int32, float32 or float64, of one to eight dimensions.

    Raises
    ------
    DataError
        If the format cannot hold the array.
    FileError
        If the file cannot be written.
    """
    write_blocks(path, values.shape, values.dtype, [values])


def write_blocks(
    path: str | os.PathLike[str], shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[Any]]
) -> None:
    """Write a matrix file from blocks of its rows, as they are made; see `write_matrix`.

    Parameters
    ----------
    path : path-like
    shape : tuple of int
        Of the whole.
    dtype : dtype-like
    blocks : iterable of ndarray, shape (n_rows, ...)

    Raises
    ------
    DataError
        If the format cannot hold such an array, or the blocks do not come to the shape.
    FileError
        If the file cannot be written.
    """
    stored = np.dtype(dtype).newbyteorder("<")
    if stored not in _MAGIC:
        raise DataError(f"the matrix format holds {', '.join(map(str, _MAGIC))}, got {np.dtype(dtype)}")
    if not 1 <= len(shape) <= _MOST_DIMENSIONS or not all(0 < n < 2**31 for n in shape):
        raise DataError(f"the matrix format cannot hold the shape {shape}")
    sizes = shape + (1,) * (_LEAST_STORED - len(shape))
    with writing(path) as temporary, _created(temporary, os.fspath(path).endswith(".gz")) as file:
        file.write(struct.pack(f"<II{len(sizes)}i", _MAGIC[stored], len(shape), *sizes))
        n = 0
        for block in blocks:
            if block.shape[1:] != shape[1:] or block.dtype != np.dtype(dtype):
                raise DataError(f"rows of {shape[1:]} are to be written, got {block.dtype} {block.shape}")
            n += len(block)
            file.write(np.ascontiguousarray(block, stored).data)
        if n != shape[0]:
            raise DataError(f"{shape[0]} rows are to be written, got {n}")


@contextmanager
def _created(path: os.PathLike[str], packed: bool) -> Iterator[IO[bytes] | gzip.GzipFile]:
    with open(path, "wb") as raw:
        if not packed:
            yield raw
            return
        # Without name and time, so that the same matrix is the same file.
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as file:
            yield file


def _read_header(file: Unpacked) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    """Shape, dtype as it is stored, and the bytes that the header takes."""
    start = file.read(8)
    magic, n_dimensions = struct.unpack("<II", start) if len(start) == 8 else (0, 0)
    if magic not in _DTYPES:
        raise DataError(f"is not a matrix of NORB's format: it begins with {start[:4].hex() or 'nothing'}")
    if not 1 <= n_dimensions <= _MOST_DIMENSIONS:
        raise DataError(f"is damaged: its header says {n_dimensions} dimensions")
    n = max(n_dimensions, _LEAST_STORED)
    sizes = file.read(4 * n)
    if len(sizes) < 4 * n:
        raise DataError("is cut off within its header; get it again")
    shape = struct.unpack(f"<{n}i", sizes)[:n_dimensions]
    if min(shape) < 1:
        raise DataError(f"holds nothing: its header says {shape}")
    return shape, _DTYPES[magic], len(start) + len(sizes)
