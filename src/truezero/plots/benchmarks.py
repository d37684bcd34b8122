"""Figures of the benchmarks, one function per kind, and the choice among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

# Okabe and Ito's palette: told apart with any colour vision.
OURS, PEERS = "#0072B2", ("#D55E00", "#E69F00", "#CC79A7", "#999999", "#56B4E9", "#009E73")


def bench_figure(result: dict[str, Any]) -> Figure:
    """Draw what a benchmark gave.

    Parameters
    ----------
    result : dict
        As a function of `truezero.bench` gives it.

    Returns
    -------
    matplotlib.figure.Figure
    """
    return _DRAWN[result["benchmark"]](result)


def _train(result: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.subplots()
    _points(axes, result["milliseconds_per_step"])
    floor = result["floor"]["milliseconds"]
    axes.axvline(floor, color="black", linewidth=1, linestyle=":")
    axes.annotate(
        f"traffic floor {floor:.2f} ms", (floor, 1), xycoords=("data", "axes fraction"),
        xytext=(3, 3), textcoords="offset points", fontsize=8, annotation_clip=False,
    )  # fmt: skip
    zeros = result["sparsity"]["overall"]
    about = "" if zeros is None else f", {100 * zeros:.1f} % zeros"
    network = "-".join(map(str, result["network"]))
    axes.set_title(
        f"A step of {network}, {result['activation']}, batch {result['batch_size']}{about}",
        fontsize=10,
        pad=16,
    )
    axes.set(xlabel="milliseconds a step (median; line: least to greatest)")
    return figure


def _points(axes: Axes, timings: dict[str, dict[str, float]]) -> None:
    """One row per contestant, the fastest on top: its median, and a line from least to greatest."""
    names = sorted(timings, key=lambda name: -timings[name]["median"])
    for place, name in enumerate(names):
        t = timings[name]
        colour = OURS if name.startswith("truezero") else "#555555"
        axes.plot([t["least"], t["greatest"]], [place, place], color=colour, linewidth=2, alpha=0.5)
        axes.plot(t["median"], place, "o", color=colour, markersize=8)
        axes.annotate(
            f"{t['median']:.3g}", (t["greatest"], place),
            xytext=(7, 0), textcoords="offset points", va="center", fontsize=9, color=colour,
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.set_xscale("log")
    _plain_logarithms(axes.xaxis)
    axes.grid(axis="x", alpha=0.25)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12, y=0.08)


def _error(result: dict[str, Any]) -> Figure:
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for (name, history), colour in zip(result["histories"].items(), (OURS, *PEERS), strict=False):
        seconds = [r["seconds"] for r in history]
        axes.step(
            seconds, [100 * r["selected_test_error"] for r in history],
            where="post", color=colour, label=name, linewidth=2,
        )  # fmt: skip
        axes.plot(
            seconds, [100 * r["test_error"] for r in history], ".", color=colour, alpha=0.4, markersize=4
        )
    for number, run in enumerate(result["recipe"]):
        axes.plot(
            run["seconds"], 100 * run["test_error"], "*", color=PEERS[5], markersize=9,
            label="our own recipe" if number == 0 else None,
        )  # fmt: skip
    for target in result["targets"]:
        axes.axhline(100 * target["test_error"], color="black", linewidth=0.8, linestyle=":")
    axes.set(
        xscale="log", yscale="log", xlabel="seconds", ylabel="test error, % (of the best validation epoch)"
    )
    _plain_logarithms(axes.yaxis, (1, 1.5, 2, 3, 5))
    _plain_logarithms(axes.xaxis)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    axes.set_title(f"{result['data']}, {'-'.join(map(str, result['network']))}, batch {result['batch_size']}")
    return figure


def _plain_logarithms(axis: Any, subs: tuple[float, ...] = (1, 2, 5)) -> None:
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def _predict(result: dict[str, Any]) -> Figure:
    widths = sorted({cell["width"] for cell in result["cells"]})
    sizes = sorted({cell["batch_size"] for cell in result["cells"]})
    figure = Figure(figsize=(5 * len(widths), 4), layout="constrained")
    panels = figure.subplots(1, len(widths), sharey=True, squeeze=False)[0]
    for axes, width in zip(panels, widths, strict=True):
        for size, colour in zip(sizes, (OURS, *PEERS), strict=False):
            cells = [c for c in result["cells"] if c["width"] == width and c["batch_size"] == size]
            if cells:
                x = [c["density"] for c in cells]
                axes.plot(x, [c["ratio"] for c in cells], "o-", color=colour, label=f"batch {size}")
                low, high = zip(*(c["spread"] for c in cells), strict=True)
                axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        every = sorted({c["density"] for c in result["cells"] if c["width"] == width})
        axes.plot(
            every,
            [1 / density for density in every],
            color="black",
            linewidth=0.8,
            linestyle=":",
            label="1 / density",
        )
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set(
            xscale="log", yscale="log", xlabel="density of the network", title=f"three layers of {width}"
        )
        _plain_logarithms(axes.yaxis)
        _plain_logarithms(axes.xaxis)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("PyTorch's time / ours")
    panels[0].legend(frameon=False)
    return figure


def _text(result: dict[str, Any]) -> Figure:
    shapes = result["shapes"]
    figure = Figure(figsize=(8, 2.6 * len(shapes)), layout="constrained")
    for axes, shape in zip(np.atleast_1d(figure.subplots(len(shapes), 1)), shapes, strict=True):
        _points(axes, shape["milliseconds_per_step"])
        axes.set(xlabel="milliseconds a step")
        axes.set_title(
            f"{'-'.join(map(str, shape['network']))}, {shape['nonzeros_per_row']:.0f} of "
            f"{shape['features']} features a row, batch {result['batch_size']}",
            fontsize=10,
        )
    return figure


def _pretrain(result: dict[str, Any]) -> Figure:
    bags = result["text"]
    parts = [*result["layers"], *([bags] if bags else [])]
    figure = Figure(figsize=(8, 2.8 * len(parts)), layout="constrained")
    for number, (axes, part) in enumerate(
        zip(np.atleast_1d(figure.subplots(len(parts), 1)), parts, strict=True), 1
    ):
        _points(axes, part["milliseconds_per_step"])
        axes.set(xlabel="milliseconds a step (median; line: least to greatest)")
        zeros = f"{100 * part['sparsity']:.1f} % zeros"
        if part is bags:
            sizes, share = "-".join(map(str, part["network"])), 100 * part["sampling"]
            of = f"Bags of words, {sizes}, {share:g} % of the zeros sampled"
        else:
            of = f"Layer {number}, {'-'.join(map(str, part['sizes']))}, λ {part['l1_activation']:g}"
        axes.set_title(f"{of}, {zeros}, batch {result['batch_size']}", fontsize=10)
    return figure


def _density(result: dict[str, Any]) -> Figure:
    widths = sorted({c["width"] for c in result["cells"]})
    sizes = sorted({c["batch_size"] for c in result["cells"]})
    figure = Figure(figsize=(4 * len(widths), 3.4 * len(sizes)), layout="constrained")
    grid = figure.subplots(len(sizes), len(widths), squeeze=False)
    for row, size in zip(grid, sizes, strict=True):
        for axes, width in zip(row, widths, strict=True):
            cells = [c for c in result["cells"] if c["width"] == width and c["batch_size"] == size]
            x = [c["density"] for c in cells]
            for name, colour in (("sparse", OURS), ("dense", PEERS[0]), ("torch", PEERS[3])):
                timings = [c["milliseconds_per_step"].get(name) for c in cells]
                if all(timings):
                    axes.plot(x, [t["median"] for t in timings], "o-", color=colour, label=name, markersize=3)
            chosen = [c["milliseconds_per_step"][c["chosen"]]["median"] for c in cells]
            axes.plot(x, chosen, "o", color="black", fillstyle="none", markersize=8, label="chosen")
            axes.set(yscale="log", xlabel="density of the hidden layers", title=f"{width} wide, batch {size}")
            _plain_logarithms(axes.yaxis)
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel("milliseconds a step")
    grid[0][0].legend(frameon=False, fontsize=8)
    return figure


_DRAWN: dict[str, Callable[[dict[str, Any]], Figure]] = {
    "train": _train,
    "error": _error,
    "predict": _predict,
    "text": _text,
    "density": _density,
    "pretrain": _pretrain,
}
