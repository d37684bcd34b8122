"""Settings that are chosen on held-out rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reviews import reviews
from scipy import sparse
from sklearn.frozen import FrozenEstimator

from truezero import (
    DataError,
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    DivergenceError,
    OptionError,
    RatingPredictor,
    StackedDenoisingAutoencoder,
    choose_settings,
    load,
    save,
)
from truezero.core.rows import Features
from truezero.estimators import choice
from truezero.estimators.choice import _splits, _stack
from truezero.estimators.given import Given


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search of seconds."""
    monkeypatch.setattr(choice, "_FROM_RANDOM", {**choice._FROM_RANDOM, "hidden_layer_sizes": (12, 8)})
    monkeypatch.setattr(choice, "_FROM_PRETRAINED", {**choice._FROM_PRETRAINED, "hidden_layer_sizes": (16,)})
    monkeypatch.setattr(choice, "_VISITS", 4000)
    monkeypatch.setattr(choice, "_MOST_SPLITS", 2)
    monkeypatch.setattr(choice, "_MOST_PRETRAINING_EPOCHS", 3)


@pytest.fixture(scope="module")
def rows() -> Any:
    return reviews(400, 200)


def ours(kind: Any = RatingPredictor, **changes: Any) -> Any:
    return kind(**{"random_state": 0, "n_threads": 1, **changes})


@pytest.mark.parametrize("kind", [RatingPredictor, DeepRectifierClassifier])
def test_what_is_chosen_is_the_best_of_what_was_tried(kind: Any, rows: Any) -> None:
    X, y = rows
    notes: list[str] = []
    found = choose_settings(ours(kind), X[:200], y[:200], X_unlabeled=[X[200:300]], note=notes.append)
    tried = [
        (trial.pretrained, trial.settings["learning_rate_init"], trial.settings["l1_activation"])
        for trial in found.trials
    ]
    assert tried[:4] == [(False, 0.01, 1e-4), (False, 0.003, 1e-4), (True, 0.01, 1e-4), (True, 0.003, 1e-4)]
    before = min(found.trials[:4], key=lambda trial: (trial.error, trial.loss))
    assert tried[4:] == [(before.pretrained, before.settings["learning_rate_init"], 1e-3)]
    assert found.best is min(found.trials, key=lambda trial: (trial.error, trial.loss))
    assert found.n_held_out == 2 * 40
    model = found.estimator
    for name, value in found.best.settings.items():
        assert getattr(model, name) == value
    assert (model.max_iter, model.early_stopping) == (found.best.epochs, False)
    assert (model.random_state, model.n_threads) == (0, 1)
    assert isinstance(model.pretraining, FrozenEstimator) == found.best.pretrained
    assert len(model.fit(X[:200], y[:200]).history_) == found.best.epochs
    assert model.n_samples_ == (200, 0)
    assert notes[2] == "pre-training on 300 rows"
    assert len(notes) == 6
    told = json.loads(json.dumps(found.to_json()))
    assert [row["validation_error"] for row in told] == [trial.error for trial in found.trials]
    assert [row["chosen"] for row in told].count(True) == 1


def test_an_error_is_that_of_a_fit_on_the_same_rows(rows: Any) -> None:
    X, y = rows
    estimator = ours(learning_rate_init=0.02, l1_activation=1e-3)
    found = choose_settings(estimator, X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    assert found.n_held_out == 100
    for trial in found.trials:
        assert "learning_rate_init" not in trial.settings  # it was given
        pretraining = found.estimator.pretraining if trial.pretrained else None
        if trial.pretrained and pretraining is None:
            continue
        again = ours(**{**estimator.get_params(deep=False), **trial.settings}, ).set_params(
            pretraining=pretraining, max_iter=20, n_iter_no_change=5,
        )  # fmt: skip
        again.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
        assert again.history_[again.epoch_selected_ - 1]["validation_error"] == trial.error
        assert again.epoch_selected_ == trial.epochs


def test_the_same_every_time_whatever_the_threads(rows: Any) -> None:
    X, y = rows
    one, two = (choose_settings(ours(n_threads=n), X[:150], y[:150]) for n in (1, 2))
    assert [(t.settings, t.error, t.epochs) for t in one.trials] == [
        (t.settings, t.error, t.epochs) for t in two.trials
    ]
    a, b = (found.estimator.fit(X[:150], y[:150]).predict(X) for found in (one, two))
    np.testing.assert_array_equal(a, b)


def test_what_is_given_stays(rows: Any) -> None:
    X, y = rows
    stack = StackedDenoisingAutoencoder(max_iter=1, random_state=0)
    found = choose_settings(
        ours(pretraining=stack, hidden_layer_sizes=(9,), dropout=0.1, class_weight="balanced"), X, y
    )
    assert all(trial.pretrained for trial in found.trials)
    assert [set(trial.settings) for trial in found.trials] == [
        {"input_dropout", "learning_rate_init", "l1_activation"}
    ] * 3
    model = found.estimator
    assert (model.hidden_layer_sizes, model.dropout, model.class_weight) == ((9,), 0.1, "balanced")
    assert model.pretraining.estimator.max_iter == 1
    linear = choose_settings(ours(hidden_layer_sizes=()), X, y)
    assert [(t.pretrained, t.settings["learning_rate_init"]) for t in linear.trials] == [
        (False, 0.01),
        (False, 0.003),
    ]
    fixed = choose_settings(ours(hidden_layer_sizes=(), learning_rate_init=0.02, max_iter=3), X, y)
    assert len(fixed.trials) == 1
    assert fixed.estimator.max_iter == fixed.trials[0].epochs <= 3


def test_callbacks_are_those_of_the_last_fit_alone(rows: Any) -> None:
    X, y = rows
    seen: list[Any] = []
    estimator = ours(callbacks=[seen.append], hidden_layer_sizes=())
    found = choose_settings(estimator, X, y)
    assert not seen
    assert not hasattr(estimator, "network_")
    assert len(found.estimator.fit(X, y).history_) == len(seen)


def test_rows_without_labels_pre_train(rows: Any) -> None:
    X, y = rows
    notes: list[str] = []
    marked = np.where(np.arange(400) < 100, y, -1)
    found = choose_settings(
        ours(unlabeled_label=-1, pretraining=StackedDenoisingAutoencoder(max_iter=1)),
        X,
        marked,
        note=notes.append,
    )
    assert notes[0] == "pre-training on 400 rows"
    assert found.n_held_out == 2 * 20
    assert found.estimator.fit(X, marked).n_samples_ == (100, 0)


def test_more_rows_than_are_searched_with(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = rows
    monkeypatch.setattr(choice, "_MOST_ROWS", 150)
    notes: list[str] = []
    found = choose_settings(ours(), X, y, note=notes.append)
    assert found.n_held_out == 58  # of two splits
    assert "pre-training on 400 rows" in notes
    model = found.estimator
    assert (model.early_stopping, model.max_iter, model.n_iter_no_change) == (True, 20, 5)
    assert model.fit(X, y).n_samples_ == (360, 40)


def test_too_few_rows_are_left_to_the_fit(rows: Any) -> None:
    X, y = rows
    estimator = ours()
    found = choose_settings(estimator, X[:12], y[:12])
    assert found.estimator is estimator
    assert (found.trials, found.best, found.to_json()) == ((), None, [])


def test_what_diverges_is_no_choice(rows: Any) -> None:
    X, y = rows
    found = choose_settings(ours(hidden_layer_sizes=(), l1_activation=0.0), X * 1000, y)
    with pytest.raises(DivergenceError):
        choose_settings(ours(learning_rate_init=1e6, pretraining=None), X, y)
    assert found.best is not None


def test_splits_are_several_where_rows_are_few() -> None:
    given = Given(Features(np.zeros((100, 2), np.float32)), np.repeat([1, 2], 50), None)
    splits = _splits(given, seed=3)
    assert len(splits) == 2  # of the fixture; more rows, fewer splits
    assert all((len(train.target), len(held_out.target)) == (80, 20) for train, held_out in splits)
    assert all(np.bincount(held_out.target).tolist() == [0, 10, 10] for _, held_out in splits)


def test_noise_is_in_proportion_to_the_words_there_are() -> None:
    random = np.random.default_rng(0)
    rows = sparse.random_array((100, 5000), density=0.02, format="csr", dtype=np.float32, random_state=random)
    words = Features(rows)
    stack = _stack([words, words], 2)
    assert stack.corruption == ("salt-and-pepper", "masking")
    assert stack.corruption_level == ((0.5, pytest.approx(0.2 * 0.02)), 0.3)
    assert stack.sampling == (0.1, None)
    assert _stack([Features(words.X[:, :100])], 1).sampling == (1.0,)


def test_the_choice_is_saved_as_any_model(rows: Any, tmp_path: Path) -> None:
    X, y = rows
    model = choose_settings(ours(), X, y).estimator.fit(X, y)
    save(model, tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").predict(X), model.predict(X))


def test_interrupted(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = rows

    def interrupted(self: Any, *args: Any, **more: Any) -> Any:
        self.interrupted_ = True
        return self

    monkeypatch.setattr(RatingPredictor, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        choose_settings(ours(), X, y)


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (DeepRectifierRegressor(), OptionError, "for a DeepRectifierClassifier or a RatingPredictor, got DeepRectifierRegressor"),
        (RatingPredictor(dropout=2), OptionError, "dropout must be"),
        (RatingPredictor(), DataError, "one target per row"),
    ],
)  # fmt: skip
def test_what_cannot_be(estimator: Any, error: Any, message: str, rows: Any) -> None:
    X, y = rows
    with pytest.raises(error, match=message):
        choose_settings(estimator, X, y[:-1])
