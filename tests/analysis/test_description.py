"""What a model says of itself."""

from __future__ import annotations

import json

import pytest

from truezero import DeepRectifierClassifier, StackedDenoisingAutoencoder, initialize
from truezero.analysis import describe, sparsity_of_layers
from truezero.datasets import load_dataset

NETWORK = {"layer_sizes", "activations", "dtype"}


def test_a_network_is_its_layers() -> None:
    network = initialize((4, 3, 2), ["rectifier"], seed=0)
    assert describe(network) == {
        "model": "Network",
        "layer_sizes": [4, 3, 2],
        "activations": ["rectifier"],
        "dtype": "float32",
    }


def test_an_estimator_tells_of_the_epoch_that_was_kept() -> None:
    dataset = load_dataset("digits")
    model = DeepRectifierClassifier((20, 10), max_iter=3, random_state=0)
    model.fit(dataset.scaled("train"), dataset.y_train)
    described = json.loads(json.dumps(describe(model)))
    record = model.history_[model.epoch_selected_ - 1]
    assert described["model"] == "DeepRectifierClassifier"
    assert described["layer_sizes"] == [64, 20, 10, 10]
    assert described["validation_error"] == record["validation_error"]
    assert described["sparsity"]["layers"] == model.sparsity_ == record["sparsity"]
    first, second = model.sparsity_
    assert described["sparsity"]["overall"] == pytest.approx((20 * first + 10 * second) / 30)


def test_a_stack_tells_of_its_layers() -> None:
    X = load_dataset("digits").scaled("train")
    model = StackedDenoisingAutoencoder((10, 5), max_iter=1, random_state=0).fit(X)
    described = json.loads(json.dumps(describe(model)))
    assert set(described) == NETWORK | {
        "model",
        "engine",
        "epochs_selected",
        "reconstruction_errors",
        "sparsity",
    }
    assert described["reconstruction_errors"] == model.reconstruction_errors_
    assert described["epochs_selected"] == [1, 1]


def test_sparsity_without_a_hidden_layer() -> None:
    network = initialize((4, 2), [], seed=0)
    assert sparsity_of_layers(network, []) == {"overall": 0.0, "layers": []}
