"""Trainings drawn at random, of networks and auto-encoders: any shape, data and settings the engines take."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from comparing import Trained, parameters
from scipy import sparse

from truezero.core.activations import activation_names, get_activation
from truezero.core.autoencoder import initialize_autoencoder
from truezero.core.corruption import Corruption
from truezero.core.initial import initialize
from truezero.core.reconstruction import reconstruction_names
from truezero.engines import AutoencoderSettings, Engine, Examples, Features, StepSettings, Tally, Unlabeled

BUILT_IN = [name for name in activation_names() if get_activation(name).native_code is not None]
MOST_WEIGHTS = 300_000


@dataclass
class Training:
    """What is trained, on what, and how; `description` says it in one line.

    Attributes
    ----------
    start : Network or Autoencoder
    features : Features
    train : callable
        ``(engine, what is trained, number of threads) -> Tally``; changes it in place.
    n_steps : int
    description : str
    """

    start: Trained
    features: Features
    train: Callable[[Engine, Any, int], Tally]
    n_steps: int
    description: str

    def run(self, engine: Engine, n_threads: int = 1, start: Trained | None = None) -> tuple[Trained, Tally]:
        """Train a copy."""
        trained = (start or self.start).copy()
        return trained, self.train(engine, trained, n_threads)

    def nudged(self, random: np.random.Generator) -> Trained:
        """The same start, every parameter moved by one rounding at the most."""
        moved = self.start.copy()
        for array in parameters(moved):
            array *= 1 + random.integers(-1, 2, array.shape) * np.finfo(array.dtype).eps
        if getattr(moved, "tied", False):
            moved.tie()  # type: ignore[union-attr]
        return moved


def draw_training(seed: int) -> Training:
    """The training of a number."""
    random = np.random.default_rng(seed)
    return (_autoencoder if random.random() < 0.45 else _network)(random)


def _either(random: np.random.Generator, *values: Any) -> Any:
    return values[random.integers(len(values))]


def _network(random: np.random.Generator) -> Training:
    dtype = _either(random, "float32", "float64")
    while True:
        hidden = [_either(random, 1, 7, 33, 64, 129, 256, 300, 530) for _ in range(random.integers(0, 4))]
        sizes = (
            _either(random, 1, 3, 19, 64, 130, 400, 1500),
            *hidden,
            _either(random, 1, 2, 5, 11, 40, 300),
        )
        if sum(a * b for a, b in itertools.pairwise(sizes)) <= MOST_WEIGHTS:
            break
    options = {
        "activation": tuple(_either(random, *BUILT_IN) for _ in hidden),
        "sign_mask": _either(random, None, "random", "half"),
        "softplus_scale": _either(random, 1.0, 0.5, 6.0),
        "use_biases": random.random() < 0.8,
        "output": _either(random, "softmax", "linear"),
    }
    network = initialize(sizes, **options, dtype=dtype, seed=int(random.integers(1 << 30)))
    _draw_biases(random, network.biases if network.use_biases else [])
    batch_size, n = _sizes(random)
    features, form = _features(random, n, sizes[0], dtype)
    rate = float(_either(random, 0.003, 0.02, 0.1)) / (10 if options["output"] == "linear" else 1)
    settings = StepSettings(
        rate,
        batch_size,
        tuple(float(_either(random, 0.0, 1e-4, 1e-2)) for _ in hidden),
        dropout=float(_either(random, 0.0, 0.0, 0.2, 0.5)),
        input_dropout=float(_either(random, 0.0, 0.0, 0.2)),
        max_norm=_either(random, None, None, 0.7, 2.0),
        weight_decay=float(_either(random, 0.0, 0.0, 1e-4, 0.5)),
    )
    target: Any = random.integers(0, sizes[-1], n)
    if options["output"] == "linear":
        target = random.normal(size=(n, sizes[-1])).astype(dtype)
    weight = random.random(n) * 2 if random.random() < 0.3 else None
    examples = Examples(features, target, weight, random.permutation(10 * n).astype(np.int64)[:n])
    order, density = random.permutation(n).astype(np.int64), _density(random, len(sizes) - 1)

    def train(engine: Engine, trained: Any, n_threads: int) -> Tally:
        return engine.train(
            trained, examples, order, settings, epoch=3, seed=77, n_threads=n_threads, density=density
        )

    return Training(
        network,
        features,
        train,
        -(-n // batch_size),
        f"{sizes} {dtype} {options} {form}, {n} rows, {settings}, {density}",
    )


def _autoencoder(random: np.random.Generator) -> Training:
    dtype = _either(random, "float32", "float64")
    while True:
        n_in, n_units = _either(random, 1, 19, 64, 130, 400, 1500), _either(random, 1, 7, 33, 129, 300, 530)
        if 2 * n_in * n_units <= MOST_WEIGHTS:
            break
    target = _either(
        random, "input", "input", "magnitude", "two-sided", "squashed", "squashed-magnitude", "before"
    )
    options = {
        "activation": _either(random, *BUILT_IN),
        "reconstruction": _either(random, *reconstruction_names()),
        "target": "input" if target == "before" else target,
        "tied": random.random() < 0.4,
        "deviation": float(_either(random, 1.0, 0.5)),
        "softplus_scale": _either(random, 1.0, 3.0),
        "use_biases": random.random() < 0.8,
    }
    autoencoder = initialize_autoencoder(
        n_in, n_units, **options, dtype=dtype, layer=1, seed=int(random.integers(1 << 30))
    )
    network = autoencoder.network
    _draw_biases(random, network.biases if network.use_biases else [])
    batch_size, n = _sizes(random)
    features, form = _features(random, n, n_in, dtype, within=options["target"])
    kind = _either(random, "masking", "salt-and-pepper", "gaussian")
    level: Any = {"masking": 0.3, "salt-and-pepper": (0.5, 0.05), "gaussian": 0.2}[kind]
    settings = AutoencoderSettings(
        float(_either(random, 0.003, 0.01)),
        batch_size,
        float(_either(random, 0.0, 1e-3)),
        Corruption(kind, level),
        _either(random, None, None, None, 0.1, 0.5, 1.0),
    )
    apart = random.random((n, n_in)).astype(dtype) if target == "before" else None
    examples = Unlabeled(features, random.permutation(10 * n).astype(np.int64)[:n], apart)
    order, density = random.permutation(n).astype(np.int64), _density(random, 2)

    def train(engine: Engine, trained: Any, n_threads: int) -> Tally:
        return engine.train_autoencoder(
            trained,
            examples,
            order,
            settings,
            layer=1,
            epoch=3,
            seed=77,
            n_threads=n_threads,
            density=density,
        )

    given = "targets apart, " if apart is not None else ""
    description = f"{n_in} to {n_units} {dtype} {options} {form}, {n} rows, {given}{settings}, {density}"
    return Training(autoencoder, features, train, -(-n // batch_size), description)


def _draw_biases(random: np.random.Generator, biases: list[Any]) -> None:
    for each in biases:
        each[:] = random.normal(0, 0.1, each.shape)


def _sizes(random: np.random.Generator) -> tuple[int, int]:
    """Rows of a minibatch and of all: few steps, so that rounding has no time to grow."""
    batch_size = int(_either(random, 1, 3, 10, 16, 33, 64, 100))
    return batch_size, int(random.integers(1, min(6 * batch_size, 150) + 1))


def _density(random: np.random.Generator, n_layers: int) -> tuple[float, ...] | None:
    whole = (None, (1.0,) * n_layers, tuple(random.random(n_layers).tolist()), (0.0,) * n_layers)
    return whole[random.integers(len(whole))]


def _features(
    random: np.random.Generator, n: int, width: int, dtype: str, within: str | None = None
) -> tuple[Features, str]:
    """Rows in any form; `within`: an auto-encoder's target, for which they are from 0 to 1, or from −1 to 1."""
    zeros = random.random((n, width)) > _either(random, 0.05, 0.3, 0.9, 1.0)
    values = random.random((n, width)) if within else random.normal(size=(n, width))
    if within in ("magnitude", "two-sided", "squashed-magnitude"):
        values *= random.choice([-1, 1], values.shape)
    X: Any = np.where(zeros, 0, values).astype(_either(random, "float32", "float64"))
    form, features = _either(random, "plain", "plain", "bytes", "scaled"), Features(X)
    if form == "bytes" and within not in ("magnitude", "two-sided", "squashed-magnitude"):
        features = Features(np.abs(X * 255).clip(0, 255).astype(np.uint8), 1 / 255)
    elif form == "scaled":
        features = replace(features, scale=random.choice([0.5, 1.0, 0.25], width))
    if random.random() < 0.45:
        features = replace(features, X=sparse.csr_array(features.X))
        form += ", CSR"
    elif form == "scaled" and not within:
        features = replace(features, offset=random.choice([0.0, 0.5], width))
    return features, f"{form} {features.X.dtype}"
