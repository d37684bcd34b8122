"""What a layer learns from: the code of the layers below, and what of it is reconstructed."""

from __future__ import annotations

import numpy as np

from truezero.core.activations import Array
from truezero.core.autoencoder import Stack
from truezero.core.reconstruction import Target, get_reconstruction
from truezero.engines import Engine, Unlabeled
from truezero.errors import DataError
from truezero.training.codes import Codes, Encoder
from truezero.training.settings import Pretraining
from truezero.training.sources import Arrays, Divided, Source, Stream


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
    """Input of the layer above the finished ones, all of it: their code, without noise."""
    return rows if not stack.layers else _encoder(stack, settings, engine, n_threads).rows(rows)


def layer_source(
    stack: Stack,
    settings: Pretraining,
    source: Arrays[Unlabeled] | Stream[Unlabeled],
    engine: Engine,
    n_threads: int,
) -> Source[Unlabeled]:
    """Input of the layer above the finished ones as a source, given the lowest layer's."""
    if not stack.layers:
        return source
    encoder = _encoder(stack, settings, engine, n_threads)
    if isinstance(source, Stream):
        return source.mapped(encoder.rows)
    return Codes(source.rows, encoder, settings.layers[len(stack.layers)].step.batch_size)


def _encoder(stack: Stack, settings: Pretraining, engine: Engine, n_threads: int) -> Encoder:
    before = settings.layers[len(stack.layers)].target == "before"
    return Encoder(stack, before, engine, n_threads)


def scale_of_input(stack: Stack, settings: Pretraining, source: Source[Unlabeled]) -> Array | None:
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
    if not masked and source.least() < 0:
        raise DataError(
            f"layer {layer + 1}: cross-entropy (strategy 2) needs targets that are at least 0, and its input "
            f"has some below; scale the features to [0, 1], or use linear-quadratic"
        )
    largest = source.largest()
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
    below.output_scale = scale if below.output_scale is None else below.output_scale * scale
    stack.layers[-1] = below
    return True


def divided(source: Source[Unlabeled], scale: Array | None) -> Source[Unlabeled]:
    """Rows with every feature divided by a number of its own; None divides by nothing."""
    return source if scale is None else Divided(source, scale)
