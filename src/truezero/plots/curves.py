"""Curves: by epoch with a line per seed, and by a quantity with a band around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from truezero.plots.style import (
    GREY,
    PANEL,
    any_positive,
    colour_of,
    grid_of_panels,
    legend_below,
    plain_log,
    tidy,
)

_MOST_PER_CENT = (-3, 103)


def curves(
    panels: list[dict[str, Any]], shared: bool = False, beside: Sequence[dict[str, Any]] = ()
) -> Figure:
    """Draw curves by epoch, a panel each: a thin line per run, their mean thick.

    Parameters
    ----------
    panels : list of dict
        "title", "x" and "y" (labels), "log" (whether y is logarithmic; it is a share in per cent otherwise),
        and "lines": a list of dicts with "name", "colour" (a place in the palette), "dashed", and "runs", a
        list of lists of numbers.
    shared : bool
        All panels have the same axes, and each shows the means of the others in grey.
    beside : sequence of dict
        Further panels that are not drawn, but count as others where axes are shared.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = grid_of_panels(len(panels))
    everything = [*panels, *beside]
    for place, panel in zip(axes, panels, strict=True):
        if shared:
            for line in _lines(other for other in everything if other is not panel):
                place.plot(*_mean(line), color=GREY, linewidth=0.8, alpha=0.5)
        for line in panel["lines"]:
            _runs(place, line)
        place.set(xlabel=panel["x"], ylabel=panel["y"], title=panel["title"])
        drawn = everything if shared else [panel]
        log = panel["log"] and any_positive(v for line in _lines(drawn) for run in line["runs"] for v in run)
        if log:
            place.set_yscale("log")
        if shared:
            of_all = [value for line in _lines(everything) for run in line["runs"] for value in run]
            longest = max((len(run) for line in _lines(everything) for run in line["runs"]), default=1)
            place.set_xlim(1 - 0.03 * longest, longest * 1.03)
            if log and min(of_all) > 0:
                place.set_ylim(min(of_all) / 1.1, max(of_all) * 1.1)
        if log:
            plain_log(place.yaxis, *place.get_ylim())
        elif not panel["log"]:
            place.set_ylim(_MOST_PER_CENT)
        place.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        tidy(place)
    if any([line["name"] for line in panel["lines"]] != [panel["title"]] for panel in panels):
        legend_below(figure, axes)
    return figure


def _lines(panels: Any) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield from panel["lines"]


def _mean(line: dict[str, Any]) -> tuple[range, NDArray[Any]]:
    """Epochs that all runs of a line have, and the runs' mean."""
    shortest = min(map(len, line["runs"]))
    return range(1, shortest + 1), np.mean([run[:shortest] for run in line["runs"]], axis=0)


def _runs(axes: Axes, line: dict[str, Any]) -> None:
    colour, style = colour_of(line), "--" if line["dashed"] else "-"
    for run in line["runs"]:
        axes.plot(range(1, len(run) + 1), run, style, color=colour, linewidth=0.7, alpha=0.45)
    axes.plot(*_mean(line), style, color=colour, linewidth=2.2, label=line["name"])


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
    figure = Figure(figsize=(1.3 * PANEL[0], 1.4 * PANEL[1]), layout="constrained")
    axes = figure.subplots()
    for line in lines:
        at, mean, spread = (np.array(line[name], float) for name in ("x", "y", "deviation"))
        colour = colour_of(line)
        axes.plot(
            at, mean, color=colour, marker="o" if line["dashed"] else "s", markersize=5,
            markerfacecolor="none" if line["dashed"] else colour,
            linestyle="--" if line["dashed"] else "-", label=line["name"],
        )  # fmt: skip
        axes.fill_between(at, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0)
    log = any_positive(value for line in lines for value in line["y"])
    axes.set(xlabel=x, ylabel=y, xscale="log", yscale="log" if log else "linear")
    ticks = sorted({value for line in lines for value in line["x"]})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    if log:
        plain_log(axes.yaxis, *axes.get_ylim())
    tidy(axes)
    legend_below(figure, [axes])
    return figure
