"""The linear function that a network of rectifiers is around a row (section 3.1, "linear by parts")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.network import Network
from truezero.errors import DataError, OptionError

_LINEAR_BY_PARTS = ("rectifier", "linear")


@dataclass(frozen=True)
class LocalMap:
    """f(x) = x[inputs] @ weights + bias, for the row and all others for which the same units are active.

    Attributes
    ----------
    inputs : ndarray of int64, shape (n_inputs,)
        Features that are not 0 in the row.
    values : ndarray of float64, shape (n_inputs,)
        Theirs.
    weights : ndarray of float64, shape (n_inputs, n_outputs)
        What 1 of each adds to each output: the sum over all paths of active units.
    bias : ndarray of float64, shape (n_outputs,)
    active : tuple of ndarray of bool, shapes (n_units,)
        Which units of each hidden layer are active.
    """

    inputs: NDArray[np.int64]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]
    active: tuple[NDArray[np.bool_], ...]

    @property
    def output(self) -> NDArray[np.float64]:
        """What the network gives for the row, shape (n_outputs,); of a softmax what goes into it."""
        return np.asarray(self.values @ self.weights + self.bias)

    @property
    def contributions(self) -> NDArray[np.float64]:
        """What each input adds to each output, shape (n_inputs, n_outputs)."""
        return self.values[:, np.newaxis] * self.weights


def check_linear_by_parts(network: Network) -> None:
    """Refuse a network that is no linear function around a row.

    Raises
    ------
    OptionError
        Naming its units.
    """
    other = next((name for name in network.activations if name not in _LINEAR_BY_PARTS), None)
    if other is not None:
        raise OptionError(f"units of {other} are not linear by parts: there is no exact linear function")


def local_map(network: Network, x: Any) -> LocalMap:
    """Find the linear function that a network is around a row; exactly, but for rounding in float64.

    Only what is not 0 is gone through: the rows of weights of active inputs, and of active units.

    Parameters
    ----------
    network : Network
        Of rectifiers (or linear units), with or without sign masks.
    x : array-like or CSR of shape (n_features,) or (1, n_features)

    Returns
    -------
    LocalMap

    Raises
    ------
    OptionError
        If its units are not linear by parts.
    DataError
        If x is no single row of the network's features.
    """
    check_linear_by_parts(network)
    row = np.asarray(x.toarray() if sparse.issparse(x) else x, dtype=np.float64)
    n_features = network.layer_sizes[0]
    if row.size != n_features or row.ndim not in (1, 2):
        raise DataError(f"x must be one row of {n_features} features, got shape {row.shape}")
    row = row.ravel()
    inputs = np.flatnonzero(row)
    # Forward: which units are active, and with which sign.
    places, h, slopes = inputs, row[inputs], []
    for layer in range(network.n_hidden):
        z = h @ network.weights[layer][places].astype(np.float64) + network.biases[layer]
        slope = np.ones_like(z) if network.activations[layer] == "linear" else (z > 0).astype(np.float64)
        sign = network.signs[layer]
        slopes.append(slope if sign is None else slope * sign)
        h = slopes[-1] * z
        places = np.flatnonzero(h)
        h = h[places]
    # Backward: what the rest of the network makes of each layer's input.
    weights, bias = network.weights[-1].astype(np.float64), network.biases[-1].astype(np.float64)
    for layer in reversed(range(network.n_hidden)):
        weights = slopes[layer][:, np.newaxis] * weights
        on = np.flatnonzero(slopes[layer])
        bias = bias + network.biases[layer][on].astype(np.float64) @ weights[on]
        below = network.weights[layer] if layer else network.weights[0][inputs]
        weights = below[:, on].astype(np.float64) @ weights[on]
    if not network.n_hidden:
        weights = weights[inputs]
    return LocalMap(inputs, row[inputs], weights, bias, tuple(slope != 0 for slope in slopes))
