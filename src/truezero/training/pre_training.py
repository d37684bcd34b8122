"""Pre-training: a stack of denoising auto-encoders, greedily, one layer after the other (section 3.2)."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from truezero.core.activations import Array
from truezero.core.autoencoder import (
    Autoencoder,
    Stack,
    autoencoder_from_tensors,
    autoencoder_to_tensors,
    initialize_autoencoder,
)
from truezero.core.draws import Purpose, permutation
from truezero.core.network import draw_signs
from truezero.core.tensors import Tensors
from truezero.engines import Engine, Features, Unlabeled
from truezero.errors import DivergenceError
from truezero.training.callbacks import Checkpoint
from truezero.training.history import PretrainingRecord, best_reconstruction
from truezero.training.layer_input import divided, hand_down, layer_rows, scale_of_input, target_of_layer
from truezero.training.layer_measure import (
    EVALUATION_ROWS,
    cause_of_death,
    check_converging,
    corrupted_rows,
    is_dead,
    measure_layer,
)
from truezero.training.settings import Pretraining


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
        One record per finished epoch, of all layers.
    data_shape : (int, int)
    interrupted : bool
        Ctrl-C ended the training of the last layer before its time.
    ended : bool
        A callback ended the layer in training.
    """

    settings: Pretraining
    stack: Stack
    current: Autoencoder | None = None
    best: Autoencoder | None = None
    history: list[PretrainingRecord] = field(default_factory=list)
    data_shape: tuple[int, int] = (0, 0)
    interrupted: bool = False
    ended: bool = False

    def of_layer(self, layer: int) -> list[PretrainingRecord]:
        """Records of one layer."""
        return [record for record in self.history if record["layer"] == layer]

    @property
    def progress(self) -> tuple[int, str]:
        """Epochs done, those that were not needed included, and a note for people."""
        record = self.history[-1]
        before = sum(plan.max_epochs for plan in self.settings.layers[: record["layer"]])
        error = record["reconstruction_error"]
        note = f"loss {record['loss']:.4g}" if error is None else f"reconstruction error {error:.4g}"
        return before + record["epoch"], f"layer {record['layer'] + 1}, {note}"

    def identity(self) -> tuple[list[Any], Tensors]:
        """All that the rest of the training depends on: facts for JSON, and arrays."""
        settings = asdict(self.settings)
        settings["layers"][-1].pop("max_epochs")  # more epochs of the last layer are no other training
        return ["pre-training", settings, self.data_shape], {}

    def to_tensors(self) -> tuple[Tensors, dict[str, Any]]:
        """Where it stands, as arrays and JSON."""
        tensors: Tensors = {}
        described: dict[str, Any] = {"history": self.history, "ended": self.ended, "finished": []}
        for layer, autoencoder in enumerate(self.stack.layers):
            arrays, description = autoencoder_to_tensors(autoencoder, f"finished.{layer}.")
            tensors |= arrays
            described["finished"].append(description)
        for name, current in (("current", self.current), ("best", self.best)):
            if current is not None:
                arrays, described[name] = autoencoder_to_tensors(current, f"{name}.")
                tensors |= arrays
        return tensors, described

    def from_tensors(self, tensors: Tensors, metadata: dict[str, Any], path: Any) -> None:
        """Stand there."""
        self.stack.layers[:] = [
            autoencoder_from_tensors(tensors, description, f"finished.{layer}.", path)
            for layer, description in enumerate(metadata["finished"])
        ]
        if "current" in metadata:
            self.current = autoencoder_from_tensors(tensors, metadata["current"], "current.", path)
            self.best = autoencoder_from_tensors(tensors, metadata["best"], "best.", path)
        self.history[:] = metadata["history"]
        self.ended = bool(metadata["ended"])


PretrainingCallback = Callable[[PretrainingState], Any]
"""Called after every epoch; a true result ends the layer. One with a method `on_train_begin` has that
called first, with the state it may fill from a checkpoint."""


def pretrain(
    train: Unlabeled,
    held_out: Unlabeled | None,
    settings: Pretraining,
    *,
    engine: Engine,
    n_threads: int = 1,
    callbacks: Sequence[PretrainingCallback] = (),
) -> PretrainingState:
    """Train a stack of denoising auto-encoders and keep each layer's best epoch (section 3.2).

    Every layer learns to reconstruct the code of the layers below, which run without noise and do not
    change any more, from a corrupted copy of it.

    Parameters
    ----------
    train, held_out : Unlabeled
        Without held-out rows each layer's last epoch is kept.
    settings : Pretraining
    engine : Engine
    n_threads : int
        The result does not depend on it.
    callbacks : sequence of callable
        See `PretrainingCallback`.

    Returns
    -------
    PretrainingState
        With all layers in `stack`.

    Raises
    ------
    DivergenceError
        If cost or weights become NaN or infinite, or a layer dies whole.
    DataError
        If targets cannot be had as the reconstruction needs them.
    KeyboardInterrupt
        If Ctrl-C came before the last layer's first epoch was finished.
    """
    n_layers = len(settings.layers)
    state = PretrainingState(settings, Stack([], _signs(settings)), data_shape=train.features.X.shape)
    for callback in callbacks:
        begin = getattr(callback, "on_train_begin", None)
        if begin is not None:
            begin(state)
    try:
        while len(state.stack.layers) < n_layers:
            _pretrain_layer(state, train, held_out, engine, n_threads, callbacks)
    except KeyboardInterrupt:
        if len(state.stack.layers) < n_layers - 1 or state.best is None:
            raise
        state.interrupted = True
        _finish_layer(state)
    return state


def _signs(settings: Pretraining) -> tuple[Array | None, ...]:
    return tuple(
        draw_signs(settings.sign_mask, plan.n_units, layer, settings.dtype, settings.seed)
        for layer, plan in enumerate(settings.layers)
    )


def _pretrain_layer(
    state: PretrainingState,
    train: Unlabeled,
    held_out: Unlabeled | None,
    engine: Engine,
    n_threads: int,
    callbacks: Sequence[PretrainingCallback],
) -> None:
    """Train the layer above those that are finished."""
    stack, settings, layer = state.stack, state.settings, len(state.stack.layers)
    plan = settings.layers[layer]
    rows = layer_rows(stack, settings, train, engine, n_threads)
    if state.current is None:
        scale = scale_of_input(stack, settings, rows.features)
        if scale is not None and hand_down(stack, scale):
            # The layer below gives its code in [0, 1] from now on: as it is computed, not as divided here.
            rows, scale = layer_rows(stack, settings, train, engine, n_threads), None
        state.current = initialize_autoencoder(
            rows.features.n_features, plan.n_units, plan.activation,
            reconstruction=plan.reconstruction, target=target_of_layer(stack, settings), tied=plan.tied,
            deviation=plan.deviation, softplus_scale=settings.softplus_scale, use_biases=settings.use_biases,
            layer=layer, dtype=settings.dtype, seed=settings.seed,
        )  # fmt: skip
        state.current.input_scale = scale
    rows = divided(rows, state.current.input_scale)
    unit = state.current.unit
    if unit.one_sided and not unit.bounded and _least(rows, state.current) < 0:
        strategy = " (strategy 1)" if unit.name == "softplus-quadratic" else ""
        warnings.warn(
            f"layer {layer + 1}: {unit.name}{strategy} cannot reach targets below 0, which there are; it is "
            "trained all the same, as the paper did on NORB; linear-quadratic can reach them",
            UserWarning,
            stacklevel=2,
        )
    if held_out is None:
        measured = _first(rows)
    else:
        measured = divided(
            layer_rows(stack, settings, held_out, engine, n_threads), state.current.input_scale
        )
    corrupted = corrupted_rows(measured, plan, layer, settings)
    while not _finished(state, layer):
        _run_epoch(state, rows, measured, corrupted, held_out is not None, engine, n_threads)
        # Checkpoints come last, to keep what the others decide.
        state.ended = any([callback(state) for callback in callbacks if not isinstance(callback, Checkpoint)])
        for callback in callbacks:
            if isinstance(callback, Checkpoint):
                callback(state)
    _finish_layer(state)


def _finished(state: PretrainingState, layer: int) -> bool:
    records, patience = state.of_layer(layer), state.settings.n_iter_no_change
    if state.ended or len(records) >= state.settings.layers[layer].max_epochs:
        return True
    if not records or patience is None or records[-1]["reconstruction_error"] is None:
        return False
    return len(records) - 1 - best_reconstruction(records) >= patience


def _finish_layer(state: PretrainingState) -> None:
    assert state.best is not None
    state.stack.layers.append(state.best)
    state.current = state.best = None
    state.ended = False


def _first(rows: Unlabeled) -> Unlabeled:
    """Training rows to measure on, where there are no held-out ones."""
    return rows.take(slice(EVALUATION_ROWS))


def _run_epoch(
    state: PretrainingState,
    rows: Unlabeled,
    measured: Unlabeled,
    corrupted: Features,
    held_out: bool,
    engine: Engine,
    n_threads: int,
    epoch: int | None = None,
) -> None:
    """Train the current layer for its next epoch, measure it, and note it in the state."""
    assert state.current is not None
    settings, layer, started = state.settings, len(state.stack.layers), time.perf_counter()
    plan, records = settings.layers[layer], state.of_layer(layer)
    epoch = len(records) + 1 if epoch is None else epoch
    if settings.shuffle:
        order = permutation(settings.seed, Purpose.ORDER, rows.ids, layer=layer + 1, epoch=epoch)
    else:
        order = np.arange(rows.features.n_samples, dtype=np.int64)
    density = (rows.features.density(), 1 - records[-1]["sparsity"]) if records else None
    with np.errstate(over="ignore", invalid="ignore"):
        tally = engine.train_autoencoder(
            state.current, rows, order, plan.step,
            layer=layer, epoch=epoch, seed=settings.seed, n_threads=n_threads, density=density,
        )  # fmt: skip
        check_converging(state.current, tally, measured, plan, layer, epoch)
    record = measure_layer(state.current, measured, corrupted, held_out, engine, n_threads)
    record |= {
        "layer": layer, "epoch": epoch, "loss": tally.loss, "penalty": tally.penalty,
        "products": list(tally.products), "blas": tally.blas, "seconds": time.perf_counter() - started,
    }  # fmt: skip
    if record["dead_units"] == plan.n_units and is_dead(
        state.current.network, rows.features, engine, n_threads
    ):
        raise DivergenceError(cause_of_death(plan, rows, layer, epoch))
    state.history.append(record)
    records = state.of_layer(layer)
    if best_reconstruction(records) == len(records) - 1:
        state.best = state.current.copy()


def _least(rows: Unlabeled, autoencoder: Autoencoder) -> float:
    """Least target."""
    if rows.target is not None:
        return float(rows.target.min(initial=0.0))
    return rows.features.least() if autoencoder.target == "input" else 0.0


def pretrain_further(
    stack: Stack,
    train: Unlabeled,
    settings: Pretraining,
    *,
    epochs: Sequence[int],
    engine: Engine,
    n_threads: int = 1,
) -> list[PretrainingRecord]:
    """Train every layer of a finished stack for one more epoch, from the bottom, in place.

    Parameters
    ----------
    stack : Stack
    train : Unlabeled
    settings : Pretraining
        With which it was trained.
    epochs : sequence of int
        Number of this epoch for each layer, which addresses its draws.
    engine : Engine
    n_threads : int

    Returns
    -------
    list of PretrainingRecord
        One per layer, measured on training rows.

    Raises
    ------
    DivergenceError, DataError
        As `pretrain`; the stack is then left half trained.
    """
    records: list[PretrainingRecord] = []
    for layer, plan in enumerate(settings.layers):
        below, autoencoder = Stack(stack.layers[:layer], stack.signs), stack.layers[layer]
        rows = layer_rows(below, settings, train, engine, n_threads)
        scale_of_input(below, settings, rows.features)  # only to refuse what is below 0
        rows = divided(rows, autoencoder.input_scale)
        state = PretrainingState(settings, below, current=autoencoder)
        state.history.extend(records)
        measured = _first(rows)
        corrupted = corrupted_rows(measured, plan, layer, settings)
        _run_epoch(state, rows, measured, corrupted, False, engine, n_threads, epoch=epochs[layer])
        records.append(state.history[-1])
    return records
