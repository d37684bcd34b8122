"""What is known of an epoch after it, and which epoch is best."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NotRequired, TypedDict, TypeVar

from truezero.core.constraints import number, whole_number
from truezero.core.schema import Fields, Items, Schema, measured, word


class Trained(TypedDict):
    """What is known of every epoch of training, whatever is trained.

    `n_rows` counts rows as often as they were trained on; old files lack it.
    """

    epoch: int
    loss: float
    penalty: float
    seconds: float
    products: NotRequired[list[str]]
    blas: NotRequired[str | None]
    n_rows: NotRequired[int]


class EpochRecord(Trained):
    """One epoch of fine-tuning.

    `loss` and `penalty` are means over the training examples, seen before each update and under
    dropout. The rest is measured after the epoch on the evaluation rows (the validation rows, or
    training rows where there are none), without dropout: `validation_error` is a fraction (for regression
    and ratings the mean squared error in the targets' own units), None without validation rows, as is
    `validation_loss`;
    losses of a regression are of the targets as trained on, (y − mean) / 2**k. `sparsity`
    and `dead_units` have one number per hidden layer. `products` is how the engine multiplied each
    layer's input in the epoch, "sparse" or "dense", and `blas` the
    BLAS that a factored decoder was multiplied by; `learning_rate` is the epoch's. Old files lack all
    three.
    """

    validation_error: float | None
    validation_loss: float | None
    sparsity: list[float]
    dead_units: list[int]
    learning_rate: NotRequired[float]


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


def out_of_patience(
    records: Sequence[Record], rank: Callable[[Record], Rank | None], patience: int | None
) -> bool:
    """Whether so many epochs have gone by without a better one; never where that was not measured.

    Parameters
    ----------
    records : sequence of Record
    rank : callable
        See `best`.
    patience : int or None
        None: as many as there are.
    """
    if not records or patience is None or rank(records[-1]) is None:
        return False
    return len(records) - 1 - best(records, rank) >= patience


def rank_by_validation(record: EpochRecord) -> Rank | None:
    """Sort key: validation error, then validation loss, which breaks the frequent ties."""
    error, loss = record["validation_error"], record["validation_loss"]
    return None if error is None else (error, math.inf if loss is None else loss)


def rank_by_reconstruction(record: PretrainingRecord) -> Rank | None:
    """Sort key: the reconstruction error."""
    error = record["reconstruction_error"]
    return None if error is None else (error,)


def best_reconstruction(records: Sequence[PretrainingRecord]) -> int:
    """Position of the epoch with the least reconstruction error, the first of equals; else the last one.

    Parameters
    ----------
    records : sequence of PretrainingRecord
        Of one layer, one or more.

    Returns
    -------
    int
        From 0.
    """
    return best(records, rank_by_reconstruction)


# ---- as files hold it -----------------------------------------------------------------------------------

_TRAINED: dict[str, Schema] = {
    "epoch": whole_number(1),
    "loss": measured,
    "penalty": measured,
    "seconds": number(least=0),
}
_LATER: dict[str, Schema] = {"products": Items(word), "blas": word | None, "n_rows": whole_number(0)}
_SHARE = number(least=0, most=1)
EPOCH = Fields(
    {
        **_TRAINED,
        "validation_error": measured | None,
        "validation_loss": measured | None,
        "sparsity": Items(_SHARE),
        "dead_units": Items(whole_number(0)),
    },
    {**_LATER, "learning_rate": number(above=0)},
)
PRETRAINING = Fields(
    {
        **_TRAINED,
        "layer": whole_number(0),
        "reconstruction_error": measured | None,
        "sparsity": _SHARE,
        "dead_units": whole_number(0),
        "stuck": measured,
    },
    _LATER,
)


def check_epochs(history: Any, n_hidden: int, fewest: int = 1) -> None:
    """Check a history of fine-tuning that was read from a file; of at least so many epochs.

    Raises
    ------
    ValueError
        If it is none, or not of so many hidden layers.
    """
    Items(EPOCH, fewest=fewest).check("the history", history)
    for place, record in enumerate(history, start=1):
        if record["epoch"] != place:
            raise ValueError(f"epoch {record['epoch']} of the history stands in the place of {place}")
        if len(record["sparsity"]) != n_hidden or len(record["dead_units"]) != n_hidden:
            raise ValueError(f"epoch {place} of the history is not of {n_hidden} hidden layers")


def check_layers(history: Any, layers: range) -> None:
    """Check a history of pre-training that was read from a file.

    Raises
    ------
    ValueError
        If it is none, or not of all of these layers and no others.
    """
    Items(PRETRAINING).check("the history", history)
    done = dict.fromkeys(layers, 0)
    for record in history:
        layer, epoch = record["layer"], record["epoch"]
        if layer not in done or epoch != done[layer] + 1:
            raise ValueError(f"epoch {epoch} of layer {layer} is out of place in the history")
        done[layer] = epoch
    missing = next((layer for layer, n in done.items() if n == 0), None)
    if missing is not None:
        raise ValueError(f"the history has no epoch of layer {missing}")
