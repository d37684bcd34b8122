"""The user's own texts: which files hold some, and the data set that one is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from truezero.core.text import printable
from truezero.datasets.formats import tars
from truezero.datasets.formats.source import named
from truezero.datasets.formats.table_columns import each_text_of, read_texts
from truezero.datasets.formats.table_files import TEXTS, is_table, open_table
from truezero.datasets.formats.text_folders import holds_texts, read_texts_by_class
from truezero.datasets.formats.zipped import name_within
from truezero.datasets.texts import WORD, TextDataset
from truezero.errors import DataError, OptionError


def is_text(path: Path) -> bool:
    """Whether a file or folder is one of texts by its kind, so that no column need be named.

    Raises
    ------
    DataError
        If it is an archive that cannot be read.
    """
    if path.is_dir() or path.name.lower().endswith(tars.ENDS):
        return holds_texts(path)
    return name_within(path).endswith(TEXTS)


def columns_of(path: Path, encoding: str | None = None) -> tuple[str, ...]:
    """Names of the columns of a table; none of what is no table.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    if path.is_dir() or not is_table(path):
        return ()
    with open_table(path, encoding) as (table, _):
        return table.names


def load_text_file(
    path: Path,
    *,
    text: str | None = None,
    target: str | None = None,
    encoding: str | None = None,
    labelled: bool = True,
) -> TextDataset:
    """Load texts of one's own; see `truezero.datasets.load_texts`."""
    if path.is_dir() or path.name.lower().endswith(tars.ENDS):
        if text is not None or target is not None:
            raise OptionError("text and target name columns of a table; texts in folders are named by these")
        return TextDataset(named(path), **read_texts_by_class(path, encoding))
    _check_table(path)
    texts, y, pattern = read_texts(path, text, target, encoding, labelled=labelled)
    return TextDataset(named(path), texts, y, token_pattern=pattern or WORD)


def _check_table(path: Path) -> None:
    if not is_table(path):
        raise DataError(f"{printable(os.fspath(path), 300)} is no table, and no folder of texts")


@dataclass(frozen=True)
class TextColumn:
    """Texts in a column of a table, read from the file whenever they are gone through; none of them is kept.

    For `BagOfWords`, where they do not fit into memory.

    Attributes
    ----------
    path : path-like
        A CSV, TSV, JSON lines, Parquet or `.review` file.
    text : str or None
        The column; None in formats that say it.
    encoding : str or None
        None: what a mark at the start of the file says, else UTF-8.
    """

    path: str | os.PathLike[str]
    text: str | None = None
    encoding: str | None = None

    def __iter__(self) -> Iterator[str]:
        path = Path(self.path)
        _check_table(path)
        return each_text_of(path, self.text, self.encoding)
