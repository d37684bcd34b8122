"""What a layer learns from: the code of the layers below, and what of it is reconstructed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from truezero.core.activations import Array
from truezero.core.autoencoder import Stack
from truezero.core.reconstruction import Target, get_reconstruction
from truezero.engines import Engine, Features, Unlabeled
from truezero.errors import DataError
from truezero.training.settings import Pretraining

# Numbers of one block where a layer's code or reconstruction is computed, which bounds the memory of it.
_BLOCK = 4_000_000
# Codes with more non-zeros than this are kept as a matrix: their list would take as much memory.
_DENSE_ABOVE = 0.5


def target_of_layer(stack: Stack, settings: Pretraining) -> Target:
    """What of its input the layer above the finished ones reconstructs."""
    layer = len(stack.layers)
    plan = settings.layers[layer]
    masked = layer > 0 and stack.signs[layer - 1] is not None
    if plan.target == "squashed":
        return "squashed-magnitude" if masked else "squashed"
    if layer == 0:
        return "input"
    if plan.target == "before":
        return "before"
    if masked:
        return "magnitude"
    two_sided = settings.layers[layer - 1].activation == "tanh"
    return "two-sided" if two_sided and get_reconstruction(plan.reconstruction).bounded else "input"


def layer_rows(
    stack: Stack, settings: Pretraining, rows: Unlabeled, engine: Engine, n_threads: int
) -> Unlabeled:
    """Input of the layer above the finished ones: their code, without noise."""
    layer, finished = len(stack.layers), stack.layers
    if layer == 0:
        return rows
    target = None
    if settings.layers[layer].target == "before":
        target = _before(stack, rows.features, engine, n_threads)
    network = stack.network()
    true_zeros = finished[-1].network.activation(0).true_zeros
    blocks: list[Any] = []
    for features in _blocks(rows.features):
        encoded = engine.encode(network, features, layer - 1, n_threads=n_threads)
        blocks.append(encoded if true_zeros else encoded.toarray())
    code: Any = sparse.csr_array(sparse.vstack(blocks)) if true_zeros else np.concatenate(blocks)
    if true_zeros and code.nnz > _DENSE_ABOVE * code.shape[0] * code.shape[1]:
        code = code.toarray()
    return Unlabeled(Features(code), rows.ids, target)


def _before(stack: Stack, features: Features, engine: Engine, n_threads: int) -> Array:
    """What the topmost finished layer computes before its activation, (n_samples, n_units)."""
    network = stack.network()
    below = replace(
        network,
        weights=network.weights[:-1],
        biases=network.biases[:-1],
        activations=network.activations[:-1],
        signs=network.signs[:-1],
    )
    return np.concatenate([engine.forward(below, block, n_threads=n_threads) for block in _blocks(features)])


def blocks_of(features: Features) -> list[slice]:
    """Stretches of rows that together are all, one empty stretch at least."""
    n = min(max(_BLOCK // max(features.n_features, 1), 16), 2048)
    return [slice(start, start + n) for start in range(0, max(features.n_samples, 1), n)]


def _blocks(features: Features) -> list[Features]:
    return [features.take(part) for part in blocks_of(features)]


def scale_of_input(stack: Stack, settings: Pretraining, features: Features) -> Array | None:
    """What to divide the next layer's input by for targets in [0, 1]; None if they are, or need not be.

    Raises
    ------
    DataError
        If there are targets below 0.
    """
    layer = len(stack.layers)
    plan = settings.layers[layer]
    if not get_reconstruction(plan.reconstruction).bounded or target_of_layer(stack, settings) not in (
        "input",
        "magnitude",
    ):
        return None
    masked = layer > 0 and stack.signs[layer - 1] is not None
    if not masked and features.least() < 0:
        raise DataError(
            f"layer {layer + 1}: cross-entropy (strategy 2) needs targets that are at least 0, and its input "
            f"has some below; scale the features to [0, 1], or use linear-quadratic"
        )
    largest = features.largest()
    if layer == 0 and largest.max(initial=0.0) <= 1:
        return None
    if not plan.unit_scaling:
        largest = np.full_like(largest, largest.max(initial=0.0))
    return np.asarray(np.where(largest > 0, largest, 1).astype(settings.dtype))


def hand_down(stack: Stack, scale: Array) -> bool:
    """Let the topmost finished layer give its code divided by `scale`, where its activation allows it."""
    if not stack.layers:
        return False
    below = stack.layers[-1]
    if not below.network.activation(0).homogeneous:
        return False
    below = below.copy()
    below.output_scale = scale
    stack.layers[-1] = below
    return True


def divided(rows: Unlabeled, scale: Array | None) -> Unlabeled:
    """Rows with every feature divided by a number of its own; None divides by nothing."""
    if scale is None:
        return rows
    return replace(rows, features=rows.features.divided(scale))
