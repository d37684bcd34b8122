"""Files of tables: which kinds there are, and how each is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from truezero.datasets.formats.delimited import csv_table, tsv_table
from truezero.datasets.formats.json_lines import json_table
from truezero.datasets.formats.parquet import parquet_table
from truezero.datasets.formats.reviews import fdu_table, reviews_table
from truezero.datasets.formats.source import Allowance, named, plain_name
from truezero.datasets.formats.tables import Table
from truezero.datasets.formats.text_lines import TextLines, check_encoding
from truezero.datasets.formats.zipped import name_within, opened
from truezero.errors import DataError

_KINDS: dict[str, Callable[[TextLines, str], Table]] = {
    ".csv": lambda lines, name: csv_table(lines),
    **dict.fromkeys((".tsv", ".tab"), lambda lines, name: tsv_table(lines)),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), lambda lines, name: json_table(lines)),
    ".review": reviews_table,
    **dict.fromkeys((".task.train", ".task.test"), lambda lines, name: fdu_table(lines, labelled=True)),
    ".task.unlabel": lambda lines, name: fdu_table(lines, labelled=False),
}
_PARQUET = ".parquet"
TEXTS = (".review", ".task.train", ".task.test", ".task.unlabel")
"""What names of tables end in that say themselves which column their texts are in."""

TABLES = (*_KINDS, _PARQUET)
"""What names of tables end in; also compressed, or alone in a zip archive."""


def is_table(path: Path) -> bool:
    """Whether a file is a table, by its name, or by that of what a zip archive holds.

    Raises
    ------
    DataError
        If it is a zip archive that cannot be read, or holds not one file but several.
    """
    return name_within(path).endswith(TABLES)


@contextmanager
def open_table(path: Path, encoding: str | None = None) -> Iterator[tuple[Table, Allowance]]:
    """Open a table, and name the file in whatever goes wrong.

    Parameters
    ----------
    path : Path
    encoding : str, optional
        Of its text; None: what a mark at its start says, else UTF-8.

    Yields
    ------
    Table
    Allowance
        Of the memory that what is kept of it may take.

    Raises
    ------
    DataError
        If the file is missing, damaged or no table, and for what is wrong with the rows that are read.
    OptionError
        If there is no such encoding.
    """
    check_encoding(encoding)
    with opened(path) as (name, allowance, file):
        kind = next((kind for end, kind in _KINDS.items() if name.endswith(end)), None)
        if kind is not None:
            yield kind(TextLines(file, allowance, encoding), named(path)), allowance
        elif plain_name(path).endswith(_PARQUET) and not file.packed:
            with parquet_table(path, allowance) as table:
                yield table, allowance
        else:
            raise DataError(
                f"is no table; known: {', '.join(TABLES)}, a .parquet file as it is, the others packed too"
            )
