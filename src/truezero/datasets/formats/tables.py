"""Rows of named columns: what every kind of table is read as, whatever the file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from truezero.core.text import printable
from truezero.errors import DataError

Cells = tuple[Any, ...]
"""Of a row: text, numbers, truth values, None where there is nothing, or what else JSON and Parquet have."""


@dataclass(frozen=True)
class Table:
    """A table that is open, to be gone through once.

    Attributes
    ----------
    names : tuple of str
        Of the columns.
    unit : str
        What rows are counted in: "line" or "row".
    read : callable
        ``read(places) -> iterator of (number, cells)``, of the columns in these places, in this order; the
        number is where the row begins, from 1.
    text, target : str or None
        The columns of texts and targets, in formats that say so.
    token_pattern : str or None
        What a word of a text is, in formats whose texts are words already.
    """

    names: tuple[str, ...]
    unit: str
    read: Callable[[Sequence[int]], Iterator[tuple[int, Cells]]]
    text: str | None = None
    target: str | None = None
    token_pattern: str | None = None

    def rows(self, columns: Sequence[str]) -> Iterator[tuple[int, Cells]]:
        """Cells of some columns, row after row, each with where the row begins.

        Raises
        ------
        DataError
            If there is no such column, or two of that name, and for what is wrong with a row.
        """
        return self.read([self._place(name) for name in columns])

    def _place(self, name: str) -> int:
        n = self.names.count(name)
        if n != 1:
            raise DataError(
                f"has {n or 'no'} column{'s' * (n > 1)} '{printable(name)}'; its columns are "
                f"{listed(self.names)}"
            )
        return self.names.index(name)


def listed(names: Sequence[str]) -> str:
    """Names of columns, for a message."""
    return printable(", ".join(names[:50]), 300)


def picked(places: Sequence[int]) -> Callable[[Sequence[Any]], Cells]:
    """What takes the cells in some places out of a whole row."""
    if len(places) == 1:
        (place,) = places
        return lambda row: (row[place],)
    return itemgetter(*places) if places else lambda row: ()
