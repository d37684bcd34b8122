"""Benchmarks against other libraries: same network, same data, same rows, interleaved, one machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from truezero.datasets import Dataset
from truezero.engines import Examples, Features, StepSettings, get_engine, resolve_threads
from truezero.errors import OptionError
from truezero.network import Network, initialize

_L1 = 1e-4
_RATE = 0.1
_BATCH = 10


def bench_train(
    dataset: Dataset,
    *,
    hidden_layer_sizes: tuple[int, ...] = (1000, 1000, 1000),
    steps: int = 150,
    rounds: int = 7,
    n_threads: int | None = None,
    on_progress: Callable[[str], Any] = lambda note: None,
) -> dict[str, Any]:
    """Time a training step of the native engine and of PyTorch.

    Both start from one network that the native engine has trained for an epoch, so that its sparsity
    is that of training. Batches of 10, L1 on the activations, plain SGD, float32. PyTorch runs eager
    with its per-tensor and its foreach SGD, each at the number of threads that is fastest for it.

    Parameters
    ----------
    dataset : Dataset
        For classification; its training rows are used.
    hidden_layer_sizes : tuple of int
    steps : int
        Steps of one measurement.
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        Of the native engine, and the most that PyTorch may use.
    on_progress : callable
        Called with a note on what is being done.

    Returns
    -------
    dict
        Milliseconds per step (medians over the rounds), and `ratio`, the median over the rounds of
        the faster PyTorch variant's time over native's, with `spread`, its least and greatest.

    Raises
    ------
    OptionError
        If PyTorch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise OptionError("this benchmark needs PyTorch: pip install 'truezero[bench]'") from None
    threads = resolve_threads(n_threads)
    classes, target = np.unique(np.asarray(dataset.y_train), return_inverse=True)
    X = dataset.scaled("train")
    X = X.toarray() if hasattr(X, "toarray") else X
    network = initialize((X.shape[1], *hidden_layer_sizes, len(classes)), seed=0)
    native = get_engine("native", network)
    examples = Examples(Features(X), target.astype(np.int64), None, np.arange(len(X), dtype=np.int64))
    settings = StepSettings(_RATE, _BATCH, (_L1,) * network.n_hidden)
    order = np.random.default_rng(0).permutation(len(X)).astype(np.int64)
    on_progress("training an epoch first")
    native.train(network, examples, order, settings, epoch=1, seed=0, n_threads=threads)
    sparsity = native.evaluate(network, Features(X[:1000]), n_threads=threads).sparsity

    stretch = np.resize(order, steps * _BATCH)
    trained = network.copy()

    def run_native() -> float:
        started = time.perf_counter()
        native.train(trained, examples, stretch, settings, epoch=2, seed=0, n_threads=threads)
        return (time.perf_counter() - started) / steps

    before = torch.get_num_threads()
    try:
        contestants = {"native": run_native}
        chosen = {}
        for name, foreach in (("torch eager", False), ("torch foreach", True)):
            timings = {}
            for n in sorted({1, 2, threads, max(1, threads // 2)}):
                if n > max(threads, 1):
                    continue
                on_progress(f"{name}: trying {n} threads")
                run = _torch_steps(network, X, target, stretch, foreach, n)
                run()
                timings[n] = min(run(), run())
            chosen[name] = min(timings, key=lambda n: timings[n])
            contestants[name] = _torch_steps(network, X, target, stretch, foreach, chosen[name])
            contestants[name]()
        run_native()
        seconds: dict[str, list[float]] = {name: [] for name in contestants}
        for number in range(rounds):
            on_progress(f"round {number + 1} of {rounds}")
            for name, contestant in contestants.items():
                seconds[name].append(contestant())
    finally:
        torch.set_num_threads(before)
    ratios = [
        min(seconds["torch eager"][i], seconds["torch foreach"][i]) / seconds["native"][i]
        for i in range(rounds)
    ]
    return {
        "data": dataset.name,
        "network": list(network.layer_sizes),
        "batch_size": _BATCH,
        "sparsity": {
            "layers": list(sparsity),
            "overall": float(np.average(sparsity, weights=hidden_layer_sizes)),
        },
        "milliseconds_per_step": {name: 1e3 * statistics.median(values) for name, values in seconds.items()},
        "n_threads": {"native": threads, **chosen},
        "torch": torch.__version__,
        "rounds": rounds,
        "ratio": statistics.median(ratios),
        "spread": [min(ratios), max(ratios)],
        "engine": "native",
    }


def _torch_steps(
    network: Network, X: Any, target: Any, order: Any, foreach: bool, n_threads: int
) -> Callable[[], float]:
    """Return a function that trains over `order` in PyTorch and returns seconds per step."""
    import torch

    layers: list[Any] = []
    for weights, biases in zip(network.weights, network.biases, strict=True):
        layer = torch.nn.Linear(*weights.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor(weights.T))
            layer.bias.copy_(torch.tensor(biases))
        layers.append(layer)
    optimizer = torch.optim.SGD(
        [parameter for layer in layers for parameter in layer.parameters()], lr=_RATE, foreach=foreach
    )
    rows, classes = torch.tensor(X), torch.tensor(target)
    batches = [torch.tensor(order[start : start + _BATCH]) for start in range(0, len(order), _BATCH)]

    def run() -> float:
        torch.set_num_threads(n_threads)
        started = time.perf_counter()
        for batch in batches:
            h, penalty = rows[batch], torch.zeros(())
            for layer in layers[:-1]:
                h = torch.relu(layer(h))
                penalty = penalty + h.sum()  # a rectifier's output is its own size
            loss = (
                torch.nn.functional.cross_entropy(layers[-1](h), classes[batch]) + _L1 / len(batch) * penalty
            )
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
        return (time.perf_counter() - started) / len(batches)

    return run
