"""What npz files and other zip archives are opened by: how long a member can be, and what damage becomes."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from truezero.core.text import printable
from truezero.errors import DataError

_MOST_DEFLATED = 1032  # times its size that deflate can shrink what it is given


@contextmanager
def unzipping() -> Iterator[None]:
    """Whatever the zip module makes of a damaged file: there is no end to the kinds of its errors."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(f"is damaged or no zip archive ({printable(error)}); get it again") from error


@contextmanager
def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, size: int) -> Iterator[IO[bytes]]:
    """Open a member for reading, if it can be what the directory says.

    Parameters
    ----------
    archive : ZipFile
    member : ZipInfo
    size : int
        Bytes of the archive.

    Raises
    ------
    DataError
        If it is encrypted, compressed otherwise than by deflate, or said to be longer than it can be.
    """
    name = printable(member.filename)
    if member.flag_bits & 1:
        raise DataError(f"has {name} encrypted; save it as it is")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"has {name} compressed otherwise than by deflate, as NumPy and zip do it")
    most = 1 if member.compress_type == zipfile.ZIP_STORED else _MOST_DEFLATED
    if member.compress_size > size or member.file_size > most * (member.compress_size + 1):
        raise DataError(f"is damaged: {name} is said to have {member.file_size} bytes, more than can be")
    with unzipping():
        file = archive.open(member)
    with file:
        yield file


class Unzipped:
    """Content of a member, unpacked in pieces; what is damaged in it is a DataError."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, n: int, /) -> bytes:
        """At most n bytes."""
        with unzipping():
            return self._file.read(n)
