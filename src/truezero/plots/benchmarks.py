"""What the figures of benchmarks are put together from: panels, rows of points, plain logarithmic axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from truezero.plots.style import BLUE, GREEN, GREY, ORANGE, PINK, SKY, VERMILION, tidy

COLOURS = (BLUE, VERMILION, ORANGE, PINK, GREY, SKY, GREEN)
"""In which lines of benchmarks are drawn."""

__all__ = [
    "BLUE", "COLOURS", "GREEN", "GREY", "VERMILION", "mark", "panels", "plain_logarithms", "point_panels",
    "points", "tidy",
]  # fmt: skip


def panels(
    n_rows: int, n_columns: int, size: tuple[float, float], **options: Any
) -> tuple[Figure, list[list[Axes]]]:
    """Make a figure and its axes, row by row.

    Parameters
    ----------
    n_rows, n_columns : int
    size : (float, float)
        Width and height of the whole in inches.
    **options
        Of `matplotlib.figure.Figure.subplots`.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : list of list of matplotlib.axes.Axes
    """
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False, **options).tolist()


def points(axes: Axes, timings: Mapping[str, Mapping[str, float]], ours: str = "truezero") -> None:
    """Draw a row for each name, the smallest on top: its median, and a line from least to greatest.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    timings : mapping
        Name -> `median`, `least` and `greatest`.
    ours : str
        Names that begin with it stand out.
    """
    names = sorted(timings, key=lambda name: -timings[name]["median"])
    for place, name in enumerate(names):
        t = timings[name]
        colour = BLUE if name.startswith(ours) else "#555555"
        axes.plot([t["least"], t["greatest"]], [place, place], color=colour, linewidth=2, alpha=0.5)
        axes.plot(t["median"], place, "o", color=colour, markersize=8)
        axes.annotate(
            f"{t['median']:.3g}" if t["median"] < 1000 else f"{t['median']:,.0f}", (t["greatest"], place),
            xytext=(7, 0), textcoords="offset points", va="center", fontsize=9, color=colour,
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("log")
    plain_logarithms(axes.xaxis)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12, y=0.08)


def point_panels(parts: Sequence[tuple[str, Mapping[str, Any]]], height: float, xlabel: str) -> Figure:
    """Draw `points` for each (title, timings), one panel above the other, each so many inches high."""
    figure, axes = panels(len(parts), 1, (8, height * len(parts)))
    for [panel], (title, timings) in zip(axes, parts, strict=True):
        points(panel, timings)
        panel.set(xlabel=xlabel)
        panel.set_title(title, fontsize=10)
    return figure


def mark(axes: Axes, x: float, text: str) -> None:
    """Draw a dotted upright line, and say above it what it is."""
    axes.axvline(x, color="black", linewidth=1, linestyle=":")
    axes.annotate(
        text, (x, 1), xycoords=("data", "axes fraction"),
        xytext=(3, 3), textcoords="offset points", fontsize=8, annotation_clip=False,
    )  # fmt: skip


def plain_logarithms(axis: Any, subs: tuple[float, ...] = (1, 2, 5)) -> None:
    """Number a logarithmic axis at these multiples of powers of ten, without exponents."""
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())
