"""Counts in two directions: a table of them in shades, and clouds of points that are too many to draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap, LogNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from truezero.plots.style import BLUE, INK, VERMILION, grid_of_panels, legend_below, tidy

# One hue that covers the ground more and more, be it light or dark: its order is seen with any colour vision.
_SHADES = ListedColormap([to_rgba(BLUE, alpha) for alpha in np.linspace(0, 1, 256)])
_DARK = 0.8  # from here on writing is white
_MOST_WRITTEN = 16  # rows or columns that there is room to write in
_MOST_WITH_SHARES = 6  # for shares, too


def heatmap(
    counts: Sequence[Sequence[int]], rows: Sequence[str], columns: Sequence[str], x: str, y: str
) -> Figure:
    """Draw a table of counts, each shaded by its share of its row; counts are written in it, shares if few.

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
    side = min(0.86, 4.6 / n_most) if n_most <= _MOST_WRITTEN else 0.3
    wide, high = (side * min(len(names), _MOST_WRITTEN) for names in (columns, rows))
    figure = Figure(figsize=(1.1 + wide, 0.9 + 0.85 * high), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap=_SHADES, vmin=0, vmax=1, aspect="auto", interpolation="none")
    for (row, column), share in np.ndenumerate(shares):
        if table[row, column] and n_most <= _MOST_WRITTEN:
            text = f"{table[row, column]:,}"
            text = f"{100 * share:.0f} %\n{text}" if n_most <= _MOST_WITH_SHARES else text
            colour = "white" if share > _DARK else INK
            axes.text(column, row, text, ha="center", va="center", fontsize=9, color=colour)
    every = -(-n_most // _MOST_WRITTEN)
    axes.set_xticks(range(0, len(columns), every), columns[::every])
    axes.set_yticks(range(0, len(rows), every), rows[::every])
    axes.set(xlabel=x, ylabel=y)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if n_most > _MOST_WRITTEN:
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
    figure, places = grid_of_panels(len(panels))
    most = max(int(np.max(panel["counts"])) for panel in panels)
    scaled = LogNorm(1, max(most, 2))
    shades = ListedColormap(_SHADES(np.linspace(0.2, 1, 256)))  # a single point is seen, too
    for axes, panel in zip(places, panels, strict=True):
        counts = np.ma.masked_equal(np.asarray(panel["counts"], float), 0)
        edges, heights = np.asarray(panel["x_edges"]), np.asarray(panel["y_edges"])
        cells = axes.pcolormesh(edges, heights, counts.T, cmap=shades, norm=scaled, rasterized=True)
        medians = [np.nan if median is None else median for median in panel["medians"]]
        axes.plot(np.sqrt(edges[1:] * edges[:-1]), medians, color=VERMILION, linewidth=2, label="median")
        axes.set(xscale="log", xlabel=x, ylabel=y, title=panel["title"])
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        tidy(axes)
    legend_below(figure, places)
    scale = figure.colorbar(cells, ax=places, pad=0.01, format="{x:,.0f}")
    scale.set_label("rows in a cell")
    scale.outline.set_visible(False)
    return figure
