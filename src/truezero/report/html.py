"""The report: one HTML file that needs nothing else, no network either."""

from __future__ import annotations

import base64
import io
import os
from typing import Any

import jinja2
from matplotlib.figure import Figure
from numpy.typing import NDArray

from truezero.core.atomic import write_text
from truezero.plots.studies import (
    filters,
    label_curves,
    learning_curves,
    reconstruction_curves,
    reconstructions,
)


def write_report(
    study: dict[str, Any], path: str | os.PathLike[str], pictures: dict[str, NDArray[Any]] | None = None
) -> None:
    """Write a study's report.

    Parameters
    ----------
    study : dict
        As a study gives it, with an "environment".
    path : path-like
        The HTML file.
    pictures : dict of ndarray, optional
        What a study of images gives beside it.

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
    write_text(path, template.render(study=study, figures=_figures(study, pictures)))


def _figures(study: dict[str, Any], pictures: dict[str, NDArray[Any]] | None) -> list[dict[str, str]]:
    """Headings, pictures and the sentences below them, in order."""
    rows = study["rows"]
    drawn: list[tuple[str, Figure, str]] = []
    if study["study"] == "figure4":
        drawn.append(
            (
                "Test error by labels",
                label_curves(rows),
                "Mean over the seeds, and a band of one standard deviation. Both axes are logarithmic.",
            )
        )
    else:
        drawn.append(
            (
                "Learning curves",
                learning_curves(rows, study["network"]),
                "One thin line per seed; the thick line is their mean for as long as all of them ran. Dashed "
                "networks were pre-trained.",
            )
        )
    first = {_same_pretraining(row): row for row in rows if row["pretraining"]}
    if first:
        drawn.append(
            (
                "Pre-training",
                reconstruction_curves(list(first.values())),
                "Cost of held-out rows under one fixed draw of the noise, relative to the first epoch: the "
                "kinds of cost cannot be compared. Cross-entropy cannot fall to 0, as targets lie between 0 "
                "and 1.",
            )
        )
    if pictures is not None:
        drawn.append(
            (
                "Filters of the first layer",
                filters(pictures["filters_before"], pictures["filters_after"]),
                "Of the rectifier network, strategy 1, seed 0: incoming weights of the units with the "
                "largest ones after pre-training; grey is 0, and each has a contrast of its own.",
            )
        )
        drawn.append(
            (
                "Reconstructions of corrupted examples",
                reconstructions(pictures["clean"], pictures["corrupted"], pictures["reconstructed"]),
                "Validation rows, with the noise of pre-training, and what that network's first layer "
                "makes of them.",
            )
        )
    return [{"heading": heading, "png": _png(figure), "below": below} for heading, figure, below in drawn]


def _same_pretraining(row: dict[str, Any]) -> tuple[str, str, str]:
    of = row["pretraining"]
    return row["activation"], of["reconstruction"], of["target"]


def percent(fraction: float | None, digits: int = 2) -> str:
    """Write a fraction in per cent, for people; an em dash for None."""
    return "—" if fraction is None else f"{100 * fraction:.{digits}f}"


def _png(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return base64.b64encode(buffer.getvalue()).decode()
