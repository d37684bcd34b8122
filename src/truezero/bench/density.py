"""Cost against density and width: where skipping zeros wins, and where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from truezero.bench import markdown, peers
from truezero.bench.machine import machine
from truezero.bench.ours import OurSteps, training_steps
from truezero.bench.rows import labeled, network_with_zeros
from truezero.bench.terminal import Table, ratio
from truezero.bench.timing import Contest, Progress, milliseconds
from truezero.engines import StepSettings, resolve_threads
from truezero.errors import OptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROWS = 4096
_RATE = 1e-6  # so small that the zeros stay as they are
_WORK = 3e9  # products of a dense network in one measurement


def run(
    *,
    widths: Sequence[int] = (256, 1000, 2000),
    densities: Sequence[float] = (0.02, 0.05, 0.1, 0.17, 0.3, 0.5, 0.7, 0.85, 1.0),
    batch_sizes: Sequence[int] = (10, 256),
    rounds: int = 5,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time a training step by density and width: skipping zeros, taking layers whole, and PyTorch.

    Parameters
    ----------
    widths : sequence of int
        Units of each of three hidden layers; the input has 784 features, 19 % of them not zero.
    densities : sequence of float
        Shares of active units, random per example.
    batch_sizes : sequence of int
        Rows of a minibatch.
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        Threads of everybody.
    on_progress : callable
        Called with a note on what is being done.

    Returns
    -------
    dict
        `cells`, each with width, batch size, density, the products that the built-in rule chooses, and
        milliseconds per step of `sparse`, `dense` and `torch` (foreach; where it is installed).

    Raises
    ------
    OptionError
        If a number is out of range.
    """
    if not all(size >= 1 for size in (*widths, *batch_sizes)):
        raise OptionError(f"widths and batch sizes must be at least 1, got {widths} and {batch_sizes}")
    if not all(0 <= density <= 1 for density in densities):
        raise OptionError(f"densities must be 0 to 1, got {densities}")
    threads = resolve_threads(n_threads)
    cells = []
    for width in widths:
        for batch_size in batch_sizes:
            for density in densities:
                note = f"{width} wide, batch {batch_size}, density {density:g}"
                cells.append(_cell(Contest(rounds, threads, on_progress, note), width, batch_size, density))
    return {"benchmark": "density", "cells": cells, "rounds": rounds, "machine": machine(threads)}


def _cell(contest: Contest, width: int, batch_size: int, density: float) -> dict[str, Any]:
    network, X, _ = network_with_zeros(width, 1 - density, n_rows=_ROWS)
    examples = labeled(X, np.random.default_rng(0).integers(0, network.layer_sizes[-1], len(X)))
    settings = StepSettings(_RATE, batch_size, (0.0,) * network.n_hidden)
    products = sum(w.size for w in network.weights) * batch_size
    order = np.resize(examples.ids, int(np.clip(_WORK / products, 4, 400)) * batch_size)

    def ours(of_hidden: float) -> OurSteps:
        inputs = examples.features.density()
        return training_steps(network, examples, order, settings, (inputs, *(of_hidden,) * network.n_hidden))

    threads = contest.most_threads
    for name, of_hidden in (("sparse", 0.0), ("dense", 1.0)):
        contest.enter(name, ours(of_hidden).contestant, threads)
    if peers.torch_installed():
        few = max(len(order) // batch_size // 4, 2) * batch_size
        batches = peers.torch_batches(X, examples.target, order[:few], batch_size)
        model = peers.TorchTraining(network, "torch foreach", learning_rate=_RATE, l1=0.0)
        contest.enter("torch", lambda n: model.contestant(batches, n), threads)
    for contestant in contest.contestants.values():
        contestant()  # warm
    contest.hold()
    tally = ours(density).first()
    return {
        "width": width,
        "batch_size": batch_size,
        "density": density,
        "chosen": tally.products[1],
        "blas": tally.blas,
        "milliseconds_per_step": milliseconds(contest.seconds),
        **contest.ratios({"": ["torch"]}, ours=tally.products[1]),
    }


def tables(result: dict[str, Any]) -> list[Table | str]:
    """A row for each width, batch size and density."""
    rows = []
    for cell in result["cells"]:
        times = {name: f"{t['median']:.3f}" for name, t in cell["milliseconds_per_step"].items()}
        rows.append(
            (
                str(cell["width"]), str(cell["batch_size"]), f"{cell['density']:g}", times["sparse"],
                times["dense"], cell["chosen"], times.get("torch", "-"), ratio(cell),
            )
        )  # fmt: skip
    headings = ("w", "batch", "density", "sparse", "dense", "chosen", "PyTorch", "PyTorch / ours")
    return [Table("milliseconds a training step of 784-w-w-w-10", headings, rows)]


def figure(result: dict[str, Any]) -> Figure:
    """Draw times against density, a panel for each batch size and width."""
    from truezero.plots.benchmarks import BLUE, GREY, VERMILION, panels, plain_logarithms, tidy

    widths = sorted({c["width"] for c in result["cells"]})
    sizes = sorted({c["batch_size"] for c in result["cells"]})
    drawn, grid = panels(len(sizes), len(widths), (4 * len(widths), 3.4 * len(sizes)))
    for row, size in zip(grid, sizes, strict=True):
        for axes, width in zip(row, widths, strict=True):
            cells = [c for c in result["cells"] if c["width"] == width and c["batch_size"] == size]
            x = [c["density"] for c in cells]
            for name, colour in (("sparse", BLUE), ("dense", VERMILION), ("torch", GREY)):
                timings = [c["milliseconds_per_step"].get(name) for c in cells]
                if all(timings):
                    axes.plot(x, [t["median"] for t in timings], "o-", color=colour, label=name, markersize=3)
            chosen = [c["milliseconds_per_step"][c["chosen"]]["median"] for c in cells]
            axes.plot(x, chosen, "o", color="black", fillstyle="none", markersize=8, label="chosen")
            axes.set(yscale="log", xlabel="density of the hidden layers", title=f"{width} wide, batch {size}")
            plain_logarithms(axes.yaxis)
            tidy(axes)
        row[0].set_ylabel("milliseconds a step")
    grid[0][0].legend(frameon=False, fontsize=8)
    return drawn


def page(result: dict[str, Any]) -> str:
    """Write the section."""
    rows = []
    for c in result["cells"]:
        t = c["milliseconds_per_step"]
        chosen = t[c["chosen"]]["median"] / min(t["sparse"]["median"], t["dense"]["median"])
        rows.append(
            (
                str(c["width"]), str(c["batch_size"]), f"{c['density']:g}", markdown.time(t["sparse"]),
                markdown.time(t["dense"]), c["chosen"], f"{chosen:.2f}",
                markdown.time(t["torch"]) if "torch" in t else "–", markdown.ratio(c),
            )
        )  # fmt: skip
    headings = (
        "w", "batch", "density", "sparse, ms", "dense, ms", "chosen", "chosen / better", "PyTorch, ms",
        "ratio",
    )  # fmt: skip
    return "\n".join(
        (
            "## Cost against density and width\n",
            "`truezero bench density`: a training step of 784-w-w-w-10 with hidden layers of the given "
            "density, skipping zeros and taking layers whole; losses are shown as they are.\n",
            markdown.table(headings, rows),
        )
    )
