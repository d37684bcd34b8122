"""A network bound for prediction: plain rows in, outputs out, with no checks but of shape and dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from truezero.core.activations import Array
from truezero.core.network import Network
from truezero.errors import DataError

Forward = Callable[[Array, Array, int], None]
"""What an engine makes ready: rows, where their output goes, and the number of threads."""


class Predictor:
    """A network bound for prediction; `Network.predictor` makes one.

    It answers what the network answered when it was bound, or, if its weights were rounded, what one with
    such weights does. Any number of threads may call it at once.

    Attributes
    ----------
    n_features, n_outputs : int
    dtype : dtype
        Of rows and outputs.
    n_threads : int
        Of a call.
    """

    __slots__ = ("_forward", "dtype", "n_features", "n_outputs", "n_threads")

    def __init__(self, network: Network, forward: Forward, n_threads: int) -> None:
        self.n_features, self.n_outputs = network.layer_sizes[0], network.layer_sizes[-1]
        self.dtype, self.n_threads = network.dtype, n_threads
        self._forward = forward

    def __call__(self, X: Array, out: Array | None = None) -> Array:
        """Compute the output of dense rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            C-contiguous, in the network's dtype. That all are finite is not checked: for rows that may not
            be, call the network.
        out : ndarray of shape (n_samples, n_outputs), optional
            Where to put it; C-contiguous, in the network's dtype.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            z of the output layer, as of the network called with X, to the bit, but for rounded weights;
            `out`, if it was given.

        Raises
        ------
        DataError
            If X or `out` is another kind of array, or has another shape.
        """
        try:
            if out is None:
                out = np.empty((len(X), self.n_outputs), self.dtype)
            self._forward(X, out, self.n_threads)
        except (TypeError, ValueError):
            self._refuse("X", X, self.n_features)
            self._refuse("out", out, self.n_outputs)
            raise DataError(f"X has {len(X)} rows, out {len(cast(Array, out))}") from None
        return out

    def _refuse(self, name: str, given: Any, width: int) -> None:
        """Say what is wrong with an array, if something is."""
        wanted = f"{name} must be a C-contiguous array of {self.dtype} of shape (n_samples, {width})"
        if not isinstance(given, np.ndarray):
            raise DataError(f"{wanted}, got {type(given).__name__}") from None
        if given.dtype != self.dtype or given.ndim != 2 or given.shape[1] != width:
            raise DataError(f"{wanted}, got {given.dtype} of shape {given.shape}") from None
        if not given.flags.c_contiguous or (name == "out" and not given.flags.writeable):
            kind = "not contiguous" if not given.flags.c_contiguous else "read-only"
            raise DataError(f"{wanted}, this one is {kind}") from None
