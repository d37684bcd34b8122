"""Reconstruction: the output unit of an auto-encoder's decoder, and its cost (section 3.2).

A decoder computes r; its unit makes a reconstruction o(r) of the target t. Costs are summed over the
units of an example.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.special import log_ndtr

from truezero.core.activations import Array, get_activation
from truezero.errors import OptionError

Target = Literal["input", "magnitude", "two-sided", "squashed", "squashed-magnitude", "before"]
TARGETS: tuple[str, ...] = get_args(Target)


@dataclass(frozen=True)
class Reconstruction:
    """One kind of reconstruction.

    Attributes
    ----------
    name : str
    output : callable
        ``r -> o``, the reconstruction.
    cost : callable
        ``(r, t, deviation) -> (value, gradient)``, both of r's shape; the gradient is by r.
    bounded : bool
        Targets are clipped to [0, 1].
    one_sided : bool
        No output, or no likelihood, is below 0: targets below 0 cannot be reached.
    native_code : int
        Its number in the compiled core.
    """

    name: str
    output: Callable[[Array], Array]
    cost: Callable[[Array, Array, float], tuple[Array, Array]]
    bounded: bool
    one_sided: bool
    native_code: int


def _rectified(r: Array) -> Array:
    return get_activation("rectifier").value(r, 1.0)


def _softplus(r: Array) -> Array:
    return get_activation("softplus").value(r, 1.0)


def _logistic(r: Array) -> Array:
    return get_activation("sigmoid").value(r, 1.0)


def _softplus_quadratic(r: Array, t: Array, deviation: float) -> tuple[Array, Array]:
    difference = _softplus(r) - t
    return difference**2, 2 * difference * _logistic(r)


def _sigmoid_cross_entropy(r: Array, t: Array, deviation: float) -> tuple[Array, Array]:
    """−t log σ(r) − (1 − t) log(1 − σ(r)), which is softplus(r) − t r."""
    return _softplus(r) - t * r, _logistic(r) - t


def _linear_quadratic(r: Array, t: Array, deviation: float) -> tuple[Array, Array]:
    difference = r - t
    return difference**2, 2 * difference


def _rectifier_quadratic(r: Array, t: Array, deviation: float) -> tuple[Array, Array]:
    difference = _rectified(r) - t
    return difference**2, np.where(r <= 0, r.dtype.type(0), 2 * difference)


def _censored_gaussian(r: Array, t: Array, deviation: float) -> tuple[Array, Array]:
    """−log N(t; r, σ²) where t > 0, and minus the logarithm of P(value ≤ 0) where it is 0 (Tobit)."""
    sigma = np.float64(deviation)
    u = (np.float64(r) - np.maximum(np.float64(t), 0)) / sigma
    log_p = log_ndtr(np.minimum(-u, 1e3))
    hazard = np.exp(-(u**2) / 2 - log_p) / math.sqrt(2 * math.pi)
    value = np.where(t > 0, u**2 / 2 + math.log(deviation * math.sqrt(2 * math.pi)), -log_p)
    return value.astype(r.dtype), (np.where(t > 0, u, hazard) / sigma).astype(r.dtype)


def _censored_laplace(r: Array, t: Array, deviation: float) -> tuple[Array, Array]:
    """The same for Laplace's distribution of scale σ: |t − r| / σ + log 2σ where t > 0."""
    sigma = np.float64(deviation)
    u = (np.float64(r) - np.maximum(np.float64(t), 0)) / sigma
    fraction = np.exp(-np.abs(u)) / 2
    # P(value <= 0) is 1 − fraction below 0, where t is, and fraction above.
    censored = np.where(u < 0, -np.log1p(-fraction), np.abs(u) + math.log(2))
    slope = np.where(u < 0, fraction / (1 - fraction), 1.0)
    value = np.where(t > 0, np.abs(u) + math.log(2 * deviation), censored)
    return value.astype(r.dtype), (np.where(t > 0, np.sign(u), slope) / sigma).astype(r.dtype)


def _identity(r: Array) -> Array:
    return r


_registry: dict[str, Reconstruction] = {
    entry.name: entry
    for entry in (
        Reconstruction("softplus-quadratic", _softplus, _softplus_quadratic, False, True, 0),
        Reconstruction("sigmoid-cross-entropy", _logistic, _sigmoid_cross_entropy, True, True, 1),
        Reconstruction("linear-quadratic", _identity, _linear_quadratic, False, False, 2),
        Reconstruction("rectifier-quadratic", _rectified, _rectifier_quadratic, False, True, 3),
        Reconstruction("censored-gaussian", _rectified, _censored_gaussian, False, True, 4),
        Reconstruction("censored-laplace", _rectified, _censored_laplace, False, True, 5),
    )
}


def get_reconstruction(name: str) -> Reconstruction:
    """Look a reconstruction up by its name; the first four are the paper's strategies 1 to 4.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    entry = _registry.get(name) if isinstance(name, str) else None
    if entry is None:
        raise OptionError(f"unknown reconstruction {name!r}; known: {', '.join(_registry)}")
    return entry


def reconstruction_names() -> tuple[str, ...]:
    """Names of all reconstructions, the paper's strategies 1 to 4 first."""
    return tuple(_registry)


def target_of(x: Array, target: Target, *, bounded: bool) -> Array:
    """What a decoder shall reconstruct of clean input x.

    Parameters
    ----------
    x : ndarray
        Clean input of the auto-encoder.
    target : {"input", "magnitude", "two-sided", "squashed", "squashed-magnitude"}
        x; |x|, of a layer with a sign mask; (x + 1) / 2, of tanh units; σ(x); σ(|x|). Not "before", what
        stood before the activation of the layer below: that cannot be told from x.
    bounded : bool
        Clip it to [0, 1], as cross-entropy needs: rows not seen before exceed the largest value known.

    Returns
    -------
    ndarray of x's shape and dtype
    """
    if target == "before":
        raise OptionError("what stood before the activation must be given; it cannot be told from the input")
    if target in ("magnitude", "squashed-magnitude"):
        x = np.abs(x)
    if target == "two-sided":
        x = (x + x.dtype.type(1)) / x.dtype.type(2)
    elif target in ("squashed", "squashed-magnitude"):
        x = _logistic(x)
    return np.clip(x, 0, 1) if bounded else x
