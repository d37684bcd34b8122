"""What memory gives, and what a training step must take from it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.network import Network
from truezero.engines import Features, get_engine


def bandwidth(n_bytes: int, n_threads: int) -> dict[str, float]:
    """Gigabytes per second over so many bytes: `read`, and `rewrite` (reading and writing counted)."""
    from truezero.engines import _native  # not there without the compiled core

    return {
        "bytes": n_bytes,
        "read": _native.measure_bandwidth(n_bytes, False, n_threads) / 1e9,
        "rewrite": _native.measure_bandwidth(n_bytes, True, n_threads) / 1e9,
    }


def traffic_floor(
    network: Network,
    X: Any,
    order: NDArray[np.int64],
    speed: dict[str, float],
    *,
    batch_size: int,
    batches: int = 200,
) -> dict[str, Any]:
    """Bytes that a step on these minibatches must move, and the milliseconds for it.

    A row of weights is touched where its input is not zero in any example of the minibatch: counted, and
    averaged over minibatches. Each is read once forward, and read and written once backward.
    """
    native = get_engine("native", network)
    rows = order[: batches * batch_size]
    touched = np.zeros(len(network.weights))
    for layer in range(len(network.weights)):
        h = X[rows] if layer == 0 else native.encode(network, Features(X[rows]), layer - 1, n_threads=1)
        for start in range(0, len(rows), batch_size):
            batch = h[start : start + batch_size]
            active = np.unique(batch.indices) if hasattr(batch, "indices") else batch.any(axis=0).nonzero()[0]
            touched[layer] += len(active)
    touched /= -(-len(rows) // batch_size)
    n_bytes = 4 * float(sum(n * w.shape[1] for n, w in zip(touched, network.weights, strict=True)))
    seconds = n_bytes / (1e9 * speed["read"]) + 2 * n_bytes / (1e9 * speed["rewrite"])
    return {
        "rows_touched": touched.tolist(),
        "bytes_read": n_bytes,
        "bytes_rewritten": 2 * n_bytes,
        "milliseconds": 1e3 * seconds,
    }


def against_floor(
    network: Network,
    X: Any,
    order: NDArray[np.int64],
    milliseconds: float,
    *,
    batch_size: int,
    n_threads: int,
) -> dict[str, Any]:
    """Measure this machine's `bandwidth` over the network's bytes, and compare a step with the `floor`."""
    speed = bandwidth(4 * sum(w.size for w in network.weights), n_threads)
    floor = traffic_floor(network, X, order, speed, batch_size=batch_size)
    return {"floor": floor | {"ratio": milliseconds / floor["milliseconds"]}, "bandwidth": speed}
