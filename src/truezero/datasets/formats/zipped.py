"""A file in a zip archive, read where it lies: nothing is written to the disk, whatever its name is."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from truezero.core.text import printable
from truezero.datasets.formats.source import Allowance, Unpacked, reading, unpacking
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
                raise DataError(f"has {printable(self.name)}, which {error}") from error
            except zipfile.BadZipFile as error:
                raise DataError(f"is damaged: {printable(error)}; get it again") from error


def has_member(archive: Path, name: str) -> bool:
    """Whether a file is a zip archive that lists a member; a damaged one is found out when it is read."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return name in opened.namelist()
    except Exception:  # there is no end to the kinds of its errors
        return False
