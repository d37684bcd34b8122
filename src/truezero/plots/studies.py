"""Figures of a study."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

# Okabe and Ito's palette: told apart with any colour vision.
COLOURS = {"rectifier": "#0072B2", "tanh": "#D55E00", "softplus": "#009E73"}
_FURTHER = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def learning_curves(rows: list[dict[str, Any]], network: list[int]) -> Figure:
    """Draw validation error and sparsity per epoch, one thin line per seed, the mean thick.

    Parameters
    ----------
    rows : list of dict
        Of a study; dashed lines are networks that were pre-trained.
    network : list of int
        Layer sizes.

    Returns
    -------
    matplotlib.figure.Figure
        Left: error in per cent, logarithmic; right: exact zeros in per cent.
    """
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, row in enumerate(rows):
        histories = [run["history"] for run in row["runs"]]
        name, style = _label(row), "--" if row["pretraining"] else "-"
        colour = _FURTHER[number % len(_FURTHER)] if "strategy" in row else COLOURS[row["activation"]]
        errors = [[100 * r["validation_error"] for r in history] for history in histories]
        _curves(left, name, errors, colour, style)
        zeros = [[100 * _overall(r, network) for r in history] for history in histories]
        _curves(right, name, zeros, colour, style)
    left.set(xlabel="epoch of fine-tuning", ylabel="validation error, %", yscale="log", title="Learning")
    _plain_log(left)
    right.set(xlabel="epoch of fine-tuning", ylabel="exact zeros, %", ylim=(-3, 103), title="Sparsity")
    for axes in (left, right):
        _tidy(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend_below(figure, left)
    return figure


def reconstruction_curves(rows: list[dict[str, Any]]) -> Figure:
    """Draw held-out reconstruction error per epoch of pre-training, a panel per layer.

    Parameters
    ----------
    rows : list of dict
        Of a study; those without pre-training are left out.

    Returns
    -------
    matplotlib.figure.Figure
        Error of each row's first epoch set to 1, as costs of different kinds cannot be compared.
    """
    pretrained = [row for row in rows if row["pretraining"]]
    n_layers = max(len(row["pretraining"]["reconstruction_errors"]) for row in pretrained)
    figure = Figure(figsize=(3.4 * n_layers, 3.9), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, n_layers, sharey=True))
    for number, row in enumerate(pretrained):
        colour = _FURTHER[number % len(_FURTHER)] if "strategy" in row else COLOURS[row["activation"]]
        for layer, axes in enumerate(panels):
            curves = []
            for history in row["pretraining"]["histories"]:
                errors = [r["reconstruction_error"] for r in history if r["layer"] == layer]
                curves.append([error / errors[0] for error in errors])
            _curves(axes, _label(row), curves, colour, "--")
    for layer, axes in enumerate(panels):
        axes.set(title=f"layer {layer + 1}", xlabel="epoch of pre-training", yscale="log")
        _plain_log(axes)
        _tidy(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylabel("reconstruction error, first epoch = 1")
    _legend_below(figure, panels[0])
    return figure


def label_curves(rows: list[dict[str, Any]]) -> Figure:
    """Draw test error against the share of labels (Figure 4), with a band of one standard deviation.

    Parameters
    ----------
    rows : list of dict
        Of the study figure4.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for activation in dict.fromkeys(row["activation"] for row in rows):
        for pretrained in (True, False):
            curve = [
                r for r in rows if r["activation"] == activation and bool(r["pretraining"]) == pretrained
            ]
            x = np.array([100 * row["labels"] for row in curve])
            y = np.array([100 * row["test_error"] for row in curve])
            band = np.array([100 * (row["test_error_deviation"] or 0) for row in curve])
            name = f"{activation}, {'with' if pretrained else 'without'} pre-training"
            axes.plot(
                x, y, color=COLOURS[activation], marker="o" if pretrained else "s", markersize=4,
                linestyle="--" if pretrained else "-", label=name,
            )  # fmt: skip
            axes.fill_between(x, y - band, y + band, color=COLOURS[activation], alpha=0.12, linewidth=0)
    axes.set(xlabel="share of the labels, %", ylabel="test error, %", xscale="log", yscale="log")
    shares = sorted({100 * row["labels"] for row in rows})
    axes.set_xticks(shares, [f"{share:g}" for share in shares])
    axes.xaxis.set_minor_locator(NullLocator())
    _plain_log(axes)
    _tidy(axes)
    axes.legend(frameon=False)
    return figure


def filters(before: NDArray[Any], after: NDArray[Any]) -> Figure:
    """Draw the first layer's weights as images, before and after pre-training.

    Parameters
    ----------
    before, after : ndarray of shape (n_filters, height, width)
        Grey is 0; every filter has its own contrast.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n_columns = 12
    n_rows = -(-len(before) // n_columns)
    figure = Figure(figsize=(10, 2 * (0.83 * n_rows + 0.35)), layout="constrained")
    parts: Any = figure.subfigures(2, 1)
    titled = (("before pre-training", before), ("after pre-training", after))
    for number, (title, images) in enumerate(titled):
        part = parts[number]
        part.suptitle(title, fontsize=11)
        panels = part.subplots(n_rows, n_columns, squeeze=False).ravel()
        for axes, image in zip(panels, images, strict=False):
            most = float(np.abs(image).max()) or 1.0
            axes.imshow(image, cmap="gray", vmin=-most, vmax=most, interpolation="nearest")
        for axes in panels:
            axes.set_axis_off()
    return figure


def reconstructions(clean: NDArray[Any], corrupted: NDArray[Any], reconstructed: NDArray[Any]) -> Figure:
    """Draw examples as they are, corrupted, and reconstructed.

    Parameters
    ----------
    clean, corrupted, reconstructed : ndarray of shape (n_examples, height, width)
        0 is black.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    panels = figure.subplots(3, len(clean), squeeze=False)
    brightest = float(clean.max()) or 1.0
    for row, (name, images) in enumerate(
        (("clean", clean), ("corrupted", corrupted), ("reconstructed", reconstructed))
    ):
        for axes, image in zip(panels[row], images, strict=True):
            axes.imshow(image, cmap="gray", vmin=0, vmax=brightest, interpolation="nearest")
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
        panels[row][0].set_ylabel(name)
    return figure


def strategy_name(row: dict[str, Any]) -> str:
    """Write a strategy's number and reconstruction, briefly."""
    of = row["pretraining"]
    if not of:
        return "none: not pre-trained"
    return f"{row['strategy']}: {of['reconstruction']}" + (", before" if of["target"] == "before" else "")


def _label(row: dict[str, Any]) -> str:
    if "strategy" in row:
        return strategy_name(row)
    return f"{row['activation']}, pre-trained" if row["pretraining"] else str(row["activation"])


def _overall(record: Any, network: list[int]) -> float:
    """Sparsity over all hidden units."""
    return float(np.average(record["sparsity"], weights=network[1:-1]))


def _curves(axes: Axes, name: str, curves: list[list[float]], colour: str, style: str) -> None:
    for curve in curves:
        axes.plot(range(1, len(curve) + 1), curve, style, color=colour, linewidth=0.7, alpha=0.35)
    shared = min(map(len, curves))
    mean = np.mean([curve[:shared] for curve in curves], axis=0)
    axes.plot(range(1, shared + 1), mean, style, color=colour, linewidth=2, label=name)


def _legend_below(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)


def _plain_log(axes: Axes) -> None:
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 20 * low else (1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def _tidy(axes: Axes) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
