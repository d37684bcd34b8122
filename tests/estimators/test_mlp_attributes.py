"""What scikit-learn's multi-layer perceptrons have, these have by the same names."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor

PAIRS = [
    (DeepRectifierClassifier, MLPClassifier),
    (DeepRectifierRegressor, MLPRegressor),
    (RatingPredictor, MLPRegressor),
]
KINDS = [ours for ours, _ in PAIRS]


@pytest.fixture(scope="module")
def rows() -> Any:
    X = np.random.default_rng(0).random((200, 5))
    return X, (X[:, 0] > 0.5).astype(int)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
@pytest.mark.parametrize("early_stopping", [True, False])
def test_names_and_meanings(ours: Any, theirs: Any, early_stopping: bool, rows: Any) -> None:
    X, y = rows
    options: dict[str, Any] = {"max_iter": 4, "early_stopping": early_stopping, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = ours((9,), **options).fit(X, y)
        other = theirs(hidden_layer_sizes=(9,), **options).fit(X, y)
    for name in vars(other):
        if name.endswith("_") and not name.startswith("_"):
            assert (getattr(model, name) is None) == (getattr(other, name) is None), name
    assert model.n_layers_ == other.n_layers_ == 3
    assert model.t_ == other.t_ == 4 * (180 if early_stopping else 200)
    assert model.loss_ == model.loss_curve_[-1]
    assert len(model.loss_curve_) == model.n_iter_ == 4
    if early_stopping:
        assert model.best_loss_ is other.best_loss_ is None
        assert len(model.validation_scores_) == 4
        assert model.best_validation_score_ == max(model.validation_scores_)
    else:
        assert model.best_loss_ == min(model.loss_curve_)
        assert model.validation_scores_ is other.validation_scores_ is None
        assert model.best_validation_score_ is None


@pytest.mark.parametrize("kind", KINDS)
def test_validation_scores_are_those_of_score(kind: Any, rows: Any) -> None:
    X, y = rows
    model = kind((9,), max_iter=6, random_state=0).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    score = model.score(X[150:], y[150:])
    assert model.validation_scores_[model.epoch_selected_ - 1] == pytest.approx(score)
    assert model.t_ == 6 * 150
    assert model.partial_fit(X[:10], y[:10]).t_ == 910
    assert model.validation_scores_ is None  # of its last epoch there is none


@pytest.mark.parametrize("kind", KINDS)
def test_not_before_the_fit(kind: Any) -> None:
    for name in ("loss_", "best_loss_", "validation_scores_", "best_validation_score_", "n_iter_", "coefs_",
                 "intercepts_", "out_activation_", "n_layers_", "n_outputs_", "loss_curve_"):  # fmt: skip
        assert not hasattr(kind(), name), name


@pytest.mark.parametrize("kind", KINDS)
def test_max_iter_that_is_too_few_is_said(kind: Any, rows: Any) -> None:
    message = "max_iter=3 epochs are over, and epoch . was the best: training may not have converged"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        kind((9,), max_iter=3, random_state=0).fit(*rows)
    assert caught[0].filename == __file__  # of who called fit
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind((9,), max_iter=3, n_iter_no_change=None, random_state=0).fit(*rows)
        kind((9,), max_iter=3, early_stopping=False, random_state=0).fit(*rows)
        kind((9,), max_iter=3, callbacks=[lambda state: True], random_state=0).fit(*rows)
        kind((9,), random_state=0, n_iter_no_change=2).fit(*rows).partial_fit(*rows)
        assert kind((9,), max_iter=400, n_iter_no_change=2, random_state=0).fit(*rows).n_iter_ < 400
