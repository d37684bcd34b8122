"""A study's tables and texts for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from truezero.core.text import printable
from truezero.report.numbers import about, cell, percent, signed
from truezero.studies import StudyResult

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

_MOST_WORDS = 8


def study_tables(result: StudyResult) -> list[Table]:
    """Make the tables of a study, without the columns that a terminal has no room for.

    Parameters
    ----------
    result : StudyResult

    Returns
    -------
    list of rich.table.Table
    """
    from rich.table import Table
    from rich.text import Text

    made = []
    for of in result.tables:
        below = [of.title] if len(result.tables) > 1 else []
        below += [f"{stand_in.ours} stands in for {stand_in.paper}" for stand_in in result.stand_ins]
        title = Text(printable(f"{result.title}: {about(result.facts)}", 500))
        table = Table(title=title, caption=Text(printable("; ".join(below), 2000)) if below else None)
        columns = [column for column in of.columns if not column.detail]
        for column in columns:
            name = column.kind == "name"
            table.add_column(
                Text(printable(column.title)),
                justify="left" if name else "right",
                style="dim" if column.paper else None,
                no_wrap=not name,
            )
        section = None
        for row in of.rows:
            if row.get("section", section) != section:
                section = row["section"]
                table.add_section()
                table.add_row(Text(printable(section), style="bold"))
            table.add_row(
                *(
                    Text(printable(cell(row, column), 500), style="bold" if column.is_bold(row) else "")
                    for column in columns
                )
            )
        made.append(table)
    return made


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
