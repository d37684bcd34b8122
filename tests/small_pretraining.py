"""How small stacks are pre-trained, for tests of layers, codes and streams."""

from __future__ import annotations

from typing import Any

import numpy as np
from comparing import same_bits

from truezero.core.corruption import Corruption
from truezero.engines import (
    AutoencoderSettings,
    Features,
    Unlabeled,
    get_engine,
)
from truezero.training import (
    LayerPlan,
    Pretraining,
    PretrainingState,
    Stream,
    TrainingState,
    pretrain,
)


def unlabeled(X: Any, first_id: int = 0) -> Unlabeled:
    return Unlabeled(Features(X), np.arange(first_id, first_id + X.shape[0], dtype=np.int64))


def plan(n_units: int, batch_size: int = 10, **changes: Any) -> LayerPlan:
    step = AutoencoderSettings(
        changes.pop("learning_rate", 0.02),
        batch_size,
        changes.pop("l1", 0.0),
        changes.pop("corruption", Corruption()),
        changes.pop("sampling", None),
    )
    return LayerPlan(n_units, changes.pop("activation", "rectifier"), step, **{"max_epochs": 2, **changes})


def settings(*plans: LayerPlan, **changes: Any) -> Pretraining:
    return Pretraining(plans, **{"seed": 5, **changes})


def train(
    X: Any,
    what: Pretraining,
    held_out: Any = None,
    *,
    engine: str = "native",
    n_threads: int = 1,
    **rest: Any,
) -> PretrainingState:
    rows = X if isinstance(X, Stream) else unlabeled(X)
    validation = None if held_out is None else unlabeled(held_out)
    return pretrain(rows, validation, what, engine=get_engine(engine), n_threads=n_threads, **rest)


def records(state: PretrainingState | TrainingState) -> list[Any]:
    """What is known of every epoch but for its time."""
    return [{name: value for name, value in record.items() if name != "seconds"} for record in state.history]


def same_stacks(a: PretrainingState, b: PretrainingState) -> bool:
    return all(same_bits(x, y) for x, y in zip(a.stack.layers, b.stack.layers, strict=True))


def arrays(state: PretrainingState) -> list[Any]:
    """All weights and biases, layer by layer."""
    return [
        array for layer in state.stack.layers for array in (*layer.network.weights, *layer.network.biases)
    ]
