"""Every parameter, result and fitted attribute of the public estimators is documented, and no other is."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest
from numpydoc_sections import parameters, section
from sklearn.base import BaseEstimator

import truezero

ESTIMATORS = [
    made
    for made in (getattr(truezero, name) for name in truezero.__all__)
    if inspect.isclass(made) and issubclass(made, BaseEstimator)
]


def methods(made: type) -> list[str]:
    """Public methods that are our own, not scikit-learn's."""
    return [
        name
        for name, method in inspect.getmembers(made, inspect.isfunction)
        if not name.startswith("_") and (method.__module__ or "").startswith("truezero")
    ]


METHODS = [
    pytest.param(made, name, id=f"{made.__name__}.{name}") for made in ESTIMATORS for name in methods(made)
]


def test_there_are_estimators() -> None:
    assert truezero.StackedDenoisingAutoencoder in ESTIMATORS
    assert len(ESTIMATORS) >= 4
    assert {"fit", "partial_fit", "transform"} <= set(methods(truezero.StackedDenoisingAutoencoder))


@pytest.mark.parametrize("made", ESTIMATORS)
def test_every_parameter_of_a_class(made: type) -> None:
    assert section(made, "Parameters") == parameters(made)


@pytest.mark.parametrize("made", ESTIMATORS)
def test_defaults_are_those_of_the_signature(made: type) -> None:
    text = inspect.getdoc(made) or ""
    for names, default in re.findall(r"^(\w[\w, ]*) : .*default=(.*)$", text, re.MULTILINE):
        for name in names.split(", "):
            assert eval(default) == inspect.signature(made).parameters[name].default, name


@pytest.mark.parametrize("made", ESTIMATORS)
def test_every_fitted_attribute(made: type) -> None:
    random = np.random.default_rng(0)
    X, y = random.random((24, 3)), np.arange(24) % 2
    if made is truezero.BagOfWords:
        fitted: Any = made().fit(["some text"])
    else:
        fitted = made(max_iter=1, hidden_layer_sizes=(2,), random_state=0).fit(X, y)
    has = {name for name in dir(fitted) if re.fullmatch(r"[a-zA-Z]\w*_", name) and hasattr(fitted, name)}
    assert has - set(section(made, "Attributes")) == set()
    assert set(section(made, "Attributes")) - has <= {"pretraining_", "feature_names_in_"}  # not of every fit


@pytest.mark.parametrize(("made", "name"), METHODS)
def test_every_method(made: type, name: str) -> None:
    method = getattr(made, name)
    assert section(method, "Parameters") == parameters(method)
    assert section(method, "Returns")
