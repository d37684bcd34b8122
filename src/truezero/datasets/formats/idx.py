"""IDX, the official format of MNIST and its relatives: a big-endian header, then the values."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.datasets.formats.source import COMPRESSED, Allowance, Unpacked, reading, unpacked
from truezero.datasets.formats.zipped import ZipMember
from truezero.errors import DataError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 8
# How a header's shape and dtype are looked at before the values are read.
_Check = Callable[[tuple[int, ...], np.dtype[Any]], None]


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file; gzip, bzip2 and xz are unpacked.

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
        If the file is missing, is no IDX file, is truncated or longer than its header says, or is
        damaged gzip. No more memory is used than the file has content for.
    """
    return _read(path, lambda shape, dtype: None)


def read_images(path: Path | ZipMember) -> NDArray[np.uint8]:
    """IDX images, uint8, shape (n, height, width).

    Raises
    ------
    DataError
        As `read_idx`, and if it holds anything else.
    """

    def check(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        if len(shape) != 3 or dtype != np.uint8 or 0 in shape:
            raise DataError(
                f"must hold uint8 images (n, height, width), got {dtype.newbyteorder('=')} {shape}"
            )

    return _read(path, check)


def read_labels(path: Path | ZipMember, n: int) -> NDArray[np.int64]:
    """IDX labels, int64, shape (n,).

    Raises
    ------
    DataError
        As `read_idx`, and if it holds anything else.
    """

    def check(shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        if len(shape) != 1 or dtype.kind not in "iu":
            raise DataError(f"must hold one whole number per row, got {dtype.newbyteorder('=')} {shape}")
        if shape[0] != n:
            raise DataError(f"does not fit: there are {n} rows but {shape[0]} labels")

    return _read(path, check).astype(np.int64)


def labels_beside(images: Path) -> Path | None:
    """File of labels that lies beside one of images, under the official name; compressed or not."""
    name = images.name.replace("images", "labels").replace("idx3", "idx1")
    plain = next((name.removesuffix(end) for end in COMPRESSED if name.endswith(end)), name)
    names = [name, plain, *(plain + end for end in COMPRESSED)]
    return next((path for n in names if n != images.name and (path := images.with_name(n)).exists()), None)


def _read(path: str | os.PathLike[str] | ZipMember, check: _Check) -> NDArray[Any]:
    if isinstance(path, ZipMember):
        with path.content() as (allowance, file):
            return _parse(file, allowance, check)
    with reading(path) as allowance, unpacked(path) as file:
        return _parse(file, allowance, check)


def _parse(file: Unpacked, allowance: Allowance, check: _Check) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        raise DataError(f"is not an IDX file: it begins with {magic.hex() or 'nothing'}")
    if magic[3] > _MOST_DIMENSIONS:
        raise DataError(f"is damaged: its header says {magic[3]} dimensions")
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise DataError("is cut off within its header; get it again")
    shape = struct.unpack(f">{magic[3]}I", header)
    dtype = np.dtype(_DTYPES[magic[2]])
    if 0 in shape:
        raise DataError(f"holds nothing: its header says {shape}")
    check(shape, dtype)
    promised = math.prod(shape) * dtype.itemsize
    if not file.packed and promised > allowance.size:
        n = allowance.size - 4 - len(header)
        raise DataError(f"is cut off: its header says {shape}, {promised} bytes, it has {n}; get it again")
    allowance.take(promised, f"values of shape {shape}")
    values = np.empty(math.prod(shape), dtype)
    file.fill(values)
    return values.reshape(shape).astype(dtype.newbyteorder("="), copy=False)
