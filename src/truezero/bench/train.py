"""A training step of the paper's network, against other libraries and against the traffic it needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from truezero.bench import markdown, peers
from truezero.bench.benchmark import at_least
from truezero.bench.machine import machine
from truezero.bench.ours import training_steps
from truezero.bench.rows import labeled, training_rows
from truezero.bench.terminal import Table, ratio, sizes, times
from truezero.bench.timing import ONE_THREAD, OURS, Contest, Progress
from truezero.bench.torch_by_hand import TorchByHand
from truezero.bench.traffic import against_floor
from truezero.core.draws import Purpose, permutation
from truezero.core.initial import initialize
from truezero.datasets import Dataset
from truezero.engines import Features, StepSettings, get_engine, resolve_threads

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BATCH = 10


def run(
    dataset: Dataset,
    *,
    hidden_layer_sizes: Sequence[int] = (1000, 1000, 1000),
    activation: Literal["rectifier", "tanh", "softplus"] = "rectifier",
    learning_rate_init: float = 0.1,
    l1_activation: float = 1e-4,
    epochs: int = 10,
    steps: int = 1000,
    rounds: int = 7,
    n_threads: int | None = None,
    on_progress: Progress = lambda note: None,
) -> dict[str, Any]:
    """Time a training step against PyTorch, JAX and scikit-learn, and against the traffic it needs.

    A step of SGD, batches of 10, after some epochs of training (section 4.1). Everybody starts from the same
    trained network, has the same rows preloaded and the same minibatches; that they do the same work is
    checked on the weights after twenty steps. Every library runs on the number of threads that is fastest
    for it. PyTorch also runs a step written out by hand, without autograd.

    Parameters
    ----------
    dataset : Dataset
        For classification; its training rows are used.
    hidden_layer_sizes : sequence of int
        Units of each hidden layer.
    activation : {"rectifier", "tanh", "softplus"}
        Of the hidden layers: rectifier, tanh or softplus.
    learning_rate_init : float
        Rate of SGD.
    l1_activation : float
        λ of the L1 penalty on activations.
    epochs : int
        Epochs trained before, so that the sparsity is that of training.
    steps : int
        Steps of one measurement; other libraries make a fifth of them.
    rounds : int
        Measurements of each contestant, interleaved.
    n_threads : int, optional
        The most threads anybody may use.
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
        If PyTorch is not installed, or a number is out of range.
    TruezeroError
        If another library's weights come out differently.
    """
    peers.require_torch()
    at_least(1, epochs=epochs, steps=steps)
    threads = resolve_threads(n_threads)
    contest = Contest(rounds, threads, on_progress)
    X, target = training_rows(dataset)
    n_classes = int(target.max()) + 1
    network = initialize((X.shape[1], *hidden_layer_sizes, n_classes), activation, seed=0)
    native = get_engine("native", network)
    examples = labeled(X, target)
    settings = StepSettings(learning_rate_init, _BATCH, (l1_activation,) * network.n_hidden)
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
    ours = training_steps(network, examples, stretch, settings, density)
    contest.enter_ours(ours.contestant)
    batches = peers.torch_batches(X, target, stretch[: max(steps // 5, 1) * _BATCH], _BATCH)
    make = partial(peers.TorchTraining, network, learning_rate=learning_rate_init, l1=l1_activation)
    peers.enter_torch_variants(contest, make, batches, ours)
    by_hand = partial(TorchByHand, network, learning_rate=learning_rate_init, l1=l1_activation)
    peers.enter_torch(contest, peers.BY_HAND, by_hand, batches, ours)
    rows = stretch[: 100 * _BATCH]
    others = {
        "jax": peers.jax_training(network, batches, learning_rate=learning_rate_init, l1=l1_activation),
        "scikit-learn": peers.sklearn_training(network, X[rows], target[rows], _BATCH, learning_rate_init),
    }
    contest.contestants |= {name: contestant for name, contestant in others.items() if contestant is not None}
    contest.contestants[OURS]()
    contest.hold()
    facts = contest.facts()
    return {
        "benchmark": "train",
        "data": dataset.name,
        "network": list(network.layer_sizes),
        "activation": activation,
        "batch_size": _BATCH,
        "learning_rate": learning_rate_init,
        "l1_activation": l1_activation,
        "epochs_before": epochs,
        "sparsity": {
            "overall": float(np.average(sparsity, weights=list(hidden_layer_sizes))),
            "layers": list(sparsity),
        },
        **facts,
        "rounds": rounds,
        **contest.ratios({"": [*peers.TORCH_VARIANTS, peers.BY_HAND], "threads_": [ONE_THREAD]}),
        **against_floor(
            network, X, stretch, facts["milliseconds_per_step"][OURS]["median"],
            batch_size=_BATCH, n_threads=threads,
        ),
        "engine": {"name": native.name, "products": list(ours.first().products)},
        "machine": machine(threads),
    }  # fmt: skip


def tables(result: dict[str, Any]) -> list[Table | str]:
    """Everybody's times, and what memory allows."""
    floor, speed = result["floor"], result["bandwidth"]
    zeros, network = 100 * result["sparsity"]["overall"], sizes(result["network"])
    return [
        times(result, f"{result['data']}, {network}, {zeros:.1f} % zeros, batches of {result['batch_size']}"),
        f"PyTorch's best / truezero: {ratio(result)}",
        f"one thread / all: {ratio(result, 'threads_')}",
        f"memory: {speed['read']:.0f} GB/s read, {speed['rewrite']:.0f} GB/s read and written; "
        f"traffic floor {floor['milliseconds']:.3f} ms, truezero takes {floor['ratio']:.2f} times that",
    ]


def figure(result: dict[str, Any]) -> Figure:
    """Draw everybody's times beside the traffic floor."""
    from truezero.plots.benchmarks import mark, panels, points

    drawn, [[axes]] = panels(1, 1, (8, 3.6))
    points(axes, result["milliseconds_per_step"])
    floor = result["floor"]["milliseconds"]
    mark(axes, floor, f"traffic floor {floor:.2f} ms")
    axes.set_title(
        f"A step of {sizes(result['network'])}, {result['activation']}, batch {result['batch_size']}, "
        f"{100 * result['sparsity']['overall']:.1f} % zeros",
        fontsize=10,
        pad=16,
    )
    axes.set(xlabel="milliseconds a step (median; line: least to greatest)")
    return drawn


def page(result: dict[str, Any]) -> str:
    """Write the section of one activation."""
    r, sparsity = result, result["sparsity"]
    touched = ", ".join(f"{n:.0f}" for n in r["floor"]["rows_touched"])
    layers = ", ".join(f"{100 * zeros:.1f}" for zeros in sparsity["layers"])
    return "\n".join(
        (
            f"## A training step, {r['activation']}\n",
            f"`truezero bench train --data {r['data']} --activation {r['activation']} --epochs "
            f"{r['epochs_before']} --learning-rate-init {r['learning_rate']:g} --l1-activation "
            f"{r['l1_activation']:g}`: {sizes(r['network'])}, batches of {r['batch_size']}, "
            f"{100 * sparsity['overall']:.1f} % zeros ({layers} by layer).\n",
            markdown.times(r),
            f"PyTorch's best over ours: {markdown.ratio(r)}. One thread over all: "
            f"{markdown.ratio(r, 'threads_')}. Layers run: {', '.join(r['engine']['products'])}.\n",
            f"Of each layer's weights {touched} rows are touched in a minibatch: "
            f"{markdown.traffic(r, with_size=True)}\n",
        )
    )
