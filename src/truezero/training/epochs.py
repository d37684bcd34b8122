"""The one loop over epochs, of fine-tuning and of a layer's pre-training alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any, Protocol

from truezero.core.network import Network
from truezero.engines import Tally
from truezero.training.checkpoints import Checkpoint, State
from truezero.training.history import Rank, Record, best
from truezero.training.sources import Piece, Rows

# Training whose cost exceeds this many times the cost of predicting zeros has exploded.
_EXPLOSION = 1e3

Callback = Callable[[Any], Any]
"""What is called after every epoch, with the state: a `TrainingState`, or a `PretrainingState`.

All of them are called, in their order. Checkpoints come last, so that they keep what the others decided; and
they do come if one of the others raises, Ctrl-C say, as the epoch is finished. A true result of any ends the
training; in pre-training the layer's, and the next one begins. A training that is resumed from a checkpoint
stays ended. One with a method `on_train_begin` has that called first, once, with the state, which it may fill
from a file; one with a method `on_train_end` has that called last, once, with the state, however it ends."""


class Training(Protocol[Record]):
    """What is trained, as the loop sees it."""

    def records(self) -> list[Record]:
        """What is known of its finished epochs."""
        ...

    def train(self, epoch: int) -> Tally:
        """Train one epoch.

        Raises
        ------
        DivergenceError
            If there is no going on.
        """
        ...

    def measure(self, epoch: int) -> Record:
        """How good it is now, as a record in which what every training has is still blank."""
        ...

    def rank(self, record: Record) -> Rank | None:
        """Sort key of an epoch, the least is the best; None if nothing was measured on rows held out."""
        ...

    def keep(self) -> None:
        """Remember how it is now: it has not been better."""
        ...

    def note(self, record: Record) -> None:
        """Add the record of an epoch to the history."""
        ...

    def over(self) -> bool:
        """Whether what came of the epochs so far says that no further one is worth it."""
        ...


@contextmanager
def begun(state: State, callbacks: Sequence[Callback]) -> Iterator[None]:
    """Let callbacks fill the state before training begins, and those that did say goodbye when it is over."""
    with ExitStack() as ends:
        for callback in callbacks:
            on_train_begin = getattr(callback, "on_train_begin", None)
            if on_train_begin is not None:
                on_train_begin(state)
            on_train_end = getattr(callback, "on_train_end", None)
            if on_train_end is not None:
                ends.callback(on_train_end, state)
        yield


def run_epochs(
    training: Training[Record],
    state: State,
    *,
    max_epochs: int,
    callbacks: Sequence[Callback],
) -> None:
    """Train until all epochs are done, it is over before, a callback says so, or Ctrl-C.

    Parameters
    ----------
    training : Training
        What is trained. Epochs that are in its records already are done.
    state : State
        What callbacks see. `ended` says that one of them ended the training, before a resume perhaps;
        `interrupted` that Ctrl-C did, after the first finished epoch.
    max_epochs : int
    callbacks : sequence of callable
        See `Callback`.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C came before the first epoch was finished.
    """
    try:
        while not (state.ended or len(training.records()) >= max_epochs or training.over()):
            run_epoch(training, len(training.records()) + 1)
            _call(callbacks, state)
    except KeyboardInterrupt:
        if not training.records():
            raise
        state.interrupted = True


def _call(callbacks: Sequence[Callback], state: State) -> None:
    """Call all callbacks, checkpoints last, when the state has the others' word.

    They are called even if one of the others raises: the epoch is finished, and shall not be lost, unless a
    checkpoint has a share of the time alone.
    """
    try:
        for callback in callbacks:
            if not isinstance(callback, Checkpoint) and callback(state):
                state.ended = True
    finally:
        for callback in callbacks:
            if isinstance(callback, Checkpoint):
                callback(state)


def run_epoch(training: Training[Record], epoch: int) -> None:
    """Train an epoch, measure, keep it if it is the best one, note it.

    Parameters
    ----------
    training : Training
    epoch : int
        Its number, which addresses its draws.
    """
    started = time.perf_counter()
    tally = training.train(epoch)
    record = training.measure(epoch)
    record["epoch"], record["loss"], record["penalty"] = epoch, tally.loss, tally.penalty
    record["seconds"] = time.perf_counter() - started
    record["products"], record["blas"], record["n_rows"] = list(tally.products), tally.blas, tally.n_rows
    records = [*training.records(), record]
    if best(records, training.rank) == len(records) - 1:
        training.keep()
    training.note(record)


def train_pieces(pieces: Iterable[Piece[Rows]], train: Callable[[Piece[Rows]], Tally]) -> Tally:
    """Train on all pieces of an epoch, and put together what was seen.

    Parameters
    ----------
    pieces : iterable of Piece
        One or more.
    train : callable
        Trains on one.

    Returns
    -------
    Tally
        Means over all rows, and their number; products of the first piece. A cost that is not finite ends the
        epoch early.
    """
    tallies: list[Tally] = []
    sizes: list[int] = []
    for piece in pieces:
        tallies.append(train(piece))
        sizes.append(len(piece.order))
        del piece  # before the next one is made: there is room for one
        if not math.isfinite(tallies[-1].loss + tallies[-1].penalty):
            break
    first, n = tallies[0], sum(sizes)
    if len(tallies) == 1:
        return replace(first, n_rows=n)
    return Tally(
        sum(tally.loss * size for tally, size in zip(tallies, sizes, strict=True)) / n,
        sum(tally.penalty * size for tally, size in zip(tallies, sizes, strict=True)) / n,
        first.products,
        first.blas,
        n,
    )


def divergence(network: Network, tally: Tally, cost_of_zeros: float) -> str | None:
    """What shows that there is no going on after an epoch; None if nothing does.

    Parameters
    ----------
    network : Network
        After the epoch.
    tally : Tally
        What was seen in it.
    cost_of_zeros : float
        Mean cost of an example if all outputs are 0: the measure of what is an explosion.
    """
    total = tally.loss + tally.penalty
    if not math.isfinite(total):
        return "the cost is no longer finite"
    if total > _EXPLOSION * (1 + cost_of_zeros):
        return f"the cost reached {total:.3g}"
    return None if network.all_finite() else "a weight is no longer finite"
