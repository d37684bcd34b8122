"""The report: one HTML file that needs nothing else, no network either."""

from __future__ import annotations

import base64
import io
import os
from typing import TYPE_CHECKING

import jinja2

from truezero.core.atomic import write_text
from truezero.plots import draw
from truezero.report.numbers import about, cell, percent, signed
from truezero.studies import StudyResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
        loader=jinja2.PackageLoader("truezero.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    template = environment.get_template("report.html")
    figures = [(figure, _png(draw(figure.kind, figure.data))) for figure in result.figures]
    written = {"cell": cell, "signed": signed, "percent": percent}
    write_text(path, template.render(result=result, about=about(result.facts), figures=figures, **written))


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return base64.b64encode(buffer.getvalue()).decode()
