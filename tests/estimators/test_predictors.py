"""Networks and models bound for many small predictions."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from truezero import DataError, DeepRectifierClassifier, DeepRectifierRegressor, OptionError, RatingPredictor
from truezero.core.activations import register_activation
from truezero.core.initial import initialize


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [0, 1, 5, 40])
def test_a_network_answers_as_it_did_when_it_was_bound(dtype: str, n: int) -> None:
    network = initialize((19, 33, 5), dtype=dtype, seed=1)
    X = np.random.default_rng(0).normal(size=(n, 19)).astype(dtype)
    expected = network(X)
    predictor = network.predictor()
    network.weights[0] *= 2
    out = np.empty((n, 5), dtype)
    assert predictor(X, out) is out
    assert out.tobytes() == expected.tobytes() == predictor(X).tobytes()
    assert n == 0 or network(X).tobytes() != expected.tobytes()


def test_a_network_of_units_of_ones_own_is_bound_too() -> None:
    register_activation("bound-cube", lambda z: z**3, lambda z: 3 * z**2)
    network = initialize((4, 3, 2), "bound-cube", seed=1)
    X = np.ones((2, 4), np.float32)
    assert network.predictor()(X).tobytes() == network(X).tobytes()
    with pytest.raises(DataError, match="X must be a C-contiguous array of float32"):
        network.predictor()(X.astype(np.float64))


@pytest.mark.parametrize(
    ("X", "out", "said"),
    [
        (np.ones((2, 5), np.float32), None, r"X must be .* of shape \(n_samples, 4\), got float32 of shape \(2, 5\)"),
        (np.ones((2, 4)), None, "X must be a C-contiguous array of float32 .* got float64"),
        (np.ones(4, np.float32), None, r"X must be .* got float32 of shape \(4,\)"),
        (np.ones((4, 2), np.float32).T, None, "X must be .* this one is not contiguous"),
        ([[1.0] * 4], None, "X must be .* got list"),
        (1.0, None, "X must be .* got float"),
        (np.ones((2, 4), np.float32), np.ones((2, 3), np.float32), r"out must be .* \(n_samples, 2\)"),
        (np.ones((2, 4), np.float32), np.ones((3, 2), np.float32), "X has 2 rows, out 3"),
        (np.ones((2, 4), np.float32), np.broadcast_to(np.float32(1), (2, 2)), "out must be .* this one is"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(X: Any, out: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        initialize((4, 3, 2), seed=1).predictor()(X, out)


def test_models_answer_as_they_did_when_they_were_bound(X: Any, y: Any) -> None:
    settings: dict[str, Any] = {"hidden_layer_sizes": (20,), "max_iter": 3, "random_state": 0}
    classifier = DeepRectifierClassifier(**settings).fit(X, y.astype(str))
    bound, expected, probabilities = (
        classifier.predictor(),
        classifier.predict(X),
        classifier.predict_proba(X),
    )
    classifier.fit(X[::2], y[::2] + 5)
    assert (bound.predict(X) == expected).all()
    assert bound.predict_proba(X).tobytes() == probabilities.tobytes()
    for targets in (y, np.stack([y, -y], axis=1)):
        regressor = DeepRectifierRegressor(**settings).fit(X, targets)
        assert (regressor.predictor().predict(X) == regressor.predict(X)).all()
        with pytest.raises(OptionError, match="no probabilities"):
            regressor.predictor().predict_proba(X)
    rating = RatingPredictor(**settings).fit(X, y)
    assert (rating.predictor().predict(X) == rating.predict(X)).all()


@pytest.mark.parametrize("n", [1, 40])
def test_many_threads_may_call_at_once(n: int) -> None:
    network = initialize((64, 300, 200, 10), seed=1)
    X = np.random.default_rng(0).normal(size=(8, n, 64)).astype(np.float32)
    predictor = network.predictor()
    expected = [network(rows).tobytes() for rows in X]
    wrong: list[int] = []

    def work(which: int) -> None:
        out = np.empty((n, 10), np.float32)
        wrong.append(sum(predictor(X[which], out).tobytes() != expected[which] for _ in range(50)))

    threads = [threading.Thread(target=work, args=(which,)) for which in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [0] * 8
