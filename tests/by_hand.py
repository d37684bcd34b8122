"""Codes and output of a network of rectifiers, tanh or linear units, written out in float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from truezero.core.initial import initialize
from truezero.core.network import Network

UNITS: dict[str, Any] = {"rectifier": lambda z: np.maximum(z, 0), "tanh": np.tanh, "linear": lambda z: z}


def drawn(sizes: tuple[int, ...], activations: Any = "rectifier", **options: Any) -> Network:
    """A network with biases that are not 0, of float64 unless it is said otherwise."""
    network = initialize(sizes, activations, **{"dtype": "float64", "seed": 3, **options})
    for layer, bias in enumerate(network.biases):
        bias[:] = np.random.default_rng(layer).normal(size=len(bias)) / 4
    return network


def codes(network: Network, X: Any) -> list[Any]:
    """Of each hidden layer what its units give for the rows, and last the output."""
    h, found = np.asarray(X, np.float64), []
    for layer in range(network.n_hidden):
        h = UNITS[network.activations[layer]](h @ network.weights[layer] + network.biases[layer])
        sign = network.signs[layer]
        h = h if sign is None else h * sign
        found.append(h)
    return [*found, h @ network.weights[-1] + network.biases[-1]]
