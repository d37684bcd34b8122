"""What is known of a data set that has a name: where its files come from and lie, and how it is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truezero.core.text import printable
from truezero.datasets.dataset import Dataset
from truezero.datasets.texts import TextDataset
from truezero.errors import DataError

MADE = "made by truezero"
"""Licence of data sets that are generated: there is none to keep."""


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded.

    Attributes
    ----------
    name : str
        As it is called here; no folders.
    url : str
    checksum : str
        Kind and digits as published: ``"sha256:…"``, ``"sha1:…"`` or ``"md5:…"``.
    size : int or None
        Bytes, where they are known.
    also : tuple of str
        Checksums of other files with the same content, packed by somebody else.
    """

    name: str
    url: str
    checksum: str
    size: int | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Making:
    """How a data set is to be made.

    Attributes
    ----------
    folder : Path
        Where it goes; whoever makes it makes the folder.
    sources : sequence of Path
        Folders where the files that it is made from may lie.
    size : str or int
        "smoke", "laptop" or "paper", or a number of training rows.
    seed : int or None
        None: the set's own.
    n_jobs : int or None
        Processes.
    report : callable
        Called with a line on what is being done.
    """

    folder: Path
    sources: Sequence[Path]
    size: str | int
    seed: int | None
    n_jobs: int | None
    report: Callable[[str], Any]


Folders = Sequence[Path]


@dataclass(frozen=True)
class NamedDataset:
    """A data set that has a name.

    Attributes
    ----------
    name, description : str
    load : callable
        ``load(folders) -> Dataset``; the files are in some of the folders, earlier ones count more.
    missing : callable
        ``missing(folders) -> tuple of str``: files that are in none of them; empty if it can be loaded.
    licence : str
    page : str
        Address of people who read; empty where nothing has to be had.
    folder : str
        Its folder in the data folder; empty for what needs no files.
    elsewhere : tuple of str
        Other places, as torchvision or a package of Debian's put it: in the data folder, or absolute.
    downloads : tuple of RemoteFile
        Go to `folder`.
    accepted : tuple of RemoteFile
        Other official files that serve as well, for those who have them.
    by_hand : str
        How to get the files where they cannot be downloaded.
    make : callable or None
        ``make(making)`` writes it; see `Making`.
    made_from : tuple of str
        Folders, in the data folder, of what it is made from.
    texts : callable or None
        ``texts(folders) -> TextDataset``, of text; `load` gives its bag of words.
    stand_in_for : str or None
        The paper's data that it is used in place of.
    """

    name: str
    description: str
    load: Callable[[Folders], Dataset]
    missing: Callable[[Folders], tuple[str, ...]] = lambda folders: ()
    licence: str = MADE
    page: str = ""
    folder: str = ""
    elsewhere: tuple[str, ...] = ()
    downloads: tuple[RemoteFile, ...] = ()
    accepted: tuple[RemoteFile, ...] = ()
    by_hand: str = ""
    make: Callable[[Making], None] | None = None
    made_from: tuple[str, ...] = ()
    texts: Callable[[Folders], TextDataset] | None = None
    stand_in_for: str | None = None

    def folders(self, root: Path) -> list[Path]:
        """Where its files may lie, given the data folder."""
        return [root / place for place in ((self.folder,) if self.folder else ()) + self.elsewhere]

    def how(self) -> str:
        """How one gets it, for a message."""
        if self.downloads:
            return f"`truezero data fetch {self.name}` gets it from {self.page}"
        if self.by_hand:
            return self.by_hand
        return f"`truezero data make {self.name}` makes it" if self.make else f"get it from {self.page}"


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a named data set on this machine.

    Attributes
    ----------
    name, description : str
    source : str
        Address of the official files; empty where nothing has to be had.
    location : str
        Folder it is looked for in; empty for what needs no files.
    missing : tuple of str
        Files that are not there.
    licence : str
    stand_in_for : str or None
        The paper's data that it is used in place of.
    how : str
        How one gets it, in a few words; empty where nothing has to be had.
    """

    name: str
    description: str
    source: str
    location: str
    missing: tuple[str, ...]
    licence: str = ""
    stand_in_for: str | None = None
    how: str = ""

    @property
    def found(self) -> bool:
        """Whether it can be loaded."""
        return not self.missing


def find_file(folders: Folders, names: Sequence[str]) -> Path | None:
    """Find the first folder's first file that is there under one of the names."""
    return next((folder / n for folder in folders for n in names if os.path.isfile(folder / n)), None)


def refuse_missing(known: NamedDataset, root: Path) -> None:
    """Say which file is missing and how it is got.

    Raises
    ------
    DataError
        If a data set cannot be loaded.
    """
    missing = known.missing(known.folders(root))
    if missing:
        folder = known.made_from[0] if known.by_hand and known.made_from else known.folder
        raise DataError(
            f"{known.name}: {missing[0]} is not in {printable(str(root / folder), 300)}; {known.how()}, or "
            f"say with --data-dir or TRUEZERO_DATA where it is (the folder that holds {folder}/)"
        )
