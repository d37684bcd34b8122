"""What is known of an epoch after it, and which epoch is best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NotRequired, TypedDict, TypeVar


class Trained(TypedDict):
    """What is known of every epoch of training, whatever is trained."""

    epoch: int
    loss: float
    penalty: float
    seconds: float
    products: NotRequired[list[str]]
    blas: NotRequired[str | None]


class EpochRecord(Trained):
    """One epoch of fine-tuning.

    `loss` and `penalty` are means over the training examples, seen before each update and under
    dropout. The rest is measured after the epoch on the evaluation rows (the validation rows, or
    training rows where there are none), without dropout: `validation_error` is a fraction (for regression
    the mean squared error in the targets' own units), None without validation rows, as is `validation_loss`;
    losses of a regression are of the targets as trained on, (y − mean) / 2**k. `sparsity`
    and `dead_units` have one number per hidden layer. `products` is how the engine multiplied each
    layer's input in the epoch, "sparse" or "dense", and `blas` the
    BLAS that multiplied the dense ones, if one did; old files lack both.
    """

    validation_error: float | None
    validation_loss: float | None
    sparsity: list[float]
    dead_units: list[int]


class PretrainingRecord(Trained):
    """One epoch of pre-training one layer.

    `loss` and `penalty` are means over the training examples, seen before each update. The rest is
    measured after the epoch on the held-out rows under one fixed draw of the noise (on training rows
    where there are none): `reconstruction_error` is the mean cost of an example, without L1, and None
    without held-out rows; `sparsity` the fraction of zeros in the corrupted rows' code; `stuck` the
    share of targets other than 0 that rectifier units reconstruct by an exact 0, which lets no gradient
    through (footnote 2 of the paper; 0 for other units). `products` and `blas` say how the engine multiplied.
    """

    layer: int
    reconstruction_error: float | None
    sparsity: float
    dead_units: int
    stuck: float


Record = TypeVar("Record", bound=Trained)
Rank = tuple[float, ...]


def best(records: Sequence[Record], rank: Callable[[Record], Rank | None]) -> int:
    """Position of the best epoch, the first of equals; the last one where that was not measured.

    Parameters
    ----------
    records : sequence of Record
        One or more.
    rank : callable
        Sort key of a record; None if nothing was measured on rows held out.
    """
    if rank(records[-1]) is None:
        return len(records) - 1
    return min(range(len(records)), key=lambda position: rank(records[position]) or (0.0,))


def rank_by_validation(record: EpochRecord) -> Rank | None:
    """Sort key: validation error, then validation loss, which breaks the frequent ties."""
    error, loss = record["validation_error"], record["validation_loss"]
    return None if error is None else (error, math.inf if loss is None else loss)


def rank_by_reconstruction(record: PretrainingRecord) -> Rank | None:
    """Sort key: the reconstruction error."""
    error = record["reconstruction_error"]
    return None if error is None else (error,)


def best_reconstruction(records: Sequence[PretrainingRecord]) -> int:
    """Position of the epoch with the least reconstruction error, the first of equals; else the last one."""
    return best(records, rank_by_reconstruction)
