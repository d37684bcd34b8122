"""A file in a zip archive, read where it lies: nothing is written to the disk, whatever its name is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from truezero.core.text import printable
from truezero.datasets.formats.source import (
    Allowance,
    Unpacked,
    plain_name,
    reading,
    unpacked,
    unpacking,
)
from truezero.datasets.formats.zips import open_member, unzipping
from truezero.errors import DataError


@dataclass(frozen=True)
class ZipMember:
    """A file in an archive.

    Attributes
    ----------
    archive : Path
    name : str
        With its folders, as the archive has it.
    """

    archive: Path
    name: str

    @contextmanager
    def content(self) -> Iterator[tuple[Allowance, Unpacked]]:
        """Open it; it may be compressed once more.

        Yields
        ------
        Allowance
            By what the member alone takes in the archive.
        Unpacked

        Raises
        ------
        DataError
            If the archive is missing or damaged, does not have it once, or has it encrypted; and for what is
            raised within, naming both.
        """
        with reading(self.archive) as whole, open(self.archive, "rb") as file:
            with unzipping():
                opened = zipfile.ZipFile(file)
                found = [member for member in opened.infolist() if member.filename == self.name]
            if len(found) != 1:
                raise DataError(f"holds {printable(self.name)} {len(found)} times; get the archive again")
            (member,) = found
            try:
                with open_member(opened, member, whole.size) as raw:
                    yield Allowance(member.compress_size), unpacking(raw)
            except DataError as error:
                raise DataError(f"({printable(self.name)}) {error}") from error
            except zipfile.BadZipFile as error:
                raise DataError(f"is damaged: {printable(error)}; get it again") from error


def has_member(archive: Path, name: str) -> bool:
    """Whether a file is a zip archive that lists a member; a damaged one is found out when it is read."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return name in opened.namelist()
    except Exception:  # there is no end to the kinds of its errors
        return False


_END = ".zip"
_BESIDE = "__MACOSX"  # where macOS puts what it knows of the files


def _only_member(archive: Path) -> ZipMember:
    with reading(archive), open(archive, "rb") as file:
        with unzipping():
            names = [member.filename for member in zipfile.ZipFile(file).infolist() if not member.is_dir()]
        names = [
            name
            for name in names
            if PurePosixPath(name).parts[:1] != (_BESIDE,) and not PurePosixPath(name).name.startswith(".")
        ]
        if len(names) != 1:
            listed = printable(", ".join(names[:10]), 200)
            raise DataError(
                f"must hold one file, it holds {len(names)}{': ' if names else ''}{listed}; unpack it"
            )
        return ZipMember(archive, names[0])


def name_within(path: Path) -> str:
    """Name of what is in a file, or in a zip archive's one file, in lower case, without `.gz` and the like.

    Raises
    ------
    DataError
        If it is a zip archive that cannot be read, or holds not one file but several.
    """
    name = plain_name(path)
    return plain_name(_only_member(path).name) if name.endswith(_END) else name


@contextmanager
def opened(path: Path) -> Iterator[tuple[str, Allowance, Unpacked]]:
    """Open a file, or the one file of a zip archive, for reading; what is compressed is unpacked on the way.

    Yields
    ------
    str
        See `name_within`.
    Allowance
    Unpacked

    Raises
    ------
    DataError
        See `reading`; and as in `name_within`.
    """
    name = plain_name(path)
    if name.endswith(_END):
        member = _only_member(path)
        with member.content() as (allowance, file):
            yield plain_name(member.name), allowance, file
    else:
        with reading(path) as allowance, unpacked(path) as file:
            yield name, allowance, file
