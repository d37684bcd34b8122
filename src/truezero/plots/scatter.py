"""Points: one per model, by what it costs and how it does."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from truezero.plots.curves import PALETTE, plain_log, tidy


def scatter(panels: list[dict[str, Any]]) -> Figure:
    """Draw points, a panel each, with one legend below.

    Parameters
    ----------
    panels : list of dict
        "title", "x" and "y" (labels), "log" (axes that are logarithmic: "", "x", "y" or "xy"), "points": a
        list of dicts with "name", "colour" (a place in the palette), and lists of numbers "x" and "y";
        "spans": a list of dicts with "name" and "from" and "to" on the x axis, which are shaded.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(max(4.2 * len(panels), 6), 4.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(panels)))
    for place, panel in zip(axes, panels, strict=True):
        for span in panel["spans"]:
            place.axvspan(
                span["from"], span["to"], color="#999999", alpha=0.2, linewidth=0, label=span["name"]
            )
        for points in panel["points"]:
            place.plot(
                points["x"], points["y"], "o", markersize=4, alpha=0.6, markeredgewidth=0,
                color=PALETTE[points["colour"] % len(PALETTE)], label=points["name"],
            )  # fmt: skip
        place.set(xlabel=panel["x"], ylabel=panel["y"], title=panel["title"])
        if "x" in panel["log"]:
            place.set_xscale("log")
            plain_log(place.xaxis, *place.get_xlim())
        if "y" in panel["log"]:
            place.set_yscale("log")
            plain_log(place.yaxis, *place.get_ylim())
        tidy(place)
    named: dict[str, Any] = {}
    for place in axes:
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(named.values(), named, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure
