"""The paper's settings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reviews import reviews
from sklearn.base import clone

import truezero
from truezero import DeepRectifierClassifier, OptionError, RatingPredictor, presets

IMAGES, TEXTS = ("mnist", "cifar10", "nistp", "norb"), ("opentable", "amazon")


def small(model: Any) -> Any:
    """The same with few units and epochs."""
    few = {"hidden_layer_sizes": tuple(12 - n for n in range(len(model.hidden_layer_sizes)))}
    model = clone(model).set_params(**few, max_iter=2, random_state=0, n_threads=1)
    return model.set_params(pretraining__max_iter=1, **{f"pretraining__{k}": v for k, v in few.items()})


def test_images_are_as_in_section_4_1() -> None:
    assert truezero.presets is presets
    for data in IMAGES:
        model = presets.paper(data)
        assert type(model) is DeepRectifierClassifier
        assert model.hidden_layer_sizes == ((4000, 2000) if data == "norb" else (1000, 1000, 1000))
        assert (model.sign_mask, model.l1_activation, model.batch_size) == ("half", 1e-3, 10)
        assert model.learning_rate_init in presets.RATES
        stack = model.pretraining
        assert (stack.corruption, stack.corruption_level, stack.l1_activation) == ("masking", 0.25, 1e-3)
        assert stack.reconstruction == "softplus-quadratic"
        assert presets.paper(data, pretrained=False).pretraining is None
        tanh = presets.paper(data, activation="tanh")
        assert (tanh.activation, tanh.sign_mask) == ("tanh", None)
        assert np.ravel(tanh.pretraining.reconstruction)[-1] == "sigmoid-cross-entropy"


def test_text_is_as_in_section_4_2() -> None:
    model = presets.paper("opentable")
    assert type(model) is RatingPredictor
    assert type(presets.paper("amazon")) is DeepRectifierClassifier
    assert (model.hidden_layer_sizes, model.sign_mask) == ((5000, 5000, 5000), None)
    stack = model.pretraining
    assert stack.reconstruction == "sigmoid-cross-entropy"
    assert stack.corruption == ("salt-and-pepper", "masking", "masking")
    assert stack.corruption_level == ((0.8, 0.005), 0.5, 0.3)
    one = presets.paper("opentable", n_layers=1)
    assert one.hidden_layer_sizes == one.pretraining.hidden_layer_sizes == (5000,)
    assert presets.paper("opentable", n_layers=0).pretraining is None


@pytest.mark.parametrize("activation", ["rectifier", "tanh"])
@pytest.mark.parametrize("data", [*IMAGES, *TEXTS])
def test_all_can_be_fitted(data: str, activation: str) -> None:
    X, y = reviews(120, 60)
    if data in IMAGES:
        X = X.toarray() * (2 if data == "norb" else 1) - (1 if data == "norb" else 0)
    for n_layers in (None,) if data in IMAGES else (1, 3):
        model = small(presets.paper(data, activation=activation, n_layers=n_layers))
        if data == "norb" and activation == "rectifier":
            with pytest.warns(UserWarning, match="as the paper did on NORB"):
                model.fit(X, y)
        else:
            model.fit(X, y)
        assert model.network_.activations == (activation,) * len(model.hidden_layer_sizes)
        assert model.pretraining_.network_.activations == model.network_.activations


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "imdb"}, "data must be 'mnist', .* got 'imdb'"),
        ({"data": "mnist", "activation": "lif"}, "activation must be 'rectifier'"),
        ({"data": "amazon", "activation": "softplus"}, "activation must be 'rectifier' or 'tanh'"),
        ({"data": "amazon", "n_layers": 4}, "n_layers must be a whole number from 0 to 3 or None"),
        ({"data": "norb", "n_layers": 1}, r"n_layers is for text; .* norb have \(4000, 2000\)"),
        ({"data": "norb", "pretrained": "yes"}, "pretrained must be True or False"),
    ],
)
def test_what_the_paper_does_not_have(arguments: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        presets.paper(**arguments)
