"""IDX, the official format of MNIST and its relatives: a big-endian header, then the values."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from truezero.errors import DataError

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CHUNK = 1 << 20


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an IDX file, gzipped or not.

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
    try:
        with open(path, "rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            return _parse(gzip.GzipFile(fileobj=raw) if zipped else raw, path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged or cut off (gzip: {error}); get it again") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _parse(file: IO[bytes] | gzip.GzipFile, path: str | os.PathLike[str]) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        raise DataError(f"{path} is not an IDX file: it begins with {magic.hex() or 'nothing'}")
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise DataError(f"{path} is cut off within its header; get it again")
    shape = struct.unpack(f">{magic[3]}I", header)
    dtype = np.dtype(_DTYPES[magic[2]])
    promised = math.prod(shape) * dtype.itemsize
    # The header may lie: read in pieces, so that memory follows the content, not the promise.
    content = bytearray()
    while len(content) <= promised:
        piece = file.read(min(_CHUNK, promised + 1 - len(content)))
        if not piece:
            break
        content += piece
    if len(content) != promised:
        state = "is cut off" if len(content) < promised else "goes on after its end"
        has = f"{len(content)} bytes" if len(content) < promised else "more"
        raise DataError(
            f"{path} {state}: its header says {shape}, {promised} bytes, it has {has}; get it again"
        )
    return np.frombuffer(content, dtype=dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
