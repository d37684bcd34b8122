"""Prediction, by batch size, width and sparsity: against PyTorch and against our own dense path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import peers
from truezero.bench.machine import machine
from truezero.bench.timing import Contestant, Progress, best_threads, interleave, milliseconds, ratio, timed
from truezero.core.network import Network, initialize
from truezero.engines import Features, get_engine, resolve_threads
from truezero.engines.native import NativeEngine
from truezero.errors import OptionError

_INPUTS, _OUTPUTS, _INPUT_DENSITY = 784, 10, 0.19
_ROWS = 4096
_LARGEST = _ROWS * 1024  # rows times width of the largest call
_DIFFERENCE = 1e-3  # of the largest output, in float32


def network_with_zeros(
    width: int, zeros: float, *, n_rows: int = _ROWS, seed: int = 0
) -> tuple[Network, NDArray[Any], float]:
    """Make three hidden layers in which every unit is zero on the given share of random rows, none on all.

    Biases are set to quantiles of each unit's own sums.

    Parameters
    ----------
    width : int
        Units of each hidden layer.
    zeros : float
        Share of exact zeros, 0 to 1.
    n_rows : int
    seed : int

    Returns
    -------
    network : Network
        Read-only.
    rows : ndarray of shape (n_rows, 784)
        With 19 % non-zeros, as MNIST has.
    density : float
        Products needed over products of a dense network, counted on 2000 rows.
    """
    random = np.random.default_rng(seed)
    network = initialize((_INPUTS, width, width, width, _OUTPUTS), seed=seed)
    shape = (n_rows, _INPUTS)
    rows = np.where(random.random(shape) < _INPUT_DENSITY, random.random(shape), 0).astype(np.float32)
    h, done, dense = rows[:2000], 0.0, 0.0
    for weights, biases in zip(network.weights, network.biases, strict=True):
        done += weights.size * float((h != 0).mean())
        dense += weights.size
        if weights.shape[1] == width:
            z = h @ weights
            biases[:] = -np.quantile(z, zeros, axis=0)
            h = np.maximum(z + biases, 0)
    return network.freeze(), rows, done / dense


def bench_predict(
    *,
    widths: Sequence[int] = (1000, 4096),
    zeros: Sequence[float] = (0.5, 0.7, 0.83, 0.9, 0.95),
    batch_sizes: Sequence[int] = (1, 16, 256, 4096),
    rounds: int = 5,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time the forward pass of 784-w-w-w-10 networks whose zeros are random per example.

    Parameters
    ----------
    widths : sequence of int
        w of each network.
    zeros : sequence of float
        Share of zeros in every hidden layer.
    batch_sizes : sequence of int
        Rows per call, up to 4096; left out where a call would take most of a second.
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        The most anybody may use; each takes what is fastest for it.
    on_progress : callable

    Returns
    -------
    dict
        `cells`, each with density, milliseconds per call, `ratio` of PyTorch's time to ours with its
        `spread`, and `dense_ratio`, our own dense path's time to ours.

    Raises
    ------
    OptionError
        If PyTorch is not installed, or a number is out of range.
    TruezeroError
        If PyTorch's outputs are others.
    """
    cells = []
    _require(
        all(1 <= size <= _ROWS for size in batch_sizes), f"batch sizes must be 1 to {_ROWS}", batch_sizes
    )
    _require(all(width >= 1 for width in widths), "widths must be at least 1", widths)
    _require(all(0 <= share < 1 for share in zeros), "shares of zeros must be at least 0 and below 1", zeros)
    peers.require_torch()
    threads = resolve_threads(n_threads)
    for width in widths:
        for share in zeros:
            network, rows, density = network_with_zeros(width, share)
            for batch_size in batch_sizes:
                if batch_size * width > _LARGEST:
                    continue  # a call would take most of a second
                note = f"{width} wide, {100 * share:g} % zeros, batch {batch_size}"
                cell = _cell(network, rows, batch_size, rounds, threads, on_progress, note)
                cells.append({"width": width, "zeros": share, "density": density} | cell)
    return {
        "benchmark": "predict",
        "inputs": _INPUTS,
        "input_density": _INPUT_DENSITY,
        "cells": cells,
        "rounds": rounds,
        "machine": machine(threads),
    }


def _cell(
    network: Network,
    rows: NDArray[Any],
    batch_size: int,
    rounds: int,
    threads: int,
    on_progress: Progress,
    note: str,
) -> dict[str, Any]:
    import torch

    native = get_engine("native", network)
    assert isinstance(native, NativeEngine)
    batches = [rows[start : start + batch_size] for start in range(0, len(rows) - batch_size + 1, batch_size)]
    batches = batches[:64]  # other rows in every call

    def ours(products: str, n: int) -> Contestant:
        turn = iter(_cycle([Features(batch) for batch in batches]))
        return timed(lambda: native.forward(network, next(turn), n_threads=n, products=products))

    layers: list[Any] = []
    for weights, biases in zip(network.weights, network.biases, strict=True):
        layers += [peers.torch_linear(weights, biases), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1]).eval()

    def theirs(n: int) -> Contestant:
        turn = iter(_cycle([torch.tensor(batch) for batch in batches]))

        def call() -> None:
            with torch.inference_mode():
                model(next(turn))

        run = timed(call)

        def on_threads() -> float:
            torch.set_num_threads(n)
            return run()

        return on_threads

    chosen: dict[str, int] = {}
    contestants: dict[str, Contestant] = {}
    for name, make in (
        ("truezero", lambda n: ours("automatic", n)),
        ("truezero, dense", lambda n: ours("dense", n)),
        ("torch", theirs),
    ):
        chosen[name], contestants[name] = best_threads(make, threads, on_progress, f"{note}: {name}")
    expected = torch.nn.Sequential(*layers[:-1])(torch.tensor(batches[0])).detach().numpy()
    output = native.forward(network, Features(batches[0]), n_threads=threads)
    apart = float(np.abs(output - expected).max() / np.abs(expected).max())
    seconds = interleave(contestants, rounds, on_progress, note)
    median, spread = ratio(seconds, "truezero", ["torch"])
    dense, dense_spread = ratio(seconds, "truezero", ["truezero, dense"])
    return {
        "batch_size": batch_size,
        "milliseconds": milliseconds(seconds),
        "n_threads": chosen,
        "largest_difference": peers.check("torch", apart, _DIFFERENCE),
        "ratio": median,
        "spread": spread,
        "dense_ratio": dense,
        "dense_spread": dense_spread,
    }


def _require(holds: bool, wanted: str, got: object) -> None:
    if not holds:
        raise OptionError(f"{wanted}, got {got}")


def _cycle(items: list[Any]) -> Any:
    while True:
        yield from items
