"""Figures of a study."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

# Okabe and Ito's palette: told apart with any colour vision.
COLOURS = {"rectifier": "#0072B2", "tanh": "#D55E00", "softplus": "#009E73"}


def learning_curves(study: dict[str, Any]) -> Figure:
    """Draw validation error and sparsity per epoch, one thin line per seed, the mean thick.

    Parameters
    ----------
    study : dict
        As `studies.table1.reproduce` gives it.

    Returns
    -------
    matplotlib.figure.Figure
        Left: error in per cent, logarithmic; right: exact zeros in per cent.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for row in study["rows"]:
        histories = [run["history"] for run in row["runs"]]
        name = row["activation"]
        _curves(left, name, [[100 * r["validation_error"] for r in history] for history in histories])
        _curves(
            right, name, [[100 * _overall(r, study["network"]) for r in history] for history in histories]
        )
    left.set(xlabel="epoch", ylabel="validation error, %", yscale="log", title="Learning")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_locator(NullLocator())
    right.set(xlabel="epoch", ylabel="exact zeros, %", ylim=(-3, 103), title="Sparsity")
    for axes in (left, right):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(frameon=False)
    return figure


def _overall(record: Any, network: list[int]) -> float:
    """Sparsity over all hidden units."""
    return float(np.average(record["sparsity"], weights=network[1:-1]))


def _curves(axes: Axes, name: str, curves: list[list[float]]) -> None:
    colour = COLOURS.get(name, "#555555")
    for curve in curves:
        axes.plot(range(1, len(curve) + 1), curve, color=colour, linewidth=0.7, alpha=0.35)
    shared = min(map(len, curves))
    mean = np.mean([curve[:shared] for curve in curves], axis=0)
    axes.plot(range(1, shared + 1), mean, color=colour, linewidth=2, label=name)
