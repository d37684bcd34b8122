"""A model's network, and rows as it takes them, in blocks whose codes take little memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from truezero.core.network import Network
from truezero.core.rows import Features
from truezero.models import check_rows, estimator_of, rows_of

N_ROWS, N_VALUES = 2048, 1 << 22  # at a time, at most


def network_of(model: Any) -> Network:
    """Network of an estimator, of the one at the end of a pipeline, or the network itself."""
    model = estimator_of(model)
    return model if isinstance(model, Network) else model.network_


def network_and_rows(model: Any, X: Any) -> tuple[Network, Features]:
    """Network of a model, and rows as they come to it, past the steps of a pipeline.

    Parameters
    ----------
    model : an estimator of truezero, Network, or Pipeline that ends in one
    X : ndarray, CSR or Features of shape (n_rows, n_features)
        As the model takes it; sequence of str where it takes text.

    Returns
    -------
    network : Network
    rows : Features

    Raises
    ------
    DataError
        If rows and model do not fit, or a value is no finite number in the network's dtype.
    """
    check_rows(model, X)
    rows, network = rows_of(model, X), network_of(model)
    rows = rows if isinstance(rows, Features) else Features(rows)
    rows.check_finite(network.dtype)
    return network, rows


def parts(n_rows: int, network: Network) -> Iterator[slice]:
    """Stretches of rows, in their order, so short that codes of the network's layers take little memory."""
    at_once = max(min(N_ROWS, N_VALUES // max(network.layer_sizes)), 1)
    return (slice(start, min(start + at_once, n_rows)) for start in range(0, n_rows, at_once))
