"""What tables are read for: a column of texts, or columns of numbers, and one of targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.datasets.formats.source import Allowance
from truezero.datasets.formats.table_files import open_table
from truezero.datasets.formats.tables import Cells, Table, listed
from truezero.errors import DataError

OF_A_TEXT = 56  # bytes that a text takes beside its characters
_CELLS = 1 << 19  # at a time
_LONGEST_LABEL = 1000  # characters
_WHOLE = 2.0**53  # whole numbers below are exact in float64


# ---- texts ------------------------------------------------------------------------------------------


def read_texts(
    path: Path, text: str | None, target: str | None, encoding: str | None, *, labelled: bool = True
) -> tuple[list[str], NDArray[Any] | None, str | None]:
    """Read texts and their targets.

    Parameters
    ----------
    path : Path
    text, target : str or None
        Their columns; None: those that the format itself has for them, if any.
    encoding : str or None
        See `open_table`.
    labelled : bool
        Whether targets are read.

    Returns
    -------
    list of str
        Empty where the table has nothing.
    ndarray or None
        See `targets`; None without a column of targets.
    str or None
        What a word is, in formats whose texts are words already.

    Raises
    ------
    DataError
        If the file cannot be read, has no such columns or no rows, or a row has no text or no target.
    """
    with open_table(path, encoding) as (table, allowance):
        columns = [_text_column(table, text)]
        if labelled and (target is not None or table.target is not None):
            columns.append(target if target is not None else str(table.target))
        texts, cells, numbers = list[str](), list[Any](), list[int]()
        for number, row in table.rows(columns):
            texts.append(_kept_text(row[0], number, columns[0], table, allowance))
            if len(columns) > 1:
                _keep(cells, row[1], allowance)
                numbers.append(number)
        if not texts:
            raise DataError("has no rows below the names of its columns")
        y = targets(cells, numbers, columns[1], table.unit) if len(columns) > 1 else None
        return texts, y, table.token_pattern


def each_text_of(path: Path, text: str | None, encoding: str | None) -> Iterator[str]:
    """Texts of a table one after the other, none of them kept; see `read_texts`."""
    with open_table(path, encoding) as (table, _):
        column = _text_column(table, text)
        for number, (cell,) in table.rows([column]):
            yield _as_text(cell, number, column, table)


def _text_column(table: Table, text: str | None) -> str:
    column = text if text is not None else table.text
    if column is None:
        raise DataError(
            "does not say which column its texts are in: say it with --text; its columns are "
            f"{listed(table.names)}"
        )
    return column


def _as_text(cell: Any, number: int, column: str, table: Table) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        raise DataError(
            f"{table.unit} {number} has no text in the column {printable(column)}: {printable(repr(cell))}"
        )
    return cell


def _kept_text(cell: Any, number: int, column: str, table: Table, allowance: Allowance) -> str:
    text = _as_text(cell, number, column, table)
    allowance.take(len(text) + OF_A_TEXT, "its texts")
    return text


# ---- targets ----------------------------------------------------------------------------------------


def _keep(cells: list[Any], cell: Any, allowance: Allowance) -> None:
    allowance.take((len(cell) if isinstance(cell, str) else 0) + OF_A_TEXT, "its targets")
    cells.append(cell)


def targets(cells: Sequence[Any], numbers: Sequence[int], column: str, unit: str) -> NDArray[Any]:
    """Targets of rows: numbers if they are all numbers, classes if none is.

    Parameters
    ----------
    cells : sequence
        One for each row.
    numbers : sequence of int
        Where the rows are.
    column, unit : str
        For messages.

    Returns
    -------
    ndarray of shape (n,)
        int64 if all are whole numbers, else float64, else text.

    Raises
    ------
    DataError
        Naming a row that has none, or where some are numbers and others are not.
    """

    def refuse(place: int, what: str) -> None:
        raise DataError(f"{unit} {numbers[place]} has {what} in the column {printable(column)}")

    for place, cell in enumerate(cells):
        if _is_nothing(cell):
            refuse(place, "no target")
        if not isinstance(cell, str) and _numbers([cell]) is None:
            refuse(place, "no target, but a list or an object")
        if isinstance(cell, str) and len(cell) > _LONGEST_LABEL:
            refuse(place, "no target, but a long text")
    values = _numbers(cells)
    if values is None:
        words = [place for place, cell in enumerate(cells) if _numbers([cell]) is None]
        if len(words) < len(cells):
            refuse(words[0], f"'{printable(cells[words[0]], 40)}', which is no number, as others are,")
        return np.array([cell.strip() for cell in cells])
    if (abs(values) < _WHOLE).all() and (values == np.round(values)).all():
        return values.astype(np.int64)
    return values


def _is_nothing(cell: Any) -> bool:
    return cell is None or cell != cell or (isinstance(cell, str) and not cell.strip())


def _numbers(cells: Sequence[Any]) -> NDArray[np.float64] | None:
    """Cells as finite numbers; None if one of them is none."""
    try:
        values = np.fromiter(map(float, cells), np.float64, len(cells))
    except (TypeError, ValueError, OverflowError):
        return None
    strange = not np.isfinite(values).all() or any(isinstance(cell, str) and "_" in cell for cell in cells)
    return None if strange else values


# ---- numbers ----------------------------------------------------------------------------------------


class _Column:
    """A column that may be one of numbers.

    Attributes
    ----------
    pieces : list of ndarray
        Its numbers, as long as it has no others.
    n : int
        How many there were.
    gap : int or None
        The first row that has nothing there.
    wrong : (int, object) or None
        The first row that has something else there, and what.
    """

    def __init__(self) -> None:
        self.pieces: list[NDArray[Any]] = []
        self.n = 0
        self.gap: int | None = None
        self.wrong: tuple[int, Any] | None = None

    def add(self, cells: Sequence[Any], numbers: Sequence[int], allowance: Allowance) -> None:
        """Read on."""
        if self.wrong is not None:
            return
        values = _numbers(cells)
        if values is None:
            others = [
                (number, cell)
                for number, cell in zip(numbers, cells, strict=True)
                if _numbers([cell]) is None
            ]
            gaps = [number for number, cell in others if _is_nothing(cell)]
            self.gap = gaps[0] if gaps and self.gap is None else self.gap
            self.wrong = next(((number, cell) for number, cell in others if not _is_nothing(cell)), None)
            self.n += len(cells) - len(others)
            self.pieces = []
        elif self.gap is None:
            kept = _smallest(values)
            allowance.take(2 * kept.nbytes, "its numbers")
            self.pieces.append(kept)
            self.n += len(kept)


def read_numbers_table(
    path: Path, target: str | None, columns: Sequence[str] | None, encoding: str | None
) -> dict[str, Any]:
    """Read rows of numbers and their targets.

    Parameters
    ----------
    path : Path
    target : str or None
        Column of the targets; None: there are none.
    columns : sequence of str or None
        The features; None takes all columns of numbers but the target's.
    encoding : str or None
        See `open_table`.

    Returns
    -------
    dict
        X_train, y_train and columns, the names of the features.

    Raises
    ------
    DataError
        If the file cannot be read, has no such columns or no rows, no column of numbers, or a row lacks a
        number.
    """
    with open_table(path, encoding) as (table, allowance):
        wanted = [name for name in table.names if name != target] if columns is None else list(columns)
        read, labels, numbers = [_Column() for _ in wanted], list[Any](), list[int]()
        asked = [*wanted, *([] if target is None else [target])]
        n = 0
        for chunk in _chunks(table.rows(asked), len(asked)):
            places, cells = (
                [number for number, _ in chunk],
                list(zip(*(row for _, row in chunk), strict=True)),
            )
            n += len(chunk)
            for column, of_column in zip(read, cells, strict=False):
                column.add(of_column, places, allowance)
            if target is not None:
                numbers += places
                for cell in cells[-1]:
                    _keep(labels, cell, allowance)
        if not n:
            raise DataError("has no rows below the names of its columns")
        chosen = _chosen(wanted, read, table.unit, every=columns is not None)
        y = None if target is None else targets(labels, numbers, target, table.unit)
        return {"X_train": _matrix(chosen), "y_train": y, "columns": tuple(chosen)}


def _chunks(rows: Iterator[tuple[int, Cells]], n_columns: int) -> Iterator[list[tuple[int, Cells]]]:
    while chunk := list(islice(rows, max(_CELLS // max(n_columns, 1), 1))):
        yield chunk


def _chosen(
    names: Sequence[str], columns: Sequence[_Column], unit: str, *, every: bool
) -> dict[str, list[NDArray[Any]]]:
    """Pieces of the columns of numbers; refuse one with gaps, and of those that are asked for any other."""
    chosen: dict[str, list[NDArray[Any]]] = {}
    for name, column in zip(names, columns, strict=True):
        if not every and (column.wrong is not None or not column.n):
            continue
        if column.wrong is not None or column.gap is not None:
            number, what = column.wrong or (column.gap, None)
            has = "nothing" if what is None else f"'{printable(what, 40)}', no number,"
            raise DataError(
                f"{unit} {number} has {has} in the column {printable(name)}; fill it, or leave out row or "
                "column"
            )
        chosen[name] = column.pieces
    if not chosen:
        raise DataError(
            f"has no column of numbers to learn from; its other columns are {listed(names)}: is one of them "
            "text, to be named with --text?"
        )
    return chosen


def _smallest(values: NDArray[np.float64]) -> NDArray[Any]:
    """The same numbers in the smallest of the kinds that rows may have."""
    if ((values >= 0) & (values <= 255) & (values == np.round(values))).all():
        return values.astype(np.uint8)
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return narrow if (narrow == values).all() else values


def _matrix(columns: dict[str, list[NDArray[Any]]]) -> NDArray[Any]:
    """Columns side by side; the pieces are given up."""
    kinds = {piece.dtype for of_column in columns.values() for piece in of_column}
    n = sum(len(piece) for piece in next(iter(columns.values())))
    X = np.empty((n, len(columns)), np.result_type(*kinds))
    for place, of_column in enumerate(columns.values()):
        X[:, place] = np.concatenate(of_column)
        of_column.clear()
    return X
