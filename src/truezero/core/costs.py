"""Costs of the output layer: value per example, and the gradient with respect to its z."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truezero.core.activations import Array
from truezero.core.network import Output


def log_softmax(z: Array) -> Array:
    """Logarithm of the softmax over the last axis, shape and dtype of z (n_samples, n_outputs)."""
    shifted = z - z.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def expected_value(z: Array, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the classes' values under the softmax, in float64 (section 4.2).

    Parameters
    ----------
    z : ndarray of shape (n_samples, n_outputs)
        What the output layer computed.
    values : ndarray of shape (n_outputs,)

    Returns
    -------
    ndarray of shape (n_samples,)
    """
    return np.asarray((np.exp(log_softmax(z.astype(np.float64))) * values).sum(axis=1))


def cost(output: Output, z: Array, target: NDArray[np.generic]) -> tuple[Array, Array]:
    """Cost of every example, and its gradient.

    Parameters
    ----------
    output : {"softmax", "linear"}
        "softmax": negative log-likelihood −log P(correct class | input), section 4.1. "linear":
        squared error ½ Σ (z − target)².
    z : ndarray of shape (n_samples, n_outputs)
        What the output layer computed.
    target : ndarray
        Class numbers, int64, shape (n_samples,); or values, shape (n_samples, n_outputs).

    Returns
    -------
    value : ndarray of shape (n_samples,)
    gradient : ndarray of shape (n_samples, n_outputs)
        Of each example's own cost with respect to its z.
    """
    if output == "linear":
        difference = z - target.astype(z.dtype)
        return (difference**2).sum(axis=1) / 2, difference
    log_p = log_softmax(z)
    rows = np.arange(len(z))
    gradient = np.exp(log_p)
    gradient[rows, target.astype(np.int64)] -= 1
    return -log_p[rows, target.astype(np.int64)], gradient
