"""Fine-tuning: supervised training of the whole network by minibatch SGD."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from truezero.core.constraints import Constraints, check_settings, layerwise, number, one_of, whole_number
from truezero.core.costs import cost, expected_value
from truezero.core.network import Network, network_from_tensors, network_to_tensors
from truezero.core.schema import Fields, anything, flag
from truezero.core.tensors import Tensors
from truezero.engines import Engine, Examples, StepSettings, Tally
from truezero.errors import DivergenceError, OptionError
from truezero.training.epochs import Callback, begun, divergence, run_epochs, train_pieces
from truezero.training.history import (
    EpochRecord,
    Rank,
    best,
    check_epochs,
    out_of_patience,
    rank_by_validation,
)
from truezero.training.schedules import SCHEDULES, rate_after
from truezero.training.sources import Arrays, Ordering, Piece, Source, Stream, as_source
from truezero.training.standing import Standing, of_network

# Rows on which sparsity is measured where there are no validation rows.
_EVALUATION_ROWS = 1000


@dataclass(frozen=True)
class FineTuning:
    """Settings of fine-tuning, all checked.

    Attributes
    ----------
    step : StepSettings
        With the rate of the first epoch.
    max_epochs : int
    n_iter_no_change : int or None
        Stop, or lower an "adaptive" rate, after so many epochs without a better one; None never stops.
    shuffle : bool
        Draw a new order of the examples in every epoch.
    seed : int
        64-bit seed of order and dropout.
    epochs_before : int
        Epochs that the network has been trained for before: these ones draw an order and noise of their own.
    output_values : tuple of float or None
        What each output stands for in the targets' own units, in which errors are told: 1 of a linear output
        (None: it is 1), the value of a class of a softmax, whose error is that of the expected value then
        (None: classes have no values, and the error is the share of rows whose class is wrong).
    schedule : {"constant", "adaptive", "linear"}
        Of the rate, epoch by epoch; see `rate_after`.
    tol : float
        What "adaptive" takes for an improvement.

    Raises
    ------
    OptionError
        If one of them is not what it must be, or "adaptive" is not told how long to wait.
    """

    step: StepSettings
    max_epochs: int = 100
    n_iter_no_change: int | None = 10
    shuffle: bool = True
    seed: int = 0
    epochs_before: int = 0
    output_values: tuple[float, ...] | None = None
    schedule: str = "constant"
    tol: float = 1e-4

    # By the names of the estimators' parameters, which are declared by these.
    constraints: ClassVar[Constraints] = {
        "learning_rate": one_of(*SCHEDULES),
        "learning_rate_init": number(above=0),
        "batch_size": whole_number(1),
        "l1_activation": layerwise(number(least=0)),
        "alpha": number(least=0),
        "dropout": number(least=0, below=1),
        "input_dropout": number(least=0, below=1),
        "max_norm": number(above=0) | None,
        "max_iter": whole_number(1),
        "n_iter_no_change": whole_number(1) | None,
        "tol": number(least=0),
    }

    def __post_init__(self) -> None:
        step = self.step
        check_settings(
            self.constraints,
            {
                "learning_rate": self.schedule,
                "learning_rate_init": step.learning_rate,
                "batch_size": step.batch_size,
                "l1_activation": step.l1,
                "alpha": step.weight_decay,
                "dropout": step.dropout,
                "input_dropout": step.input_dropout,
                "max_norm": step.max_norm,
                "max_iter": self.max_epochs,
                "n_iter_no_change": self.n_iter_no_change,
                "tol": self.tol,
            },
        )
        if self.schedule == "adaptive" and self.n_iter_no_change is None:
            raise OptionError(
                "learning_rate='adaptive' needs n_iter_no_change, the epochs it waits before it lowers the "
                "rate; with None it never would"
            )


_KEPT = Fields({"network": anything, "history": anything}, {"ended": flag})


@dataclass
class TrainingState:
    """Where a training stands after an epoch; what callbacks see and checkpoints keep.

    Attributes
    ----------
    network, best_network : Network
        After the last epoch, and after the best one; where there are no validation rows the last
        is the best.
    history : list of EpochRecord
        One record per finished epoch.
    settings : FineTuning
    data_shape : (int, int)
        Training rows, 0 for a stream, and features.
    interrupted : bool
        Ctrl-C ended the training before its time.
    ended : bool
        A callback ended it.
    """

    network: Network
    best_network: Network
    history: list[EpochRecord] = field(default_factory=list)
    settings: FineTuning | None = None
    data_shape: tuple[int, int] = (0, 0)
    interrupted: bool = False
    ended: bool = False

    @property
    def epoch_selected(self) -> int:
        """Number of the best epoch; the first epoch is 1."""
        return self._best()["epoch"]

    def rank(self, record: EpochRecord) -> Rank | None:
        """Sort key of an epoch, the least is the best.

        The validation error, then the loss; for regression the loss alone, which weighs outputs of different
        units alike.
        """
        rank = rank_by_validation(record)
        return rank if rank is None or self.network.output == "softmax" else rank[1:]

    def _best(self) -> EpochRecord:
        return self.history[best(self.history, self.rank)]

    @property
    def progress(self) -> Standing:
        """Where it stands, for people."""
        assert self.settings is not None
        return of_network(self.history, self._best(), self.settings, self.network.output)

    def identity(self) -> tuple[list[Any], Tensors]:
        """All that the rest of the training depends on: facts for JSON, and arrays."""
        assert self.settings is not None
        settings = asdict(self.settings)
        if self.settings.schedule != "linear":  # its rates depend on how many there will be
            settings.pop("max_epochs")
        if self.settings.schedule != "adaptive":
            settings.pop("tol")
        if self.settings.schedule == "constant":
            settings.pop("schedule")  # checkpoints of before have none
        if not settings["epochs_before"]:
            settings.pop("epochs_before")  # checkpoints of before have none
        if settings["output_values"] is None:
            settings.pop("output_values")
        tensors, described = network_to_tensors(self.network, "")
        return [settings, described, self.data_shape], tensors

    def to_tensors(self) -> tuple[Tensors, dict[str, Any]]:
        """Where it stands, as arrays and JSON."""
        tensors, described = network_to_tensors(self.network, "last.")
        best, _ = network_to_tensors(self.best_network, "best.")
        return tensors | best, {"network": described, "history": self.history, "ended": self.ended}

    def from_tensors(self, tensors: Tensors, metadata: dict[str, Any], path: Any) -> None:
        """Stand there."""
        _KEPT.check("the checkpoint", metadata)
        last, best = (
            network_from_tensors(tensors, metadata["network"], prefix, path) for prefix in ("last.", "best.")
        )
        if not last.is_like(self.network) or not best.is_like(self.network):
            raise ValueError("its networks are not of the shape and the sign masks of this training's")
        check_epochs(metadata["history"], last.n_hidden)
        self.network, self.best_network = last, best
        self.history[:] = metadata["history"]
        self.ended = metadata.get("ended", False)


def fine_tune(
    network: Network,
    train: Examples | Stream[Examples],
    validation: Examples | None,
    settings: FineTuning,
    *,
    engine: Engine,
    n_threads: int = 1,
    callbacks: Sequence[Callback] = (),
    in_place: bool = False,
    sparsity: Sequence[float] = (),
) -> TrainingState:
    """Train a network by minibatch SGD and keep the best validation epoch (section 4.1).

    Parameters
    ----------
    network : Network
        Where training starts.
    train : Examples, or Stream of them
    validation : Examples or None
        Without validation rows the last epoch is kept and nothing stops early.
    settings : FineTuning
    engine : Engine
    n_threads : int
        The result does not depend on it.
    callbacks : sequence of callable
        See `Callback`.
    in_place : bool, default=False
        Train the network itself, not a copy of it.
    sparsity : sequence of float, optional
        Share of zeros of every hidden layer, where it is known from before: it says how the first epoch's
        products are made.

    Returns
    -------
    TrainingState
        With `interrupted` set if Ctrl-C came after the first finished epoch.

    Raises
    ------
    DivergenceError
        If cost or weights become NaN or infinite, or the cost explodes.
    DataError
        If the examples do not fit the network.
    KeyboardInterrupt
        If Ctrl-C came before the first epoch was finished.
    """
    source = as_source(train)
    sample = source.rows if isinstance(source, Arrays) else source.first(_EVALUATION_ROWS)
    sample.check(network)
    if validation is not None:
        validation.check(network)
    trained = network if in_place else network.copy()
    state = TrainingState(trained, trained, settings=settings, data_shape=source.shape)
    with begun(state, callbacks):
        training = _WholeNetwork(
            state, settings, source,
            sample.take(slice(_EVALUATION_ROWS)) if validation is None else validation,
            validation is not None, _cost_of_zeros(network, sample), engine, n_threads, sparsity,
        )  # fmt: skip
        run_epochs(training, state, max_epochs=settings.max_epochs, callbacks=callbacks)
    if state.interrupted:
        state.network = state.best_network.copy()
    return state


@dataclass(frozen=True)
class _WholeNetwork:
    """Fine-tuning, as the loop of epochs sees it."""

    state: TrainingState
    settings: FineTuning
    source: Source[Examples]
    measured: Examples
    held_out: bool
    cost_of_zeros: float
    engine: Engine
    n_threads: int
    sparsity_before: Sequence[float]

    def records(self) -> list[EpochRecord]:
        """One per finished epoch."""
        return self.state.history

    def train(self, epoch: int) -> Tally:
        """Train one epoch."""
        network, settings = self.state.network, self.settings
        step = self._step()
        # What each layer gave after the epoch before, from what was recorded of it.
        zeros = self.state.history[-1]["sparsity"] if self.state.history else self.sparsity_before

        def train(piece: Piece[Examples]) -> Tally:
            return self.engine.train(
                network, piece.rows, piece.order, step,
                epoch=settings.epochs_before + epoch, seed=settings.seed, n_threads=self.n_threads,
                density=(piece.density, *(1 - of_layer for of_layer in zeros)),
            )  # fmt: skip

        ordering = Ordering(settings.seed, shuffled=settings.shuffle)
        pieces = self.source.pieces(ordering, settings.epochs_before + epoch)
        # A cost that overflows is what divergence is; it is reported below, not warned of.
        with np.errstate(over="ignore", invalid="ignore"):
            tally = train_pieces(pieces, train)
        visits = self.source.visits
        tally = replace(tally, loss=tally.loss * visits, penalty=tally.penalty * visits)
        what = divergence(network, tally, self.cost_of_zeros)
        if what is not None:
            raise DivergenceError(
                f"training diverged in epoch {epoch}: {what}; try a learning_rate_init below "
                f"{settings.step.learning_rate:g} (a tenth of it, say), features scaled to about [0, 1], or "
                f"max_norm"
            )
        return tally

    def measure(self, epoch: int) -> EpochRecord:
        """Validation error, sparsity and dead units."""
        network = self.state.network
        evaluation = self.engine.evaluate(network, self.measured.features, n_threads=self.n_threads)
        error = loss = None
        if self.held_out:
            error, loss = _errors(network, evaluation.output, self.measured, self.settings.output_values)
        return EpochRecord(
            epoch=0,
            loss=math.nan,
            penalty=math.nan,
            validation_error=error,
            validation_loss=loss,
            sparsity=list(evaluation.sparsity),
            dead_units=list(evaluation.dead_units),
            seconds=0.0,
            learning_rate=self._step().learning_rate,
        )

    def rank(self, record: EpochRecord) -> Rank | None:
        """Sort key, see the state's."""
        return self.state.rank(record)

    def keep(self) -> None:
        """Keep the network as it is now."""
        network = self.state.network
        is_last = len(self.state.history) + 1 >= self.settings.max_epochs  # it changes no more
        self.state.best_network = network if is_last else network.copy()

    def note(self, record: EpochRecord) -> None:
        """Add a record to the history."""
        self.state.history.append(record)

    def over(self) -> bool:
        """Whether the schedule is at its end, or patience where the schedule does not go by it itself."""
        settings = self.settings
        if settings.schedule == "adaptive":
            return self._rate() is None
        return out_of_patience(self.records(), self.rank, settings.n_iter_no_change)

    def _step(self) -> StepSettings:
        rate = self._rate()
        assert rate is not None, "it is over"
        return replace(self.settings.step, learning_rate=rate)

    def _rate(self) -> float | None:
        """Rate of the epoch after those in the history."""
        settings = self.settings
        costs = [r["loss"] if (k := self.rank(r)) is None else k[0] for r in self.records()]
        return rate_after(
            costs, settings.schedule, settings.step.learning_rate,
            max_epochs=settings.max_epochs, patience=settings.n_iter_no_change, tol=settings.tol,
        )  # fmt: skip


def _errors(
    network: Network,
    output: NDArray[np.floating],
    examples: Examples,
    output_values: tuple[float, ...] | None,
) -> tuple[float, float]:
    """Weighted mean error (fraction wrong; mean squared error in the targets' own units) and cost."""
    value, _ = cost(network.output, output.astype(np.float64), examples.target)
    if network.output == "linear":
        unit = np.asarray(1.0 if output_values is None else output_values)
        wrong = (((output.astype(np.float64) - examples.target) * unit) ** 2).mean(axis=1)
    elif output_values is None:
        wrong = (output.argmax(axis=1) != examples.target).astype(np.float64)
    else:
        values = np.asarray(output_values)
        wrong = (expected_value(output, values) - values[examples.target.astype(np.int64)]) ** 2
    weight = examples.weight if examples.weight is not None and examples.weight.sum() > 0 else None
    return float(np.average(wrong, weights=weight)), float(np.average(value, weights=weight))


def _cost_of_zeros(network: Network, examples: Examples) -> float:
    """Mean cost of a network that says 0 everywhere: the measure of what is an explosion."""
    zeros = np.zeros((examples.features.n_samples, network.layer_sizes[-1]))
    return float(cost(network.output, zeros, examples.target)[0].mean()) if len(zeros) else 0.0
