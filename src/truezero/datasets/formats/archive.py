"""Members of an npz file, a zip of arrays: what their headers say, and the arrays when they are asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.datasets.formats.npy import Header, read_header, read_values
from truezero.datasets.formats.source import Allowance, Readable
from truezero.datasets.formats.zips import Unzipped, open_member, unzipping
from truezero.errors import DataError

_MOST_MEMBERS = 10_000
_END, _NOT_SAID = b"PK\x05\x06", 0xFFFF  # what ends an archive; a count that stands elsewhere


class Archive:
    """An npz file that is open.

    Attributes
    ----------
    names : tuple of str
        Of its arrays.
    allowance : Allowance
    """

    def __init__(self, file: IO[bytes], allowance: Allowance) -> None:
        self.allowance = allowance
        with unzipping():
            self._zip = zipfile.ZipFile(file)
        members = self._zip.infolist()
        if len(members) > _MOST_MEMBERS:
            raise DataError(f"has {len(members)} members, more than {_MOST_MEMBERS}")
        if _count(file, allowance.size) not in (len(members), _NOT_SAID):
            raise DataError(
                "is damaged: its directory does not list as many members as it says; get it again"
            )
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in self._members:
                raise DataError(f"is damaged: it holds {printable(name)} twice")
            # A member that is not read must still be what the directory says: its damaged name may have
            # been one that matters.
            with unzipping():
                self._zip.open(member).close()
            self._members[name] = member
        self.names = tuple(self._members)
        self._headers: dict[str, Header] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def listed(self) -> str:
        """Names of what it holds, for a message."""
        return printable(", ".join(self.names[:50]), 200) or "nothing"

    def header(self, name: str) -> Header:
        """What an array's header says, once it is sure that the file has content for it.

        Raises
        ------
        DataError
            If the array is not there or damaged, or the file cannot hold what the header says.
        """
        if name not in self._headers:
            if name not in self._members:
                raise DataError(f"is damaged: it holds no {name}, only {self.listed()}")
            with open_member(self._zip, self._members[name], self.allowance.size) as file:
                header, n = read_header(Unzipped(file), name)
            member = self._members[name]
            if n + header.n_bytes != member.file_size:
                raise DataError(
                    f"is damaged: {name} has {member.file_size - n} bytes, its header says {header.n_bytes}"
                )
            self._headers[name] = header
        return self._headers[name]

    def read(self, name: str) -> NDArray[Any]:
        """An array; see `header` for what is refused."""
        header = self.header(name)
        with self.content(name) as file:
            return read_values(file, header, self.allowance, name)

    @contextmanager
    def content(self, name: str) -> Iterator[Readable]:
        """Open an array behind its header."""
        with open_member(self._zip, self._members[name], self.allowance.size) as file:
            content = Unzipped(file)
            read_header(content, name)
            yield content


def _count(file: IO[bytes], size: int) -> int:
    """Members that the end of an archive counts, which the zip module does not look at."""
    file.seek(max(size - 22 - 0xFFFF, 0))
    tail = file.read()
    end = tail.rfind(_END)
    return int.from_bytes(tail[end + 10 : end + 12], "little")
