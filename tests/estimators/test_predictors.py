"""Networks and models bound for many small predictions."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from truezero import DataError, DeepRectifierClassifier, DeepRectifierRegressor, OptionError, RatingPredictor
from truezero.core.activations import register_activation
from truezero.core.bfloat16 import with_rounded_weights
from truezero.core.initial import initialize
from truezero.core.network import Network


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


def nearest(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the two bfloat16 around each weight the nearer one; of two as near, that whose last bit is 0."""
    below = (weights.view(np.uint32) & 0xFFFF0000).view(np.float32)
    above = ((weights.view(np.uint32) & 0xFFFF0000) + 0x10000).view(np.float32)
    to_below, to_above = (abs(of.astype(np.float64) - weights.astype(np.float64)) for of in (below, above))
    even = (below.view(np.uint32) >> 16) % 2 == 0
    return np.where((to_below < to_above) | ((to_below == to_above) & even), below, above)


def test_weights_are_rounded_to_the_nearest() -> None:
    drawn = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    halfway = (np.arange(2**10, dtype=np.uint32) * 0x10000 + 0x3F808000).view(np.float32).reshape(-1, 1)
    odd = np.array([[0.0, -0.0, 1e-40, -1e-40, 1.0, 3e38]], np.float32)
    for weights in (drawn, halfway, -halfway, odd):
        network = Network([weights, np.ones((weights.shape[1], 1), np.float32)],
                          [np.zeros(weights.shape[1], np.float32), np.zeros(1, np.float32)],
                          ("rectifier",), (None,))  # fmt: skip
        rounded = with_rounded_weights(network).weights[0]
        assert rounded.tobytes() == nearest(weights).tobytes()
        assert (abs(rounded - weights) <= abs(weights) / 256 + 1e-40).all()


def test_rounded_weights_of_models_and_of_what_has_none() -> None:
    X, y = np.random.default_rng(0).random((40, 6)).astype(np.float32), np.arange(40) % 2
    model = DeepRectifierClassifier((20,), max_iter=3, random_state=0).fit(X, y)
    bound = model.predictor(weights="bfloat16")
    assert abs(bound.predict_proba(X) - model.predict_proba(X)).max() < 0.02
    assert (bound.predict_proba(X) != model.predict_proba(X)).any()
    register_activation("bound-halves", lambda z: z**3, lambda z: 3 * z**2)
    network = initialize((4, 3, 2), "bound-halves", seed=1)
    expected = with_rounded_weights(network)(X[:, :4])
    assert network.predictor(weights="bfloat16")(X[:, :4].copy()).tobytes() == expected.tobytes()


def test_weights_that_cannot_be_rounded_are_refused() -> None:
    with pytest.raises(OptionError, match="weights must be .*'bfloat16'.* got 'int8'"):
        initialize((4, 3, 2)).predictor(weights="int8")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="in float32, this one is in float64"):
        initialize((4, 3, 2), dtype="float64").predictor(weights="bfloat16")
    network = initialize((4, 3, 2))
    network.weights[1][0, 0] = np.finfo(np.float32).max
    with pytest.raises(DataError, match="too large for bfloat16"):
        network.predictor(weights="bfloat16")
    for bits in (0x7FFFFFFF, 0xFFFFFFFF, 0x7FC00000, 0x7F800000, 0xFF800000):  # NaN and infinities
        network.weights[1][0, 0] = np.uint32(bits).view(np.float32)
        with pytest.raises(DataError, match="weights that are not finite"):
            network.predictor(weights="bfloat16")
