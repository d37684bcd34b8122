"""Pictures of images: weights, and examples in several states."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

_COLUMNS = 12


def filters(**groups: NDArray[Any]) -> Figure:
    """Draw weights as images, group below group.

    Parameters
    ----------
    **groups : ndarray of shape (n_filters, height, width)
        By their titles. Grey is 0; every filter has its own contrast.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_rows = -(-max(map(len, groups.values())) // _COLUMNS)
    figure = Figure(figsize=(10, len(groups) * (0.83 * n_rows + 0.35)), layout="constrained")
    parts: Any = figure.subfigures(len(groups), 1, squeeze=False)[:, 0]
    for part, (title, images) in zip(parts, groups.items(), strict=True):
        part.suptitle(title, fontsize=11)
        panels = part.subplots(n_rows, _COLUMNS, squeeze=False).ravel()
        for axes, image in zip(panels, images, strict=False):
            most = float(np.abs(image).max()) or 1.0
            axes.imshow(image, cmap="gray", vmin=-most, vmax=most, interpolation="nearest")
        for axes in panels:
            axes.set_axis_off()
    return figure


def examples(**states: NDArray[Any]) -> Figure:
    """Draw the same examples in several states, one below the other.

    Parameters
    ----------
    **states : ndarray of shape (n_examples, height, width)
        By their names. 0 is black, and the brightest of the first state white.

    Returns
    -------
    matplotlib.figure.Figure
    """
    first = next(iter(states.values()))
    figure = Figure(figsize=(10, 0.4 + 0.93 * len(states)), layout="constrained")
    panels = figure.subplots(len(states), len(first), squeeze=False)
    brightest = float(first.max()) or 1.0
    for row, (name, images) in zip(panels, states.items(), strict=True):
        for axes, image in zip(row, images, strict=True):
            axes.imshow(image, cmap="gray", vmin=0, vmax=brightest, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        row[0].set_ylabel(name)
    return figure
