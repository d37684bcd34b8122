"""From the parameters of a StackedDenoisingAutoencoder to what its pre-training is asked to do."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from truezero.core.activations import get_activation
from truezero.core.autoencoder import Stack
from truezero.core.constraints import is_several
from truezero.core.corruption import Corruption
from truezero.core.reconstruction import get_reconstruction
from truezero.core.rows import Features
from truezero.engines import AutoencoderSettings
from truezero.errors import OptionError
from truezero.estimators.parameters import is_pair, per_layer
from truezero.training import LayerPlan, Pretraining


def plan_pretraining(
    model: Any, rows: Features, seed: int, epochs: int | None = None, going_on: Stack | None = None
) -> Pretraining:
    """Put the parameters of a StackedDenoisingAutoencoder together, each of which is checked.

    Parameters
    ----------
    model : StackedDenoisingAutoencoder
    rows : Features
        What it is fitted on; "auto" depends on their signs, and on whether they are sparse.
    seed : int
    epochs : int, optional
        Of every layer, instead of `max_iter`.
    going_on : Stack, optional
        What is trained further: "auto" stays what it was for the rows that came first.

    Returns
    -------
    Pretraining

    Raises
    ------
    OptionError
        If they do not fit together.
    """
    sizes = model._hidden_sizes()
    n = len(sizes)
    model._check_code_layer(n)
    activations = [get_activation(name).name for name in per_layer("activation", model.activation, n)]
    kinds = per_layer("corruption", model.corruption, n)
    levels = levels_per_layer(model.corruption_level, kinds)
    names = per_layer("reconstruction", model.reconstruction, n)
    if going_on is not None and len(going_on.layers) == n:
        fitted = [layer.reconstruction for layer in going_on.layers]
        names = [before if name == "auto" else name for name, before in zip(names, fitted, strict=True)]
    targets = per_layer("target", model.target, n)
    l1 = per_layer("l1_activation", model.l1_activation, n)
    rates = per_layer("learning_rate_init", model.learning_rate_init, n)
    iterations = per_layer("max_iter", model.max_iter, n)
    sampling = per_layer("sampling", model.sampling, n)
    tied = per_layer("tied_weights", model.tied_weights, n)
    has_mask = model.sign_mask is not None
    negative = rows.least() < 0
    text = sparse.issparse(rows.X) and not negative
    plans = []
    for layer in range(n):
        below = activations[layer - 1] if layer > 0 else None
        step = AutoencoderSettings(
            learning_rate=float(rates[layer]),
            batch_size=int(model.batch_size),
            l1=float(l1[layer]),
            corruption=Corruption(kinds[layer], levels[layer]),
            sampling=None if sampling[layer] is None else float(sampling[layer]),
        )
        plans.append(
            LayerPlan(
                n_units=sizes[layer],
                activation=activations[layer],
                step=step,
                reconstruction=_reconstruction(
                    names[layer],
                    targets[layer],
                    activations[layer],
                    below,
                    negative=negative,
                    text=text,
                    has_mask=has_mask,
                ),
                target="after" if layer == 0 and targets[0] == "before" else targets[layer],
                tied=bool(tied[layer]),
                deviation=float(model.deviation),
                unit_scaling=bool(model.unit_scaling),
                max_epochs=int(iterations[layer]) if epochs is None else epochs,
            )
        )
    return Pretraining(
        tuple(plans),
        sign_mask=model.sign_mask,
        softplus_scale=float(model.softplus_scale),
        use_biases=bool(model.use_biases),
        n_iter_no_change=None if model.n_iter_no_change is None else int(model.n_iter_no_change),
        shuffle=bool(model.shuffle),
        dtype=model.dtype,
        seed=seed,
    )


def check_below(model: Any, below: Any, seed: int) -> None:
    """Refuse an estimator whose layers cannot be the lowest of another's.

    Parameters
    ----------
    model : StackedDenoisingAutoencoder
        Whose layers shall go on top.
    below : StackedDenoisingAutoencoder
    seed : int
        Of the layers on top.

    Raises
    ------
    OptionError
        If it is no such estimator, not fitted, or drew from another seed. Whether its layers are those the
        parameters ask for is the training's to say.
    """
    if not isinstance(below, type(model)):
        raise OptionError(f"below must be a fitted {type(model).__name__}, got {type(below).__name__}")
    if not hasattr(below, "stack_"):
        raise OptionError("below is not fitted: fit it before")
    if below.seed_ != seed:
        raise OptionError(
            "below was trained from another seed: give both the same whole number as random_state"
        )


def _reconstruction(
    name: str, target: str, activation: str, below: str | None, *, negative: bool, text: bool, has_mask: bool
) -> str:
    """Decide what "auto" is for a layer.

    The paper found cross-entropy best on text and softplus with quadratic cost on images (section 3.2), in
    all layers of a stack. CSR rows are taken for text: bags of words come that way, and pixels do not.
    """
    if name != "auto":
        return get_reconstruction(name).name
    if target == "before" and below is not None:
        return "linear-quadratic"
    if target == "squashed":
        return "sigmoid-cross-entropy"
    signed = negative if below is None else not has_mask and _goes_below_0(below)
    # Targets between −1 and 1, those of tanh units, are brought to [0, 1]; others below 0 are out of reach.
    if (text or activation in ("tanh", "sigmoid")) and (not signed or below == "tanh"):
        return "sigmoid-cross-entropy"
    return "linear-quadratic" if signed else "softplus-quadratic"


def _goes_below_0(activation: str) -> bool:
    """Whether a unit's values can be below 0; of those that users add, too."""
    return bool(get_activation(activation).value(np.linspace(-10.0, 10.0, 201), 1.0).min() < 0)


def levels_per_layer(value: Any, kinds: list[str]) -> list[Any]:
    """Level per layer; two numbers are a pair where all is salt and pepper."""
    if set(kinds) == {"salt-and-pepper"} and is_pair(value):
        levels = [value] * len(kinds)
    else:
        levels = per_layer("corruption_level", value, len(kinds))
    return [tuple(map(float, level)) if is_several(level) else float(level) for level in levels]
