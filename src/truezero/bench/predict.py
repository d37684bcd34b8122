"""Prediction, by batch size, width and sparsity: against other libraries and against our own dense path."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from truezero.bench import markdown, peers
from truezero.bench.machine import machine
from truezero.bench.rows import INPUT_DENSITY, INPUTS, network_with_zeros
from truezero.bench.runtimes import NAMES, Runtime, contestant, runtimes
from truezero.bench.terminal import Table
from truezero.bench.timing import OURS, Contest, Contestant, Progress, milliseconds
from truezero.core.network import Network
from truezero.engines import Features, get_engine, resolve_threads
from truezero.errors import OptionError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROWS = 4096
_LARGEST = _ROWS * 1024  # rows times width of the largest call
_WEIGHTS = ("float32", "bfloat16")
_DIFFERENCE, _OF_BFLOAT16 = 1e-3, 0.05  # of the largest output
_EXACT = "truezero, float32"
_DENSE = "truezero, dense"


def run(
    *,
    widths: Sequence[int] = (1000, 4096),
    zeros: Sequence[float] = (0, 0.5, 0.7, 0.83, 0.9, 0.95),
    batch_sizes: Sequence[int] = (1, 16, 256, 4096),
    weights: Sequence[str] = ("float32",),
    rounds: int = 5,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time prediction against other libraries and our own dense path, by batch size, width and zeros.

    Networks are 784-w-w-w-10, their zeros random per example. Ours are bound (`Network.predictor`), as
    the others are opened once. Those are PyTorch, onnxruntime and OpenVINO, in float32 unless `weights`
    says more; those that are not installed are left out.

    Parameters
    ----------
    widths : sequence of int
        Units of each hidden layer, w.
    zeros : sequence of float
        Shares of zeros in every hidden layer.
    batch_sizes : sequence of int
        Rows per call, up to 4096; left out where a call would take most of a second.
    weights : sequence of {"float32", "bfloat16"}
        With the latter our weights are rounded, OpenVINO computes in bfloat16, and the others as before;
        ours with weights as they are is one contestant more.
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        The most threads anybody may use; each takes what is fastest for it.
    on_progress : callable
        Called with a note on what is being done.

    Returns
    -------
    dict
        `cells`, each with density, milliseconds per call, `ratio` of the fastest other library's time
        to ours with its `spread`, `dense_ratio`, our own dense path's time to ours, or `exact_ratio`, our
        float32's to our bfloat16's, and who was `left_out`.

    Raises
    ------
    OptionError
        If PyTorch is not installed, or a number is out of range.
    TruezeroError
        If another library's outputs are others.
    """
    _require(
        all(1 <= size <= _ROWS for size in batch_sizes), f"batch sizes must be 1 to {_ROWS}", batch_sizes
    )
    _require(all(width >= 1 for width in widths), "widths must be at least 1", widths)
    _require(set(weights) <= set(_WEIGHTS), f"weights must be of {', '.join(_WEIGHTS)}", weights)
    _require(all(0 <= share < 1 for share in zeros), "shares of zeros must be at least 0 and below 1", zeros)
    peers.require_torch()
    threads = resolve_threads(n_threads)
    cells = []
    for width in widths:
        for share in zeros:
            network, rows, density = network_with_zeros(width, share, n_rows=_ROWS)
            for kept, batch_size in itertools.product(weights, batch_sizes):
                if batch_size * width > _LARGEST:
                    continue  # a call would take most of a second
                note = f"{width} wide, {100 * share:g} % zeros, {kept}, batch {batch_size}"
                cell = _cell(Contest(rounds, threads, on_progress, note), network, rows, batch_size, kept)
                cells.append({"width": width, "zeros": share, "density": density, "weights": kept} | cell)
    return {
        "benchmark": "predict",
        "inputs": INPUTS,
        "input_density": INPUT_DENSITY,
        "cells": cells,
        "bound": True,
        "rounds": rounds,
        "machine": machine(threads),
    }


def _require(holds: bool, wanted: str, got: object) -> None:
    if not holds:
        raise OptionError(f"{wanted}, got {got}")


def _apart(output: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest difference, of the largest output."""
    return float(np.abs(output - expected).max() / np.abs(expected).max())


def _theirs(opened: Runtime, batches: Sequence[NDArray[Any]], n_threads: int) -> Contestant:
    return contestant(opened(n_threads, len(batches[0])), batches)


def _cell(
    contest: Contest, network: Network, rows: NDArray[Any], batch_size: int, weights: str
) -> dict[str, Any]:
    native: Any = get_engine("native", network)  # others have no choice of products
    batches = [rows[start : start + batch_size] for start in range(0, len(rows) - batch_size + 1, batch_size)]
    batches = batches[:64]  # other rows in every call

    def dense(n: int) -> Contestant:
        return contestant(
            lambda batch: native.forward(network, Features(batch), n_threads=n, products="dense"), batches
        )

    def ours(rounded: Literal["bfloat16"] | None, n: int) -> Contestant:
        return contestant(network.predictor(n, weights=rounded), batches)

    expected = native.forward(network, Features(batches[0]), n_threads=contest.most_threads)
    most = dict.fromkeys((OURS, *NAMES), _DIFFERENCE)
    if weights == "float32":
        contest.enter(OURS, partial(ours, None))
        contest.enter(_DENSE, dense)
    else:
        contest.enter(OURS, partial(ours, "bfloat16"))
        contest.enter(_EXACT, partial(ours, None))
        most |= dict.fromkeys((OURS, "openvino"), _OF_BFLOAT16)
    output = network.predictor(weights=None if weights == "float32" else "bfloat16")(batches[0])
    contest.disagreement[OURS] = peers.check(OURS, _apart(output, expected), most[OURS])
    others, left_out = runtimes(network, weights)
    for name, opened in others.items():
        output = opened(contest.most_threads, batch_size)(batches[0])
        contest.disagreement[name] = peers.check(name, _apart(output, expected), most[name])
        contest.enter(name, partial(_theirs, opened, batches))
    contest.hold()
    return {
        "batch_size": batch_size,
        "milliseconds": milliseconds(contest.seconds),
        "n_threads": contest.n_threads,
        "largest_difference": max(contest.disagreement.values()),
        "left_out": left_out,
        **contest.ratios(
            {"": NAMES, **({"dense_": [_DENSE]} if weights == "float32" else {"exact_": [_EXACT]})}
        ),
    }


def _present(result: dict[str, Any]) -> list[str]:
    """Names of the other libraries that took part."""
    return [name for name in NAMES if any(name in cell["milliseconds"] for cell in result["cells"])]


def _weights(cell: dict[str, Any]) -> str:
    return str(cell.get("weights", "float32"))  # results of before do not say


def _left_out(result: dict[str, Any]) -> list[str]:
    """Who did not take part, and why, each once."""
    return [
        f"left out: {name} ({reason})"
        for name, reason in {n: r for c in result["cells"] for n, r in c.get("left_out", {}).items()}.items()
    ]


def tables(result: dict[str, Any]) -> list[Table | str]:
    """A row for each network and batch size: what 80 columns hold; the page has more."""
    others = _present(result)
    rows = []
    for cell in result["cells"]:
        times = cell["milliseconds"]
        short = "" if _weights(cell) == "float32" else ", bf16"
        rows.append(
            (
                f"{cell['width']}{short}", f"{100 * cell['zeros']:g} %", str(cell["batch_size"]),
                *(f"{times[name]['median']:.3g}" for name in (OURS, *others)), f"{cell['ratio']:.2f}",
            )
        )  # fmt: skip
    headings = ("w", "zeros", "rows", "ms", *others, "best / ours")
    return [Table("a forward pass of 784-w-w-w-10, ms a call", headings, rows), *_left_out(result)]


def figure(result: dict[str, Any]) -> Figure:
    """Draw ratios against the density of the network, a panel per width."""
    from truezero.plots.benchmarks import COLOURS, panels, plain_logarithms, tidy

    widths = sorted({cell["width"] for cell in result["cells"]})
    sizes = sorted({cell["batch_size"] for cell in result["cells"]})
    drawn, [row] = panels(1, len(widths), (5 * len(widths), 4), sharey=True)
    exact, rounded = ([cell for cell in result["cells"] if _weights(cell) == weights] for weights in _WEIGHTS)
    for axes, width in zip(row, widths, strict=True):
        for size, colour in zip(sizes, COLOURS, strict=False):
            cells = [c for c in exact if c["width"] == width and c["batch_size"] == size]
            if cells:
                x = [c["density"] for c in cells]
                axes.plot(x, [c["ratio"] for c in cells], "o-", color=colour, label=f"batch {size}")
                low, high = zip(*(c["spread"] for c in cells), strict=True)
                axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            halves = [c for c in rounded if c["width"] == width and c["batch_size"] == size]
            axes.plot(
                [c["density"] for c in halves], [c["ratio"] for c in halves],
                "D--", color=colour, markerfacecolor="none",
            )  # fmt: skip
        if rounded:
            axes.plot([], [], "kD--", markerfacecolor="none", label="weights in bfloat16")
        every = sorted({c["density"] for c in result["cells"] if c["width"] == width})
        axes.plot(every, [1 / d for d in every], "k:", linewidth=0.8, label="1 / density")
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set(
            xscale="log", yscale="log", xlabel="density of the network", title=f"three layers of {width}"
        )
        plain_logarithms(axes.yaxis)
        plain_logarithms(axes.xaxis)
        tidy(axes)
    row[0].set_ylabel("the fastest other library's time / ours")
    row[0].legend(frameon=False)
    return drawn


def page(result: dict[str, Any]) -> str:
    """Write the section."""
    r, others = result, _present(result)
    rounded = any(_weights(cell) != "float32" for cell in r["cells"])
    rows = (
        (
            str(c["width"]), f"{100 * c['zeros']:g}", f"{c['density']:.3f}", _weights(c),
            str(c["batch_size"]),
            *(markdown.time(c["milliseconds"][name]) for name in (OURS, *others)),
            markdown.ratio(c), f"{c['ratio'] * c['density']:.2f}",
            *(markdown.ratio(c, of) if f"{of}ratio" in c else "" for of in ("dense_", "exact_")),
        )
        for c in r["cells"]
    )  # fmt: skip
    headings = (
        "w", "zeros, %", "density", "weights", "batch", "ms", *(f"{name}, ms" for name in others), "ratio",
        "ratio × density", "own dense path / ours", "own float32 / ours",
    )  # fmt: skip
    return "\n".join(
        (
            f"## Prediction{' with weights of two bytes' if rounded else ''}\n",
            f"`truezero bench predict`: {r['inputs']}-w-w-w-10, {100 * r['input_density']:g} % of the input "
            "not zero, zeros random per example, no dead units. Density is products needed over products of "
            "a dense network. The ratio is the time of the row's fastest other library over ours; ratio × "
            "density would be 1 if only products cost time. Calls of most of a second (4096 rows, 4096 wide) "
            "are left out. With weights in bfloat16 OpenVINO computes in it, others in float32. Ours is "
            f"{'' if r.get('bound') else 'the engine called for each batch; with bfloat16 it is '}a bound "
            "network (`network.predictor()`), and so is own float32; the own dense path is called for each "
            "batch.\n",
            markdown.table(headings, rows),
            *(f"{line[0].upper()}{line[1:]}.\n" for line in _left_out(r)),
        )
    )
