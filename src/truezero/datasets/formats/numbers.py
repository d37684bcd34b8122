"""Numbers of an array in a file, in a dtype that rows may have.

Floats of 4 and 8 bytes and uint8 stay what they are. Those of 2 bytes become float32, longer ones float64;
truth values and other whole numbers become float32 where it holds each of them exactly, else float64.

Dense rows that take more memory than a file of its size may (source.py) are nearly all zeros, or they would
not be so much shorter compressed. They are kept as CSR, made while they are unpacked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.datasets.formats.archive import Archive
from truezero.datasets.formats.npy import check_end
from truezero.errors import DataError

_CHUNK = 1 << 20


def kept_as(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Dtype that numbers of another are kept in, if that holds them exactly."""
    if dtype == np.uint8:
        return np.dtype(np.uint8)
    if dtype.kind == "f" and dtype.itemsize > 4:
        return np.dtype(np.float64)
    return np.dtype(np.float32)


def read_numbers(archive: Archive, name: str) -> NDArray[Any]:
    """Numbers in a dtype that rows may have; see the top of this file."""
    header = archive.header(name)
    if header.dtype.kind not in "biuf":
        raise DataError(f"must hold numbers in {name}, got dtype {header.dtype}")
    kept = kept_as(header.dtype)
    if kept == header.dtype.newbyteorder("="):
        return archive.read(name)
    archive.allowance.take(math.prod(header.shape) * kept.itemsize, name)
    numbers: NDArray[Any] = np.empty(math.prod(header.shape), kept)
    for at, values in _pieces(archive, name):
        if numbers.dtype == np.float32 and not _exact(values):
            archive.allowance.take(4 * len(numbers), name)
            numbers = numbers.astype(np.float64)
        numbers[at : at + len(values)] = values
    return numbers.reshape(header.shape, order="F" if header.fortran else "C")


def _exact(values: NDArray[Any]) -> bool:
    """Whether float32 holds whole numbers exactly; floats are rounded."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 4:
        return True
    return bool((values.astype(np.float32).astype(np.float64) == values.astype(np.float64)).all())


def _pieces(archive: Archive, name: str) -> Iterator[tuple[int, NDArray[Any]]]:
    """Values of an array in the order of the file, some at a time, each with where they begin."""
    header, n_read = archive.header(name), 0
    size = header.dtype.itemsize
    with archive.content(name) as file:
        while n_read < header.n_bytes:
            piece = file.read(min(_CHUNK // size * size, header.n_bytes - n_read))
            if not piece or len(piece) % size:
                break
            yield n_read // size, np.frombuffer(piece, header.dtype)
            n_read += len(piece)
        check_end(file, n_read, header, name)


def read_as_csr(archive: Archive, name: str) -> Any:
    """Rows without their zeros, never dense as a whole."""
    header = archive.header(name)
    kept = kept_as(header.dtype)
    shape = header.shape[::-1] if header.fortran else header.shape  # (lines of the file, values of a line)
    allowance, exact = archive.allowance, True
    allowance.take(8 * (sum(shape) + 2), name)
    data, indices = [], []
    ends = np.zeros(shape[0] + 1, np.int64)
    for at, values in _pieces(archive, name):
        places = np.flatnonzero(values)
        exact = exact and _exact(values[places])
        allowance.take(len(places) * 3 * (kept.itemsize + 8), f"{name}, which is not mostly zeros,")
        data.append(values[places].astype(kept if exact else np.float64))
        lines, columns = np.divmod(places + at, shape[1])
        indices.append(columns)
        if len(lines):
            counts = np.bincount(lines - lines[0])
            ends[lines[0] + 1 : lines[0] + 1 + len(counts)] += counts
    arrays = (np.concatenate(data), np.concatenate(indices), np.cumsum(ends))
    if header.fortran:
        return sparse.csr_array(sparse.csc_array(arrays, shape=header.shape))
    return sparse.csr_array(arrays, shape=header.shape)
