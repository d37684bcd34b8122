"""How a supervised estimator comes by pre-trained layers."""

from __future__ import annotations

import copy
import warnings
from numbers import Integral
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator

from truezero.core.activations import get_activation
from truezero.core.constraints import Constraint
from truezero.core.rows import Features, stacked
from truezero.errors import DataError, OptionError
from truezero.estimators.autoencoder import StackedDenoisingAutoencoder
from truezero.estimators.parameters import check_parameters
from truezero.training import Stream

# What describes the network is the supervised estimator's to say.
_OF_THE_NETWORK = (
    "hidden_layer_sizes", "activation", "softplus_scale", "sign_mask", "use_biases", "dtype",
)  # fmt: skip
_OF_THE_RUN = ("engine", "n_threads", "verbose")


def _stack_in(pretraining: Any) -> Any:
    return pretraining.estimator if isinstance(pretraining, FrozenEstimator) else pretraining


PRETRAINING = (
    Constraint(
        ("a StackedDenoisingAutoencoder",),
        lambda value: isinstance(_stack_in(value), StackedDenoisingAutoencoder),
    )
    | None
)


def unlabeled_rows(model: Any, X_unlabeled: Any) -> list[Features]:
    """Matrices of unlabelled rows, checked; none if nothing learns from them.

    A search that compares pre-training with none hands the same rows to both, so that is no error.

    Raises
    ------
    DataError
        If they have another number of features.
    """
    if X_unlabeled is None:
        return []
    why = None
    if model.pretraining is None:
        why = "pretraining is None"
    elif model.prefit or isinstance(model.pretraining, FrozenEstimator):
        why = "pretraining is fitted already"
    several = isinstance(X_unlabeled, (list, tuple)) and all(map(_is_matrix, X_unlabeled))
    checked = []
    for part in X_unlabeled if several else [X_unlabeled]:
        n_columns = _n_columns(part)
        if n_columns != model.n_features_in_:
            raise DataError(f"X_unlabeled has {n_columns} features, X has {model.n_features_in_}")
        checked.append(model._features(part))
    if why is not None:
        warnings.warn(f"X_unlabeled is not used, as {why}", UserWarning, stacklevel=3)
        return []
    return checked


def _is_matrix(part: Any) -> bool:
    return isinstance(part, Features) or sparse.issparse(part) or getattr(part, "ndim", np.ndim(part)) == 2


def _n_columns(part: Any) -> int:
    if isinstance(part, Features):
        return part.n_features
    return int(part.shape[1] if getattr(part, "ndim", 0) == 2 else np.shape(part)[-1])


def pretrained_stack(
    model: Any, rows: list[Features] | Stream[Any], seed: int, held_out: Features | None = None
) -> StackedDenoisingAutoencoder:
    """Fit a clone of the model's `pretraining` on all rows, or take it as it is if it is fitted.

    Of a stream no rows can be split off: those held out measure it, if `validation_fraction` asks for any.

    Raises
    ------
    OptionError
        If one of its parameters cannot be used, or it is of another shape than the model's network.
    """
    given: StackedDenoisingAutoencoder = _stack_in(model.pretraining)
    if model.prefit or isinstance(model.pretraining, FrozenEstimator):
        if not hasattr(given, "stack_"):
            raise OptionError(
                "prefit=True, but pretraining is not fitted: fit it before; in a search, which clones it, "
                "wrap it in sklearn.frozen.FrozenEstimator"
            )
        if given.sign_mask != model.sign_mask:
            raise OptionError(
                f"pretraining has sign_mask={given.sign_mask!r}, the network {model.sign_mask!r}"
            )
        if given.n_features_in_ != model.n_features_in_:
            raise OptionError(
                f"pretraining was fitted on {given.n_features_in_} features, X has {model.n_features_in_}"
            )
        return given
    own = _own_stack(model, given, seed)
    measured = held_out if isinstance(rows, Stream) and own.validation_fraction > 0 else None
    together = rows if isinstance(rows, Stream) else stacked(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an interruption is raised below instead
        own.fit(together, X_val=measured)
    if own.interrupted_:
        raise KeyboardInterrupt  # a checkpoint among its callbacks has what is done
    return own


def pretrain_on_stream(model: Any, rows: list[Features], seed: int) -> None:
    """Train the model's `pretraining_` for one epoch on rows of a stream, or begin it.

    Raises
    ------
    OptionError
        If one of its parameters cannot be used.
    """
    if hasattr(model, "pretraining_"):
        stack = copy.copy(model.pretraining_)  # which is fitted anew, not changed
    else:
        stack = _own_stack(model, _stack_in(model.pretraining), seed)
    model.pretraining_ = stack.partial_fit(stacked(rows))


def _own_stack(model: Any, given: StackedDenoisingAutoencoder, seed: int) -> StackedDenoisingAutoencoder:
    """Clone of the model's `pretraining` that has the shape of the model's network."""
    if not model._hidden_sizes():
        raise OptionError("pretraining needs a hidden layer; hidden_layer_sizes is empty")
    own: StackedDenoisingAutoencoder = clone(given)
    try:
        check_parameters(own)
    except OptionError as error:
        raise OptionError(f"pretraining: {error}") from error
    defaults = StackedDenoisingAutoencoder()
    for name in _OF_THE_NETWORK:
        asked, ours = getattr(own, name), getattr(model, name)
        if not _same(name, asked, getattr(defaults, name)) and not _same(name, asked, ours):
            raise OptionError(
                f"pretraining has {name}={asked!r}, the network {ours!r}: leave it to the network, or set "
                "both alike"
            )
        setattr(own, name, ours)
    for name in _OF_THE_RUN:
        if getattr(own, name) == getattr(defaults, name):
            setattr(own, name, getattr(model, name))
    if own.random_state is None:
        own.random_state = seed & 0xFFFFFFFF
    return own


def _same(name: str, a: Any, b: Any) -> bool:
    """Whether two values of a parameter mean the same network."""

    def plain(value: Any) -> Any:
        if name == "activation":
            return tuple(map(_name, (value,) if isinstance(value, str) else value))
        if name == "hidden_layer_sizes" and isinstance(value, Integral):
            return (int(value),)
        return tuple(value) if isinstance(value, (list, tuple, np.ndarray)) else value

    x, y = plain(a), plain(b)
    if name == "activation" and len(x) != len(y):
        return len(set(x) | set(y)) == 1  # one name for all layers, or one for each
    return bool(x == y)


def _name(activation: Any) -> str:
    return get_activation(activation).name
