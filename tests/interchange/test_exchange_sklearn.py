"""Networks from scikit-learn say what scikit-learn says."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, PowerTransformer, RobustScaler, StandardScaler

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, Network
from truezero.core.costs import log_softmax
from truezero.errors import OptionError

X = np.random.default_rng(0).normal(size=(60, 5)) * [1, 10, 0.1, 1, 3] + [0, 5, 0, 1, 0]
Y = np.array(["a", "b", "c"])[np.arange(60) % 3]


def fitted(model: Any, y: Any = Y) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y)


def mlp(activation: str = "relu", **options: Any) -> Any:
    return MLPClassifier((7, 6), activation=activation, max_iter=5, random_state=0, **options)


def probabilities(net: Network) -> Any:
    return np.exp(log_softmax(net(X.astype(net.dtype))))


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_classifiers(activation: str) -> None:
    model = fitted(mlp(activation))
    net = Network.from_sklearn(model)
    assert net.dtype == np.float64
    np.testing.assert_allclose(probabilities(net), model.predict_proba(X), rtol=1e-9)
    ours = DeepRectifierClassifier.from_network(net, classes=model.classes_)
    assert (ours.predict(X) == model.predict(X)).all()
    assert Network.from_sklearn(model, dtype="float32").dtype == np.float32


def test_two_classes() -> None:
    model = fitted(mlp(), Y == "a")
    np.testing.assert_allclose(probabilities(Network.from_sklearn(model)), model.predict_proba(X), rtol=1e-9)


def test_several_labels() -> None:
    model = fitted(mlp(), np.stack([Y == "a", Y == "b"], axis=1))
    net = Network.from_sklearn(model)
    assert net.output == "linear"
    np.testing.assert_allclose(net(X), model.predict_proba(X), rtol=1e-9)


@pytest.mark.parametrize("n", [1, 2])
def test_regressors(n: int) -> None:
    model = fitted(
        MLPRegressor(hidden_layer_sizes=(7,), max_iter=5, random_state=0), X[:, 0] if n == 1 else X[:, :2]
    )
    np.testing.assert_allclose(
        Network.from_sklearn(model)(X).reshape(60, n), model.predict(X).reshape(60, n), rtol=1e-9
    )


SCALERS = [
    StandardScaler(), StandardScaler(with_mean=False), StandardScaler(with_std=False), MinMaxScaler((-1, 2)),
    MaxAbsScaler(), RobustScaler(), RobustScaler(with_centering=False, with_scaling=False),
]  # fmt: skip


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
def test_scalers(scaler: Any) -> None:
    pipeline = fitted(make_pipeline(make_pipeline("passthrough", scaler), MaxAbsScaler(), mlp()))
    # Scikit-learn's pipelines take a pipeline as a step; its own steps are scalers all the same.
    net = Network.from_sklearn(
        make_pipeline(*[step for _, step in pipeline[0].steps], *[step for _, step in pipeline.steps[1:]])
    )
    np.testing.assert_allclose(probabilities(net), pipeline.predict_proba(X), rtol=1e-9)


def test_pipelines_that_end_in_one_of_ours() -> None:
    classifier = DeepRectifierClassifier((6,), sign_mask="half", max_iter=2, random_state=0)
    pipeline = fitted(make_pipeline(StandardScaler(), classifier))
    np.testing.assert_allclose(
        probabilities(Network.from_sklearn(pipeline)), pipeline.predict_proba(X), rtol=1e-5
    )
    regressor = DeepRectifierRegressor((6,), max_iter=2, random_state=0, dtype="float64")
    pipeline = fitted(make_pipeline(StandardScaler(), regressor), X[:, 1] * 30 + 1000)
    np.testing.assert_allclose(Network.from_sklearn(pipeline)(X)[:, 0], pipeline.predict(X), rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: fitted(LogisticRegression()), "LogisticRegression is no network"),
        (lambda: mlp(), "not fitted"),
        (lambda: fitted(make_pipeline(PowerTransformer(), mlp())), "PowerTransformer cannot"),
        (lambda: fitted(make_pipeline(MinMaxScaler(clip=True), mlp())), "clips"),
        (lambda: 3, "int"),
        (lambda: MLPClassifier, "type|ABCMeta"),
    ],
)
def test_what_is_refused(make: Any, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Network.from_sklearn(make())
