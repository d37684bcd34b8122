"""Estimators around a network that was trained elsewhere."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import numpy as np

from truezero.core.network import Network
from truezero.errors import DataError, OptionError
from truezero.estimators.input_scale import InputScale
from truezero.estimators.parameters import check_parameters

Model = TypeVar("Model")
# Parameters that a network says itself.
_OF_THE_NETWORK = ("hidden_layer_sizes", "activation", "softplus_scale", "sign_mask", "use_biases", "dtype")


def adopted(cls: type[Model], network: Any, parameters: dict[str, Any]) -> Model:
    """Make an estimator that has a network, and no history.

    Parameters
    ----------
    cls : type
        A supervised estimator.
    network : Network
        Copied; its output is that of the class.
    parameters : dict
        Parameters of the class that the network says nothing of.

    Returns
    -------
    Model
        All is there but what it knows of targets.

    Raises
    ------
    OptionError
        If it is no network, or a parameter is the network's own, unknown, or of a wrong value.
    DataError
        If a weight is NaN or infinite.
    """
    check_network(network)
    own = [name for name in parameters if name in _OF_THE_NETWORK]
    if own:
        raise OptionError(f"{own[0]} is the network's own and cannot be given beside it")
    made: Any = cls
    known = made._get_param_names()
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise OptionError(f"{cls.__name__} has no parameter {unknown[0]!r}")
    model = made(**_parameters(network), **parameters)
    check_parameters(model)
    if not network.all_finite():
        raise DataError("a weight or bias of the network is NaN or infinite")
    n_inputs = network.layer_sizes[0]
    model.network_ = network.copy().freeze()
    model.n_features_in_ = n_inputs
    model.history_ = []
    model.epoch_selected_ = 0
    model.sparsity_ = []
    model.n_samples_ = (0, 0)
    model.interrupted_ = False
    model.engine_ = {"name": "none", "products": [], "blas": None}
    model._input_scale = InputScale()
    model._validation_variance = None
    return cast("Model", model)


def check_network(network: Any) -> None:
    """Refuse what is no network.

    Raises
    ------
    OptionError
    """
    if not isinstance(network, Network):
        raise OptionError(
            f"from_network takes a Network, got {type(network).__name__}; Network.from_torch, from_sklearn, "
            "from_onnx and from_nnet make one"
        )


def _parameters(network: Network) -> dict[str, Any]:
    """What an estimator's parameters must be to describe a network."""
    kinds = set(network.activations)
    return {
        "hidden_layer_sizes": network.layer_sizes[1:-1],
        "activation": kinds.pop() if len(kinds) == 1 else network.activations or "rectifier",
        "softplus_scale": network.softplus_scale,
        "sign_mask": _sign_mask(network),
        "use_biases": network.use_biases,
        "dtype": str(network.dtype),
    }


def _sign_mask(network: Network) -> str | None:
    masks = [sign for sign in network.signs if sign is not None]
    if not masks:
        return None
    half = all(np.count_nonzero(sign == -1) == len(sign) // 2 for sign in masks)
    return "half" if half and len(masks) == network.n_hidden else "random"
