"""Lines by a quantity or from layer to layer, and histograms of several layers in one panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from truezero.plots.style import GREY, INK, MARKERS, PALETTE, colour_of, legend_below, tidy

_WIDTH, _HEIGHT = 3.6, 2.4  # inches of a panel: panels stand below each other, so that a column holds them


def lines(panels: list[dict[str, Any]]) -> Figure:
    """Draw lines, a panel each.

    Parameters
    ----------
    panels : list of dict
        "title", "x" and "y" (labels), "log" (whether x is logarithmic), and "lines": a list of dicts with
        "name", "colour" (a place in the palette), "dashed", and lists of numbers "x" and "y", of which None
        is left out. "ticks", if there, are the names of x = 0, 1, …; "levels" a list of dicts with "name",
        "colour" and "y", drawn as dotted lines from side to side; "most" the end of the y axis.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _panels(panels)
    for place, panel in zip(axes, panels, strict=True):
        for line in panel["lines"]:
            colour = colour_of(line)
            many = len(line["x"]) > 30
            place.plot(
                line["x"], [np.nan if y is None else y for y in line["y"]],
                linestyle="--" if line["dashed"] else "-", color=colour, label=line["name"], linewidth=1.6,
                marker="" if many else MARKERS[line["colour"] % len(MARKERS)], markersize=5,
                markerfacecolor="none" if line["dashed"] else colour,
            )  # fmt: skip
        for level in panel.get("levels", ()):
            colour = colour_of(level)
            place.axhline(level["y"], color=colour, linewidth=1.2, linestyle=":", label=level["name"])
        place.set(xlabel=panel["x"], ylabel=panel["y"])
        place.set_title(panel["title"], fontsize=10)
        if panel["log"]:
            ticks = sorted({x for line in panel["lines"] for x in line["x"]})
            place.set_xscale("log")
            place.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            place.xaxis.set_minor_locator(NullLocator())
        if "ticks" in panel:
            place.set_xticks(range(len(panel["ticks"])), panel["ticks"])
            place.set_xmargin(0.08)
        low, high = place.get_ylim()
        negative = any(y is not None and y < 0 for line in panel["lines"] for y in line["y"])
        place.set_ylim(low if negative else 0, panel.get("most") or 1.08 * high)
        tidy(place)
    legend_below(figure, axes)
    return figure


def histograms(panels: list[dict[str, Any]]) -> Figure:
    """Draw histograms as outlines over each other, a panel each.

    Parameters
    ----------
    panels : list of dict
        "title", "x" and "y" (labels), "log" (whether y is logarithmic), and "lines": a list of dicts with
        "name", "colour" (a place in the palette), and lists of numbers "edges" and "counts", which is one
        shorter.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, axes = _panels(panels)
    for place, panel in zip(axes, panels, strict=True):
        for line in panel["lines"]:
            colour = colour_of(line)
            counts, edges = np.asarray(line["counts"], float), np.asarray(line["edges"], float)
            style = ("-", "--", "-.", ":")[line["colour"] % 4]  # outlines lie on each other
            place.stairs(counts, edges, color=colour, linewidth=1.6, linestyle=style, label=line["name"])
            place.stairs(counts, edges, color=colour, alpha=0.12, fill=True)
        place.set(xlabel=panel["x"], ylabel=panel["y"])
        place.set_title(panel["title"], fontsize=10)
        if panel["log"]:
            place.set_yscale("symlog", linthresh=1)
            place.yaxis.set_major_formatter("{x:,g}")
            place.set_ylim(0)
        tidy(place)
    legend_below(figure, axes)
    return figure


def _panels(panels: list[dict[str, Any]]) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(_WIDTH, _HEIGHT * max(len(panels), 1) + 0.4), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(len(panels), 1)))


def paths(layers: list[dict[str, Any]], paths: list[Mapping[str, Any]], title: str) -> Figure:
    """Draw the active units of a network and paths through them, as the paper's Figure 2 (left).

    Parameters
    ----------
    layers : list of dict
        The input first, the output last: "name"; "n", the number of units; "active", those that are.
    paths : list of mapping
        "units", one of each layer, and "carried", up or down.
    title : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(1.3 * _WIDTH, 1.6 * _HEIGHT), layout="constrained")
    axes = figure.subplots()
    heights = [(np.arange(layer["n"]) + 0.5) / layer["n"] for layer in layers]
    most = max((abs(path["carried"]) for path in paths), default=1) or 1
    for path in reversed(paths):
        up, strength = path["carried"] >= 0, abs(path["carried"]) / most
        places = [height[unit] for height, unit in zip(heights, path["units"], strict=True)]
        axes.plot(
            range(len(layers)), places, "-" if up else "--", color=PALETTE[0 if up else 1],
            linewidth=0.5 + 2 * strength, alpha=0.35 + 0.6 * strength,
        )  # fmt: skip
    for x, (layer, height) in enumerate(zip(layers, heights, strict=True)):
        on = np.zeros(layer["n"], bool)
        on[list(layer["active"])] = True
        size = float(np.clip(180 / layer["n"], 0.3, 6))
        axes.plot(
            np.full((~on).sum(), x),
            height[~on],
            "_",
            color=GREY,
            alpha=0.6,
            markersize=9,
            markeredgewidth=size,
        )
        axes.plot(np.full(on.sum(), x), height[on], "_", color=INK, markersize=12, markeredgewidth=size)
    names = [f"{layer['name']}\n{len(layer['active'])} of {layer['n']}" for layer in layers]
    axes.set_xticks(range(len(layers)), names, fontsize=9)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xmargin(0.1)
    axes.set_title(title, fontsize=10)
    axes.plot([], [], "-", color=PALETTE[0], label="up")
    axes.plot([], [], "--", color=PALETTE[1], label="down")
    legend_below(figure, [axes])
    return figure
