"""Activations: the function of one unit, one entry each.

An entry has a value, a derivative, and says whether its zeros are *true*: whether the derivative is
0 wherever the value is 0. A unit of such an activation that is exactly zero neither passes nor
receives gradient, so skipping it is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truezero.errors import OptionError

Array = NDArray[np.floating]
"""A float32 or float64 array."""


@dataclass(frozen=True)
class Activation:
    """The function of one unit.

    Attributes
    ----------
    name : str
        Its name in every interface.
    value, derivative : callable
        ``(z, scale) -> array`` of z's shape and dtype; only softplus uses the scale.
    true_zeros : bool
        The derivative is 0 wherever the value is 0, so that zeros can be skipped exactly.
    native_code : int or None
        Its number in the compiled core; None runs on the reference engine alone.
    homogeneous : bool
        f(az) = a f(z) for a > 0, so that a scale of its output can be taken over by its weights.
    """

    name: str
    value: Callable[[Array, float], Array]
    derivative: Callable[[Array, float], Array]
    true_zeros: bool
    native_code: int | None = None
    homogeneous: bool = False


def _logistic(x: Array) -> Array:
    """Logistic sigmoid that never overflows: exp is only taken of negative numbers."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def _rectifier(z: Array, scale: float) -> Array:
    # Not maximum(z, 0): a NaN must survive to be caught, and z = -0.0 must become +0.0.
    return np.where(z <= 0, z.dtype.type(0), z)


def _step(z: Array, scale: float) -> Array:
    return (z > 0).astype(z.dtype)


def _softplus(z: Array, scale: float) -> Array:
    """(1/α) log(1 + exp(αz)), written so that neither end overflows or loses digits."""
    x = z * z.dtype.type(scale)
    return (np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))) / z.dtype.type(scale)


def _softplus_derivative(z: Array, scale: float) -> Array:
    return _logistic(z * z.dtype.type(scale))


def _sigmoid(z: Array, scale: float) -> Array:
    return _logistic(z)


def _sigmoid_derivative(z: Array, scale: float) -> Array:
    s = _logistic(z)
    return s * (1 - s)


def _tanh(z: Array, scale: float) -> Array:
    return np.tanh(z)


def _tanh_derivative(z: Array, scale: float) -> Array:
    return 1 - np.tanh(z) ** 2


def _lif(z: Array, scale: float) -> Array:
    """Rescaled leaky integrate-and-fire rate (footnote 3): 1 / (7.5 log((z/2 + .025)/(z/2)) + 1)."""
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        rate = 1 / (z.dtype.type(7.5) * np.log1p(z.dtype.type(0.05) / z) + 1)
    return np.where(z <= 0, z.dtype.type(0), rate)


def _lif_derivative(z: Array, scale: float) -> Array:
    rate = _lif(z, scale)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        slope = rate * rate * (z.dtype.type(0.375) / (z * (z + z.dtype.type(0.05))))
    # The slope is unbounded at 0+; every engine caps it at 10.
    return np.where(rate == 0, z.dtype.type(0), np.minimum(slope, z.dtype.type(10)))


def _rectified_tanh(z: Array, scale: float) -> Array:
    return _rectifier(np.tanh(z), scale)


def _rectified_tanh_derivative(z: Array, scale: float) -> Array:
    return np.where(z <= 0, z.dtype.type(0), _tanh_derivative(z, scale))


def _abs_tanh(z: Array, scale: float) -> Array:
    return np.abs(np.tanh(z))


def _abs_tanh_derivative(z: Array, scale: float) -> Array:
    return np.sign(z) * _tanh_derivative(z, scale)


def _linear(z: Array, scale: float) -> Array:
    return z + z.dtype.type(0)


def _one(z: Array, scale: float) -> Array:
    return np.ones_like(z)


_registry: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        Activation("rectifier", _rectifier, _step, True, 0, homogeneous=True),
        Activation("softplus", _softplus, _softplus_derivative, False, 1),
        Activation("tanh", _tanh, _tanh_derivative, False, 2),
        Activation("sigmoid", _sigmoid, _sigmoid_derivative, False, 3),
        Activation("lif", _lif, _lif_derivative, True, 4),
        Activation("rectified-tanh", _rectified_tanh, _rectified_tanh_derivative, True, 5),
        Activation("abs-tanh", _abs_tanh, _abs_tanh_derivative, True, 6),
        Activation("linear", _linear, _one, False, 7, homogeneous=True),
    )
}
_aliases = {"relu": "rectifier", "logistic": "sigmoid", "identity": "linear"}


def get_activation(name: str) -> Activation:
    """Look an activation up by its name or by scikit-learn's (`relu`, `logistic`, `identity`).

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    entry = _registry.get(_aliases.get(name, name)) if isinstance(name, str) else None
    if entry is None:
        raise OptionError(f"unknown activation {name!r}; known: {', '.join(activation_names())}")
    return entry


def activation_names() -> tuple[str, ...]:
    """Names of all activations, the built-in ones first."""
    return tuple(_registry)


def register_activation(
    name: str,
    value: Callable[[Array], Array],
    derivative: Callable[[Array], Array],
    *,
    true_zeros: bool = False,
) -> Activation:
    """Add an activation of one's own; it runs on the reference engine.

    Parameters
    ----------
    name : str
        A new name.
    value, derivative : callable
        ``z -> array`` of z's shape and dtype.
    true_zeros : bool, default=False
        Promise that the derivative is 0 wherever the value is 0.

    Returns
    -------
    Activation

    Raises
    ------
    OptionError
        If the name is taken by a built-in activation.
    """
    taken = _registry.get(_aliases.get(name, name))
    if taken is not None and taken.native_code is not None:
        raise OptionError(f"the activation {name!r} is built in and cannot be replaced")
    entry = Activation(name, lambda z, scale: value(z), lambda z, scale: derivative(z), true_zeros)
    _registry[name] = entry
    return entry
