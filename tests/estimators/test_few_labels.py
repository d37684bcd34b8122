"""What pre-training chooses by itself, and searches over it, where few rows have labels."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from reviews import reviews
from scipy import sparse
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

from truezero import DeepRectifierClassifier, StackedDenoisingAutoencoder, register_activation
from truezero.core.rows import Features
from truezero.errors import DataError
from truezero.estimators.layer_plans import plan_pretraining
from truezero.training import PretrainingState

SOFTPLUS, ENTROPY, LINEAR = "softplus-quadratic", "sigmoid-cross-entropy", "linear-quadratic"


def rows(kind: str) -> Any:
    """40 rows of a kind that is pre-trained on."""
    random = np.random.default_rng(0)
    values = random.random((40, 12))
    words = sparse.csr_array((values < 0.2).astype(np.float32))
    return {
        "images": values,
        "bytes": (255 * values).astype(np.uint8),
        "standardised": values - 0.5,
        "words": words,
        "word bytes": words.astype(np.uint8),
        "tf-idf": words.multiply(values).tocsr(),
        "counts": words * 7,
        "sparse with negatives": words * -1,
    }[kind]


def chosen(kind: str, **parameters: Any) -> list[str]:
    model = StackedDenoisingAutoencoder((8, 6, 4), **parameters)
    return [plan.reconstruction for plan in plan_pretraining(model, Features(rows(kind)), seed=0).layers]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("images", [SOFTPLUS] * 3),
        ("bytes", [SOFTPLUS] * 3),
        ("standardised", [LINEAR, SOFTPLUS, SOFTPLUS]),
        ("words", [ENTROPY] * 3),
        ("word bytes", [ENTROPY] * 3),
        ("tf-idf", [ENTROPY] * 3),
        ("counts", [ENTROPY] * 3),
        ("sparse with negatives", [LINEAR, SOFTPLUS, SOFTPLUS]),
    ],
)
def test_auto_is_cross_entropy_for_text_and_softplus_for_images(kind: str, expected: list[str]) -> None:
    """Section 3.2: strategy 1 is best on images, strategy 2 on text; so it is with a sign mask."""
    assert chosen(kind) == chosen(kind, sign_mask="half") == expected


@pytest.mark.parametrize(
    ("kind", "activation", "expected"),
    [
        ("images", "tanh", [ENTROPY] * 3),
        ("words", "tanh", [ENTROPY] * 3),
        ("standardised", "tanh", [LINEAR, ENTROPY, ENTROPY]),
        ("images", "linear", [SOFTPLUS, LINEAR, LINEAR]),
        ("words", "linear", [ENTROPY, LINEAR, LINEAR]),
        ("images", ("tanh", "rectifier", "sigmoid"), [ENTROPY, LINEAR, ENTROPY]),
        ("words", ("tanh", "softplus", "lif"), [ENTROPY] * 3),
    ],
)
def test_auto_of_other_units(kind: str, activation: Any, expected: list[str]) -> None:
    assert chosen(kind, activation=activation) == expected


def test_auto_of_units_that_users_add() -> None:
    def softsign(z: Any) -> Any:
        return z / (1 + abs(z))

    def slope(z: Any) -> Any:
        return 1 / (1 + abs(z)) ** 2

    register_activation("softsign-here", softsign, slope)
    for kind in ("words", "images"):
        assert chosen(kind, activation="softsign-here")[1:] == [LINEAR, LINEAR]
        assert chosen(kind, activation=("softsign-here", "tanh", "tanh"))[1:] == [LINEAR, ENTROPY]
        assert LINEAR not in chosen(kind, activation="softsign-here", sign_mask="half")


def test_what_is_asked_for_comes_before_auto() -> None:
    assert chosen("words", reconstruction=SOFTPLUS) == [SOFTPLUS] * 3
    assert chosen("words", reconstruction=("auto", SOFTPLUS, "auto")) == [ENTROPY, SOFTPLUS, ENTROPY]
    assert chosen("words", target="before") == [ENTROPY, LINEAR, LINEAR]


def test_auto_of_a_stream_stays_what_it_was() -> None:
    model = StackedDenoisingAutoencoder((8, 6), "tanh", max_iter=1, random_state=0, n_threads=1)
    model.partial_fit(rows("words")).partial_fit(rows("images"))
    assert [layer.reconstruction for layer in model.stack_.layers] == [ENTROPY] * 2
    with pytest.raises(DataError, match="cross-entropy .* needs targets that are at least 0"):
        model.partial_fit(rows("standardised"))


def test_defaults_bring_something_on_text() -> None:
    """Few labels: a linear model reads ratings better from codes, trained by defaults, than from words."""
    X, y = reviews()
    labeled, test = slice(0, 60), slice(500, None)

    def error(train: Any, held_out: Any) -> float:
        model = LogisticRegression(C=1.0, max_iter=1000).fit(train, y[labeled])
        expected = model.predict_proba(held_out) @ model.classes_
        return float(np.sqrt(np.mean((expected - y[test]) ** 2)))

    stack = StackedDenoisingAutoencoder((64, 64), max_iter=15, random_state=0, n_threads=1).fit(X[:500])
    of_codes = error(stack.transform(X[labeled]), stack.transform(X[test]))
    assert of_codes < 0.93 * error(X[labeled], X[test])


# ---- searches ----------------------------------------------------------------------------------------


@pytest.fixture
def search_for() -> dict[str, Any]:
    return {
        "estimator": DeepRectifierClassifier((12,), max_iter=2, early_stopping=False, random_state=0, n_threads=1),
        "cv": 2, "error_score": "raise",
    }  # fmt: skip


def test_a_search_compares_pretraining_with_none(X: Any, y: Any, search_for: dict[str, Any]) -> None:
    shapes: list[Any] = []

    def look(state: PretrainingState) -> None:
        shapes.append(state.data_shape)

    stack = StackedDenoisingAutoencoder(max_iter=1, validation_fraction=0, callbacks=[look])
    search = GridSearchCV(**search_for, param_grid={"pretraining": [None, stack]})
    with pytest.warns(UserWarning, match=r"^X_unlabeled is not used, as pretraining is None$"):
        search.fit(X[:100], y[:100], X_unlabeled=[X[200:300]])  # as long as X, but in a list
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(shapes) <= {(150, 64), (200, 64)}
    assert shapes[:2] == [(150, 64)] * 2


def test_searches_in_processes_and_by_halves(X: Any, y: Any, search_for: dict[str, Any]) -> None:
    fitted = StackedDenoisingAutoencoder((12,), max_iter=1, random_state=0, n_threads=1).fit(X)
    grid = {"pretraining": [None, StackedDenoisingAutoencoder(max_iter=1), FrozenEstimator(fitted)]}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X_unlabeled is not used", UserWarning)
        a = GridSearchCV(**search_for, param_grid=grid).fit(X, y, X_unlabeled=[X])
        b = GridSearchCV(**search_for, param_grid=grid, n_jobs=2).fit(X, y, X_unlabeled=[X])
        c = HalvingGridSearchCV(**search_for, param_grid=grid, min_resources=150, random_state=0)
        c.fit(X, y, X_unlabeled=[X])
    np.testing.assert_array_equal(a.cv_results_["mean_test_score"], b.cv_results_["mean_test_score"])
    assert np.isfinite(c.cv_results_["mean_test_score"]).all()


def test_unlabeled_rows_that_nobody_learns_from(X: Any, y: Any, search_for: dict[str, Any]) -> None:
    fitted = StackedDenoisingAutoencoder((12,), max_iter=1, random_state=0, n_threads=1).fit(X)
    for given in ({"pretraining": FrozenEstimator(fitted)}, {"pretraining": fitted, "prefit": True}):
        model = search_for["estimator"].set_params(**given)
        without = model.fit(X, y).coefs_
        with pytest.warns(UserWarning, match=r"^X_unlabeled is not used, as pretraining is fitted already$"):
            model.fit(X, y, X_unlabeled=[X])
        for a, b in zip(model.coefs_, without, strict=True):
            np.testing.assert_array_equal(a, b)
        with pytest.raises(DataError, match="X_unlabeled has 9 features, X has 64"):
            model.fit(X, y, X_unlabeled=X[:, :9])
