"""Functions of one variable, a panel each, side by side."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from truezero.plots.style import GREY, INK, colour_of, grid_of_panels, legend_below, tidy

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
    figure, all_axes = grid_of_panels(len(panels))
    for axes, panel in zip(all_axes, panels, strict=True):
        for place, line in enumerate(panel["lines"]):
            style = _STYLES[place % len(_STYLES)]  # told apart without colours, too
            axes.plot(line["x"], line["y"], style, color=colour_of(line), linewidth=1.8, label=line["name"])
        axes.set(xlabel=panel["x"], ylabel=panel["y"], title=panel["title"])
        axes.xaxis.set_major_locator(MaxNLocator(6))
        tidy(axes)
        for draw_zero, (low, high) in ((axes.axvline, axes.get_xlim()), (axes.axhline, axes.get_ylim())):
            if low < 0 < high:
                draw_zero(0, color=GREY, linewidth=0.8, zorder=1)
        for mark in panel.get("marks", ()):
            axes.axvline(mark["x"], color=INK, linewidth=1, linestyle=":")
            axes.annotate(
                mark["name"], (mark["x"], 0.97), xycoords=("data", "axes fraction"), xytext=(4, 0),
                textcoords="offset points", fontsize=9, va="top",
            )  # fmt: skip
    legend_below(figure, all_axes)
    return figure
