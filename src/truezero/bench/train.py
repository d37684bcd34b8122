"""A training step of the paper's network, against other libraries and against the traffic it needs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import peers
from truezero.bench.machine import bandwidth, machine
from truezero.bench.timing import Contestant, Progress, best_threads, interleave, milliseconds, ratio
from truezero.core.draws import Purpose, permutation
from truezero.core.network import Network, initialize
from truezero.datasets import Dataset
from truezero.engines import Examples, Features, StepSettings, get_engine, resolve_threads

_BATCH = 10
_CHECKED_STEPS = 20
_CHECKED = 1e-2  # float32 sums in another order, and twenty steps in which that grows


def bench_train(
    dataset: Dataset,
    *,
    hidden_layer_sizes: Sequence[int] = (1000, 1000, 1000),
    activation: str = "rectifier",
    learning_rate: float = 0.1,
    l1_activation: float = 1e-4,
    epochs: int = 10,
    steps: int = 1000,
    rounds: int = 7,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time a step of SGD, batches of 10, after some epochs of training (section 4.1).

    Everybody starts from the same trained network, has the same rows preloaded and the same minibatches;
    that they do the same work is checked on the weights after twenty steps. Every library runs on the
    number of threads that is fastest for it.

    Parameters
    ----------
    dataset : Dataset
        For classification; its training rows are used.
    hidden_layer_sizes : sequence of int
    activation : {"rectifier", "tanh", "softplus"}
    learning_rate, l1_activation : float
    epochs : int
        Trained before, so that the sparsity is that of training.
    steps : int
        Of one measurement; other libraries make a fifth of them.
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        The most anybody may use.
    on_progress : callable
        Called with a note on what is being done.

    Returns
    -------
    dict
        `milliseconds_per_step` of each contestant; `ratio` and `spread` against PyTorch's best variant;
        `floor`: rows touched per layer, the bytes a step must move (one read, one read and write of each
        touched row), the milliseconds that takes at this machine's `bandwidth`, and our ratio to it;
        `threads_ratio`, our time on one thread over that on all.

    Raises
    ------
    OptionError
        If PyTorch is not installed.
    TruezeroError
        If another library's weights come out differently.
    """
    peers.require_torch()
    threads = resolve_threads(n_threads)
    X, target = training_rows(dataset)
    n_classes = int(target.max()) + 1
    network = initialize((X.shape[1], *hidden_layer_sizes, n_classes), activation, seed=0)
    native = get_engine("native", network)
    examples = Examples(Features(X), target, None, np.arange(len(X), dtype=np.int64))
    settings = StepSettings(learning_rate, _BATCH, (l1_activation,) * network.n_hidden)
    density = None
    for epoch in range(1, epochs + 1):
        on_progress(f"training first, epoch {epoch} of {epochs}")
        order = permutation(0, Purpose.ORDER, examples.ids, epoch=epoch)
        native.train(
            network, examples, order, settings, epoch=epoch, seed=0, n_threads=threads, density=density
        )
        sparsity = native.evaluate(network, Features(X[:5000]), n_threads=threads).sparsity
        density = (examples.features.density(), *(1 - zeros for zeros in sparsity))
    stretch = np.resize(permutation(0, Purpose.ORDER, examples.ids, epoch=epochs + 1), steps * _BATCH)

    def ours(n: int) -> Contestant:
        trained = network.copy()

        def run() -> float:
            started = time.perf_counter()
            native.train(trained, examples, stretch, settings, epoch=1, seed=0, n_threads=n, density=density)
            return (time.perf_counter() - started) / steps

        return run

    batches = peers.torch_batches(X, target, stretch[: max(steps // 5, 1) * _BATCH], _BATCH)
    contestants, chosen = {"truezero": ours(threads)}, {"truezero": threads}
    if threads > 1:
        contestants["truezero, 1 thread"], chosen["truezero, 1 thread"] = ours(1), 1
    checked: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for variant in peers.TORCH_VARIANTS:

        def theirs(n: int, variant: str = variant) -> Contestant:
            model = peers.TorchTraining(
                network, variant, learning_rate=learning_rate, l1=l1_activation, n_threads=n
            )
            return lambda: model.train(batches)

        try:
            checked[variant] = _check(
                network, variant, examples, settings, stretch, batches, density, learning_rate, l1_activation
            )
            chosen[variant], contestants[variant] = best_threads(theirs, threads, on_progress, variant)
        except RuntimeError as error:  # no compiler for torch.compile, say
            left_out[variant] = str(error).strip().splitlines()[0]
    jax = peers.jax_training(network, batches, learning_rate=learning_rate, l1=l1_activation)
    if jax is not None:
        contestants["jax"] = jax
    rows = min(len(X), 100 * _BATCH)
    sklearn = peers.sklearn_training(
        network, X[stretch[:rows]], target[stretch[:rows]], _BATCH, learning_rate
    )
    if sklearn is not None:
        contestants["scikit-learn"] = sklearn
    contestants["truezero"]()
    seconds = interleave(contestants, rounds, on_progress)
    median, spread = ratio(seconds, "truezero", list(peers.TORCH_VARIANTS))
    scaling, scaling_spread = ratio(seconds, "truezero", ["truezero, 1 thread"])
    per_step = milliseconds(seconds)
    speed = bandwidth(4 * sum(w.size for w in network.weights), threads)
    floor = traffic_floor(network, X, stretch, speed)
    floor["ratio"] = per_step["truezero"]["median"] / floor["milliseconds"]
    return {
        "benchmark": "train",
        "data": dataset.name,
        "network": list(network.layer_sizes),
        "activation": activation,
        "batch_size": _BATCH,
        "learning_rate": learning_rate,
        "l1_activation": l1_activation,
        "epochs_before": epochs,
        "sparsity": {
            "overall": float(np.average(sparsity, weights=list(hidden_layer_sizes))) if epochs else None,
            "layers": list(sparsity) if epochs else [],
        },
        "milliseconds_per_step": per_step,
        "n_threads": chosen,
        "disagreement": checked,
        "left_out": left_out,
        "rounds": rounds,
        "ratio": median,
        "spread": spread,
        "threads_ratio": scaling,
        "threads_spread": scaling_spread,
        "floor": floor,
        "bandwidth": speed,
        "engine": {
            "name": native.name,
            "products": list(_products(native, network, examples, settings, density)),
        },
        "machine": machine(threads),
    }


def training_rows(dataset: Dataset) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Training rows as a dense float32 matrix, and class numbers."""
    target = np.unique(np.asarray(dataset.y_train), return_inverse=True)[1].astype(np.int64)
    X = dataset.scaled("train")
    return (X.toarray() if hasattr(X, "toarray") else np.asarray(X)), target


def traffic_floor(
    network: Network, X: Any, order: NDArray[np.int64], speed: dict[str, float], *, batches: int = 200
) -> dict[str, Any]:
    """Bytes that a step on these minibatches must move, and the milliseconds for it.

    A row of weights is touched where its input is not zero in any example of the minibatch: counted, and
    averaged over minibatches. Each is read once forward, and read and written once backward.
    """
    native = get_engine("native", network)
    rows = order[: batches * _BATCH]
    touched = np.zeros(len(network.weights))
    for layer in range(len(network.weights)):
        h = X[rows] if layer == 0 else native.encode(network, Features(X[rows]), layer - 1, n_threads=1)
        for start in range(0, len(rows), _BATCH):
            batch = h[start : start + _BATCH]
            active = np.unique(batch.indices) if hasattr(batch, "indices") else batch.any(axis=0).nonzero()[0]
            touched[layer] += len(active)
    touched /= -(-len(rows) // _BATCH)
    n_bytes = 4 * float(sum(n * w.shape[1] for n, w in zip(touched, network.weights, strict=True)))
    seconds = n_bytes / (1e9 * speed["read"]) + 2 * n_bytes / (1e9 * speed["rewrite"])
    return {
        "rows_touched": touched.tolist(),
        "bytes_read": n_bytes,
        "bytes_rewritten": 2 * n_bytes,
        "milliseconds": 1e3 * seconds,
    }


def _check(
    network: Network,
    variant: str,
    examples: Examples,
    settings: StepSettings,
    order: NDArray[np.int64],
    batches: Sequence[Any],
    density: Sequence[float] | None,
    learning_rate: float,
    l1: float,
) -> float:
    """Train both for a few steps; return how far apart their weights are, relative to the way they went."""
    ours, n = network.copy(), min(_CHECKED_STEPS, len(batches))
    get_engine("native", network).train(
        ours, examples, order[: n * _BATCH], settings, epoch=1, seed=0, n_threads=1, density=density
    )
    model = peers.TorchTraining(network, variant, learning_rate=learning_rate, l1=l1, n_threads=1)
    model.train(batches[:n])
    return peers.check(variant, peers.disagreement(ours, model.weights(), network), _CHECKED)


def _products(
    engine: Any, network: Network, examples: Examples, settings: StepSettings, density: Sequence[float] | None
) -> tuple[str, ...]:
    """What the engine runs with such a density."""
    first = np.arange(settings.batch_size, dtype=np.int64)
    tally = engine.train(
        network.copy(), examples, first, settings, epoch=1, seed=0, n_threads=1, density=density
    )
    return tuple(tally.products)
