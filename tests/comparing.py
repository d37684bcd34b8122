"""How the results of two trainings are compared, in every test of an engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from truezero import Network
from truezero.core.autoencoder import Autoencoder
from truezero.engines import _native

# Of the engine contract: against how far training moved the weights.
TOLERANCE = {"float64": 1e-9, "float32": 1e-3}
Trained = Network | Autoencoder


def parameters(of: Trained) -> list[Any]:
    network = of.network if isinstance(of, Autoencoder) else of
    return [*network.weights, *network.biases]


def disagreement(a: Trained, b: Trained, start: Trained) -> float:
    """‖ΔW‖ ⁄ ‖W_end − W_0‖, the largest of all arrays; infinite where one moved in b alone."""
    worst = 0.0
    for x, y, z in zip(parameters(a), parameters(b), parameters(start), strict=True):
        moved, apart = np.linalg.norm(np.float64(x) - z), np.linalg.norm(np.float64(x) - y)
        assert np.isfinite(apart)
        worst = max(worst, float(apart / moved) if moved else np.inf if apart else 0.0)
    return worst


def same_bits(a: Trained, b: Trained) -> bool:
    return all(x.tobytes() == y.tobytes() for x, y in zip(parameters(a), parameters(b), strict=True))


@pytest.fixture(autouse=True, scope="module")
def teams_of_any_size() -> Iterator[None]:
    """Where this is imported n_threads is how many threads there are, whatever the machine."""
    _native.assume_cores(8)
    yield
    _native.assume_cores(0)
