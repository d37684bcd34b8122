"""Networks from scikit-learn's models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.utils.validation import check_is_fitted

from truezero.core.network import Network, Output
from truezero.errors import OptionError
from truezero.interchange.chain import Chain, Imported


def from_sklearn(model: Any, dtype: DTypeLike | None = None, *, scaled_targets: bool = True) -> Imported:
    """Take a fitted model over; see `Network.from_sklearn`, whose network comes with the classes here.

    Parameters
    ----------
    model : MLPClassifier, MLPRegressor, an estimator of truezero, or Pipeline of scalers and one of these
    dtype : {"float32", "float64"}, optional
    scaled_targets : bool, default=True
        Outputs of a regressor of ours are in the targets' units, and not as its network gives them.

    Returns
    -------
    Imported

    Raises
    ------
    OptionError
        If it is something else, not fitted, or has a step that is no scaler.
    """
    chain = Chain()
    while isinstance(model, Pipeline):
        for _, step in model.steps[:-1]:
            if step not in (None, "passthrough"):
                _check_fitted(step)
                _scale(chain, step)
        model = model.steps[-1][1]
    _check_fitted(model)
    output: Output
    if isinstance(getattr(model, "network_", None), Network):
        chain.went_through(model.network_)
        if scaled_targets and hasattr(model, "target_scale_"):
            chain.scaled(model.target_scale_, model.target_shift_ if model.target_shift_.any() else None)
        output = model.network_.output
    elif isinstance(model, (MLPClassifier, MLPRegressor)):
        output = _mlp(chain, model)
    else:
        raise OptionError(
            f"a {type(model).__name__} is no network: MLPClassifier and MLPRegressor are, and pipelines that "
            "end in one"
        )
    classes = getattr(model, "classes_", None)
    network = chain.network(output, dtype)
    if classes is not None and np.shape(classes) != network.layer_sizes[-1:]:
        classes = None  # of several labels each output is one
    return Imported(network, None if classes is None else np.asarray(classes))


def _check_fitted(model: Any) -> None:
    try:
        check_is_fitted(model)
    except (NotFittedError, TypeError) as error:
        raise OptionError(f"{type(model).__name__} cannot be taken over: {error}") from error


def _scale(chain: Chain, step: Any) -> None:
    """Let rows go through a scaler."""
    kind = type(step)
    if kind is StandardScaler or kind is RobustScaler:
        shift = getattr(step, "mean_" if kind is StandardScaler else "center_", None)
        used = step.with_mean if kind is StandardScaler else step.with_centering
        chain.scaled(shift=-shift if used and shift is not None else None)
        chain.scaled(1.0 if step.scale_ is None else 1 / np.asarray(step.scale_))
    elif kind is MaxAbsScaler and not getattr(step, "clip", False):
        chain.scaled(1 / step.scale_)
    elif kind is MinMaxScaler and not step.clip:
        chain.scaled(step.scale_, step.min_)
    else:
        what = f"{kind.__name__} that clips" if kind in (MinMaxScaler, MaxAbsScaler) else kind.__name__
        raise OptionError(f"the step {what} cannot become part of a network; scalers can")


def _mlp(chain: Chain, model: Any) -> Output:
    last = len(model.coefs_) - 1
    for layer, (weights, biases) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        chain.multiplied(weights)
        chain.scaled(shift=biases)
        if layer < last:
            chain.activated(model.activation)
    kind = model.out_activation_
    if kind == "logistic":
        chain.activated("sigmoid")
    elif kind not in ("softmax", "identity"):
        raise OptionError(f"its outputs go through {kind!r}, which is not supported")
    return "softmax" if kind == "softmax" else "linear"
