"""Runs of ratings find what the estimators, used by hand, find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reviews import reviews
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression, RidgeCV

from truezero import RatingPredictor, load
from truezero.core.tensors import read_tensors
from truezero.datasets import Dataset
from truezero.errors import OptionError
from truezero.runs import Data, Run, RunStore, carry_out
from truezero.runs.execute import perform
from truezero.runs.recipes import MODEL, PREDICTIONS


@pytest.fixture(scope="module")
def dataset() -> Any:
    X, y = reviews()
    return Dataset("rated", X[:600], y[:600], X[600:700], y[600:700], X[700:], y[700:])


def one(run: Run) -> Any:
    return (yield [run])


def carried_out(dataset: Any, store: Path, recipe: str, parameters: dict[str, Any]) -> tuple[Run, Any]:
    run = Run(recipe, parameters, Data(dataset.name, dataset.fingerprint))
    return run, carry_out(one(run), RunStore(store), [dataset], n_threads=1)[0]


def test_fine_tuning_of_ratings(dataset: Any, tmp_path: Path) -> None:
    parameters: dict[str, Any] = {"hidden_layer_sizes": [16], "max_iter": 5, "random_state": 0}
    run, found = carried_out(dataset, tmp_path, "fine-tune-ratings", parameters)
    model = RatingPredictor(**parameters, n_threads=1)
    model.fit(dataset.X_train, dataset.y_train, X_val=dataset.X_validation, y_val=dataset.y_validation)
    predicted = model.predict(dataset.X_test)
    assert found["test_error"] == pytest.approx(np.mean((predicted - dataset.y_test) ** 2), rel=1e-12)
    assert 0 < found["test_error"] < np.var(dataset.y_test)
    arrays, _ = read_tensors(tmp_path / run.key / PREDICTIONS, kind="predictions")
    np.testing.assert_array_equal(arrays["predicted"], predicted)


def test_fine_tuning_that_leaves_its_network(dataset: Any, tmp_path: Path) -> None:
    parameters: dict[str, Any] = {"hidden_layer_sizes": [16], "max_iter": 3, "random_state": 0}
    plain, found = carried_out(dataset, tmp_path, "fine-tune-ratings", parameters)
    run, kept = carried_out(dataset, tmp_path, "fine-tune-ratings", {**parameters, "keep_model": True})
    assert Run(run.recipe, {**parameters, "keep_model": False}, run.data).key == plain.key != run.key
    assert plain.identity["parameters"] == {"hidden_layer_sizes": [16], "max_iter": 3, "random_state": 0}
    assert kept["test_error"] == found["test_error"]
    assert not (tmp_path / plain.key / MODEL).exists()
    model = load(tmp_path / run.key / MODEL)
    arrays, _ = read_tensors(tmp_path / run.key / PREDICTIONS, kind="predictions")
    np.testing.assert_array_equal(model.predict(dataset.X_test), arrays["predicted"])
    assert (model.n_threads, model.callbacks) == (None, None)
    with pytest.raises(OptionError, match="keep_model must be True or False, got 'yes'"):
        Run(run.recipe, {**parameters, "keep_model": "yes"}, run.data).key  # noqa: B018


def test_it_leaves_the_same_network_when_it_was_interrupted(dataset: Any, tmp_path: Path) -> None:
    parameters = {"hidden_layer_sizes": [16], "max_iter": 3, "random_state": 0, "keep_model": True}
    run, _ = carried_out(dataset, tmp_path / "whole", "fine-tune-ratings", parameters)

    def interrupt(state: Any) -> None:
        if len(state.history) == 2:
            raise KeyboardInterrupt

    store, known = RunStore(tmp_path / "resumed"), {dataset.fingerprint: dataset}
    with pytest.raises(KeyboardInterrupt):
        perform(run, store, known, n_threads=1, wait=False, callbacks=[interrupt])
    assert not store.has(run)
    perform(run, store, known, n_threads=1, wait=False)
    whole, resumed = (load(tmp_path / of / run.key / MODEL).network_ for of in ("whole", "resumed"))
    for a, b in zip(whole.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_baselines_of_ratings(dataset: Any, tmp_path: Path) -> None:
    C: dict[str, Any] = {"C": 0.5, "random_state": 0}
    given = {"estimator": "LogisticRegression", "parameters": C}
    weights = TfidfTransformer().fit(dataset.X_train)
    by_hand = LogisticRegression(**C).fit(weights.transform(dataset.X_train), dataset.y_train)
    rows = weights.transform(dataset.X_test)
    _, found = carried_out(dataset, tmp_path, "baseline", {**given, "rows": "tf-idf", "ratings": True})
    expected = by_hand.predict_proba(rows) @ by_hand.classes_
    assert found["test_error"] == pytest.approx(np.mean((expected - dataset.y_test) ** 2), rel=1e-6)
    _, found = carried_out(dataset, tmp_path, "baseline", {**given, "rows": "tf-idf"})
    assert found["test_error"] == pytest.approx(np.mean(by_hand.predict(rows) != dataset.y_test))
    _, found = carried_out(dataset, tmp_path, "baseline", {"estimator": "RidgeCV", "ratings": True})
    ridge = RidgeCV().fit(dataset.X_train, dataset.y_train).predict(dataset.X_test)
    assert found["test_error"] == pytest.approx(np.mean((ridge - dataset.y_test) ** 2), rel=1e-4)


def test_baselines_that_cannot_be() -> None:
    data = Data("rated", "0" * 40)
    with pytest.raises(OptionError, match="rows of a baseline must be"):
        Run("baseline", {"estimator": "RidgeCV", "rows": "msda"}, data).key  # noqa: B018
    svm = {"estimator": "LinearSVC", "parameters": {"random_state": 0}, "ratings": True}
    with pytest.raises(OptionError, match="LinearSVC has no probabilities"):
        Run("baseline", svm, data).key  # noqa: B018
