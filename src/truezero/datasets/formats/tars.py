"""Files of a tar archive, one after the other, in memory: nothing is written to the disk."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from truezero.core.text import printable
from truezero.datasets.formats.source import Allowance, Unpacked, reading, unpacked
from truezero.errors import DataError

ENDS = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
_MOST_MEMBERS = 200_000
_PIECE = 1 << 20


class _Counted:
    """Content of an archive as it is unpacked, as much as its size allows."""

    def __init__(self, file: Unpacked, most: int) -> None:
        self._file, self._most = file, most
        self.n_read = 0
        self.n_without_zeros = 0  # at the end

    def read(self, n: int) -> bytes:
        piece = self._file.read(n)
        if used := len(piece.rstrip(b"\0")):
            self.n_without_zeros = self.n_read + used
        self.n_read += len(piece)
        if self.n_read > self._most:
            raise DataError("unpacks to more than a file of its size can honestly hold")
        return piece


def files_in(path: Path) -> Iterator[tuple[str, bytes, Allowance]]:
    """Every file of an archive: its name, its content, and what memory may still be taken.

    Raises
    ------
    DataError
        If the archive is missing or damaged, unpacks to far more than its size, names a file twice or
        outside of the archive, or holds links, devices or other things that are no files.
    """
    with reading(path) as allowance, unpacked(path) as file:
        counted = _Counted(file, allowance.left)
        seen = set[str]()
        try:
            with tarfile.open(fileobj=cast(IO[bytes], counted), mode="r|", errorlevel=2) as archive:
                for member in archive:
                    if len(seen) > _MOST_MEMBERS:
                        raise DataError(f"has more than {_MOST_MEMBERS} members")
                    name = _checked_name(member)
                    if member.isdir():
                        continue
                    if name in seen:
                        raise DataError(f"holds {printable(name, 200)} twice")
                    seen.add(name)
                    yield name, _content(archive, member, allowance), allowance
                end = archive.offset
            while counted.read(_PIECE):  # to its end, where a checksum may stand
                pass
            # The library takes a header that it cannot read for the end of the archive.
            if counted.n_without_zeros > end or counted.n_read < end + tarfile.BLOCKSIZE:
                raise DataError(f"is damaged or cut off at byte {end}; get it again")
        except tarfile.TarError as error:
            raise DataError(f"is damaged or no tar archive ({printable(error)}); get it again") from error
        if not seen:
            raise DataError("holds no files")


def _checked_name(member: tarfile.TarInfo) -> str:
    name = member.name
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or parts[0] == "/" or "\\" in name or "\0" in name:
        raise DataError(f"names a file outside of itself: '{printable(name, 200)}'; it is not read")
    if not (member.isdir() or member.isreg()) or member.issparse():
        raise DataError(f"holds {printable(name, 200)}, which is no plain file; it is not read")
    return str(PurePosixPath(name))


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, allowance: Allowance) -> bytes:
    if member.size > allowance.left:
        raise DataError(
            f"is damaged: {printable(member.name, 200)} is said to have {member.size} bytes, more than can be"
        )
    file: Any = archive.extractfile(member)
    pieces, n = [], 0
    while n < member.size and (piece := file.read(min(_PIECE, member.size - n))):
        pieces.append(piece)
        n += len(piece)
    if n < member.size:
        raise DataError(f"is cut off within {printable(member.name, 200)}; get it again")
    return b"".join(pieces)
