"""A small problem and how it is fine-tuned, for tests of the loop of epochs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.engines import Examples, Features, StepSettings
from truezero.training import FineTuning


def problem(n: int = 120, seed: int = 0) -> tuple[Network, Examples, Examples]:
    random = np.random.default_rng(seed)
    X = random.random((n, 12)).astype("f4")
    y = (X[:, 0] + X[:, 1] > 1).astype(np.int64)
    cut = n * 3 // 4
    ids = np.arange(n, dtype=np.int64)
    train = Examples(Features(X[:cut]), y[:cut], None, ids[:cut])
    held_out = Examples(Features(X[cut:]), y[cut:], None, ids[cut:])
    return initialize((12, 20, 15, 2), seed=1), train, held_out


def settings(**changes: Any) -> FineTuning:
    step = StepSettings(0.1, 10, (1e-3, 1e-3), dropout=0.2)
    return replace(FineTuning(step, max_epochs=6, n_iter_no_change=None, seed=9), **changes)
