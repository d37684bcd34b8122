"""What is known of an epoch after it, and which epoch is best."""

from __future__ import annotations

import math
from typing import NotRequired, TypedDict


class EpochRecord(TypedDict):
    """One epoch of fine-tuning.

    `loss` and `penalty` are means over the training examples, seen before each update and under
    dropout. The rest is measured after the epoch on the evaluation rows (the validation rows, or
    training rows where there are none), without dropout: `validation_error` is a fraction (mean
    squared error for regression), None without validation rows, as is `validation_loss`; `sparsity`
    and `dead_units` have one number per hidden layer. `products` is how the engine multiplied each
    layer's input in the epoch, "sparse" or "dense", and `blas` the
    BLAS that multiplied the dense ones, if one did; old files lack both.
    """

    epoch: int
    loss: float
    penalty: float
    validation_error: float | None
    validation_loss: float | None
    sparsity: list[float]
    dead_units: list[int]
    seconds: float
    products: NotRequired[list[str]]
    blas: NotRequired[str | None]


class PretrainingRecord(TypedDict):
    """One epoch of pre-training one layer.

    `loss` and `penalty` are means over the training examples, seen before each update. The rest is
    measured after the epoch on the held-out rows under one fixed draw of the noise (on training rows
    where there are none): `reconstruction_error` is the mean cost of an example, without L1, and None
    without held-out rows; `sparsity` the fraction of zeros in the corrupted rows' code; `stuck` the
    share of targets other than 0 that rectifier units reconstruct by an exact 0, which lets no gradient
    through (footnote 2 of the paper; 0 for other units). `products` and `blas` say how the engine multiplied.
    """

    layer: int
    epoch: int
    loss: float
    penalty: float
    reconstruction_error: float | None
    sparsity: float
    dead_units: int
    stuck: float
    seconds: float
    products: list[str]
    blas: str | None


def rank(record: EpochRecord) -> tuple[float, float]:
    """Sort key of an epoch: validation error, then validation loss, which breaks the frequent ties."""
    error, loss = record["validation_error"], record["validation_loss"]
    return (math.inf if error is None else error, math.inf if loss is None else loss)


def best_epoch(history: list[EpochRecord]) -> int:
    """Position of the best validation epoch, the first of equals; the last one without validation."""
    if history[-1]["validation_error"] is None:
        return len(history) - 1
    return min(range(len(history)), key=lambda position: rank(history[position]))


def best_reconstruction(records: list[PretrainingRecord]) -> int:
    """Position of the epoch with the least reconstruction error, the first of equals; else the last one."""
    errors = [record["reconstruction_error"] for record in records]
    if errors[-1] is None:
        return len(errors) - 1
    return min(range(len(errors)), key=lambda position: errors[position] or 0.0)
