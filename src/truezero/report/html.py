"""The report: one HTML file that needs nothing else, no network either."""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime

import jinja2
from markupsafe import Markup

from truezero.core.atomic import write_text
from truezero.report.numbers import NONE, about, cell, facts_of, percent, ran_by, signed
from truezero.report.pictures import inside
from truezero.studies import Column, StudyResult
from truezero.studies.result import Verdict

_BADGES: dict[Verdict, tuple[str, str]] = {
    "confirmed": ("confirmed", "✓"),
    "refuted": ("refuted", "✗"),
    "not decided": ("open", "?"),
}
"""Of each verdict its class in the style sheet, and its mark."""


def write_report(result: StudyResult, path: str | os.PathLike[str]) -> None:
    """Write a study's report.

    Parameters
    ----------
    result : StudyResult
    path : path-like
        The HTML file.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("truezero.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    counts = Counter(claim.verdict for claim in result.claims)
    page = environment.get_template("report.html").render(
        result=result,
        about=about(result.facts),
        facts=facts_of(result.facts),
        ran=ran_by(result),
        date=datetime.now(UTC).strftime("%d %B %Y").lstrip("0"),
        badges=_BADGES,
        verdicts=[(verdict, counts[verdict]) for verdict in _BADGES if counts[verdict]],
        figures=[
            (figure, [Markup(picture) for picture in inside(figure, number)])
            for number, figure in enumerate(result.figures)
        ],
        classes=_classes,
        cell=cell,
        signed=signed,
        percent=percent,
    )
    write_text(path, page)


def _classes(column: Column, text: str = "") -> str:
    """Classes of a column's cells in the style sheet; of one that holds nothing, too."""
    are = {"text": column.kind == "name", "paper": column.paper, "none": text == NONE}
    return " ".join(name for name, is_so in are.items() if is_so)
