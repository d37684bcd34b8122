"""Small networks and rows, and a training of them, as tests of the engines use them."""

from __future__ import annotations

from typing import Any

import numpy as np

from truezero import Network
from truezero.core.activations import activation_names, get_activation
from truezero.core.initial import initialize
from truezero.engines import Engine, Examples, Features, StepSettings, Tally

BUILT_IN = [name for name in activation_names() if get_activation(name).native_code is not None]


def make(
    sizes: tuple[int, ...] = (19, 33, 21, 5),
    *,
    n: int = 57,
    dtype: str = "float64",
    seed: int = 3,
    weighted: bool = False,
    zero_biases: bool = False,
    **options: Any,
) -> tuple[Network, Examples]:
    """A small network with odd sizes, and rows with many zeros."""
    random = np.random.default_rng(seed)
    network = initialize(sizes, dtype=dtype, seed=seed, **options)
    if network.use_biases and not zero_biases:
        for biases in network.biases:
            biases[:] = random.normal(0, 0.1, biases.shape)
    X = np.where(random.random((n, sizes[0])) < 0.5, 0, random.normal(size=(n, sizes[0]))).astype(dtype)
    target: Any = random.integers(0, sizes[-1], n)
    if network.output == "linear":
        target = random.normal(size=(n, sizes[-1])).astype(dtype)
    weight = random.random(n) * 2 if weighted else None
    return network, Examples(Features(X), target, weight, random.permutation(1000)[:n].astype(np.int64))


def settings(network: Network, **changes: Any) -> StepSettings:
    given = {"learning_rate": 0.1, "batch_size": 10, "l1": (1e-3,) * network.n_hidden, **changes}
    return StepSettings(**given)


def run(
    engine: Engine,
    network: Network,
    examples: Examples,
    steps: StepSettings,
    *,
    epochs: int = 2,
    n_threads: int = 1,
    density: tuple[float, ...] | None = None,
) -> tuple[Network, Tally]:
    trained = network.copy()
    order = np.random.default_rng(0).permutation(examples.features.n_samples).astype(np.int64)
    for epoch in range(epochs):
        tally = engine.train(
            trained, examples, order, steps, epoch=epoch, seed=77, n_threads=n_threads, density=density
        )
    return trained, tally
