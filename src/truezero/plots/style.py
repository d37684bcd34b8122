"""How figures look: one palette, one size of writing, one ink; and how panels stand beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

INK = "#1a1a1a"
"""Of all writing, axes and outlines; whoever puts a figure on another ground replaces it."""

# Okabe and Ito's palette: told apart with any colour vision, and on a light ground as on a dark one.
BLUE, VERMILION, GREEN, PINK, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
GREY = "#8c8c8c"
PALETTE = (BLUE, VERMILION, GREEN, PINK, ORANGE, SKY, INK)
MARKERS = "osD^vPX"

PANEL = (4.2, 3.0)
"""Inches of one panel, which is as wide as a column of text or a phone."""
_MOST_COLUMNS = 3
_LETTER, _LEGEND_ROW = 0.075, 0.19  # inches of a letter in a legend, and of a line


def style(ink: str = INK) -> Any:
    """Matplotlib's settings for all figures.

    Parameters
    ----------
    ink : str
        Colour of what is written.

    Returns
    -------
    dict
    """
    return {
        "font.size": 10,
        "font.family": ["DejaVu Sans", "sans-serif"],
        "axes.titlesize": 11,
        "axes.labelsize": 10,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        **{f"{part}.color": ink for part in ("text", "xtick", "ytick")},
        "axes.labelcolor": ink,
        "axes.titlecolor": ink,
        "axes.edgecolor": ink,
        "grid.color": GREY,
        "svg.fonttype": "none",  # writing stays writing
        "svg.hashsalt": "truezero",  # the same figure is the same file
    }


def grid_of_panels(n: int, **options: Any) -> tuple[Figure, list[Axes]]:
    """Make a figure of n panels, row by row, and their axes.

    Parameters
    ----------
    n : int
    **options
        Of `matplotlib.figure.Figure.subplots`.
    """
    columns = min(max(n, 1), _MOST_COLUMNS)
    rows = -(-max(n, 1) // columns)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()
    for unused in axes[n:]:
        unused.set_visible(False)
    return figure, axes[:n]


def legend_below(figure: Figure, axes: Iterable[Axes]) -> None:
    """One legend for all panels, below them, for which the figure gets higher; every name once.

    In as many columns as there is room for.
    """
    named: dict[str, Any] = {}
    for place in axes:
        for handle, label in zip(*place.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    if not named:
        return
    width = 0.55 + _LETTER * max(map(len, named))
    columns = min(len(named), max(1, int(figure.get_figwidth() / width)))
    n_rows = -(-len(named) // columns)
    figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * n_rows)
    figure.legend(named.values(), named, loc="outside lower center", ncols=columns)


def colour_of(line: Mapping[str, Any]) -> str:
    """Colour of what has a place in the palette."""
    return PALETTE[line["colour"] % len(PALETTE)]


def any_positive(values: Iterable[float | None]) -> bool:
    """Whether there is something that a logarithmic axis can show; networks without an error have nothing."""
    return any(value is not None and value > 0 for value in values)


def plain_log(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis at round numbers, written plainly."""
    few = (1, 2, 5) if high > 20 * low else (1, 1.5, 2, 3, 5, 7)
    axis.set_major_locator(LogLocator(subs=(1,) if high > 500 * low else few))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def tidy(axes: Axes) -> None:
    """A light grid, and no frame on top and right."""
    axes.grid(alpha=0.35, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
