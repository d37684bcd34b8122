"""Weights rounded to bfloat16: a float32's upper half, with 7 bits of its 23 digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from truezero.core.activations import Array
from truezero.core.network import Network
from truezero.errors import DataError, OptionError


def with_rounded_weights(network: Network) -> Network:
    """Copy a network, its weights rounded to the nearest bfloat16; biases and all else stay.

    Parameters
    ----------
    network : Network
        In float32.

    Returns
    -------
    Network
        In float32, too.

    Raises
    ------
    OptionError
        If it is in another dtype.
    DataError
        If a weight is not finite, or so large that none is near it.
    """
    network.validate()
    if network.dtype != np.float32:
        raise OptionError(f"weights='bfloat16' are for networks in float32, this one is in {network.dtype}")
    return replace(network, weights=[_rounded(weights) for weights in network.weights])


def upper_halves(weights: Array) -> NDArray[np.uint16]:
    """Bits of weights that are rounded."""
    return (weights.view(np.uint32) >> 16).astype(np.uint16)


def _rounded(weights: Array) -> Array:
    if not np.isfinite(weights).all():
        raise DataError("the network has weights that are not finite")
    bits = np.ascontiguousarray(weights).view(np.uint32)
    # To the nearest; of two as near, to the even one.
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    if not np.isfinite(rounded).all():
        raise DataError("the network has weights that are too large for bfloat16")
    rounded.flags.writeable = False
    return rounded
