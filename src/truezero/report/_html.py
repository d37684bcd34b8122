"""The report: one HTML file that needs nothing else, no network either."""

from __future__ import annotations

import base64
import io
import os
from typing import Any

import jinja2
from matplotlib.figure import Figure

from truezero._atomic import write_text
from truezero.report._figures import learning_curves


def write_report(study: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a study's report.

    Parameters
    ----------
    study : dict
        As `studies.table1.reproduce` gives it, with an "environment".
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
    environment.filters["percent"] = percent
    template = environment.get_template("report.html")
    write_text(path, template.render(study=study, figure=_png(learning_curves(study))))


def percent(fraction: float | None, digits: int = 2) -> str:
    """Write a fraction in per cent, for people; an em dash for None."""
    return "—" if fraction is None else f"{100 * fraction:.{digits}f}"


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return base64.b64encode(buffer.getvalue()).decode()
