"""A fit that fails leaves the estimator as it was; one that ends well changes all of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, StackedDenoisingAutoencoder
from truezero.errors import TruezeroError


class _Interrupt:
    """Ctrl-C before the first epoch."""

    def on_train_begin(self, state: Any) -> None:
        raise KeyboardInterrupt

    def __call__(self, state: Any) -> None: ...


def _fail(state: Any) -> None:
    raise RuntimeError("a callback's")


@pytest.fixture(scope="module")
def rows() -> Any:
    X = np.random.RandomState(0).rand(300, 8)
    return X, np.where(X[:, 0] > 0.5, "spam", "ham")


FAULTS: dict[str, dict[str, Any]] = {
    "diverges": {"learning_rate_init": 1e6},
    "interrupted": {"callbacks": [_Interrupt()]},
    "callback fails": {"callbacks": [_fail]},
    "parameter": {"alpha": 1e9},
    "engine": {"engine": "cuda"},
    "pre-training": {"pretraining": StackedDenoisingAutoencoder(callbacks=[_fail])},
    "interrupted pre-training": {"pretraining": StackedDenoisingAutoencoder(callbacks=[_Interrupt()])},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failed_refit_leaves_the_old_model_whole(fault: str, rows: Any) -> None:
    X, y = rows
    model = DeepRectifierClassifier((16,), max_iter=10, learning_rate_init=0.1, random_state=0).fit(X, y)
    before, probabilities = dict(vars(model)), model.predict_proba(X)
    other = np.array(list("abc"))[np.random.RandomState(0).randint(0, 3, 300)]
    expected: Any = (TruezeroError, RuntimeError, KeyboardInterrupt)
    with pytest.raises(expected):
        model.set_params(max_iter=1, **FAULTS[fault]).fit(X[:, :5], other)
    for name in before:
        if name not in FAULTS[fault] and name != "max_iter":
            assert vars(model)[name] is before[name], name
    assert set(vars(model)) == set(before)
    model.set_params(engine="auto")
    assert (model.predict_proba(X) == probabilities).all()


def test_a_first_fit_that_fails_leaves_nothing(rows: Any) -> None:
    X, y = rows
    for kind, target in ((DeepRectifierClassifier, y), (DeepRectifierRegressor, X[:, 0])):
        model = kind((16,), learning_rate_init=1e30, random_state=0)
        names = set(vars(model))
        with pytest.raises(TruezeroError):
            model.fit(X, target)
        with pytest.raises(TruezeroError):
            model.fit(X, target, sample_weight=np.zeros(300))
        assert set(vars(model)) == names


def test_what_only_the_old_fit_had_is_gone(rows: Any) -> None:
    X, y = rows
    stack = StackedDenoisingAutoencoder(max_iter=1)
    model = DeepRectifierClassifier((16,), max_iter=1, pretraining=stack, random_state=0).fit(X, y)
    assert hasattr(model, "pretraining_")
    model.set_params(pretraining=None).fit(X, y)
    assert not hasattr(model, "pretraining_")


def test_what_a_callback_sets_stays_set(rows: Any) -> None:
    X, y = rows
    model = DeepRectifierClassifier((16,), max_iter=2, random_state=0)

    def callback(state: Any) -> None:
        model.set_params(verbose=0, max_iter=7)

    model.set_params(callbacks=[callback]).fit(X, y)
    assert model.max_iter == 7
    assert model.n_iter_ == 2


@pytest.mark.parametrize("lacking", ["a", "b", "c"])
def test_a_warm_start_without_one_of_the_classes_still_holds_rows_out(lacking: str) -> None:
    random = np.random.RandomState(0)
    X, y = random.rand(600, 6), np.array(["a", "b", "c"])[random.randint(0, 3, 600)]
    model = DeepRectifierClassifier((8,), max_iter=3, random_state=0, warm_start=True).fit(X, y)
    kept = y != lacking
    model.fit(X[kept], y[kept])
    n_train, n_validation = model.n_samples_
    assert n_train + n_validation == kept.sum()
    assert n_validation == pytest.approx(0.1 * kept.sum(), abs=2)
    assert model.classes_.tolist() == ["a", "b", "c"]


def test_a_class_of_a_single_row_stays_in_training(rows: Any) -> None:
    X, y = rows
    y = y.astype(object)
    y[7] = "one of a kind"
    model = DeepRectifierClassifier((8,), max_iter=3, random_state=0).fit(X, y)
    assert model.n_samples_ == (270, 30)
    assert len(model.classes_) == 3
