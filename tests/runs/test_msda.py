"""Marginalised denoising is exact over all noise there can be, and linear methods on it are scikit-learn's."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reviews import reviews
from sklearn.linear_model import Ridge
from sklearn.svm import SVC

from truezero.core.rows import Features
from truezero.datasets import Dataset
from truezero.errors import DataError, OptionError
from truezero.runs import Data, Run, RunStore, carry_out, msda
from truezero.runs.msda import LinearOnLayers, denoising_layer, denoising_layers


def with_one(X: Any) -> Any:
    return np.hstack([X, np.ones((len(X), 1))])


def test_a_layer_is_the_best_over_all_noise() -> None:
    random = np.random.default_rng(0)
    X, level, d = random.random((6, 4)) * (random.random((6, 4)) < 0.7), 0.3, 4
    clean_by_noisy, noisy_by_noisy = np.zeros((d, d + 1)), np.zeros((d + 1, d + 1))
    for masked in itertools.product((False, True), repeat=d):
        likely = np.prod([level if off else 1 - level for off in masked])
        noisy = with_one(np.where(masked, 0, X))
        clean_by_noisy += likely * X.T @ noisy
        noisy_by_noisy += likely * noisy.T @ noisy
    expected = clean_by_noisy @ np.linalg.inv(noisy_by_noisy + 1e-5 * np.eye(d + 1))
    weights, biases = denoising_layer(with_one(X).T @ with_one(X), level)
    np.testing.assert_allclose(weights.T, expected[:, :-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(biases, expected[:, -1], rtol=1e-9, atol=1e-12)


def by_hand(X: Any, level: float, n_layers: int) -> list[Any]:
    """Rows and outputs as in the authors' own program, features in rows there."""
    depths = [X]
    for _ in range(n_layers):
        x = with_one(depths[-1]).T
        S, q = x @ x.T, np.append(np.full(len(x) - 1, 1 - level), 1.0)
        Q = S * np.outer(q, q)
        np.fill_diagonal(Q, q * np.diag(S))
        W = (S[:-1] * q) @ np.linalg.inv(Q + 1e-5 * np.eye(len(x)))
        depths.append(np.tanh(W @ x).T)
    return depths


@pytest.mark.parametrize("sparse_rows", [True, False])
def test_layers_by_pieces(monkeypatch: pytest.MonkeyPatch, sparse_rows: bool) -> None:
    X, _ = reviews(200, 30)
    X = X.astype(np.float64)
    monkeypatch.setattr(msda, "_PIECE", 64)
    layers = denoising_layers(
        Features(X if sparse_rows else 2 * X.toarray(), 1.0 if sparse_rows else 0.5), 0.6, 3
    )
    values = X.toarray()
    for expected, (weights, biases) in zip(by_hand(values, 0.6, 3)[1:], layers, strict=True):
        values = np.tanh(values @ weights + biases)
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("ratings", [True, False])
def test_linear_methods_on_layers(monkeypatch: pytest.MonkeyPatch, ratings: bool) -> None:
    X, y = reviews(300, 25)
    X, y = X.astype(np.float64), y if ratings else np.where(y > 3, "good", "bad")
    monkeypatch.setattr(msda, "_PIECE", 64)
    layers = denoising_layers(Features(X), 0.5, 2)
    model = LinearOnLayers(layers, [0.01, 0.3, 5.0], 3, ratings=ratings).fit(Features(X[:200]), y[:200])
    assert model.strength_ in (0.01, 0.3, 5.0)
    side_by_side = np.hstack(by_hand(X.toarray(), 0.5, 2))
    own = Ridge(model.strength_) if ratings else SVC(C=model.strength_, kernel="linear", tol=1e-6)
    own.fit(side_by_side[:200], y[:200])
    predicted = model.predict(Features(X[200:]))
    if ratings:
        np.testing.assert_allclose(predicted, own.predict(side_by_side[200:]), rtol=1e-6)
    else:
        np.testing.assert_array_equal(predicted, own.predict(side_by_side[200:]))
        scores = model._scores(Features(X)) + model.intercept_
        np.testing.assert_allclose(scores, own.decision_function(side_by_side), atol=0.01)


def test_runs(tmp_path: Path) -> None:
    X, y = reviews()
    dataset = Dataset("rated", X[:600], y[:600], None, None, X[700:], y[700:], X_unlabeled=X[600:700])
    data = Data("rated", dataset.fingerprint)
    below = Run("msda", {"corruption_level": 0.5, "n_layers": 2}, data)
    fold = Data("rated", dataset.fingerprint, labels=0.5, fold=(0, 10))
    on = Run("msda-linear", {"strengths": [3, 30], "n_folds": 3, "ratings": True}, fold, (below,))

    def both() -> Any:
        return (yield [below, on])

    layers, found = carry_out(both(), RunStore(tmp_path), [dataset], n_threads=1)
    assert layers["n_train"] == 700  # those without labels are learned from, too
    of_fold: Any = fold.of(dataset)
    model = LinearOnLayers(denoising_layers(dataset.rows_to_pretrain(), 0.5, 2), [3, 30], 3, ratings=True)
    model.fit(of_fold.features("train"), of_fold.y_train)
    predicted = model.predict(dataset.features("test"))
    assert found["test_error"] == pytest.approx(np.mean((predicted - dataset.y_test) ** 2), rel=1e-5)
    assert found["validation_error"] < np.var(y)
    assert abs(found["n_train"] + found["n_validation"] - 300) <= 2


def test_what_cannot_be() -> None:
    data = Data("rated", "0" * 40)
    for parameters, reason in (
        ({"corruption_level": 1.0, "n_layers": 1}, "corruption_level must be"),
        ({"corruption_level": 0.5}, "n_layers must be"),
        ({"corruption_level": 0.5, "n_layers": 1, "ridge": 1}, "unknown parameter 'ridge'"),
    ):
        with pytest.raises(OptionError, match=reason):
            Run("msda", parameters, data).key  # noqa: B018
    for strengths in ([], 3, [0.0]):
        with pytest.raises(OptionError, match="strength"):
            Run("msda-linear", {"strengths": strengths, "n_folds": 3}, data).key  # noqa: B018
    X, y = reviews(60, 10)
    with pytest.raises(DataError, match="tells two classes apart, there are 5"):
        LinearOnLayers([], [1.0], 2, ratings=False).fit(Features(X), y)
    with pytest.raises(DataError, match="3 folds need so many rows of each class, there are 2"):
        LinearOnLayers([], [1.0], 3, ratings=False).fit(Features(X), np.arange(60) < 2)
