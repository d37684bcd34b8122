"""Counts in two directions: a table of them in shades, and clouds of points that are too many to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from truezero.plots.curves import PALETTE

# One hue from light to dark: its order is seen with any colour vision, and in print.
_SHADES = "Blues"
_DARK = 0.65  # from here on writing is white
_MOST_WRITTEN = 16  # rows or columns that there is room to write in


def heatmap(
    counts: Sequence[Sequence[int]], rows: Sequence[str], columns: Sequence[str], x: str, y: str
) -> Figure:
    """Draw a table of counts, each shaded by its share of its row, with both written in it.

    Parameters
    ----------
    counts : sequence of shape (n_rows, n_columns)
        Nothing is written of 0, or where there are many rows or columns.
    rows, columns : sequence of str
        Their names.
    x, y : str
        Labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
    """
    table = np.asarray(counts)
    totals = table.sum(axis=1, keepdims=True)
    shares = table / np.maximum(totals, 1)
    n_most = max(len(rows), len(columns))
    figure = Figure(
        figsize=(1.6 + 0.86 * min(len(columns), _MOST_WRITTEN), 1.0 + 0.62 * min(len(rows), _MOST_WRITTEN)),
        layout="constrained",
    )
    axes = figure.subplots()
    image = axes.imshow(shares, cmap=_SHADES, vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if table[row, column] and n_most <= _MOST_WRITTEN:
            text = f"{100 * share:.0f} %\n{table[row, column]:,}"
            colour = "white" if share > _DARK else "black"
            axes.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)
    every = -(-n_most // _MOST_WRITTEN)
    axes.set_xticks(range(0, len(columns), every), columns[::every])
    axes.set_yticks(range(0, len(rows), every), rows[::every])
    axes.set(xlabel=x, ylabel=y)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    scale = figure.colorbar(image, ax=axes, format=lambda share, _: f"{100 * share:.0f} %", pad=0.02)
    scale.set_label("share of the row")
    scale.outline.set_visible(False)
    return figure


def clouds(panels: list[dict[str, Any]], x: str, y: str) -> Figure:
    """Draw how many points there are in each cell, with the median of y along x; x is logarithmic, y whole.

    Parameters
    ----------
    panels : list of dict
        "title"; edges of the cells, "x_edges" and "y_edges"; "counts" of shape (n_x, n_y); and "medians",
        of y in each column of cells, None where there is none.
    x, y : str
        Labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(max(3.6 * len(panels), 5), 3.9), layout="constrained")
    places = np.atleast_1d(figure.subplots(1, len(panels), sharex=True))
    most = max(int(np.max(panel["counts"])) for panel in panels)
    scaled = LogNorm(1, max(most, 2))
    shades = ListedColormap(colormaps[_SHADES](np.linspace(0.2, 1, 256)))  # a single point is seen, too
    for axes, panel in zip(places, panels, strict=True):
        counts = np.ma.masked_equal(np.asarray(panel["counts"], float), 0)
        edges, heights = np.asarray(panel["x_edges"]), np.asarray(panel["y_edges"])
        cells = axes.pcolormesh(edges, heights, counts.T, cmap=shades, norm=scaled)
        medians = [np.nan if median is None else median for median in panel["medians"]]
        axes.plot(np.sqrt(edges[1:] * edges[:-1]), medians, color=PALETTE[1], linewidth=2, label="median")
        axes.set(xscale="log", xlabel=x, title=panel["title"])
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    places[0].set_ylabel(y)
    places[0].legend(frameon=False, loc="upper left")
    scale = figure.colorbar(cells, ax=places.tolist(), pad=0.01, format="{x:,.0f}")
    scale.set_label("rows in a cell")
    scale.outline.set_visible(False)
    return figure
