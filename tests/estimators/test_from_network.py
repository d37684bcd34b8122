"""Estimators around networks that were trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor, load, save
from truezero.analysis.description import describe
from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.errors import DataError, OptionError


def network(n_outputs: int = 3, output: Any = "linear", **options: Any) -> Network:
    made = initialize((6, 9, 7, n_outputs), output=output, seed=3, **options)
    for bias in made.biases:
        bias[:] = np.linspace(-0.3, 0.4, len(bias))
    return made


def rows(n: int = 90, scale: float = 1.0) -> Any:
    return np.random.default_rng(0).normal(size=(n, 6)).astype(np.float32) * scale


def test_a_classifier_says_what_the_network_says() -> None:
    X, net = rows(), network()
    model = DeepRectifierClassifier.from_network(net)
    check_is_fitted(model)
    z = net(X)
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-5)
    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.predict(X) == z.argmax(axis=1)).all()
    assert net.output == "linear"  # the network that was given is left alone
    assert model.get_params()["hidden_layer_sizes"] == (9, 7)


def test_classes_are_put_in_order() -> None:
    X, net = rows(), network()
    model = DeepRectifierClassifier.from_network(net, classes=["b", "c", "a"])
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert (model.predict(X) == np.array(["b", "c", "a"])[net(X).argmax(axis=1)]).all()
    assert model.score(X, model.predict(X)) == 1


def test_one_output_is_the_logit_of_the_second_class() -> None:
    X, net = rows(), network(1)
    model = DeepRectifierClassifier.from_network(net, classes=["no", "yes"])
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-net(X)[:, 0])), rtol=1e-5)


@pytest.mark.parametrize("options", [{"sign_mask": "half"}, {"sign_mask": "random"}, {"activation": "tanh"},
                                     {"activation": ("linear", "softplus"), "softplus_scale": 2.0},
                                     {"dtype": "float64"}])  # fmt: skip
def test_what_is_adopted_is_saved_and_trained_further(options: dict[str, Any], tmp_path: Path) -> None:
    X, net = rows(), network(**options)
    model = DeepRectifierClassifier.from_network(
        net, classes=["a", "b", "c"], warm_start=True, max_iter=1, random_state=0
    )
    save(model, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert (loaded.predict_proba(X) == model.predict_proba(X)).all()
    assert (loaded.history_, loaded.epoch_selected_, loaded.sparsity_) == ([], 0, [])
    assert loaded.loss_ is loaded.best_loss_ is loaded.validation_scores_ is None
    assert "sparsity" not in describe(loaded)
    y = np.array(["a", "b", "c"])[np.arange(len(X)) % 3]
    for trained in (model, loaded):
        trained.fit(X, y)
        trained.partial_fit(X, y)
    assert (loaded.predict_proba(X) == model.predict_proba(X)).all()
    assert loaded.n_iter_ == 2
    save(loaded, tmp_path / "n")
    assert load(tmp_path / "n").history_ == loaded.history_


def test_further_training_starts_from_what_the_network_says() -> None:
    X = rows(scale=300.0)  # a step on which as they are would be far too large
    net = network(2)
    net.weights[0] /= 256
    net.weights[-1] *= 50
    model = DeepRectifierRegressor.from_network(net, learning_rate_init=1e-9, random_state=0)
    y = model.predict(X).astype(np.float64)
    np.testing.assert_allclose(y, net(X), rtol=1e-6)
    model.partial_fit(X, y)
    assert model._input_scale.sizes is not None
    assert model._input_scale.sizes.n_rows == len(X)  # each counted once
    assert (model.target_scale_ > 2).all()  # learned, as the network was none that had them
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-4, atol=1e-3)
    trained = DeepRectifierRegressor.from_network(net, random_state=0).partial_fit(X, y + 40)
    assert np.abs(trained.predict(X) - y - 40).mean() < np.abs(y).mean()
    again = DeepRectifierRegressor.from_network(net, warm_start=True, max_iter=3, random_state=0).fit(X, y)
    assert again.score(X, y) > 0.9


def test_one_target_is_a_vector(tmp_path: Path) -> None:
    X = rows()
    model = DeepRectifierRegressor.from_network(network(1))
    assert model.predict(X).shape == (len(X),)
    save(model, tmp_path / "m")
    assert (load(tmp_path / "m").partial_fit(X, X[:, 0]).predict(X) != model.predict(X)).any()


def test_in_a_pipeline_and_cloned(tmp_path: Path) -> None:
    X = rows()
    model = DeepRectifierClassifier.from_network(network(), max_iter=1, random_state=0)
    scaler = StandardScaler().fit(X)
    pipeline = make_pipeline(scaler, model)
    y = pipeline.predict(X)
    save(pipeline, tmp_path / "m")
    assert (load(tmp_path / "m").predict(X) == y).all()
    fresh = clone(model)
    assert not hasattr(fresh, "network_")
    assert fresh.get_params() == model.get_params()
    assert cross_val_score(pipeline, X, y, cv=2).shape == (2,)


def test_ratings() -> None:
    X, net = rows(), network()
    model = RatingPredictor.from_network(net, classes=[1, 3, 5])
    z = np.exp(net(X))
    np.testing.assert_allclose(model.predict(X), z @ [1, 3, 5] / z.sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: DeepRectifierClassifier.from_network(cast(Any, "net")), "takes a Network"),
        (lambda: DeepRectifierClassifier.from_network(network(), ["a", "b"]), "3 outputs"),
        (lambda: DeepRectifierClassifier.from_network(network(), ["a", "b", "a"]), "twice"),
        (lambda: DeepRectifierClassifier.from_network(network(), dtype="float64"), "network's own"),
        (lambda: DeepRectifierClassifier.from_network(network(), rate=1), "no parameter 'rate'"),
        (lambda: DeepRectifierClassifier.from_network(network(), max_iter=-1), "max_iter"),
        (lambda: DeepRectifierRegressor.from_network(network(output="softmax")), "linear output"),
        (lambda: RatingPredictor.from_network(network(), ["a", "b", "c"]), "y"),
    ],
)
def test_what_cannot_be_adopted(make: Any, said: str) -> None:
    with pytest.raises((OptionError, DataError), match=said):
        make()


def test_weights_that_are_not_finite() -> None:
    net = network()
    net.weights[0][0, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        DeepRectifierClassifier.from_network(net)
