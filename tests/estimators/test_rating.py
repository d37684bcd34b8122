"""RatingPredictor: what it predicts, and the epoch that is chosen by it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forging import forge
from reviews import reviews
from scipy import sparse
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from truezero import (
    Checkpoint,
    DataError,
    DeepRectifierClassifier,
    ModelFileError,
    OptionError,
    RatingPredictor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.analysis import describe, measure


def make(**changes: Any) -> RatingPredictor:
    return RatingPredictor(
        **{"hidden_layer_sizes": (20, 12), "max_iter": 6, "random_state": 0, "n_threads": 1, **changes}
    )


@pytest.fixture(scope="module")
def rows() -> Any:
    return reviews(500)


def test_check_estimator() -> None:
    weights = "minibatch training cannot make repeated and weighted rows equal to 1e-7; full batches below"
    expected = {
        "check_sample_weight_equivalence_on_dense_data": weights,
        "check_sample_weight_equivalence_on_sparse_data": weights,
        "check_regressors_no_decision_function": "predict_proba is the distribution over the ratings",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(RatingPredictor(), expected_failed_checks=expected)


def test_it_is_a_regressor_with_probabilities(rows: Any) -> None:
    X, y = rows
    model = make().fit(X, y)
    assert is_regressor(model)
    assert not is_classifier(model)
    p = model.predict_proba(X)
    assert p.shape == (500, 5)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-6)
    predicted = model.predict(X)
    assert predicted.dtype == np.float64
    np.testing.assert_allclose(predicted, p @ model.classes_, rtol=1e-5)
    assert len(np.unique(predicted.round(3))) > 100  # between the ratings
    assert model.score(X, y) == r2_score(y, predicted)
    assert model.score(X, y + 0.25) == r2_score(y + 0.25, predicted)  # which are no ratings


@pytest.mark.parametrize(
    "ratings", [(1, 2, 3, 4, 5), (1, 4, 7, 8, 10), (0.5, 1, 1.5, 4.5, 5), (-3, 0, 1, 2, 1e6)]
)
def test_the_network_is_the_classifier_s_whatever_the_numbers(ratings: Any, rows: Any) -> None:
    X, stars = rows
    y = np.array(ratings)[stars - 1]
    model = make(early_stopping=False, class_weight={ratings[0]: 2}).fit(X, y)
    assert model.classes_.tolist() == list(ratings)
    assert model.classes_.dtype == np.float64
    other = DeepRectifierClassifier(**{**model.get_params(), "class_weight": {1: 2}}).fit(X, stars)
    p = other.predict_proba(X)
    np.testing.assert_array_equal(model.predict_proba(X), p)
    np.testing.assert_allclose(model.predict(X), p @ np.array(ratings), rtol=1e-4)


class Watch:
    """Notes the mean squared error of the expected rating after every epoch, computed anew."""

    def __init__(self, X: Any, y: Any) -> None:
        self.X, self.y = X, y
        self.errors: list[float] = []

    def __call__(self, state: Any) -> None:
        p = np.exp(state.network(self.X).astype(np.float64))
        expected = p @ np.unique(self.y) / p.sum(axis=1)
        self.errors.append(float(np.mean((expected - self.y) ** 2)))


def test_the_epoch_is_chosen_by_the_error_of_what_is_expected(rows: Any) -> None:
    X, y = rows
    X_val, y_val = X[350:], y[350:] * 1.5
    watch = Watch(X_val, y_val)
    model = make(max_iter=12, n_iter_no_change=None, callbacks=[watch])
    model.fit(X[:350], y[:350] * 1.5, X_val=X_val, y_val=y_val)
    assert [r["validation_error"] for r in model.history_] == pytest.approx(watch.errors)
    assert model.epoch_selected_ == 1 + np.argmin(watch.errors)
    assert root_mean_squared_error(y_val, model.predict(X_val)) ** 2 == pytest.approx(min(watch.errors))
    assert model.epoch_selected_ != 1 + np.argmin([r["validation_loss"] or 0.0 for r in model.history_])
    assert model.validation_scores_ == pytest.approx([1 - e / np.var(y_val) for e in watch.errors])
    assert model.best_validation_score_ == pytest.approx(model.score(X_val, y_val))
    assert measure(model, X_val, y_val)["test_error"] == pytest.approx(min(watch.errors))
    assert describe(model)["error_unit"] == measure(model, X_val)["error_unit"] == "squared units of y"


def test_of_equal_errors_the_more_likely_epoch_is_better(rows: Any) -> None:
    X, y = rows
    state: list[Any] = []
    make(max_iter=1, callbacks=[state.append]).fit(X, y)
    record = state[0].history[0]
    better = {**record, "validation_loss": record["validation_loss"] / 2}
    worse = {**better, "validation_error": record["validation_error"] + 1e-9}
    assert state[0].rank(better) < state[0].rank(record) < state[0].rank(worse)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(40, 3.0), r"^all ratings are 3: from one class alone nothing can be learned$"),
        (np.arange(300) / 7, r"^y has 300 different values, ratings can be 256 at most: .*DeepRectifierRegressor"),
        (np.array(["good", "bad"] * 20), "y must be numbers"),
        (np.array([1, 2, np.nan, 4] * 10), r"NaN, in row 2 .*unlabeled_label"),
        (np.array([1, np.inf] * 20), "infinity"),
        (np.ones((40, 2)), r"one rating per row, got shape \(40, 2\)"),
    ],
)  # fmt: skip
def test_what_are_no_ratings(y: Any, message: str) -> None:
    X = np.random.default_rng(0).random((len(y), 4))
    with pytest.raises(DataError, match=message):
        make().fit(X, y)


def test_text_that_is_numbers_as_files_have_it(rows: Any) -> None:
    X, y = rows
    model = make(max_iter=1).fit(X, y.astype(str))
    np.testing.assert_array_equal(model.predict(X), make(max_iter=1).fit(X, y).predict(X))


def test_validation_rows_have_no_other_ratings(rows: Any) -> None:
    X, y = rows
    with pytest.raises(DataError, match=r"not among the classes: \[2\.5\]"):
        make().fit(X, y, X_val=X[:2], y_val=[3, 2.5])


# ---- as all estimators ------------------------------------------------------------------------------


def test_weights_are_repetitions(rows: Any) -> None:
    X, y = rows
    often = np.where(np.arange(500) % 3 == 0, 2, 1)
    options: dict[str, Any] = {
        "batch_size": 1000, "early_stopping": False, "dtype": "float64", "shuffle": False,
    }  # fmt: skip
    weighted = make(**options).fit(X, y, sample_weight=often)
    repeated = make(**options).fit(X[np.repeat(np.arange(500), often)], np.repeat(y, often))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7)
    assert (weighted.predict(X) != make(**options).fit(X, y).predict(X)).any()


@pytest.mark.parametrize("mark", [np.nan, -1.0])
def test_rows_without_a_rating_only_pre_train(mark: float, rows: Any) -> None:
    X, y = rows
    given = np.where(np.arange(500) < 100, y, mark)
    shapes: list[Any] = []
    stack = StackedDenoisingAutoencoder(max_iter=1, callbacks=[lambda state: shapes.append(state.data_shape)])
    model = make(pretraining=stack, unlabeled_label=mark).fit(X, given, X_unlabeled=X[:50])
    assert shapes[0] == (495, 300)  # nine tenths of 550
    assert model.n_samples_ == (90, 10)
    assert model.classes_.tolist() == [1, 2, 3, 4, 5]
    assert model.score(X, given) == r2_score(y[:100], model.predict(X[:100]))
    assert measure(model, X, given)["test_error"] == pytest.approx(
        np.mean((model.predict(X[:100]) - y[:100]) ** 2)
    )


def test_a_stream(rows: Any) -> None:
    X, y = rows
    few = np.flatnonzero(y > 3)
    model = make().partial_fit(X[few], y[few], classes=[5, 1, 2, 3, 4])
    assert model.classes_.tolist() == [1, 2, 3, 4, 5]
    model.partial_fit(X, y).partial_fit(X, y, classes=range(1, 6))
    assert len(model.history_) == 3
    with pytest.raises(OptionError, match="not the same as on the last call"):
        model.partial_fit(X, y, classes=[1, 2])
    own = make().partial_fit(X[few], y[few])
    assert own.classes_.tolist() == [4, 5]
    with pytest.raises(DataError, match=r"not among the classes: \[1\.0, 2\.0, 3\.0\]"):
        own.partial_fit(X, y)
    with pytest.raises(DataError, match="all ratings are 4"):
        make().partial_fit(X[:1], [4])


def test_a_checkpoint_goes_on_to_the_same_bits(rows: Any, tmp_path: Path) -> None:
    X, y = rows
    whole = make().fit(X, y)

    def stop(state: Any) -> bool:
        if len(state.history) == 3:
            raise KeyboardInterrupt
        return False

    with pytest.warns(ConvergenceWarning, match="interrupted after epoch 3"):
        make(callbacks=[stop, Checkpoint(tmp_path / "c")]).fit(X, y)
    with pytest.raises(ModelFileError, match="another training"):  # other ratings, other errors
        make(callbacks=[Checkpoint(tmp_path / "c")]).fit(X, y * 2)
    resumed = make(callbacks=[Checkpoint(tmp_path / "c")]).fit(X, y)
    np.testing.assert_array_equal(resumed.predict(X), whole.predict(X))
    assert [r["validation_error"] for r in resumed.history_] == [
        r["validation_error"] for r in whole.history_
    ]


def test_saved_and_loaded(rows: Any, tmp_path: Path) -> None:
    X, y = rows
    model = make(pretraining=StackedDenoisingAutoencoder(max_iter=1), unlabeled_label=np.nan).fit(X, y / 2)
    save(model, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert type(loaded) is RatingPredictor
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.classes_.tolist() == [0.5, 1, 1.5, 2, 2.5]
    assert loaded.validation_scores_ == model.validation_scores_
    np.testing.assert_array_equal(
        loaded.partial_fit(X, y / 2).predict(X), model.partial_fit(X, y / 2).predict(X)
    )


@pytest.mark.parametrize(
    ("classes", "dtype"),
    [([1, 2, 3, 4, 5], "<i8"), (["1", "2", "3", "4", "5"], "<U1"), ([1.0, 2.0, 3.0, 4.0, np.inf], "<f8"), ([5.0, 4.0, 3.0, 2.0, 1.0], "<f8")],
)  # fmt: skip
def test_a_file_with_other_ratings(classes: Any, dtype: str, rows: Any, tmp_path: Path) -> None:
    save(make(max_iter=1).fit(*rows), tmp_path / "m")

    def change(record: Any, tensors: Any) -> None:
        record["fitted"] |= {"classes": classes, "classes_dtype": dtype}

    with pytest.raises(ModelFileError, match="forged is damaged"):
        load(forge(tmp_path / "m", tmp_path / "forged", change))


def test_searches_and_pipelines_on_text(rows: Any, tmp_path: Path) -> None:
    X, y = rows
    texts = [" ".join(f"word{word}" for word in row.indices) for row in sparse.csr_matrix(X)]
    pipeline = make_pipeline(CountVectorizer(binary=True, dtype=np.float32), make(learning_rate_init=0.02))
    scores = cross_val_score(pipeline, texts, y, cv=3, scoring="neg_root_mean_squared_error")
    assert (-scores < 0.95 * np.std(y)).all()
    grid = {"ratingpredictor__l1_activation": [0.0, 1e-3], "ratingpredictor__max_iter": [1, 3]}
    search = GridSearchCV(pipeline, grid, cv=2, scoring="neg_root_mean_squared_error").fit(texts, y)
    save(search.best_estimator_, tmp_path / "m")
    np.testing.assert_array_equal(load(tmp_path / "m").predict(texts), search.predict(texts))
