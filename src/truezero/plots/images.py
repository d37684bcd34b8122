"""Pictures of images: weights, and examples in several states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from truezero.plots.style import PANEL

_COLUMNS = 8
_IN_A_ROW = 6
_EXACT = "none"  # every pixel stays a pixel, whatever the size


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
    width = 1.2 * PANEL[0]
    figure = Figure(figsize=(width, len(groups) * (width / _COLUMNS * n_rows + 0.3)), layout="constrained")
    parts: Any = figure.subfigures(len(groups), 1, squeeze=False)[:, 0]
    for part, (title, images) in zip(parts, groups.items(), strict=True):
        part.suptitle(title, fontsize=11)
        panels = part.subplots(n_rows, _COLUMNS, squeeze=False).ravel()
        for axes, image in zip(panels, images, strict=False):
            most = float(np.abs(image).max()) or 1.0
            axes.imshow(image, cmap="gray", vmin=-most, vmax=most, interpolation=_EXACT)
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
    width = 1.6 * PANEL[0]
    figure = Figure(figsize=(width, 0.85 * width / len(first) * len(states)), layout="constrained")
    panels = figure.subplots(len(states), len(first), squeeze=False)
    brightest = float(first.max()) or 1.0
    for row, (name, images) in zip(panels, states.items(), strict=True):
        for axes, image in zip(row, images, strict=True):
            axes.imshow(image, cmap="gray", vmin=0, vmax=brightest, interpolation=_EXACT)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def gallery(images: NDArray[Any], labels: Sequence[str]) -> Figure:
    """Draw images, each with a line or two below it.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
        The darkest pixel of each is black, the brightest white.
    labels : sequence of str

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_columns = min(_IN_A_ROW, len(images))
    n_rows = -(-len(images) // n_columns)
    width = 1.2 * PANEL[0]
    figure = Figure(figsize=(width, (width / _IN_A_ROW + 0.34) * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axes, image, label in zip(panels, images, labels, strict=False):
        axes.imshow(image, cmap="gray", interpolation=_EXACT)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.set_xlabel(label, fontsize=9)
    for axes in panels[len(images) :]:
        axes.set_axis_off()
    return figure


def contact_sheet(columns: Sequence[str], **rows: NDArray[Any]) -> Figure:
    """Draw strips of images, row by row, in columns.

    Parameters
    ----------
    columns : sequence of str
        Their titles.
    **rows : ndarray of shape (n_columns, n_images, height, width)
        By their names. 0 is black and 1 white.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_images, height, width = next(iter(rows.values())).shape[1:]
    tall = 10 / (len(columns) * n_images * width / height)
    figure = Figure(figsize=(11, 0.4 + 1.1 * tall * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), len(columns), squeeze=False)
    for panel, (name, strips) in zip(panels, rows.items(), strict=True):
        for axes, images in zip(panel, strips, strict=True):
            framed = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=0.5)
            axes.imshow(np.concatenate(list(framed), axis=1), cmap="gray", vmin=0, vmax=1)
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        panel[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for axes, title in zip(panels[0], columns, strict=True):
        axes.set_title(title, fontsize=10)
    return figure


def pairs(groups: dict[str, dict[str, NDArray[Any]]]) -> Figure:
    """Draw stereo pairs, a row of each kind, groups side by side.

    Parameters
    ----------
    groups : dict of dict of ndarray, shape (n_pairs, 2, height, width)
        By the group's title and the kind's name; uint8, the left image first.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_rows = max(map(len, groups.values()))
    figure = Figure(figsize=(8 * len(groups), 0.85 * n_rows + 0.4), layout="constrained")
    parts: Any = figure.subfigures(1, len(groups), squeeze=False)[0]
    for part, (title, kinds) in zip(parts, groups.items(), strict=True):
        part.suptitle(title, fontsize=11)
        panels = part.subplots(n_rows, 1, squeeze=False)[:, 0]
        for axes, (name, images) in zip(panels, kinds.items(), strict=False):
            n, _, height, width = images.shape
            gap = np.full((height, 2 * n, width + 2), 255, np.uint8)
            gap[:, :, :width] = images.reshape(2 * n, height, width).transpose(1, 0, 2)
            gap[:, ::2, width:] = 0  # between the two of a pair
            axes.imshow(gap.reshape(height, -1), cmap="gray", vmin=0, vmax=255, interpolation=_EXACT)
            axes.set(xticks=[], yticks=[])
            axes.set_ylabel(name, rotation=0, ha="right", va="center")
            axes.spines[:].set_visible(False)
        for axes in panels[len(kinds) :]:
            axes.set_axis_off()
    return figure
