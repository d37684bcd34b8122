"""The layer in training: where it stands, and its epochs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from truezero.core.activations import get_activation
from truezero.core.autoencoder import Autoencoder, Stack, autoencoder_from_tensors, autoencoder_to_tensors
from truezero.core.schema import Fields, Items, anything, flag
from truezero.core.tensors import Tensors
from truezero.engines import Engine, Tally, Unlabeled
from truezero.errors import DivergenceError
from truezero.training.epochs import divergence, train_pieces
from truezero.training.history import (
    PretrainingRecord,
    Rank,
    check_layers,
    out_of_patience,
    rank_by_reconstruction,
)
from truezero.training.layer_input import divided
from truezero.training.layer_measure import (
    EVALUATION_ROWS,
    Measured,
    cause_of_death,
    cost_of_zeros,
    is_dead,
    measure_layer,
)
from truezero.training.settings import Pretraining
from truezero.training.sources import Arrays, Ordering, Piece, Source
from truezero.training.standing import Standing, of_layer

_KEPT = Fields(
    {"history": anything, "ended": flag, "finished": Items(anything)}, {"current": anything, "best": anything}
)


@dataclass
class PretrainingState:
    """Where pre-training stands after an epoch; what callbacks see and checkpoints keep.

    Attributes
    ----------
    settings : Pretraining
    stack : Stack
        The layers that are finished, as they were at their best epochs.
    current, best : Autoencoder or None
        The layer in training, after its last epoch and after its best one.
    history : list of PretrainingRecord
        One record per finished epoch, of all layers that are trained here.
    data_shape : (int, int)
        Training rows, 0 for a stream, and features.
    interrupted : bool
        Ctrl-C ended the training of the last layer before its time.
    ended : bool
        A callback ended the layer in training.
    n_given : int
        Layers from the bottom that were finished before; checkpoints do not hold them.
    """

    settings: Pretraining
    stack: Stack
    current: Autoencoder | None = None
    best: Autoencoder | None = None
    history: list[PretrainingRecord] = field(default_factory=list)
    data_shape: tuple[int, int] = (0, 0)
    interrupted: bool = False
    ended: bool = False
    n_given: int = 0

    def of_layer(self, layer: int) -> list[PretrainingRecord]:
        """Records of one layer."""
        return [record for record in self.history if record["layer"] == layer]

    @property
    def progress(self) -> Standing:
        """Where it stands, for people; epochs that were not needed count as done."""
        layer, plans = self.history[-1]["layer"], self.settings.layers
        before, most = (sum(plan.max_epochs for plan in plans[self.n_given : end]) for end in (layer, None))
        return of_layer(self.of_layer(layer), before, most, patience=self.settings.n_iter_no_change)

    def identity(self) -> tuple[list[Any], Tensors]:
        """All that the rest of the training depends on: facts for JSON, and arrays."""
        settings = asdict(self.settings)
        settings["layers"][-1].pop("max_epochs")  # more epochs of the last layer are no other training
        tensors: Tensors = {}
        for layer, autoencoder in enumerate(self.stack.layers[: self.n_given]):
            tensors |= autoencoder_to_tensors(autoencoder, f"given.{layer}.")[0]
        return ["pre-training", settings, self.data_shape], tensors

    def to_tensors(self) -> tuple[Tensors, dict[str, Any]]:
        """Where it stands, as arrays and JSON."""
        tensors: Tensors = {}
        described: dict[str, Any] = {"history": self.history, "ended": self.ended, "finished": []}
        for layer, autoencoder in enumerate(self.stack.layers[self.n_given :]):
            arrays, description = autoencoder_to_tensors(autoencoder, f"finished.{layer}.")
            tensors |= arrays
            described["finished"].append(description)
        handed_down = self.stack.layers[self.n_given - 1].output_scale if self.n_given else None
        if handed_down is not None:
            tensors["given.output_scale"] = handed_down
        for name, current in (("current", self.current), ("best", self.best)):
            if current is not None:
                arrays, described[name] = autoencoder_to_tensors(current, f"{name}.")
                tensors |= arrays
        return tensors, described

    def from_tensors(self, tensors: Tensors, metadata: dict[str, Any], path: Any) -> None:
        """Stand there."""
        _KEPT.check("the checkpoint", metadata)
        if ("current" in metadata) != ("best" in metadata):
            raise ValueError("it has one of the layer in training and its best epoch, not both")
        finished = [
            autoencoder_from_tensors(tensors, description, f"finished.{layer}.", path)
            for layer, description in enumerate(metadata["finished"])
        ]
        in_training = [
            autoencoder_from_tensors(tensors, metadata[name], f"{name}.", path)
            for name in ("current", "best")
            if name in metadata
        ]
        layers = [*self.stack.layers[: self.n_given], *finished]
        self._check_plans([*layers, *in_training[:1]])
        self._check_plans([*layers, *in_training[1:]])
        check_layers(metadata["history"], range(self.n_given, len(layers) + len(in_training[:1])))
        handed_down = tensors.get("given.output_scale")
        if handed_down is not None:
            below = self.stack.layers[self.n_given - 1] if self.n_given else None
            if below is None or handed_down.shape != below.network.layer_sizes[1:2]:
                raise ValueError("it divides a code that there is none of")
            if handed_down.dtype.kind != "f" or not (np.isfinite(handed_down) & (handed_down > 0)).all():
                raise ValueError("it divides a code by what is no number above 0")
            below.output_scale = handed_down
        self.stack.layers[self.n_given :] = finished
        self.current, self.best = in_training or (None, None)
        self.history[:] = metadata["history"]
        self.ended = metadata["ended"]

    def _check_plans(self, layers: list[Autoencoder]) -> None:
        """Refuse layers that are not what the settings say.

        Raises
        ------
        ValueError
            Naming the first.
        """
        plans, n_in = self.settings.layers, self.data_shape[1]
        if len(layers) > len(plans):
            raise ValueError(f"it has {len(layers)} layers, this training {len(plans)}")
        for number, (layer, plan) in enumerate(zip(layers, plans, strict=False)):
            network, activation = layer.network, get_activation(plan.activation).name
            has = (
                network.layer_sizes[:2],
                network.activations,
                network.dtype.name,
                layer.reconstruction,
                layer.tied,
            )
            asked = ((n_in, plan.n_units), (activation,), self.settings.dtype, plan.reconstruction, plan.tied)
            if number >= self.n_given and has != asked:
                raise ValueError(f"its layer {number} is not the one of this training")
            n_in = network.layer_sizes[1]


class LayerTraining:
    """The layer in training, as the loop of epochs sees it.

    Parameters
    ----------
    state : PretrainingState
        With the layer in `current`.
    source : Source of Unlabeled
        Its input, not divided yet.
    held_out : Source of Unlabeled or None
        What it is measured on; None: first rows of the source.
    engine : Engine
    n_threads : int
    """

    def __init__(
        self,
        state: PretrainingState,
        source: Source[Unlabeled],
        held_out: Source[Unlabeled] | None,
        engine: Engine,
        n_threads: int,
    ) -> None:
        assert state.current is not None
        self._state, self._engine, self._n_threads = state, engine, n_threads
        self._autoencoder = state.current
        self._layer = len(state.stack.layers)
        self._plan = state.settings.layers[self._layer]
        self._source = divided(source, self._autoencoder.input_scale)
        self._held_out = held_out is not None
        if held_out is None:
            measured: Source[Unlabeled] = Arrays(self._source.first(EVALUATION_ROWS))
        else:
            measured = divided(held_out, self._autoencoder.input_scale)
        self._measured = Measured(measured, self._layer, state.settings)
        self._cost_of_zeros = cost_of_zeros(self._autoencoder, self._measured)

    def records(self) -> list[PretrainingRecord]:
        """One per finished epoch of the layer."""
        return self._state.of_layer(self._layer)

    def train(self, epoch: int) -> Tally:
        """Train one epoch."""
        settings, records = self._state.settings, self.records()
        of_code = [1 - record["sparsity"] for record in records[-1:]]  # in the epoch before

        def train(piece: Piece[Unlabeled]) -> Tally:
            return self._engine.train_autoencoder(
                self._autoencoder, piece.rows, piece.order, self._plan.step,
                layer=self._layer, epoch=epoch, seed=settings.seed, n_threads=self._n_threads,
                density=(piece.density, *of_code),
            )  # fmt: skip

        pieces = self._source.pieces(Ordering(settings.seed, self._layer + 1, settings.shuffle), epoch)
        # A cost that overflows is what divergence is; it is reported below, not warned of.
        with np.errstate(over="ignore", invalid="ignore"):
            tally = train_pieces(pieces, train)
        what = divergence(self._autoencoder.network, tally, self._cost_of_zeros)
        if what is not None:
            raise DivergenceError(
                f"pre-training of layer {self._layer + 1} diverged in epoch {epoch}: {what}; try a "
                f"learning_rate_init below {self._plan.step.learning_rate:g} (a tenth of it, say)"
            )
        return tally

    def measure(self, epoch: int) -> PretrainingRecord:
        """Reconstruction error and zeros.

        Raises
        ------
        DivergenceError
            If no unit is active any more.
        """
        engine, n_threads = self._engine, self._n_threads
        record = measure_layer(self._autoencoder, self._measured, self._held_out, engine, n_threads)
        record["layer"] = self._layer
        if record["dead_units"] == self._plan.n_units and is_dead(
            self._autoencoder.network, self._source, engine, n_threads
        ):
            raise DivergenceError(cause_of_death(self._plan, self._source, self._layer, epoch))
        return record

    def rank(self, record: PretrainingRecord) -> Rank | None:
        """Sort key: the reconstruction error."""
        return rank_by_reconstruction(record)

    def keep(self) -> None:
        """Keep the layer as it is now."""
        self._state.best = self._autoencoder.copy()

    def note(self, record: PretrainingRecord) -> None:
        """Add a record to the history."""
        self._state.history.append(record)

    def over(self) -> bool:
        """Whether patience is at its end."""
        return out_of_patience(self.records(), self.rank, self._state.settings.n_iter_no_change)
