"""The reference engine: NumPy, readable, the oracle for every other engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.autoencoder import Autoencoder
from truezero.core.costs import cost
from truezero.core.draws import Purpose, threshold, words
from truezero.core.network import Network
from truezero.core.predictor import Forward
from truezero.core.rows import Examples, Features, Unlabeled
from truezero.engines.contract import AutoencoderSettings, Evaluation, StepSettings, Tally

_EVALUATION_ROWS = 1024  # bounds the memory of an evaluation


class ReferenceEngine:
    """Plain NumPy for float32 and float64; multiplies every zero."""

    name = "reference"

    def train(
        self,
        network: Network,
        examples: Examples,
        order: NDArray[np.int64],
        settings: StepSettings,
        *,
        epoch: int,
        seed: int,
        n_threads: int,
        density: Sequence[float] | None = None,
    ) -> Tally:
        """Run minibatch SGD over `order`; see `Engine.train`."""
        network.validate()
        examples.check(network)
        examples = replace(examples, features=examples.features.canonical())
        loss = penalty = 0.0
        for start in range(0, len(order), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            batch = examples.take(rows)
            batch_loss, batch_penalty = _step(network, batch, settings, epoch, seed)
            loss, penalty = loss + batch_loss, penalty + batch_penalty
        n = max(len(order), 1)
        return Tally(loss / n, penalty / n, ("dense",) * len(network.weights))

    def train_autoencoder(
        self,
        autoencoder: Autoencoder,
        examples: Unlabeled,
        order: NDArray[np.int64],
        settings: AutoencoderSettings,
        *,
        layer: int,
        epoch: int,
        seed: int,
        n_threads: int,
        density: Sequence[float] | None = None,
    ) -> Tally:
        """Run minibatch SGD over `order`; see `Engine.train_autoencoder`."""
        autoencoder.network.validate()
        examples.check(autoencoder)
        examples = replace(examples, features=examples.features.canonical())
        loss = penalty = 0.0
        for start in range(0, len(order), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            batch = examples.take(rows)
            batch_loss, batch_penalty = _autoencoder_step(autoencoder, batch, settings, layer, epoch, seed)
            loss, penalty = loss + batch_loss, penalty + batch_penalty
        if autoencoder.tied:
            autoencoder.tie()
        n = max(len(order), 1)
        return Tally(loss / n, penalty / n, ("dense", "dense"))

    def forward(self, network: Network, features: Features, *, n_threads: int) -> Array:
        """Compute the network's output; see `Engine.forward`."""
        return self.evaluate(network, features, n_threads=n_threads).output

    def evaluate(self, network: Network, features: Features, *, n_threads: int) -> Evaluation:
        """Compute the network's output and count its zeros; see `Engine.evaluate`."""
        network.validate()
        features.check_width(network)
        features = features.canonical()
        outputs, zeros = [], [0] * network.n_hidden
        ever_active = [np.zeros(n, dtype=bool) for n in network.layer_sizes[1:-1]]
        for start in range(0, features.n_samples, _EVALUATION_ROWS):
            h: Any = features.take(slice(start, start + _EVALUATION_ROWS)).values(network.dtype)
            for layer in range(network.n_hidden):
                h = _activate(network, layer, _product(h, network, layer))
                zeros[layer] += int((h == 0).sum())
                ever_active[layer] |= (h != 0).any(axis=0)
            outputs.append(_product(h, network, network.n_hidden))
        output = np.concatenate(outputs) if outputs else np.empty((0, network.layer_sizes[-1]), network.dtype)
        return Evaluation(output, tuple(zeros), tuple(ever_active))

    def bound(self, network: Network, *, bfloat16: bool = False) -> Forward:
        """Make ready what computes the output of dense rows; see `Engine.bound`."""

        def forward(X: Array, out: Array, n_threads: int) -> None:
            shapes = (out.shape[0], network.layer_sizes[0]), (X.shape[0], network.layer_sizes[-1])
            for array, shape in zip((X, out), shapes, strict=True):
                if (array.dtype, array.shape) != (network.dtype, shape) or not array.flags.c_contiguous:
                    raise ValueError("not such arrays")
            out[...] = self.forward(network, Features(X), n_threads=n_threads)

        return forward

    def encode(
        self, network: Network, features: Features, layer: int, *, n_threads: int
    ) -> sparse.csr_array[Any]:
        """Activations of one hidden layer as CSR; see `Engine.encode`."""
        network.validate()
        features.check_width(network)
        features = features.canonical()
        blocks = []
        for start in range(0, features.n_samples, _EVALUATION_ROWS):
            h: Any = features.take(slice(start, start + _EVALUATION_ROWS)).values(network.dtype)
            for below in range(layer + 1):
                h = _activate(network, below, _product(h, network, below))
            blocks.append(sparse.csr_array(h))
        if not blocks:
            return sparse.csr_array((0, network.layer_sizes[layer + 1]), dtype=network.dtype)
        return sparse.csr_array(sparse.vstack(blocks, format="csr"))


def _step(
    network: Network, batch: Examples, settings: StepSettings, epoch: int, seed: int
) -> tuple[float, float]:
    """One step of SGD; returns the sums over the batch of weighted cost and weighted penalty."""
    dtype, n, top = network.dtype, batch.features.n_samples, network.n_hidden
    weight = np.ones(n) if batch.weight is None else batch.weight
    share = (weight / n).astype(dtype)[:, np.newaxis]  # of each example in the batch's mean

    # Forward. h[l] is the input of layer l; keep[l] its dropout: 0 or 1 / (1 - p).
    keep = [
        _dropout(
            batch.ids, size, settings.dropout if layer else settings.input_dropout, layer, epoch, seed, dtype
        )
        for layer, size in enumerate(network.layer_sizes[:-1])
    ]
    x = batch.features.values(dtype)
    h: list[Any] = [x if keep[0] is None else x * keep[0]]
    z: list[Array] = []
    for layer in range(top):
        z.append(_product(h[layer], network, layer))
        active, kept = _activate(network, layer, z[layer]), keep[layer + 1]
        h.append(active if kept is None else active * kept)
    z.append(_product(h[top], network, top))
    value, gradient = cost(network.output, z[top], batch.target)
    magnitude = [np.abs(h[layer + 1]).sum(axis=1, dtype=np.float64) for layer in range(top)]
    penalty = sum((weight @ m) * l1 for m, l1 in zip(magnitude, settings.l1, strict=True))

    # Backward, from the top; the gradient to a layer's input needs its weights before the update.
    delta = gradient * share
    for layer in range(top, -1, -1):
        weights, biases, below = network.weights[layer], network.biases[layer], h[layer]
        d_weights, d_biases = below.T @ delta, delta.sum(axis=0)
        if layer > 0:
            d_below = delta @ weights.T + dtype.type(settings.l1[layer - 1]) * share * np.sign(below)
            slope = network.activation(layer - 1).derivative(z[layer - 1], network.softplus_scale)
            sign, kept = network.signs[layer - 1], keep[layer]
            delta = d_below * slope * (1 if sign is None else sign) * (1 if kept is None else kept)
        rate = dtype.type(settings.learning_rate)
        if settings.weight_decay:
            weights *= dtype.type(1 - settings.learning_rate * settings.weight_decay)
        weights -= rate * d_weights
        if network.use_biases:
            biases -= rate * d_biases
        if settings.max_norm is not None and layer < top:
            norm = np.sqrt((weights**2).sum(axis=0))
            weights *= np.where(
                norm > settings.max_norm, settings.max_norm / np.maximum(norm, 1e-30), 1
            ).astype(dtype)
    return float(weight @ value.astype(np.float64)), float(penalty)


def _autoencoder_step(
    autoencoder: Autoencoder,
    batch: Unlabeled,
    settings: AutoencoderSettings,
    layer: int,
    epoch: int,
    seed: int,
) -> tuple[float, float]:
    """One step of SGD; returns the sums over the batch of cost and penalty."""
    network, dtype, n = autoencoder.network, autoencoder.dtype, batch.features.n_samples
    clean = batch.features.values(dtype)
    clean = clean.toarray() if sparse.issparse(clean) else clean
    x = settings.corruption.apply(clean, batch.ids, layer=layer, epoch=epoch, seed=seed)
    target = autoencoder.target_of(clean) if batch.target is None else batch.target.astype(dtype)

    encoder, decoder = network.weights[0], network.weights[1]
    if autoencoder.tied:
        decoder = encoder.T
    z = _product(x, network, 0)
    h = network.activation(0).value(z, network.softplus_scale) + dtype.type(0)
    r = h @ decoder + network.biases[1]
    value, gradient = autoencoder.unit.cost(r, target, autoencoder.deviation)
    if settings.sampling is not None:
        weight = _sampling_weights(clean, x, batch.ids[0], settings.sampling, layer, epoch, seed)
        value, gradient = value * weight, gradient * weight

    delta_r = gradient / dtype.type(n)
    delta_h = delta_r @ decoder.T + dtype.type(settings.l1 / n) * np.sign(h)
    delta_z = delta_h * network.activation(0).derivative(z, network.softplus_scale)
    rate = dtype.type(settings.learning_rate)
    d_encoder, d_decoder = x.T @ delta_z, h.T @ delta_r
    if autoencoder.tied:
        encoder -= rate * (d_encoder + d_decoder.T)
    else:
        encoder -= rate * d_encoder
        decoder -= rate * d_decoder
    if network.use_biases:
        network.biases[0] -= rate * delta_z.sum(axis=0)
        network.biases[1] -= rate * delta_r.sum(axis=0)
    return float(value.sum(dtype=np.float64)), settings.l1 * float(np.abs(h).sum(dtype=np.float64))


def _sampling_weights(
    clean: Array, corrupted: Array, first_id: int, share: float, layer: int, epoch: int, seed: int
) -> Array:
    """Weight of every output in the cost; a minibatch draws once, addressed by its first id."""
    drawn = words(
        seed, Purpose.SAMPLING, layer=layer, epoch=epoch, examples=[first_id], n_units=clean.shape[1]
    )
    rest = np.where(drawn < threshold(share), 1 / share, 0)
    return np.where((clean != 0) | (corrupted != 0), 1, rest).astype(clean.dtype)


def _product(h: Any, network: Network, layer: int) -> Array:
    """Z = h W + b of one layer."""
    return np.asarray(h @ network.weights[layer]) + network.biases[layer]


def _activate(network: Network, layer: int, z: Array) -> Array:
    """H = s f(z) of one hidden layer; −0.0 is written +0.0."""
    h = network.activation(layer).value(z, network.softplus_scale)
    sign = network.signs[layer]
    return h + h.dtype.type(0) if sign is None else h * sign + h.dtype.type(0)


def _dropout(
    ids: NDArray[np.int64],
    n_units: int,
    p: float,
    layer: int,
    epoch: int,
    seed: int,
    dtype: np.dtype[np.floating],
) -> Array | None:
    """0 for a dropped unit, 1 / (1 − p) for a survivor; None without dropout."""
    if p == 0:
        return None
    drawn = words(seed, Purpose.DROPOUT, layer=layer, epoch=epoch, examples=ids, n_units=n_units)
    return np.where(drawn < threshold(p), 0, 1 / (1 - p)).astype(dtype)
