"""Networks as they are before training: initial weights and sign masks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from truezero.core.activations import Array, get_activation
from truezero.core.draws import Purpose, permutation, uniform, words
from truezero.core.network import Network, Output, SignMask
from truezero.errors import OptionError


def initialize(
    layer_sizes: Sequence[int],
    activation: str | Sequence[str] = "rectifier",
    *,
    sign_mask: SignMask | None = None,
    softplus_scale: float = 1.0,
    use_biases: bool = True,
    output: Output = "softmax",
    dtype: str | np.dtype[np.floating] = "float32",
    seed: int = 0,
) -> Network:
    """Make a network with the paper's initial weights.

    Weights are uniform in ±sqrt(6 / (n_in + n_out)), in the output layer too; biases are 0. About
    half of a rectifier network's units are then exactly zero (section 3.1).

    Parameters
    ----------
    layer_sizes : sequence of int
        Inputs, hidden units layer by layer, outputs; at least two numbers, each at least 1.
    activation : str or sequence of str
        One name, or one per hidden layer.
    sign_mask : {None, "random", "half"}
        ±1 per hidden unit: all +1, Bernoulli(½), or exactly half of them (rounded down) −1.
    softplus_scale, use_biases, output
        See `Network`.
    dtype : {"float32", "float64"}
        The draws are the same for both.
    seed : int
        64-bit seed.

    Returns
    -------
    Network

    Raises
    ------
    OptionError
        If a size, activation or sign mask cannot be used.
    """
    sizes = tuple(int(size) for size in layer_sizes)
    if len(sizes) < 2 or min(sizes) < 1:
        raise OptionError(f"layer sizes must be two or more numbers above 0, got {sizes}")
    n_hidden = len(sizes) - 2
    names = (activation,) * n_hidden if isinstance(activation, str) else tuple(activation)
    if isinstance(activation, str):
        get_activation(activation)  # a wrong name is wrong even where no layer would use it
    if len(names) != n_hidden:
        raise OptionError(f"{n_hidden} hidden layers need as many activations, got {len(names)}")
    weights = [
        draw_weights(n_in, n_out, Purpose.INITIAL_WEIGHTS, layer, dtype, seed)
        for layer, (n_in, n_out) in enumerate(itertools.pairwise(sizes))
    ]
    return Network(
        weights,
        [np.zeros(size, dtype=dtype) for size in sizes[1:]],
        names,
        tuple(draw_signs(sign_mask, size, layer, dtype, seed) for layer, size in enumerate(sizes[1:-1])),
        float(softplus_scale),
        bool(use_biases),
        output,
    )


_DRAWN_AT_ONCE = 1 << 14


def draw_weights(
    n_in: int, n_out: int, purpose: Purpose, layer: int, dtype: str | np.dtype[np.floating], seed: int
) -> Array:
    """Draw weights from U(±sqrt(6 / (n_in + n_out))), shape (n_in, n_out)."""
    weights = np.empty((n_in, n_out), dtype=dtype)
    bound = np.sqrt(6.0 / (n_in + n_out))
    # Drawing takes several times the memory of what is drawn: rows come in blocks that stay in a cache.
    size = max(_DRAWN_AT_ONCE // n_out, 1)
    for start in range(0, n_in, size):
        rows = np.arange(start, min(start + size, n_in))
        drawn = uniform(words(seed, purpose, layer=layer, examples=rows, n_units=n_out))
        weights[rows[0] : rows[-1] + 1] = (2.0 * drawn - 1.0) * bound
    return weights


def draw_signs(
    sign_mask: SignMask | None, n_units: int, layer: int, dtype: str | np.dtype[np.floating], seed: int
) -> NDArray[np.floating] | None:
    """±1 per unit, or None."""
    Network.constraints["sign_mask"].check("sign_mask", sign_mask)
    if sign_mask is None:
        return None
    if sign_mask == "random":
        drawn = words(seed, Purpose.SIGN_MASK, layer=layer, examples=[0], n_units=n_units)[0]
        return np.where(drawn < 2**31, -1, 1).astype(dtype)
    signs = np.ones(n_units, dtype=dtype)
    order = permutation(seed, Purpose.SIGN_MASK, np.arange(n_units), epoch=layer)
    signs[order[: n_units // 2]] = -1
    return signs
