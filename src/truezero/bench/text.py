"""Wide sparse binary rows, the shape of text: an epoch, against the width and against other libraries."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from truezero.bench import peers
from truezero.bench.machine import machine
from truezero.bench.timing import Contestant, Progress, best_threads, interleave, milliseconds, ratio
from truezero.core.network import Network, initialize
from truezero.engines import Examples, Features, StepSettings, get_engine, resolve_threads

_BATCH = 10
_RATE, _L1 = 0.1, 1e-4
_DENSE_INPUT = ("torch, dense input", "torch, sparse input")
EMBEDDING = "torch, embedding bag"
_PEER_STEPS, _SKLEARN_STEPS, _CHECKED_STEPS = 200, 20, 5
_CHECKED = 1e-2


def binary_rows(n_rows: int, n_features: int, density: float, *, seed: int = 0) -> tuple[Any, Any]:
    """Make random binary CSR float32 rows, and classes 0 and 1 that a hyperplane tells apart."""
    random = np.random.default_rng(seed)
    X = sparse.random_array(
        (n_rows, n_features), density=density, format="csr", dtype=np.float32, random_state=random
    )
    X.data[:] = 1
    return X, (X @ random.normal(size=n_features) > 0).astype(np.int64)


def bench_text(
    *,
    shapes: Sequence[tuple[int, float]] = ((5000, 0.006), (50_000, 0.001)),
    hidden_layer_sizes: Sequence[int] = (1000, 1000),
    n_rows: int = 10_000,
    rounds: int = 5,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time an epoch, batches of 10, on binary rows as wide and as sparse as text (section 4.2).

    Parameters
    ----------
    shapes : sequence of (int, float)
        Features and density of each data set.
    hidden_layer_sizes : sequence of int
    n_rows : int
        Of an epoch; other libraries do a part of it, and their time is scaled up.
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        The most anybody may use.
    on_progress : callable

    Returns
    -------
    dict
        `shapes`, each with `milliseconds_per_step`, `seconds_per_epoch`, `ratio` against PyTorch's best of
        dense and sparse input, `embedding_bag_ratio` against a model that its author has rewritten with an
        embedding bag and sparse gradients, `sklearn_ratio`, and `megabytes`, by how much our epoch raises
        the process's memory at its peak.

    Raises
    ------
    OptionError
        If PyTorch is not installed.
    """
    peers.require_torch()
    threads = resolve_threads(n_threads)
    return {
        "benchmark": "text",
        "batch_size": _BATCH,
        "learning_rate": _RATE,
        "l1_activation": _L1,
        "n_rows": n_rows,
        "rounds": rounds,
        "shapes": [
            _shape(n, density, tuple(hidden_layer_sizes), n_rows, rounds, threads, on_progress)
            for n, density in shapes
        ],
        "machine": machine(threads),
    }


def _shape(
    n_features: int,
    density: float,
    hidden: tuple[int, ...],
    n_rows: int,
    rounds: int,
    threads: int,
    on_progress: Progress,
) -> dict[str, Any]:
    note = f"{n_features} features"
    X, target = binary_rows(n_rows, n_features, density)
    network = initialize((n_features, *hidden, 2), seed=0)
    native = get_engine("native", network)
    examples = Examples(Features(X), target, None, np.arange(n_rows, dtype=np.int64))
    order = np.random.default_rng(1).permutation(n_rows).astype(np.int64)
    settings = StepSettings(_RATE, _BATCH, (_L1,) * len(hidden))
    steps = -(-n_rows // _BATCH)

    trained = network.copy()
    megabytes = peak_memory(
        lambda: native.train(trained, examples, order, settings, epoch=1, seed=0, n_threads=threads)
    )

    def ours() -> float:
        started = time.perf_counter()
        native.train(trained, examples, order, settings, epoch=2, seed=0, n_threads=threads)
        return (time.perf_counter() - started) / steps

    contestants: dict[str, Contestant] = {"truezero": ours}
    chosen, checked = {"truezero": threads}, {}
    for name in (*_DENSE_INPUT, EMBEDDING):
        if name == "torch, dense input" and n_features > 10_000:
            continue  # a gigabyte of zeros
        batches = _batches(X, target, order[: _PEER_STEPS * _BATCH], name)

        def make(n: int, name: str = name, batches: Any = batches) -> Contestant:
            model = peers.TorchTraining(
                network, "torch eager" if name == EMBEDDING else "torch foreach",
                learning_rate=_RATE, l1=_L1, n_threads=n, first_layer=first_layer(network, name),
            )  # fmt: skip
            return lambda: model.train(batches)

        checked[name] = _check(network, examples, settings, order, batches[:_CHECKED_STEPS], name)
        chosen[name], contestants[name] = best_threads(make, threads, on_progress, f"{note}: {name}")
    few = order[: _SKLEARN_STEPS * _BATCH]
    sklearn = peers.sklearn_training(network, X[few], target[few], _BATCH, _RATE)
    if sklearn is not None:
        contestants["scikit-learn"] = sklearn
    seconds = interleave(contestants, rounds, on_progress, note)
    result: dict[str, Any] = {
        "features": n_features,
        "density": density,
        "network": list(network.layer_sizes),
        "nonzeros_per_row": float(X.nnz / n_rows),
        "milliseconds_per_step": milliseconds(seconds),
        "n_threads": chosen,
        "disagreement": checked,
        "megabytes": megabytes,
        "network_megabytes": sum(w.nbytes for w in network.weights) / 2**20,
    }
    result["seconds_per_epoch"] = result["milliseconds_per_step"]["truezero"]["median"] * steps / 1e3
    for key, names in (
        ("", list(_DENSE_INPUT)),
        ("embedding_bag_", [EMBEDDING]),
        ("sklearn_", ["scikit-learn"]),
    ):
        result[f"{key}ratio"], result[f"{key}spread"] = ratio(seconds, "truezero", names)
    return result


def _check(
    network: Network, examples: Examples, settings: StepSettings, order: Any, batches: list[Any], name: str
) -> float:
    """Train both for a few steps; return how far apart their weights are, relative to the way they went."""
    ours = network.copy()
    get_engine("native", network).train(
        ours, examples, order[: len(batches) * _BATCH], settings, epoch=1, seed=0, n_threads=1
    )
    model = peers.TorchTraining(
        network,
        "torch eager",
        learning_rate=_RATE,
        l1=_L1,
        n_threads=1,
        first_layer=first_layer(network, name),
    )
    model.train(batches)
    return peers.check(name, peers.disagreement(ours, model.weights(), network), _CHECKED)


def peak_memory(work: Callable[[], Any]) -> float | None:
    """Megabytes by which work raises the process's memory at its peak; None where that is not told."""
    status = Path("/proc/self/status")

    def kilobytes(name: str) -> int:
        lines = status.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))

    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is now what is in use
        before = kilobytes("VmRSS")
    except OSError:
        work()
        return None
    work()
    return (kilobytes("VmHWM") - before) / 1024


def _batches(X: Any, target: Any, order: Any, name: str) -> list[tuple[Any, Any]]:
    """Minibatches as PyTorch takes them: dense, sparse (COO), or the features of each row for a bag."""
    import torch

    batches = []
    for start in range(0, len(order), _BATCH):
        rows = X[order[start : start + _BATCH]]
        classes = torch.tensor(target[order[start : start + _BATCH]])
        given: Any
        if name == "torch, dense input":
            given = torch.tensor(rows.toarray())
        elif name == "torch, sparse input":
            coordinates = np.stack(rows.tocoo().coords)
            given = torch.sparse_coo_tensor(
                torch.tensor(coordinates), torch.tensor(rows.data), size=rows.shape, check_invariants=False
            ).coalesce()
        else:
            given = (
                torch.tensor(rows.indices.astype(np.int64)),
                torch.tensor(rows.indptr[:-1].astype(np.int64)),
            )
        batches.append((given, classes))
    return batches


def first_layer(network: Any, name: str) -> Any:
    """Make the first layer for sparse input or an embedding bag; None where it is a usual one."""
    import torch

    if name == "torch, dense input":
        return None

    class FirstLayer(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            weights = torch.tensor(network.weights[0].copy())
            self.bias = torch.nn.Parameter(torch.tensor(network.biases[0].copy()))
            if name == EMBEDDING:
                self.bag = torch.nn.EmbeddingBag.from_pretrained(
                    weights, freeze=False, mode="sum", sparse=True
                )
            else:
                self.weights = torch.nn.Parameter(weights)

        @property
        def weight(self) -> Any:
            """Of the layer, [out, in], as `torch.nn.Linear` has it."""
            return (self.bag.weight if name == EMBEDDING else self.weights).T

        def forward(self, rows: Any) -> Any:
            if name == EMBEDDING:
                return self.bag(*rows) + self.bias
            return torch.sparse.mm(rows, self.weights) + self.bias

    return FirstLayer()
