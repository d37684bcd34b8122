"""save and load: a network or a fitted estimator in one safetensors file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

import truezero._version as version
from truezero.errors import ModelFileError, OptionError
from truezero.estimators._base import DeepRectifierBase
from truezero.estimators._classifier import DeepRectifierClassifier
from truezero.estimators._regressor import DeepRectifierRegressor
from truezero.files import network_from_tensors, network_to_tensors, read_tensors, write_tensors
from truezero.network import Network

_CLASSES: dict[str, type[DeepRectifierBase]] = {
    cls.__name__: cls for cls in (DeepRectifierClassifier, DeepRectifierRegressor)
}
_KIND = "model"
# Parameters that are code or state, not data; a loaded estimator has their defaults.
_NOT_KEPT = ("callbacks", "random_state", "class_weight")


def save(obj: Network | DeepRectifierBase, path: str | os.PathLike[str]) -> None:
    """Save a network or a fitted estimator: safetensors with JSON metadata.

    Parameters
    ----------
    obj : Network, DeepRectifierClassifier or DeepRectifierRegressor
    path : path-like
        Written beside and renamed, so it is whole or not there.

    Raises
    ------
    OptionError
        If `obj` is something else, or is not fitted.
    DataError
        If the file cannot be written.
    """
    if isinstance(obj, Network):
        tensors, described = network_to_tensors(obj)
        write_tensors(path, tensors, {"class": "Network", "network": described}, kind=_KIND)
        return
    if type(obj).__name__ not in _CLASSES:
        raise OptionError(f"only a Network or a truezero estimator can be saved, got {type(obj).__name__}")
    if not hasattr(obj, "network_"):
        raise OptionError(f"this {type(obj).__name__} is not fitted yet; fit it before saving")
    tensors, described = network_to_tensors(obj.network_)
    if obj._input_scale is not None:
        tensors["input_scale"] = obj._input_scale
    fitted: dict[str, Any] = {
        "n_features_in": obj.n_features_in_,
        "feature_names_in": [str(name) for name in getattr(obj, "feature_names_in_", ())],
        "history": obj.history_,
        "epoch_selected": obj.epoch_selected_,
    }
    if isinstance(obj, DeepRectifierClassifier):
        fitted["classes"] = obj.classes_.tolist()
        fitted["classes_dtype"] = "object" if obj.classes_.dtype.kind in "OU" else obj.classes_.dtype.str
    elif isinstance(obj, DeepRectifierRegressor):
        tensors["target_shift"], tensors["target_scale"] = obj._shift, obj._scale
        fitted["matrix_target"] = obj._matrix_target
    parameters = {k: v for k, v in obj.get_params(deep=False).items() if k not in _NOT_KEPT}
    metadata = {
        "class": type(obj).__name__,
        "network": described,
        "parameters": {
            k: list(v) if isinstance(v, (tuple, np.ndarray)) else v for k, v in parameters.items()
        },
        "fitted": fitted,
        "trained_by": {"truezero": version.__version__, "engine": obj.engine_},
    }
    try:
        write_tensors(path, tensors, metadata, kind=_KIND)
    except TypeError as error:
        raise OptionError(f"a parameter or class label cannot be written as JSON: {error}") from error


def load(path: str | os.PathLike[str]) -> Any:
    """Load what `save` wrote; nothing is unpickled.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Network, DeepRectifierClassifier or DeepRectifierRegressor
        The class that was saved.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, or not a truezero model.
    """
    tensors, metadata = read_tensors(path, kind=_KIND)
    network = network_from_tensors(tensors, metadata.get("network"), "", path)
    name = metadata.get("class")
    if name == "Network":
        return network
    if name not in _CLASSES:
        raise ModelFileError(f"{path} holds a {name!r}, which this version of truezero does not know")
    try:
        return _restore(_CLASSES[name], network, tensors, metadata)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged: {' '.join(str(error).split())}") from error


def _restore(
    cls: type[DeepRectifierBase], network: Network, tensors: Any, metadata: Any
) -> DeepRectifierBase:
    fitted = metadata["fitted"]
    parameters: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in metadata["parameters"].items()
    }
    model = cls(**parameters)
    model.network_ = network.freeze()
    model.n_features_in_ = int(fitted["n_features_in"])
    if model.n_features_in_ != network.layer_sizes[0]:
        raise ValueError(
            f"{model.n_features_in_} features and a network of {network.layer_sizes[0]} inputs disagree"
        )
    if fitted["feature_names_in"]:
        model.feature_names_in_ = np.asarray(fitted["feature_names_in"], dtype=object)
    model.history_ = list(fitted["history"])
    model.epoch_selected_ = int(fitted["epoch_selected"])
    model.sparsity_ = list(model.history_[model.epoch_selected_ - 1]["sparsity"]) if model.history_ else []
    model.engine_ = metadata["trained_by"]["engine"]
    model.interrupted_ = False
    model._input_scale = tensors.get("input_scale")
    model._epochs_before = len(model.history_)
    model.n_outputs_, model.n_layers_ = network.layer_sizes[-1], len(network.layer_sizes)
    if isinstance(model, DeepRectifierClassifier):
        model.classes_ = np.asarray(fitted["classes"], dtype=fitted["classes_dtype"])
        if len(model.classes_) != network.layer_sizes[-1]:
            raise ValueError(f"{len(model.classes_)} classes and {network.layer_sizes[-1]} outputs disagree")
    elif isinstance(model, DeepRectifierRegressor):
        model._shift, model._scale = tensors["target_shift"], tensors["target_scale"]
        model._matrix_target = bool(fitted["matrix_target"])
    return model
