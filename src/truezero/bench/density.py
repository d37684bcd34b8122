"""Cost against density and width: where skipping zeros wins, and where it does not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from truezero.bench import peers
from truezero.bench.machine import machine
from truezero.bench.predict import network_with_zeros
from truezero.bench.timing import Contestant, Progress, interleave, milliseconds, ratio
from truezero.engines import Examples, Features, StepSettings, get_engine, resolve_threads
from truezero.errors import OptionError

_RATE = 1e-6  # so small that the zeros stay as they are
_WORK = 3e9  # products of a dense network in one measurement


def bench_density(
    *,
    widths: Sequence[int] = (256, 1000, 2000),
    densities: Sequence[float] = (0.02, 0.05, 0.1, 0.17, 0.3, 0.5, 0.7, 0.85, 1.0),
    batch_sizes: Sequence[int] = (10, 256),
    rounds: int = 5,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time a training step by the density of the hidden layers, skipping zeros and taking layers whole.

    Parameters
    ----------
    widths : sequence of int
        Units of each of three hidden layers; the input has 784 features, 19 % of them not zero.
    densities : sequence of float
        Share of active units, random per example.
    batch_sizes : sequence of int
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        Of everybody.
    on_progress : callable

    Returns
    -------
    dict
        `cells`, each with width, batch size, density, the products that the built-in rule chooses, and
        milliseconds per step of `sparse`, `dense` and `torch` (foreach; where it is installed).
    """
    if not all(size >= 1 for size in (*widths, *batch_sizes)):
        raise OptionError(f"widths and batch sizes must be at least 1, got {widths} and {batch_sizes}")
    threads = resolve_threads(n_threads)
    cells = []
    for width in widths:
        for batch_size in batch_sizes:
            for density in densities:
                note = f"{width} wide, batch {batch_size}, density {density:g}"
                cells.append(_cell(width, batch_size, density, rounds, threads, on_progress, note))
    return {"benchmark": "density", "cells": cells, "rounds": rounds, "machine": machine(threads)}


def _cell(
    width: int,
    batch_size: int,
    density: float,
    rounds: int,
    threads: int,
    on_progress: Progress,
    note: str,
) -> dict[str, Any]:
    network, X, _ = network_with_zeros(width, 1 - density, n_rows=4096)
    native = get_engine("native", network)
    target = np.random.default_rng(0).integers(0, network.layer_sizes[-1], len(X))
    examples = Examples(Features(X), target, None, np.arange(len(X), dtype=np.int64))
    settings = StepSettings(_RATE, batch_size, (0.0,) * network.n_hidden)
    products = sum(w.size for w in network.weights) * batch_size
    steps = int(np.clip(_WORK / products, 4, 400))
    order = np.resize(np.arange(len(X), dtype=np.int64), steps * batch_size)
    inputs, hidden = examples.features.density(), network.n_hidden

    def ours(of_hidden: float) -> Contestant:
        trained = network.copy()

        def run() -> float:
            started = time.perf_counter()
            native.train(
                trained, examples, order, settings,
                epoch=1, seed=0, n_threads=threads, density=(inputs, *(of_hidden,) * hidden),
            )  # fmt: skip
            return (time.perf_counter() - started) / steps

        run()
        return run

    contestants = {"sparse": ours(0.0), "dense": ours(1.0)}
    if peers.torch_installed():
        batches = peers.torch_batches(X, target, order[: max(steps // 4, 2) * batch_size], batch_size)
        model = peers.TorchTraining(network, "torch foreach", learning_rate=_RATE, l1=0.0, n_threads=threads)
        model.train(batches)
        contestants["torch"] = lambda: model.train(batches)
    seconds = interleave(contestants, rounds, on_progress, note)
    tally = native.train(
        network.copy(), examples, order[:batch_size], settings,
        epoch=1, seed=0, n_threads=threads, density=(inputs, *(density,) * hidden),
    )  # fmt: skip
    median, spread = ratio(seconds, tally.products[1], ["torch"])
    return {
        "width": width,
        "batch_size": batch_size,
        "density": density,
        "chosen": tally.products[1],
        "blas": tally.blas,
        "milliseconds_per_step": milliseconds(seconds),
        "ratio": median,
        "spread": spread,
    }
