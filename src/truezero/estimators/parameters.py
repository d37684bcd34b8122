"""The estimators' parameters: what each may be, checked in one place at the start of every fit.

Each class declares all of its parameters in `_parameter_constraints`, as scikit-learn's own do. What the
layers below ask of a setting is declared there, beside what uses it, and taken from there. What takes more
than one parameter to say, lengths against the number of layers say, is checked where they come together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from truezero.core.activations import get_activation
from truezero.core.constraints import (
    Constraint,
    check_settings,
    is_several,
    number,
    one_of,
    shown,
    truth_value,
    whole_number,
)
from truezero.core.network import Network
from truezero.errors import OptionError


def check_parameters(model: Any, *names: str) -> None:
    """Check an estimator's parameters, each by itself.

    Parameters
    ----------
    model : estimator with `_parameter_constraints`
    *names : str
        The parameters to check; all if none is named.

    Raises
    ------
    OptionError
        For the first that is not what it must be.
    """
    constraints = model._parameter_constraints
    check_settings(constraints, {name: getattr(model, name) for name in names or constraints})


def per_layer(name: str, value: Any, n: int) -> list[Any]:
    """Values of a parameter that is one value, or one per layer, as a list of n.

    Raises
    ------
    OptionError
        If there are several, but not n.
    """
    values = list(value) if is_several(value) else [value] * n
    if len(values) != n:
        raise OptionError(f"{name} must be one value or {n}, one per layer, got {shown(value)}")
    return values


def check_still_describes(model: Any, network: Network) -> None:
    """Refuse to go on with a network that a model's parameters say something else of.

    Raises
    ------
    OptionError
        Naming the parameter.
    """
    has, asked = network.layer_sizes[1:-1], model._hidden_sizes()
    if has != asked:
        raise OptionError(
            f"training would go on with hidden layers of {has}, but hidden_layer_sizes is {asked}: "
            "set it back, or fit with warm_start=False to start anew"
        )
    activations = per_layer("activation", model.activation, len(asked))
    for name, of_network, of_parameters in (
        ("activation", network.activations, tuple(get_activation(kind).name for kind in activations)),
        ("dtype", str(network.dtype), model.dtype),
        ("use_biases", network.use_biases, bool(model.use_biases)),
        ("softplus_scale", network.softplus_scale, float(model.softplus_scale)),
        ("sign_mask", any(s is not None for s in network.signs), model.sign_mask is not None and bool(asked)),
    ):
        if of_network != of_parameters:
            raise OptionError(
                f"training would go on with a network whose {name} is {of_network!r}, but {name} is "
                f"{getattr(model, name)!r}: set it back, or fit with warm_start=False to start anew"
            )


def is_pair(value: Any) -> bool:
    """Whether it is two numbers, (p0, p1) of salt and pepper."""
    return is_several(value) and len(value) == 2 and all(map(number().admits, value))


def _is_list_of_callables(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(map(callable, value))


def _are_weights(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(number(least=0).admits, value.values()))


# ---- what only estimators have ----------------------------------------------------------------------

CALLBACKS = Constraint(("a list of callables",), _is_list_of_callables) | None
CLASS_WEIGHT = Constraint(("a dict of numbers of at least 0",), _are_weights) | one_of("balanced") | None
LABEL = (
    Constraint(("a word",), lambda value: isinstance(value, str))
    | number()
    | Constraint(("NaN",), lambda value: isinstance(value, (float, np.floating)) and bool(np.isnan(value)))
    | truth_value
    | None
)
NOISE_LEVEL = number(least=0) | Constraint(("a pair of them",), is_pair)
RANDOM_STATE = (
    whole_number(0, 2**32 - 1)
    | Constraint(("a RandomState",), lambda value: isinstance(value, np.random.RandomState))
    | None
)
