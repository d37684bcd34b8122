"""A study's tables and texts for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from truezero.core.text import printable
from truezero.report.numbers import about, cell, percent, signed
from truezero.studies import Column, StudyResult
from truezero.studies import Table as Results

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_MOST_WORDS = 8


def study_tables(result: StudyResult, width: int = 80) -> list[Table]:
    """Make the tables of a study, with as many of their columns as there is room for.

    Details go first, then others, from the right; what is left out is said below.

    Parameters
    ----------
    result : StudyResult
    width : int
        Of the terminal, in characters.

    Returns
    -------
    list of rich.table.Table
    """
    from rich.table import Table
    from rich.text import Text

    made = []
    for of in result.tables:
        columns, left_out = _fitting(of, width)
        below = [of.title] if len(result.tables) > 1 else []
        below += [f"{stand_in.ours} stands in for {stand_in.paper}" for stand_in in result.stand_ins]
        if left_out:
            names = ", ".join(f"“{column.title}”" for column in left_out)
            below.append(f"no room for {names}: see the report")
        title = Text(printable(f"{result.title}: {about(result.facts)}", 500))
        table = Table(title=title, caption=Text(printable("; ".join(below), 2000)) if below else None)
        for column, room in columns:
            name = column.kind == "name"
            table.add_column(
                Text(printable(column.title)),
                justify="left" if name else "right",
                style="dim" if column.paper else None,
                width=None if name else room,
            )
        headed = _headed([column for column, _ in columns])
        section = None
        for row in of.rows:
            if row.get("section", section) != section:
                section = row["section"]
                table.add_section()
                heading = Text(printable(section), style="bold")
                table.add_row(*[""] * headed, heading)
            table.add_row(
                *(
                    Text(printable(cell(row, column), 500), style="bold" if column.is_bold(row) else "")
                    for column, _ in columns
                )
            )
        made.append(table)
    return made


def _fitting(of: Results, width: int) -> tuple[list[tuple[Column, int]], list[Column]]:
    """Columns that there is room for, each with its width, and the others.

    Headings are broken between words, numbers never.
    """
    headed = _headed(of.columns)
    rooms = {
        number: _room(column, of.rows, sections=number == headed) for number, column in enumerate(of.columns)
    }
    details = [number for number, column in enumerate(of.columns) if column.detail]
    others = [number for number, column in enumerate(of.columns) if not column.detail]
    droppable = [*reversed(details), *reversed(others[1:])]
    dropped: list[int] = []
    while droppable and _total(rooms.values()) > width:
        dropped.append(droppable.pop(0))
        del rooms[dropped[-1]]
    spare = width - _total(rooms.values())
    for number in rooms:  # what is left goes to headings
        more = min(max(cell_len(of.columns[number].title) - rooms[number], 0), spare)
        rooms[number], spare = rooms[number] + more, spare - more
    kept = [(of.columns[number], room) for number, room in rooms.items()]
    return kept, [of.columns[number] for number in sorted(dropped)]


def _total(rooms: Collection[int]) -> int:
    """Width of a table with its lines."""
    return sum(rooms) + 3 * len(rooms) + 1


def _headed(columns: Sequence[Column]) -> int:
    """Place of the column in which headings of sections stand: the first of names, else the first."""
    return next((number for number, column in enumerate(columns) if column.kind == "name"), 0)


def _room(column: Column, rows: Sequence[Mapping[str, Any]], *, sections: bool) -> int:
    """Least width of a column: its longest number, or word, those of sections among them."""
    cells = [printable(cell(row, column), 500) for row in rows]
    parts = [printable(column.title).split()]
    parts += [text.split() for text in cells] if column.kind == "name" else [[text] for text in cells]
    parts += [printable(row.get("section") or "").split() for row in rows] if sections else []
    return max((cell_len(part) for text in parts for part in text), default=1)


def study_claims(result: StudyResult) -> str:
    """Write how many of the paper's claims were confirmed; nothing where there are none."""
    counts = Counter(claim.verdict for claim in result.claims)
    said = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
    return f"claims of the paper: {said}; the report says which, and why" if said else ""


def study_texts(result: StudyResult) -> list[Text]:
    """Write the texts of a study, each with a list of the words that did most in it.

    Parameters
    ----------
    result : StudyResult

    Returns
    -------
    list of rich.text.Text
        A paragraph each.
    """
    from rich.text import Text

    made = []
    for of in result.texts:
        made.append(Text(printable(f"{of.title}, with {of.of}", 500), style="bold"))
        section = None
        for passage in of.passages:
            written = Text()
            if passage.section != section:
                section = passage.section
                written.append(printable(section) + "\n", style="bold")
            written.append(printable(passage.heading, 200))
            shares = ", ".join(
                f"{printable(n)}: {percent(share, 0)} %" for n, share in passage.shares.items()
            )
            written.append(f" ({shares})\n" if shares else "\n", style="dim")
            whole = " ".join("".join(piece for piece, _ in passage.pieces).split())
            written.append(f"“{printable(whole, 2000)}”")
            words = list(passage.words.items())[:_MOST_WORDS]
            if words:
                said = ", ".join(f"{printable(word, 60)} {signed(weight)}" for word, weight in words)
                written.append(f"\n{said}", style="dim")
            made.append(written)
    return made
