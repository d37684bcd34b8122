"""Where a training stands, for people: the figures of its last epoch, and how long it may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from truezero.core.text import duration
from truezero.training.history import EpochRecord, PretrainingRecord

if TYPE_CHECKING:
    from truezero.training.fine_tuning import FineTuning

_LATE = 10  # epochs, the last ones, that the time left is reckoned by: the first ones are denser

Phase = Literal["pre-training", "fine-tuning"]


@dataclass(frozen=True)
class Standing:
    """Where a training stands after an epoch.

    Attributes
    ----------
    phase : {"pre-training", "fine-tuning"}
    done, most : int
        Epochs that are over, and how many there will be at the most; in pre-training of all layers together.
    figures : tuple of str
        What was measured last, in words: the cost, the error, zeros of each layer, rows a second.
    seconds, left : float
        That the last epoch took, and that those to come will take if there will be the most.
    may_end_early : bool
        There may be fewer epochs.
    """

    phase: Phase
    done: int
    most: int
    figures: tuple[str, ...]
    seconds: float
    left: float
    may_end_early: bool

    @property
    def time_left(self) -> str:
        """How long it will take, in words; nothing where it is over."""
        if self.done >= self.most:
            return ""
        return f"{'up to' if self.may_end_early else 'about'} {duration(self.left)} left"


def of_network(
    history: Sequence[EpochRecord], best: EpochRecord, settings: FineTuning, output: str
) -> Standing:
    """Where fine-tuning stands.

    Parameters
    ----------
    history : sequence of EpochRecord
        Of one epoch or more.
    best : EpochRecord
        Of the best one.
    settings : FineTuning
    output : {"softmax", "linear"}
        Of the network. Errors of classes are shares of the rows, and told in per cent.
    """
    shares = output == "softmax" and settings.output_values is None
    record = history[-1]
    figures = [f"loss {record['loss']:.4g}"]
    error, least = record["validation_error"], best["validation_error"]
    if error is not None and least is not None:
        told = [f"{100 * value:.2f} %" if shares else f"{value:.4g}" for value in (error, least)]
        figures.append(f"validation error {told[0]} (best {told[1]})")
    judged = error is not None or settings.schedule == "adaptive"
    early = judged and settings.n_iter_no_change is not None
    return _standing(
        "fine-tuning", history, len(history), settings.max_epochs, figures, record["sparsity"], early
    )


def of_layer(
    history: Sequence[PretrainingRecord], before: int, most: int, *, patience: int | None
) -> Standing:
    """Where the pre-training of a layer stands.

    Parameters
    ----------
    history : sequence of PretrainingRecord
        Of this layer, of one epoch or more.
    before, most : int
        Epochs of the layers below, those that were not needed too, and of all layers.
    patience : int or None
        Epochs of a layer without a better one after which it ends; None: it does not.
    """
    record = history[-1]
    error = record["reconstruction_error"]
    figures = [f"layer {record['layer'] + 1}"]
    figures.append(f"loss {record['loss']:.4g}" if error is None else f"reconstruction error {error:.4g}")
    early = error is not None and patience is not None
    done = before + record["epoch"]
    return _standing("pre-training", history, done, most, figures, [record["sparsity"]], early)


def _standing(
    phase: Phase,
    history: Sequence[EpochRecord] | Sequence[PretrainingRecord],
    done: int,
    most: int,
    figures: list[str],
    sparsity: Sequence[float],
    early: bool,
) -> Standing:
    if sparsity:
        figures.append(f"zeros {' '.join(f'{100 * zeros:.0f}' for zeros in sparsity)} %")
    last = history[-1]
    if last.get("n_rows") and last["seconds"] > 0:  # old files do not say how many
        figures.append(f"{last['n_rows'] / last['seconds']:,.0f} rows/s")
    each = float(np.mean([record["seconds"] for record in history[-_LATE:]]))
    return Standing(phase, done, most, tuple(figures), last["seconds"], each * (most - done), early)
