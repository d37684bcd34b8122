"""JSON lines: an object a line, whose names are the columns; the first object says which there are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from truezero.core.text import printable
from truezero.datasets.formats.tables import Cells, Table
from truezero.datasets.formats.text_lines import TextLines
from truezero.errors import DataError


def json_table(lines: TextLines) -> Table:
    """Open a file of JSON lines.

    Raises
    ------
    DataError
        If it is empty or another kind of JSON; while it is read, naming the line that is no object.
    """
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise DataError("is empty: it must hold a JSON object a line")
    if first.lstrip().startswith("["):
        raise DataError("is one JSON list; it must hold a JSON object a line (JSON lines)")
    first_record = _record(first, lines.number)
    names = tuple(first_record)

    def read(places: Sequence[int]) -> Iterator[tuple[int, Cells]]:
        wanted = [names[place] for place in places]
        for line in chain([first], lines):
            if line.strip():
                record = _record(line, lines.number)
                yield lines.number, tuple(map(record.get, wanted))

    return Table(names, "line", read)


def _record(line: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except RecursionError:
        raise DataError(f"line {number} is nested too deep") from None
    except ValueError as error:
        raise DataError(f"line {number} is no JSON: {printable(error)}") from error
    if not isinstance(record, dict):
        raise DataError(f"line {number} is no JSON object")
    return record
