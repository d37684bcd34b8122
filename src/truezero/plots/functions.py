"""Functions of one variable, a panel each, side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from truezero.plots.style import PALETTE, tidy

_STYLES = ("-", "--", "-.", ":")


def functions(panels: list[dict[str, Any]]) -> Figure:
    """Draw functions, with the axes through 0 where it is in sight.

    Parameters
    ----------
    panels : list of dict
        "title", "x" and "y" (labels), and "lines": a list of dicts with "name", "colour" (a place in the
        palette), and lists of numbers "x" and "y". "marks", if there, is a list of dicts with "name" and "x",
        drawn as dotted upright lines.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(max(4.2 * len(panels), 6), 4.0), layout="constrained")
    for axes, panel in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        for place, line in enumerate(panel["lines"]):
            style = _STYLES[place % len(_STYLES)]  # told apart without colours, too
            colour = PALETTE[line["colour"] % len(PALETTE)]
            axes.plot(line["x"], line["y"], style, color=colour, linewidth=1.8, label=line["name"])
        axes.set(xlabel=panel["x"], ylabel=panel["y"])
        axes.set_title(panel["title"], fontsize=11)
        tidy(axes)
        for draw_zero, (low, high) in ((axes.axvline, axes.get_xlim()), (axes.axhline, axes.get_ylim())):
            if low < 0 < high:
                draw_zero(0, color="#888888", linewidth=0.8, zorder=1)
        for mark in panel.get("marks", ()):
            axes.axvline(mark["x"], color="black", linewidth=1, linestyle=":")
            axes.annotate(
                mark["name"], (mark["x"], 0.97), xycoords=("data", "axes fraction"), xytext=(4, 0),
                textcoords="offset points", fontsize=9, va="top",
            )  # fmt: skip
        if len(panel["lines"]) > 1:
            axes.legend(frameon=False, fontsize=9, loc="best")
    return figure
