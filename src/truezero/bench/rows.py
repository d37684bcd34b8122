"""What benchmarks train on: rows of a data set as engines take them, and made networks full of zeros."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.datasets import Dataset
from truezero.engines import Examples, Features, Unlabeled

INPUTS, OUTPUTS, INPUT_DENSITY = 784, 10, 0.19  # as MNIST has them


def training_rows(dataset: Dataset) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Training rows as a dense float32 matrix, and class numbers."""
    target = np.unique(np.asarray(dataset.y_train), return_inverse=True)[1].astype(np.int64)
    X = dataset.scaled("train")
    return (X.toarray() if hasattr(X, "toarray") else np.asarray(X)), target


def labeled(X: Any, target: NDArray[np.int64]) -> Examples:
    """Examples of weight 1, numbered as they stand."""
    return Examples(Features(X), target, None, np.arange(X.shape[0], dtype=np.int64))


def unlabeled(X: Any, first: int = 0) -> Unlabeled:
    """Rows without targets, numbered as they stand from `first` on."""
    return Unlabeled(Features(X), np.arange(first, first + X.shape[0], dtype=np.int64))


def network_with_zeros(
    width: int, zeros: float, *, n_rows: int, seed: int = 0
) -> tuple[Network, NDArray[Any], float]:
    """Make three hidden layers in which every unit is zero on the given share of random rows, none on all.

    Biases are set to quantiles of each unit's own sums.

    Parameters
    ----------
    width : int
        Units of each hidden layer.
    zeros : float
        Share of exact zeros, 0 to 1.
    n_rows : int
    seed : int

    Returns
    -------
    network : Network
        Read-only.
    rows : ndarray of shape (n_rows, 784)
        With 19 % non-zeros, as MNIST has.
    density : float
        Products needed over products of a dense network, counted on 2000 rows.
    """
    random = np.random.default_rng(seed)
    network = initialize((INPUTS, width, width, width, OUTPUTS), seed=seed)
    shape = (n_rows, INPUTS)
    rows = np.where(random.random(shape) < INPUT_DENSITY, random.random(shape), 0).astype(np.float32)
    h, done, dense = rows[:2000], 0.0, 0.0
    for weights, biases in zip(network.weights, network.biases, strict=True):
        done += weights.size * float((h != 0).mean())
        dense += weights.size
        if weights.shape[1] == width:
            z = h @ weights
            biases[:] = -np.quantile(z, zeros, axis=0)
            h = np.maximum(z + biases, 0)
    return network.freeze(), rows, done / dense
