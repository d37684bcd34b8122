"""Curves: by epoch with a line per seed, and by a quantity with a band around them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

# Okabe and Ito's palette: told apart with any colour vision.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def curves(panels: list[dict[str, Any]], shared: bool = False) -> Figure:
    """Draw curves by epoch, a panel each: a thin line per run, their mean thick.

    Parameters
    ----------
    panels : list of dict
        "title", "x" and "y" (labels), "log" (whether y is logarithmic), and "lines": a list of dicts with
        "name", "colour" (a place in the palette), "dashed", and "runs", a list of lists of numbers.
    shared : bool
        All panels have one y axis.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(
        figsize=(max(5.0 * len(panels), 10) if not shared else 3.4 * len(panels), 4.6), layout="constrained"
    )
    axes = np.atleast_1d(figure.subplots(1, len(panels), sharey=shared))
    for place, panel in zip(axes, panels, strict=True):
        for line in panel["lines"]:
            _runs(place, line)
        place.set(xlabel=panel["x"], title=panel["title"])
        if panel["log"]:
            place.set(yscale="log")
            plain_log(place.yaxis, *place.get_ylim())
        else:
            place.set(ylim=(-3, 103))
        place.xaxis.set_major_locator(MaxNLocator(integer=True))
        tidy(place)
        if not shared or place is axes[0]:
            place.set_ylabel(panel["y"])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _runs(axes: Axes, line: dict[str, Any]) -> None:
    colour, style = PALETTE[line["colour"] % len(PALETTE)], "--" if line["dashed"] else "-"
    for run in line["runs"]:
        axes.plot(range(1, len(run) + 1), run, style, color=colour, linewidth=0.7, alpha=0.35)
    shortest = min(map(len, line["runs"]))
    mean = np.mean([run[:shortest] for run in line["runs"]], axis=0)
    axes.plot(range(1, shortest + 1), mean, style, color=colour, linewidth=2, label=line["name"])


def bands(x: str, y: str, lines: list[dict[str, Any]]) -> Figure:
    """Draw curves with a band of one standard deviation; both axes are logarithmic.

    Parameters
    ----------
    x, y : str
        Labels of the axes.
    lines : list of dict
        With "name", "colour", "dashed", and lists of numbers "x", "y" and "deviation"; there is no band where
        that is None.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for line in lines:
        at, mean, spread = (np.array(line[name], float) for name in ("x", "y", "deviation"))
        colour = PALETTE[line["colour"] % len(PALETTE)]
        axes.plot(
            at, mean, color=colour, marker="o" if line["dashed"] else "s", markersize=4,
            linestyle="--" if line["dashed"] else "-", label=line["name"],
        )  # fmt: skip
        axes.fill_between(at, mean - spread, mean + spread, color=colour, alpha=0.12, linewidth=0)
    axes.set(xlabel=x, ylabel=y, xscale="log", yscale="log")
    ticks = sorted({value for line in lines for value in line["x"]})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    plain_log(axes.yaxis, *axes.get_ylim())
    tidy(axes)
    axes.legend(frameon=False)
    return figure


def plain_log(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis at round numbers, written plainly."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 20 * low else (1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def tidy(axes: Axes) -> None:
    """A light grid, and no frame on top and right."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
