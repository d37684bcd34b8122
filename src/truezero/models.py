"""save and load: a network or a fitted estimator in one safetensors file."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

import truezero._version as version
from truezero.core.autoencoder import Stack, autoencoder_from_tensors, autoencoder_to_tensors
from truezero.core.network import Network, network_from_tensors, network_to_tensors
from truezero.core.tensors import Tensors, read_tensors, write_tensors
from truezero.errors import ModelFileError, OptionError
from truezero.estimators.autoencoder import StackedDenoisingAutoencoder
from truezero.estimators.base import DeepRectifierBase
from truezero.estimators.classifier import DeepRectifierClassifier
from truezero.estimators.regressor import DeepRectifierRegressor

Estimator = DeepRectifierBase | StackedDenoisingAutoencoder
_CLASSES: dict[str, type[Estimator]] = {
    cls.__name__: cls
    for cls in (DeepRectifierClassifier, DeepRectifierRegressor, StackedDenoisingAutoencoder)
}
_KIND = "model"
# Parameters that are code or state, not data; a loaded estimator has their defaults.
_NOT_KEPT = ("callbacks", "class_weight", "prefit")
_PARAMETERS_OF = "estimator"


def save(obj: Network | Estimator, path: str | os.PathLike[str]) -> None:
    """Save a network or a fitted estimator: safetensors with JSON metadata.

    Parameters
    ----------
    obj : Network, DeepRectifierClassifier, DeepRectifierRegressor or StackedDenoisingAutoencoder
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
    tensors, fitted = _fitted(obj)
    metadata = {
        "class": type(obj).__name__,
        "parameters": _parameters(obj),
        "fitted": {
            "n_features_in": obj.n_features_in_,
            "feature_names_in": [str(name) for name in getattr(obj, "feature_names_in_", ())],
            "history": obj.history_,
            **fitted,
        },
        "trained_by": {"truezero": version.__version__, "engine": obj.engine_},
    }
    if isinstance(obj, DeepRectifierBase):
        arrays, metadata["network"] = network_to_tensors(obj.network_)
        tensors |= arrays
    if obj._input_scale is not None:
        tensors["input_scale"] = obj._input_scale
    try:
        write_tensors(path, tensors, metadata, kind=_KIND)
    except TypeError as error:
        raise OptionError(f"a parameter or class label cannot be written as JSON: {error}") from error


def _fitted(obj: Estimator) -> tuple[Tensors, dict[str, Any]]:
    """What each class has learned beside its network."""
    if isinstance(obj, StackedDenoisingAutoencoder):
        tensors: Tensors = {}
        described = []
        for layer, autoencoder in enumerate(obj.stack_.layers):
            arrays, description = autoencoder_to_tensors(autoencoder, f"stack.{layer}.")
            described.append(description)
            tensors |= arrays
            sign = obj.stack_.signs[layer]
            if sign is not None:
                tensors[f"stack.{layer}.sign"] = sign
        return tensors, {"stack": described, "seed": obj.seed_}
    if isinstance(obj, DeepRectifierClassifier):
        return {}, {
            "epoch_selected": obj.epoch_selected_,
            "classes": obj.classes_.tolist(),
            "classes_dtype": "object" if obj.classes_.dtype.kind in "OU" else obj.classes_.dtype.str,
        }
    assert isinstance(obj, DeepRectifierRegressor)
    tensors = {"target_shift": obj._shift, "target_scale": obj._scale}
    return tensors, {"epoch_selected": obj.epoch_selected_, "matrix_target": obj._matrix_target}


def _parameters(obj: Any) -> dict[str, Any]:
    """Parameters as JSON holds them; an estimator among them, unfitted, as its own."""
    found: dict[str, Any] = {}
    for name, value in obj.get_params(deep=False).items():
        if name in _NOT_KEPT or isinstance(value, np.random.RandomState):
            continue
        if isinstance(value, FrozenEstimator):
            value = value.estimator
        if isinstance(value, StackedDenoisingAutoencoder):
            value = {_PARAMETERS_OF: type(value).__name__, **_parameters(value)}
        found[name] = list(value) if isinstance(value, (tuple, np.ndarray)) else value
    return found


def _from_parameters(found: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, dict) and _PARAMETERS_OF in value:
            rest = {k: v for k, v in value.items() if k != _PARAMETERS_OF}
            value = _CLASSES[value[_PARAMETERS_OF]](**_from_parameters(rest))
        given[name] = tuple(value) if isinstance(value, list) else value
    return given


def load(path: str | os.PathLike[str]) -> Any:
    """Load what `save` wrote; nothing is unpickled.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Network, DeepRectifierClassifier, DeepRectifierRegressor or StackedDenoisingAutoencoder
        The class that was saved.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, or not a truezero model.
    """
    tensors, metadata = read_tensors(path, kind=_KIND)
    name = metadata.get("class")
    if name == "Network":
        return network_from_tensors(tensors, metadata.get("network"), "", path)
    if name not in _CLASSES:
        raise ModelFileError(f"{path} holds a {name!r}, which this version of truezero does not know")
    try:
        return _restore(_CLASSES[name], tensors, metadata, path)
    except ModelFileError:
        raise
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ModelFileError(f"{path} is damaged: {' '.join(str(error).split())}") from error


def _restore(cls: type[Estimator], tensors: Tensors, metadata: Any, path: Any) -> Estimator:
    fitted = metadata["fitted"]
    model = cls(**_from_parameters(metadata["parameters"]))
    if isinstance(model, StackedDenoisingAutoencoder):
        _restore_stack(model, tensors, fitted, path)
    else:
        model.network_ = network_from_tensors(tensors, metadata["network"], "", path).freeze()
    model.n_features_in_ = int(fitted["n_features_in"])
    sizes = model.network_.layer_sizes
    if model.n_features_in_ != sizes[0]:
        raise ValueError(f"{model.n_features_in_} features and a network of {sizes[0]} inputs disagree")
    if fitted["feature_names_in"]:
        model.feature_names_in_ = np.asarray(fitted["feature_names_in"], dtype=object)
    model.engine_ = metadata["trained_by"]["engine"]
    model.interrupted_ = False
    model._input_scale = tensors.get("input_scale")
    scale = model._input_scale
    if scale is not None and (scale.shape != sizes[:1] or not (np.isfinite(scale) & (scale > 0)).all()):
        raise ValueError("the input scale must be numbers above 0, one per feature")
    if isinstance(model, StackedDenoisingAutoencoder):
        return model
    model.history_ = list(fitted["history"])
    model.epoch_selected_ = int(fitted["epoch_selected"])
    model.sparsity_ = list(model.history_[model.epoch_selected_ - 1]["sparsity"]) if model.history_ else []
    model._epochs_before = len(model.history_)
    model.n_outputs_, model.n_layers_ = sizes[-1], len(sizes)
    if isinstance(model, DeepRectifierClassifier):
        model.classes_ = np.asarray(fitted["classes"], dtype=fitted["classes_dtype"])
        if len(model.classes_) != sizes[-1]:
            raise ValueError(f"{len(model.classes_)} classes and {sizes[-1]} outputs disagree")
    elif isinstance(model, DeepRectifierRegressor):
        model._shift, model._scale = tensors["target_shift"], tensors["target_scale"]
        model._matrix_target = bool(fitted["matrix_target"])
    return model


def _restore_stack(model: StackedDenoisingAutoencoder, tensors: Tensors, fitted: Any, path: Any) -> None:
    described = fitted["stack"]
    layers = [
        autoencoder_from_tensors(tensors, description, f"stack.{layer}.", path)
        for layer, description in enumerate(described)
    ]
    signs = tuple(tensors.get(f"stack.{layer}.sign") for layer in range(len(layers)))
    if not layers:
        raise ValueError("it has no layers")
    model.seed_ = int(fitted["seed"])
    model._keep_stack(Stack(layers, signs), list(fitted["history"]))
