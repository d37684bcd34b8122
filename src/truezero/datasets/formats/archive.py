"""Members of an npz file, a zip of arrays: what their headers say, and the arrays when they are asked for."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.datasets.formats.npy import Header, read_header, read_values
from truezero.datasets.formats.source import Allowance
from truezero.errors import DataError

_MOST_MEMBERS = 10_000
_END, _NOT_SAID = b"PK\x05\x06", 0xFFFF  # what ends an archive; a count that stands elsewhere
MOST_DEFLATED = 1032  # times its size that deflate can shrink what it is given


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
            with self._opened(name) as file:
                header, n = read_header(file, name)
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
    def content(self, name: str) -> Iterator[IO[bytes]]:
        """Open an array behind its header."""
        with self._opened(name) as file:
            read_header(file, name)
            yield file

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[bytes]]:
        member = self._members[name]
        if member.flag_bits & 1:
            raise DataError(f"has {name} encrypted; save it as it is")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f"has {name} compressed in a way that NumPy does not write; use np.savez_compressed"
            )
        most = 1 if member.compress_type == zipfile.ZIP_STORED else MOST_DEFLATED
        if member.compress_size > self.allowance.size or member.file_size > most * (member.compress_size + 1):
            raise DataError(f"is damaged: {name} is said to have {member.file_size} bytes, more than can be")
        with unzipping():
            file = self._zip.open(member)
        with file:
            yield _Content(file)  # type: ignore[misc] # of IO it has what is used


def _count(file: IO[bytes], size: int) -> int:
    """Members that the end of an archive counts, which the zip module does not look at."""
    file.seek(max(size - 22 - 0xFFFF, 0))
    tail = file.read()
    end = tail.rfind(_END)
    return int.from_bytes(tail[end + 10 : end + 12], "little")


class _Content:
    """Content of a member, unpacked in pieces."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, n: int) -> bytes:
        with unzipping():
            return self._file.read(n)


@contextmanager
def unzipping() -> Iterator[None]:
    """Whatever the zip module makes of a damaged file: there is no end to the kinds of its errors."""
    try:
        yield
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(f"is damaged or no npz file ({printable(error)}); get it again") from error
