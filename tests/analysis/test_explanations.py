"""The exact linear function around a row, and what it says of predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from reviews import reviews
from scipy import sparse
from sklearn.datasets import load_diabetes, load_digits

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor
from truezero.analysis import explain, local_map, weighted_words
from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.errors import DataError, OptionError


def drawn(activations: Any = "rectifier", sign_mask: Any = "half") -> Network:
    network = initialize((30, 20, 16, 4), activations, sign_mask=sign_mask, dtype="float64", seed=3)
    for bias in network.biases:
        bias[:] = np.random.default_rng(0).normal(size=len(bias)) / 4
    return network


@pytest.mark.parametrize("sign_mask", [None, "half"])
@pytest.mark.parametrize("activations", ["rectifier", ("linear", "rectifier")])
def test_it_is_the_network_where_the_same_units_are_active(activations: Any, sign_mask: Any) -> None:
    network, random = drawn(activations, sign_mask), np.random.default_rng(1)
    X = random.normal(size=(50, 30)) * (random.random((50, 30)) < 0.4)
    for x in X:
        found = local_map(network, x)
        np.testing.assert_allclose(found.output, network(x[np.newaxis])[0], rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(found.inputs, np.flatnonzero(x))
        near = x.copy()
        near[found.inputs] += 1e-9 * random.normal(size=len(found.inputs))
        np.testing.assert_allclose(
            near[found.inputs] @ found.weights + found.bias,
            network(near[np.newaxis])[0],
            rtol=1e-12,
            atol=1e-12,
        )
        for layer, active in enumerate(found.active):
            if network.activations[layer] == "rectifier":
                code = network.encode(x[np.newaxis], layer).toarray()[0]
                np.testing.assert_array_equal(active, code != 0)


def test_its_weights_are_the_gradient() -> None:
    network, x = drawn(), np.random.default_rng(2).normal(size=30)
    found, step = local_map(network, sparse.csr_array(x[np.newaxis])), 1e-6
    for j in range(30):
        up, down = x.copy(), x.copy()
        up[j], down[j] = x[j] + step, x[j] - step
        slope = (network(up[np.newaxis]) - network(down[np.newaxis]))[0] / (2 * step)
        np.testing.assert_allclose(found.weights[j], slope, rtol=1e-6, atol=1e-8)


def test_without_hidden_layers_and_on_an_empty_row() -> None:
    network = initialize((5, 3), (), dtype="float64", seed=0)
    x = np.array([0.0, 2.0, 0.0, 0.0, -1.0])
    found = local_map(network, x)
    np.testing.assert_allclose(found.output, network(x[np.newaxis])[0])
    np.testing.assert_array_equal(found.weights, network.weights[0][[1, 4]])
    empty = local_map(drawn(), np.zeros(30))
    np.testing.assert_allclose(empty.output, drawn()(np.zeros((1, 30)))[0], rtol=1e-12)


def test_what_has_none() -> None:
    with pytest.raises(OptionError, match="units of tanh are not linear by parts"):
        local_map(drawn("tanh"), np.zeros(30))
    for wrong in (np.zeros(29), np.zeros((2, 30)), np.zeros((1, 1, 30))):
        with pytest.raises(DataError, match="one row of 30 features, got shape"):
            local_map(drawn(), wrong)


def test_ratings_are_pulled_by_the_words_that_speak_for_them() -> None:
    X, y = reviews()
    model = RatingPredictor((32,), max_iter=15, random_state=0).fit(X, y)
    row, step = X[:1].toarray(), 1e-3
    found = explain(model, X[:1])
    assert (found.of, found.prediction) == ("expected rating", model.predict(X[:1])[0])
    assert (np.diff(np.abs(found.pulls)) <= 0).all()
    for feature, pull in zip(found.inputs[:5], found.pulls[:5], strict=True):
        up, down = row.copy(), row.copy()
        up[0, feature] += step
        down[0, feature] -= step
        slope = (model.predict(up) - model.predict(down))[0] / (2 * step)
        assert pull == pytest.approx(slope, rel=0.02, abs=1e-3)


def test_classes_and_numbers() -> None:
    X, y = load_digits(return_X_y=True)
    model = DeepRectifierClassifier((32,), max_iter=5, dtype="float64", random_state=0).fit(X / 16, y)
    row, step = X[:1] / 16, 1e-5
    found = explain(model, row)
    assert (found.of, found.prediction) == ("log-probability", model.predict(row)[0])
    other = row.copy()
    other[0, found.inputs[0]] += step
    place = list(model.classes_).index(found.prediction)
    slope = (model.predict_log_proba(other) - model.predict_log_proba(row))[0, place] / step
    assert found.pulls[0] == pytest.approx(slope * row[0, found.inputs[0]], rel=1e-3)
    X, y = load_diabetes(return_X_y=True)
    regressor = DeepRectifierRegressor((16,), max_iter=5, dtype="float64", random_state=0).fit(X, y)
    found, other = explain(regressor, X[:1]), X[:1].copy()
    other[0, found.inputs[0]] += 1e-7
    slope = (regressor.predict(other) - regressor.predict(X[:1]))[0] / 1e-7
    assert found.pulls[0] == pytest.approx(slope * X[0, found.inputs[0]], rel=1e-3)


def test_a_text_in_pieces() -> None:
    text = "  Good, GOOD food!"
    assert weighted_words(text, {"good": 0.5, "food": -0.25}, r"\w\w+") == [
        ("  ", None), ("Good", 0.5), (", ", None), ("GOOD", 0.5), (" ", None), ("food", -0.25), ("!", None),
    ]  # fmt: skip
    assert weighted_words(text, {"GOOD": 1.0}, r"\w\w+", lowercase=False) == [
        ("  Good, ", None), ("GOOD", 1.0), (" food!", None),
    ]  # fmt: skip
    assert weighted_words("good", {"good": 1.0}, r"\w\w+") == [("good", 1.0)]
    assert weighted_words("", {"good": 1.0}, r"\w\w+") == []
