"""A training step on a machine that has other work, and on more threads than there are cores."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from truezero.bench import markdown, peers
from truezero.bench.benchmark import at_least
from truezero.bench.machine import machine
from truezero.bench.ours import training_steps
from truezero.bench.rows import labeled, training_rows
from truezero.bench.terminal import Table, ratio, sizes, times
from truezero.bench.timing import ONE_THREAD, OURS, Contest, Progress
from truezero.core.draws import Purpose, permutation
from truezero.core.initial import initialize
from truezero.datasets import Dataset
from truezero.engines import StepSettings, get_engine, resolve_threads

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BATCH, _RATE, _L1 = 10, 0.1, 1e-4
_BEYOND = 4  # times the cores
# Counts until whoever started it is gone, however that ended.
_COUNT = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n for _ in range(10**6): pass"
_BUSY = [sys.executable, "-c", _COUNT]


def run(
    dataset: Dataset,
    *,
    hidden_layer_sizes: Sequence[int] = (1000, 1000, 1000),
    epochs: int = 2,
    steps: int = 500,
    rounds: int = 5,
    busy: Sequence[int] = (0, 1, 2),
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time a training step beside busy processes, and on more threads than there are cores.

    A step of SGD, batches of 10, after some epochs of training (section 4.1). Ours runs on one thread, on
    all, on one more and on four times as many; PyTorch in the variant and on the threads that are fastest
    for it while nothing else runs.

    Parameters
    ----------
    dataset : Dataset
        For classification; its training rows are used.
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    epochs : int
        Epochs trained before, so that the sparsity is that of training.
    steps : int
        Steps of one measurement; PyTorch makes a fifth of them.
    rounds : int
        Measurements of each contestant, interleaved.
    busy : sequence of int
        Numbers of processes that do nothing but count meanwhile.
    n_threads : int, optional
        Taken for the number of cores.
    on_progress : callable
        Called with a note on what is being done.

    Returns
    -------
    dict
        `cells`, one for each number of busy processes, with `milliseconds_per_step` of each contestant,
        and `ratio` and `spread` of PyTorch's time over ours on all threads.

    Raises
    ------
    OptionError
        If PyTorch is not installed, or a number is out of range.
    """
    peers.require_torch()
    at_least(1, epochs=epochs, steps=steps)
    at_least(0, **{f"busy[{place}]": number for place, number in enumerate(busy)})
    threads = resolve_threads(n_threads)
    X, target = training_rows(dataset)
    network = initialize((X.shape[1], *hidden_layer_sizes, int(target.max()) + 1), seed=0)
    native, examples = get_engine("native", network), labeled(X, target)
    settings = StepSettings(_RATE, _BATCH, (_L1,) * network.n_hidden)
    for epoch in range(1, epochs + 1):
        on_progress(f"training first, epoch {epoch} of {epochs}")
        order = permutation(0, Purpose.ORDER, examples.ids, epoch=epoch)
        native.train(network, examples, order, settings, epoch=epoch, seed=0, n_threads=threads)
    stretch = np.resize(permutation(0, Purpose.ORDER, examples.ids, epoch=epochs + 1), steps * _BATCH)
    ours = training_steps(network, examples, stretch, settings)
    batches = peers.torch_batches(X, target, stretch[: max(steps // 5, 1) * _BATCH], _BATCH)
    make = partial(peers.TorchTraining, network, learning_rate=_RATE, l1=_L1)
    first = Contest(rounds, threads, on_progress)
    peers.enter_torch_variants(first, make, batches, ours)
    first.hold()
    theirs = min(first.seconds, key=lambda name: sorted(first.seconds[name])[rounds // 2])
    cells = []
    for number in busy:
        contest = Contest(rounds, threads, on_progress, f"{number} busy processes")
        for n in sorted({1, threads, threads + 1, _BEYOND * threads}):
            name = OURS if n == threads else ONE_THREAD if n == 1 else f"{OURS}, {n} threads"
            contest.enter(name, ours.contestant, n)
        contest.n_threads[theirs] = first.n_threads[theirs]
        contest.contestants[theirs] = first.contestants[theirs]
        contest.disagreement, contest.left_out = first.disagreement, first.left_out
        with _busy(number):
            contest.hold()
        cells.append({"busy": number, **contest.facts(), **contest.ratios({"": [theirs]})})
    return {
        "benchmark": "busy",
        "data": dataset.name,
        "network": list(network.layer_sizes),
        "batch_size": _BATCH,
        "epochs_before": epochs,
        "rounds": rounds,
        "cells": cells,
        "machine": machine(threads),
    }


@contextmanager
def _busy(number: int) -> Iterator[None]:
    """So many processes that want a core each."""
    with ExitStack() as ends:
        for _ in range(number):
            process = ends.enter_context(subprocess.Popen(_BUSY))  # which is waited for
            ends.callback(process.kill)
        yield


def _title(result: dict[str, Any], cell: dict[str, Any]) -> str:
    return f"{sizes(result['network'])}, batches of {result['batch_size']}, {cell['busy']} busy processes"


def tables(result: dict[str, Any]) -> list[Table | str]:
    """Everybody's times beside so many busy processes."""
    shown: list[Table | str] = []
    for cell in result["cells"]:
        shown += [times(cell, _title(result, cell)), f"PyTorch / truezero: {ratio(cell)}"]
    return shown


def figure(result: dict[str, Any]) -> Figure:
    """Draw everybody's times, a panel for each number of busy processes."""
    from truezero.plots.benchmarks import panels, points

    cells = result["cells"]
    drawn, [axes] = panels(1, len(cells), (4 * len(cells), 3.2))
    for one, cell in zip(axes, cells, strict=True):
        points(one, cell["milliseconds_per_step"])
        one.set_title(f"{cell['busy']} busy processes", fontsize=10)
        one.set(xlabel="milliseconds a step")
    return drawn


def page(result: dict[str, Any]) -> str:
    """Write the section."""
    parts = [
        "## A training step on a busy machine\n",
        f"`truezero bench busy --data {result['data']} --epochs {result['epochs_before']}`: "
        f"{sizes(result['network'])}, batches of {result['batch_size']}, on a machine of "
        f"{result['machine']['cores']} cores.\n",
    ]
    for cell in result["cells"]:
        parts += [f"{cell['busy']} busy processes:\n", markdown.times(cell)]
        parts.append(f"PyTorch over ours: {markdown.ratio(cell)}.\n")
    return "\n".join(parts)
