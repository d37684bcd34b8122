"""Points: one per model, by what it costs and how it does; and one per layer of several networks."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

from truezero.plots.style import (
    GREY,
    MARKERS,
    PALETTE,
    PANEL,
    any_positive,
    colour_of,
    grid_of_panels,
    legend_below,
    plain_log,
    tidy,
)

_LETTERS = 24  # of a name beside its row


def scatter(panels: list[dict[str, Any]]) -> Figure:
    """Draw points, a panel each, with one legend below.

    Parameters
    ----------
    panels : list of dict
        "title", "x" and "y" (labels), "log" (axes that are logarithmic: "", "x", "y" or "xy"), "points": a
        list of dicts with "name", "colour" (a place in the palette), and lists of numbers "x" and "y", and
        perhaps "hollow" and "star" (true or not); "spans": a list of dicts with "name" and "from" and "to" on
        the x axis, which are shaded.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = grid_of_panels(len(panels))
    for place, panel in zip(axes, panels, strict=True):
        for span in panel["spans"]:
            place.axvspan(span["from"], span["to"], color=GREY, alpha=0.25, linewidth=0, label=span["name"])
        for points in panel["points"]:
            colour, many = colour_of(points), len(points["x"]) > 30
            star, hollow = points.get("star", False), points.get("hollow", False)
            place.plot(
                points["x"], points["y"],
                "*" if star else MARKERS[points["colour"] % len(MARKERS)], color=colour,
                markersize=13 if star else 4.5 if many else 7, alpha=0.75,
                markerfacecolor="none" if hollow else colour, markeredgewidth=1.4 if hollow or star else 0,
                label=points["name"],
            )  # fmt: skip
        place.set(xlabel=panel["x"], ylabel=panel["y"], title=panel["title"])
        if "x" in panel["log"] and any_positive(x for points in panel["points"] for x in points["x"]):
            place.set_xscale("log")
            plain_log(place.xaxis, *place.get_xlim())
        if "y" in panel["log"] and any_positive(y for points in panel["points"] for y in points["y"]):
            place.set_yscale("log")
            plain_log(place.yaxis, *place.get_ylim())
        tidy(place)
    legend_below(figure, axes)
    return figure


def dots(rows: Sequence[dict[str, Any]], series: Sequence[str], x: str) -> Figure:
    """Draw a row for each network, with a mark for each of its layers, of shares in per cent.

    Parameters
    ----------
    rows : sequence of dict
        The topmost first: "name" and "values", a number of each of the series, or None.
    series : sequence of str
        Names of the layers.
    x : str
        Label of the axis.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = [textwrap.fill(row["name"], _LETTERS) for row in rows]
    n_lines = sum(name.count("\n") + 1.4 for name in names)
    figure = Figure(figsize=(1.25 * PANEL[0], 1.1 + 0.2 * n_lines), layout="constrained")
    axes = figure.subplots()
    for number, name in enumerate(series):
        found = [
            (row["values"][number], -place)
            for place, row in enumerate(rows)
            if number < len(row["values"]) and row["values"][number] is not None
        ]
        axes.plot(
            [value for value, _ in found], [place for _, place in found], MARKERS[number % len(MARKERS)],
            color=PALETTE[number % len(PALETTE)], markersize=7, alpha=0.85, markeredgewidth=0, label=name,
        )  # fmt: skip
    axes.set_yticks([-place for place in range(len(rows))], names)
    axes.set(xlabel=x, xlim=(-3, 103))
    axes.set_ymargin(0.5 / max(len(rows), 1))
    axes.tick_params(axis="y", length=0)
    tidy(axes)
    axes.spines["left"].set_visible(False)
    legend_below(figure, [axes])
    return figure
