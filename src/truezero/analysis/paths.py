"""The active paths of a row through a network: those that carry most (section 3.1, Figure 2 left)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.analysis.local_map import local_map
from truezero.core.constraints import whole_number
from truezero.core.network import Network

_VALUES = 1 << 21  # at a time
_N_PATHS = whole_number(least=1)


@dataclass(frozen=True)
class ActivePaths:
    """Paths from an input through active units to an output, that which carries most first.

    What a path carries is the input's value times all its weights and signs; the sum over all paths is what
    `LocalMap.contributions` has for the output.

    Attributes
    ----------
    output : int
        Where they end.
    units : ndarray of int64, shape (n_paths, n_hidden + 1)
        The input of each path, and its unit of each hidden layer.
    carried : ndarray of float64, shape (n_paths,)
        Up or down.
    n_active : int
        All active paths to this output, those of which nothing else is said too.
    total : float
        What they carry together.
    active : tuple of ndarray of bool, shapes (n_inputs,), (n_units,), …
        Inputs that are not 0, and active units of each hidden layer.
    """

    output: int
    units: NDArray[np.int64]
    carried: NDArray[np.float64]
    n_active: int
    total: float
    active: tuple[NDArray[np.bool_], ...]


def active_paths(network: Network, x: Any, *, output: int | None = None, n_paths: int = 10) -> ActivePaths:
    """Find the paths that carry most to an output, exactly, without going through all.

    The best paths from a unit begin with one weight and go on with one of the best of a unit above: so it is
    enough to keep the best few of each unit.

    Parameters
    ----------
    network : Network
        Of rectifiers (or linear units), with or without sign masks.
    x : array-like or CSR of shape (n_features,) or (1, n_features)
    output : int, optional
        0 .. n_outputs − 1; without it that which is largest.
    n_paths : int, default=10
        As many, if there are so many.

    Returns
    -------
    ActivePaths

    Raises
    ------
    OptionError
        If its units are not linear by parts, or there is no such output.
    DataError
        If x is no single row of the network's features.
    """
    found = local_map(network, x)
    _N_PATHS.check("n_paths", n_paths)
    n_outputs = network.layer_sizes[-1]
    (whole_number(least=0, most=n_outputs - 1) | None).check("output", output)
    to = int(np.argmax(found.output)) if output is None else int(output)
    on = [found.inputs, *(np.flatnonzero(active) for active in found.active)]
    # Of each unit of the layer above: what the best paths from it carry, and their units, first to last.
    carried, units = np.ones((1, 1)), np.zeros((1, 1, 0), np.int64)
    above = np.array([to])
    for layer in reversed(range(network.n_hidden + 1)):
        weights = network.weights[layer][np.ix_(on[layer], above)].astype(np.float64)
        sign = network.signs[layer - 1] if layer else None
        factor = found.values if not layer else 1.0 if sign is None else sign[on[layer]].astype(np.float64)
        carried, units = _best(weights * np.reshape(factor, (-1, 1)), carried, units, on[layer], n_paths)
        above = on[layer]
    best = np.argsort(-np.abs(carried), axis=None, kind="stable")[:n_paths]
    sizes = [len(places) for places in on]
    inputs = np.zeros(network.layer_sizes[0], bool)
    inputs[found.inputs] = True
    return ActivePaths(
        to,
        units.reshape(-1, network.n_hidden + 1)[best],
        carried.ravel()[best],
        math.prod(sizes),
        float(found.contributions[:, to].sum()),
        (inputs, *found.active),
    )


def _best(
    weights: NDArray[np.float64],
    carried: NDArray[np.float64],
    units: NDArray[np.int64],
    below: NDArray[np.int64],
    n: int,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of each unit below the best paths, from those of the units above: what they carry, their units."""
    n_above, n_each = carried.shape
    n_kept = min(n, n_above * n_each)
    result, places = np.empty((len(below), n_kept)), np.empty((len(below), n_kept), np.int64)
    at_once = max(_VALUES // max(n_above * n_each, 1), 1)
    for start in range(0, len(below), at_once):
        part = slice(start, start + at_once)
        all_paths = (weights[part, :, np.newaxis] * carried).reshape(len(below[part]), n_above * n_each)
        places[part] = np.argsort(-np.abs(all_paths), axis=1, kind="stable")[:, :n_kept]
        result[part] = np.take_along_axis(all_paths, places[part], axis=1)
    followed = units.reshape(n_above * n_each, units.shape[2])[places]
    first = np.broadcast_to(below[:, np.newaxis, np.newaxis], (len(below), n_kept, 1))
    return result, np.concatenate([first, followed], axis=2)
