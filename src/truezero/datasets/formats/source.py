"""The door that every file comes through: what may be opened, how much it may hold, and what failures become.

Whatever is wrong with a file is one DataError of one line that names it. What a reader says within
`reading` need not name it.

A file may take memory in proportion to its size on disk, and not to what its header promises or what its
compression unpacks to: 256 MiB, or 16 times the file, where that is more. Honest data keep well below: text
takes three to five times its size, and numbers compress to a tenth at the very least. The one exception,
dense rows that are nearly all zeros, is kept as CSR (see numbers.py).

Sparse rows may be wider than all that is stored, but a network has weights for every feature: more than four
million features, and more than four for every byte of the file, must be asked for with n_features.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.errors import DataError, FileError, MissingFileError

_LEAST_ALLOWED = 256 << 20
_TIMES_ITS_SIZE = 16
_TIMES_UNPACKED = 100  # of text that is gone through and not kept
_LEAST_FEATURES, _FEATURES_PER_BYTE = 1 << 22, 4
_CHUNK = 1 << 20
_OPENERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)

COMPRESSED = (".gz", ".bz2", ".xz")


class Allowance:
    """Bytes of memory that what a file holds may still take."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._taken = 0
        self._most = max(_LEAST_ALLOWED, _TIMES_ITS_SIZE * size)

    @property
    def most_features(self) -> int:
        """Width that sparse rows may have by the word of the file alone."""
        return max(_LEAST_FEATURES, _FEATURES_PER_BYTE * self.size)

    @property
    def most_unpacked(self) -> int:
        """Bytes of text that a compressed file may unpack to, most of which need not be kept."""
        return max(_LEAST_ALLOWED, _TIMES_UNPACKED * self.size)

    @property
    def left(self) -> int:
        """What may still be taken."""
        return self._most - self._taken

    def take(self, n_bytes: int, what: str) -> None:
        """Count memory before it is used.

        Raises
        ------
        DataError
            If a file of this size cannot honestly hold so much.
        """
        if n_bytes > self.left:
            raise DataError(
                f"holds too much for a file of {_readable(self.size)}: with {what} it would take "
                f"{_readable(self._taken + n_bytes)}"
            )
        self._taken += n_bytes


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[Allowance]:
    """Look at a file before it is opened, and name it in whatever goes wrong.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    Allowance
        Of the memory that what the file holds may take.

    Raises
    ------
    DataError
        If the file is missing, no regular file, or cannot be read, and for what is raised within.
    """
    shown = printable(os.fspath(path), 300)
    try:
        yield Allowance(_size(path))
    except MissingFileError as error:
        raise MissingFileError(f"{shown} {error}", error.errno, os.fspath(path)) from error
    except DataError as error:
        raise DataError(f"{shown} {error}") from error
    except _DAMAGED as error:
        raise DataError(f"{shown} is damaged or cut off ({printable(error)}); get it again") from error
    except OSError as error:
        if error.errno is None:  # bz2's way to say that it is damaged
            raise DataError(f"{shown} is damaged or cut off ({printable(error)}); get it again") from error
        raise FileError(
            f"cannot read {shown}: {error.strerror or error}", error.errno, os.fspath(path)
        ) from error
    except MemoryError as error:
        raise DataError(f"{shown} holds more than fits into memory") from error


def _size(path: str | os.PathLike[str]) -> int:
    """Size of a regular file; whatever else would be waited for, or has no end."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingFileError("is not there", error.errno) from error
    except ValueError as error:  # a zero byte
        raise DataError("is no name of a file") from error
    if stat.S_ISDIR(status.st_mode):
        raise DataError("is a folder; name a file in it, or a data set with --data-dir")
    if not stat.S_ISREG(status.st_mode):
        raise DataError("is no regular file but a pipe, socket or device; write its content to a file first")
    return status.st_size


@contextmanager
def unpacked(path: str | os.PathLike[str]) -> Iterator[Unpacked]:
    """Open a file for reading; gzip, bzip2 and xz, known by their first bytes, are unpacked on the way."""
    with open(path, "rb") as raw:
        yield unpacking(raw)


def unpacking(raw: IO[bytes]) -> Unpacked:
    """Unpack what is open, if its first bytes say that it is compressed."""
    first = raw.read(6)
    raw.seek(0)
    opener = next((opener for magic, opener in _OPENERS.items() if first.startswith(magic)), None)
    return Unpacked(raw if opener is None else opener(raw), packed=opener is not None)


class Readable(Protocol):
    """What is used of a file."""

    def read(self, n: int, /) -> bytes:
        """At most n bytes."""
        ...


class Unpacked:
    """Content of a file, in order.

    Attributes
    ----------
    packed : bool
        Whether it is compressed, so that the size on disk does not say how long the content is.
    """

    def __init__(self, file: IO[bytes], packed: bool) -> None:
        self._file = file
        self.packed = packed

    def read(self, n: int) -> bytes:
        """At most n bytes; fewer only at the end."""
        return self._file.read(n)

    def fill(self, array: NDArray[Any]) -> None:
        """Read an array's bytes, in pieces, so that memory follows the content.

        Raises
        ------
        DataError
            If the content ends before, or goes on afterwards.
        """
        n = fill(self._file, array)
        if n < array.nbytes:
            raise DataError(
                f"is cut off: its header says {array.nbytes} bytes, it has {n} bytes; get it again"
            )
        if self._file.read(1):
            raise DataError(f"goes on after its end: its header says {array.nbytes} bytes, it has more")


def fill(file: Readable, array: NDArray[Any]) -> int:
    """Read bytes into a contiguous array; returns how many there were."""
    view, n = array.reshape(-1).view(np.uint8).data, 0
    while n < len(view) and (piece := file.read(min(_CHUNK, len(view) - n))):
        view[n : n + len(piece)] = piece
        n += len(piece)
    return n


def _readable(n_bytes: int) -> str:
    """Bytes in a unit that keeps the number short."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n_bytes >= size:
            return f"{n_bytes / size:.3g} {unit}"
    return f"{n_bytes} bytes"


def plain_name(path: str | os.PathLike[str]) -> str:
    """Name of what is in a file, without `.gz` and the like, in lower case."""
    name = Path(path).name.lower()
    return next((name.removesuffix(end) for end in COMPRESSED if name.endswith(end)), name)


def named(path: str | os.PathLike[str]) -> str:
    """Name of a file without its folders, as a data set is called after it."""
    return printable(Path(path).name, 300)
