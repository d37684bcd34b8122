"""Figures from arrays; only this package knows matplotlib, and it knows nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from truezero.plots.counted import clouds, heatmap
from truezero.plots.curves import bands, curves
from truezero.plots.functions import functions
from truezero.plots.images import examples, filters, gallery, pairs
from truezero.plots.lines import histograms, lines, paths
from truezero.plots.propagation import propagation
from truezero.plots.scatter import dots, scatter
from truezero.plots.style import INK, style

KINDS: dict[str, Callable[..., Figure]] = {
    "curves": curves,
    "bands": bands,
    "filters": filters,
    "examples": examples,
    "gallery": gallery,
    "pairs": pairs,
    "scatter": scatter,
    "dots": dots,
    "heatmap": heatmap,
    "clouds": clouds,
    "lines": lines,
    "histograms": histograms,
    "paths": paths,
    "functions": functions,
    "propagation": propagation,
}
"""Kinds of figures; each is drawn from the arguments of its function."""


def draw(kind: str, data: dict[str, Any], ink: str = INK) -> Figure:
    """Draw a figure of a kind from its data, with all that it has.

    Parameters
    ----------
    kind : str
        A name in `KINDS`.
    data : dict
        Arguments of the function of that name.
    ink : str
        Colour of what is written.
    """
    with rc_context(style(ink)):
        return KINDS[kind](**data)


def draw_apart(kind: str, data: dict[str, Any], ink: str = INK) -> list[Figure]:
    """Draw what `draw` does, but each panel as a figure of its own, which a phone has room for.

    Parameters
    ----------
    kind, data, ink
        As `draw` takes them.
    """
    return [draw(kind, of_one, ink) for of_one in _apart(kind, data)]


def _apart(kind: str, data: dict[str, Any]) -> list[dict[str, Any]]:
    if kind == "filters":
        return [{title: images} for title, images in data.items()]
    panels = data.get("panels", ())
    if len(panels) < 2:
        return [data]
    if not data.get("shared"):
        return [{**data, "panels": [panel]} for panel in panels]
    return [
        {**data, "panels": [panel], "beside": [other for other in panels if other is not panel]}
        for panel in panels
    ]


def rendered(figure: Figure, file_format: str, ink: str = INK, *, transparent: bool = False) -> bytes:
    """Write a figure as a file of a format, "png" or "svg".

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        As `draw` makes it.
    file_format : {"png", "svg"}
    ink : str
        That it was drawn with.
    transparent : bool
        It has no ground of its own.
    """
    buffer = io.BytesIO()
    metadata = {"Date": None} if file_format == "svg" else None
    with rc_context(style(ink)):  # some of what is written is made only now
        figure.savefig(buffer, format=file_format, dpi=150, transparent=transparent, metadata=metadata)
    return buffer.getvalue()
