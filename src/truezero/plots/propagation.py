"""What goes through a small network: its units in layers, and the connections that carry something."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from truezero.plots.style import BLUE, GREY, INK, VERMILION, grid_of_panels, legend_below

_FAINT: dict[str, Any] = {"color": GREY, "linewidth": 0.25, "alpha": 0.6}  # of what carries nothing
_THICKEST = 3.0  # points
_HIGHER = 1.5  # than other panels: units stand above each other


def propagation(panels: list[dict[str, Any]]) -> Figure:
    """Draw what inputs send through a network, a panel each, as the paper's Figure 2 (left).

    A filled circle is an active unit, a square the output that is largest. Connections from an active unit to
    an active one are blue where they carry something up and vermilion, dashed, where down, the thicker the
    more; the others are faint.

    Parameters
    ----------
    panels : list of dict
        "title"; "layers", the input first, the output last: dicts with "name", "units" (numbers of those that
        are drawn), "n" (how many there are), "active" (numbers) and "n_active", None of the output, which may
        have "names"; "carried", for each layer but the last what its drawn units send to those of the next, a
        list of shape (n_units, n_next); "output", the number of the largest one; and "image", an ndarray of
        shape (height, width), or None.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, all_axes = grid_of_panels(len(panels))
    figure.set_figheight(_HIGHER * figure.get_figheight())
    for axes, panel in zip(all_axes, panels, strict=True):
        _draw(axes, panel)
    legend_below(figure, all_axes)
    return figure


def _draw(axes: Axes, panel: dict[str, Any]) -> None:
    layers = panel["layers"]
    heights = [-(np.arange(len(layer["units"])) + 0.5) / max(len(layer["units"]), 1) for layer in layers]
    active = [np.isin(layer["units"], layer["active"]) for layer in layers]
    for x, carried in enumerate(panel["carried"]):
        _connect(axes, x, np.asarray(carried, float), heights[x : x + 2], active[x : x + 2])
    for x, (layer, height, on) in enumerate(zip(layers, heights, active, strict=True)):
        size = float(np.clip(130 / max(len(height), 1), 4, 11))
        about: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": size, "zorder": 3}
        axes.plot(np.full((~on).sum(), x), height[~on], color=GREY, markerfacecolor="none", **about)
        axes.plot(np.full(on.sum(), x), height[on], color=INK, **about)
        if x == len(layers) - 1:
            largest = [place for place, unit in enumerate(layer["units"]) if unit == panel["output"]]
            about |= {"marker": "s", "markersize": size + 3}
            axes.plot(np.full(len(largest), x), height[largest], color=INK, **about)
            names = zip(layer.get("names", layer["units"]), height, strict=True)
            for name, y in names:
                axes.annotate(str(name), (x, y), xytext=(11, 0), textcoords="offset points", va="center")
    axes.set_xticks(range(len(layers)), [_caption(layer) for layer in layers], fontsize=9)
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.75 if panel["image"] is not None else -0.3, len(layers) - 0.6)
    axes.set_ylim(-1.02, 0.02)
    axes.set_title(panel["title"])
    axes.plot([], [], "o", color=INK, label="active")
    axes.plot([], [], "o", color=GREY, markerfacecolor="none", label="0")
    axes.plot([], [], color=BLUE, linewidth=2, label="carries up")
    axes.plot([], [], "--", color=VERMILION, linewidth=2, label="carries down")
    axes.plot([], [], color=GREY, linewidth=0.8, label="carries nothing")
    if panel["image"] is not None:
        inset = axes.inset_axes((0.0, 0.42, 0.13, 0.16))
        inset.imshow(panel["image"], cmap="gray_r", interpolation="nearest")
        inset.set(xticks=[], yticks=[])


def _caption(layer: dict[str, Any]) -> str:
    """Name a layer, how many of its units are active, and whether all are drawn."""
    if layer["n_active"] is None:
        return str(layer["name"])
    text = f"{layer['name']}\n{layer['n_active']:,} of {layer['n']:,}\nactive"
    return text if len(layer["units"]) == layer["n"] else f"{text}\n{len(layer['units'])} drawn"


def _connect(
    axes: Axes,
    x: int,
    carried: NDArray[np.float64],
    heights: list[NDArray[np.float64]],
    active: list[NDArray[np.bool_]],
) -> None:
    """Draw the connections from a layer to the next, those that carry most on top."""
    on = active[0][:, np.newaxis] & active[1]
    most = float(np.abs(np.where(on, carried, 0)).max(initial=0)) or 1.0
    below, above = np.indices(carried.shape).reshape(2, -1)
    lines = np.stack(
        [
            np.column_stack([np.full(below.size, x), heights[0][below]]),
            np.column_stack([np.full(above.size, x + 1), heights[1][above]]),
        ],
        axis=1,
    )
    on, carried = on.ravel(), carried.ravel()
    axes.add_collection(LineCollection(list(lines[~on]), zorder=1, **_FAINT))
    for sign, colour, style in ((1, BLUE, "solid"), (-1, VERMILION, "dashed")):
        chosen = np.flatnonzero(on & (sign * carried > 0))
        if not chosen.size:
            continue
        chosen = chosen[np.argsort(np.abs(carried[chosen]))]
        strength = np.abs(carried[chosen]) / most
        axes.add_collection(
            LineCollection(
                list(lines[chosen]), colors=colour, linestyles=style, zorder=2,
                linewidths=_THICKEST * strength, alpha=0.25 + 0.75 * strength,
            )
        )  # fmt: skip
