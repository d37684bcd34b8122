"""CSV and TSV: a line of names, then a row a line.

CSV as RFC 4180 has it: a cell in quotes may hold separators, line ends and doubled quotes. The separator is
the comma, semicolon, tab or bar that the first line has most of. In TSV a tab always separates and a line end
always ends a row, so that quotes need not be closed; a cell that is quoted as in CSV is read without its
quotes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from truezero.core.text import printable
from truezero.datasets.formats.tables import Cells, Table, picked
from truezero.datasets.formats.text_lines import LONGEST, TextLines
from truezero.errors import DataError

_SEPARATORS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')


def csv_table(lines: TextLines) -> Table:
    """Open a CSV file.

    Raises
    ------
    DataError
        If it has no line of names; while it is read, if a row has other cells than that has names, or quotes
        do not fit.
    """
    first = _first(lines)
    unquoted = _QUOTED.sub("", first)
    separator = max(_SEPARATORS, key=unquoted.count)
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST))  # texts are longer than the module's 128 KiB
    reader = csv.reader(chain([first], lines), delimiter=separator, strict=True)

    def whole_rows() -> Iterator[tuple[int, list[str]]]:
        began = lines.number
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise DataError(f"line {began} is no CSV: {_said(error)}") from error
            if row is None:
                return
            if row:  # else it is a blank line
                yield began, row
            began = lines.number + 1

    return _table(whole_rows(), "")


def _said(error: csv.Error) -> str:
    """What the module says, in words that help."""
    if "unexpected end" in str(error) or "field larger" in str(error):
        return "a quote that it opens is not closed"
    return f"{printable(error)}; a quote within quotes must be doubled"


def tsv_table(lines: TextLines) -> Table:
    """Open a TSV file; see `csv_table`."""
    first = _first(lines)

    def whole_rows() -> Iterator[tuple[int, list[str]]]:
        for line in chain([first], lines):
            if text := line.rstrip("\r\n"):
                yield (
                    lines.number,
                    [_unquoted(cell) if cell[:1] == '"' else cell for cell in text.split("\t")],
                )

    return _table(
        whole_rows(), "; a cell of a TSV file must be in one line: write CSV if texts have line ends"
    )


def _unquoted(cell: str) -> str:
    inner = cell[1:-1].replace('""', "")
    return cell[1:-1].replace('""', '"') if len(cell) > 1 and cell[-1] == '"' and '"' not in inner else cell


def _first(lines: TextLines) -> str:
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise DataError("is empty: its first line must name the columns")
    if "\0" in first:
        raise DataError("has zeros in its first line; say with --encoding what it is (utf-16, …)")
    return first


def _table(whole_rows: Iterator[tuple[int, list[str]]], hint: str) -> Table:
    _, header = next(whole_rows)
    names = tuple(name.strip() for name in header)

    def read(places: Sequence[int]) -> Iterator[tuple[int, Cells]]:
        pick = picked(places)
        for number, row in whole_rows:
            if len(row) != len(names):
                raise DataError(
                    f"line {number} has {len(row)} cell{'s' * (len(row) != 1)}, the first line names "
                    f"{len(names)}{hint}"
                )
            yield number, pick(row)

    return Table(names, "line", read)
