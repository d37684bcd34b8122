"""Pre-training: a stack of denoising auto-encoders, greedily, one layer after the other (section 3.2)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from truezero.core.activations import Array, get_activation
from truezero.core.autoencoder import Autoencoder, Stack, initialize_autoencoder
from truezero.core.initial import draw_signs
from truezero.engines import Engine, Unlabeled
from truezero.errors import DataError, OptionError
from truezero.training.epochs import Callback, begun, run_epoch, run_epochs
from truezero.training.history import PretrainingRecord
from truezero.training.layer_input import hand_down, layer_source, scale_of_input, target_of_layer
from truezero.training.layer_training import LayerTraining, PretrainingState
from truezero.training.settings import Pretraining
from truezero.training.sources import Arrays, Source, Stream, as_source

Rows = Unlabeled | Stream[Unlabeled]


def pretrain(
    train: Rows,
    held_out: Unlabeled | None,
    settings: Pretraining,
    *,
    engine: Engine,
    n_threads: int = 1,
    callbacks: Sequence[Callback] = (),
    below: Stack | None = None,
) -> PretrainingState:
    """Train a stack of denoising auto-encoders and keep each layer's best epoch (section 3.2).

    Every layer learns to reconstruct the code of the layers below, which run without noise and do not
    change any more, from a corrupted copy of it.

    Parameters
    ----------
    train : Unlabeled, or Stream of them
    held_out : Unlabeled or None
        Without held-out rows each layer's last epoch is kept.
    settings : Pretraining
    engine : Engine
    n_threads : int
        The result does not depend on it.
    callbacks : sequence of callable
        See `Callback`.
    below : Stack, optional
        The lowest layers, finished before, with the same settings; those above are trained. It is left as
        it is: if the first of them makes the layer below hand its code down divided, in the result it does.

    Returns
    -------
    PretrainingState
        With all layers in `stack`, and the epochs of those that were trained in `history`.

    Raises
    ------
    DivergenceError
        If cost or weights become NaN or infinite, or a layer dies whole.
    DataError
        If targets cannot be had as the reconstruction needs them, or a stream has no rows.
    OptionError
        If the layers below are not what the settings say of them, or nothing is left to train.
    KeyboardInterrupt
        If Ctrl-C came before the last layer's first epoch was finished.
    """
    source, n_layers = as_source(train), len(settings.layers)
    given = Stack([], ()) if below is None else below.copy()
    _check_given(given, settings, source.shape[1])
    state = PretrainingState(
        settings, Stack(given.layers, _signs(settings)), data_shape=source.shape, n_given=len(given.layers)
    )
    with begun(state, callbacks):
        while len(state.stack.layers) < n_layers:
            _pretrain_layer(state, source, held_out, engine, n_threads, callbacks)
            if state.interrupted and len(state.stack.layers) < n_layers:
                raise KeyboardInterrupt
    return state


def pretrain_layer(
    below: Stack | None,
    train: Rows,
    held_out: Unlabeled | None,
    settings: Pretraining,
    *,
    engine: Engine,
    n_threads: int = 1,
    callbacks: Sequence[Callback] = (),
) -> PretrainingState:
    """Train the one layer above a stack; layer after layer this comes to what `pretrain` does.

    Parameters
    ----------
    below : Stack or None
        The finished layers; None to train the lowest.
    train, held_out, settings, engine, n_threads, callbacks
        As in `pretrain`: rows are the lowest layer's input. Plans of layers further above are not used.

    Returns
    -------
    PretrainingState
        With one layer more in `stack`, and its epochs in `history`.

    Raises
    ------
    TruezeroError, KeyboardInterrupt
        As `pretrain`.
    """
    layer = 0 if below is None else len(below.layers)
    settings = replace(settings, layers=settings.layers[: layer + 1])
    return pretrain(
        train, held_out, settings, engine=engine, n_threads=n_threads, callbacks=callbacks, below=below
    )


def _check_given(given: Stack, settings: Pretraining, n_features: int) -> None:
    """Refuse finished layers that are not the settings' lowest, or take other rows."""
    n, n_layers = len(given.layers), len(settings.layers)
    if n >= n_layers:
        raise OptionError(
            f"hidden_layer_sizes must name more layers than the {n} that are below, got {n_layers}"
        )
    if n and given.layers[0].network.layer_sizes[0] != n_features:
        takes = given.layers[0].network.layer_sizes[0]
        raise DataError(f"the layers below take {takes} features, the rows have {n_features}")
    for layer, (autoencoder, plan) in enumerate(zip(given.layers, settings.layers, strict=False)):
        network = autoencoder.network
        for name, has, asked in (
            ("hidden_layer_sizes", network.layer_sizes[1], plan.n_units),
            ("activation", network.activations[0], get_activation(plan.activation).name),
            ("softplus_scale", network.softplus_scale, settings.softplus_scale),
            ("use_biases", network.use_biases, settings.use_biases),
            ("dtype", network.dtype.name, settings.dtype),
        ):
            if has != asked:
                raise OptionError(
                    f"layer {layer + 1}, which is below, has {name}={has!r}, not {asked!r}: set both alike"
                )
    for layer, (has_signs, signs) in enumerate(zip(given.signs[:n], _signs(settings), strict=False)):
        if not np.array_equal(1 if has_signs is None else has_signs, 1 if signs is None else signs):
            raise OptionError(
                f"layer {layer + 1}, which is below, has another sign mask than "
                f"sign_mask={settings.sign_mask!r} and the seed give: set both alike"
            )


def _signs(settings: Pretraining) -> tuple[Array | None, ...]:
    return tuple(
        draw_signs(settings.sign_mask, plan.n_units, layer, settings.dtype, settings.seed)
        for layer, plan in enumerate(settings.layers)
    )


def _pretrain_layer(
    state: PretrainingState,
    train: Arrays[Unlabeled] | Stream[Unlabeled],
    held_out: Unlabeled | None,
    engine: Engine,
    n_threads: int,
    callbacks: Sequence[Callback],
) -> None:
    """Train the layer above those that are finished."""
    stack, settings, layer = state.stack, state.settings, len(state.stack.layers)
    plan = settings.layers[layer]
    source = layer_source(stack, settings, train, engine, n_threads)
    if state.current is None:
        scale = scale_of_input(stack, settings, source)
        if scale is not None and hand_down(stack, scale):
            # The layer below gives its code in [0, 1] from now on: as it is computed, not as divided here.
            del source  # makes room
            source, scale = layer_source(stack, settings, train, engine, n_threads), None
        state.current = initialize_autoencoder(
            source.shape[1], plan.n_units, plan.activation,
            reconstruction=plan.reconstruction, target=target_of_layer(stack, settings), tied=plan.tied,
            deviation=plan.deviation, softplus_scale=settings.softplus_scale, use_biases=settings.use_biases,
            layer=layer, dtype=settings.dtype, seed=settings.seed,
        )  # fmt: skip
        state.current.input_scale = scale
    unit = state.current.unit
    if unit.one_sided and not unit.bounded and _least_target(source, state.current) < 0:
        strategy = " (strategy 1)" if unit.name == "softplus-quadratic" else ""
        warnings.warn(
            f"layer {layer + 1}: {unit.name}{strategy} cannot reach targets below 0, which there are; it is "
            "trained all the same, as the paper did on NORB; linear-quadratic can reach them",
            UserWarning,
            stacklevel=2,
        )
    rows_measured = None
    if held_out is not None:
        rows_measured = layer_source(stack, settings, Arrays(held_out), engine, n_threads)
    training = LayerTraining(state, source, rows_measured, engine, n_threads)
    run_epochs(training, state, max_epochs=plan.max_epochs, callbacks=callbacks)
    assert state.best is not None
    stack.layers.append(state.best)
    state.current = state.best = None
    state.ended = False


def _least_target(source: Source[Unlabeled], autoencoder: Autoencoder) -> float:
    if isinstance(source, Arrays) and source.rows.target is not None:
        return float(source.rows.target.min(initial=0.0))
    return source.least() if autoencoder.target == "input" else 0.0


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
    for layer, epoch in enumerate(epochs):
        below = Stack(stack.layers[:layer], stack.signs)
        source = layer_source(below, settings, Arrays(train), engine, n_threads)
        scale_of_input(below, settings, source)  # only to refuse what is below 0
        state = PretrainingState(settings, below, current=stack.layers[layer])
        run_epoch(LayerTraining(state, source, None, engine, n_threads), epoch)
        records += state.history
    return records
