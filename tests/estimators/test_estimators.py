"""The scikit-learn face."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.estimator_checks import check_estimator

from truezero import DeepRectifierClassifier, DeepRectifierRegressor
from truezero.errors import DataError, EngineUnavailableError, OptionError

Estimator = type[DeepRectifierClassifier] | type[DeepRectifierRegressor]
BOTH = [DeepRectifierClassifier, DeepRectifierRegressor]


@pytest.fixture(scope="module")
def digits() -> tuple[Any, Any]:
    X, y = load_digits(return_X_y=True)
    return X[:600] / 16, y[:600]


def quick(**changes: Any) -> DeepRectifierClassifier:
    return DeepRectifierClassifier(
        **{"hidden_layer_sizes": (40, 30), "max_iter": 8, "random_state": 0, **changes}
    )


@pytest.mark.parametrize("kind", BOTH)
def test_check_estimator(kind: Estimator) -> None:
    reason = (
        "minibatch training cannot make repeated and weighted rows equal to 1e-7; float64 full batch below"
    )
    names = (
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_estimator(kind(), expected_failed_checks=dict.fromkeys(names, reason))


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("as_csr", [False, True])
def test_weights_equal_repetition_in_full_batches(kind: Estimator, as_csr: bool) -> None:
    """What check_estimator asks for, where it can hold: float64, one batch, no split."""
    random = np.random.default_rng(0)
    X, y = random.random((30, 5)), random.integers(0, 3, 30)
    weight = random.integers(0, 4, 30)
    repeated = np.repeat(np.arange(30), weight)
    options: dict[str, Any] = {
        "hidden_layer_sizes": (8, 6), "max_iter": 30, "batch_size": 1000, "early_stopping": False,
        "dtype": "float64", "learning_rate_init": 0.1, "random_state": 0,
    }  # fmt: skip
    form: Any = sparse.csr_array if as_csr else np.asarray
    target = y if kind is DeepRectifierClassifier else y * 1.5 + 2
    one = kind(**options).fit(form(X[repeated]), target[repeated])
    kept = weight > 0  # the rows themselves set shifts and scales
    two = kind(**options).fit(form(X[kept]), target[kept], sample_weight=weight[kept])
    if kind is DeepRectifierClassifier:
        np.testing.assert_allclose(one.predict_proba(form(X)), two.predict_proba(form(X)), rtol=1e-7)
    else:
        np.testing.assert_allclose(one.predict(form(X)), two.predict(form(X)), rtol=1e-7)


def test_learns_digits_dense_and_sparse_alike(digits: Any) -> None:
    X, y = digits
    dense = quick(max_iter=30).fit(X[:500], y[:500])
    assert dense.score(X[500:], y[500:]) > 0.75
    as_csr = quick(max_iter=30).fit(sparse.csr_matrix(X[:500]), y[:500])
    for a, b in zip(dense.coefs_, as_csr.coefs_, strict=True):
        assert a.tobytes() == b.tobytes()
    assert dense.engine_ == {"name": "native", "products": ["sparse", "sparse", "sparse"], "blas": None}
    assert len(dense.loss_curve_) == dense.n_iter_ == len(dense.history_)
    assert len(dense.sparsity_) == 2
    assert all(0 < fraction < 1 for fraction in dense.sparsity_)


def test_pipeline_grid_search_clone_and_scores(digits: Any) -> None:
    X, y = digits
    pipeline = make_pipeline(MaxAbsScaler(), quick())
    assert cross_val_score(pipeline, X, y, cv=2).mean() > 0.5
    grid = GridSearchCV(
        quick(), {"l1_activation": [0.0, 1e-3], "hidden_layer_sizes": [(20,), (20, 20)]}, cv=2
    )
    grid.fit(X, y)
    assert grid.best_score_ > 0.5
    copy = clone(quick(dropout=0.1))
    assert copy.get_params()["dropout"] == 0.1
    assert not hasattr(copy, "network_")


def test_pandas_and_string_labels(digits: Any) -> None:
    X, y = digits
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    labels = pd.Series(y).map(lambda digit: f"digit {digit}")
    model = quick().fit(frame, labels)
    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert set(model.predict(frame)) <= set(labels)
    assert model.score(frame, labels) > 0.6
    assert model.get_feature_names_out()[0] == "deeprectifierclassifier0"
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame.rename(columns={"pixel0": "other"}))


def test_transform(digits: Any) -> None:
    X, y = digits
    model = quick().fit(X, y)
    codes = model.transform(X)
    assert isinstance(codes, sparse.csr_matrix)
    assert codes.shape == (600, 30)
    assert (codes.data != 0).all()
    if "sparse_interface" in sklearn.get_config():  # of newer versions
        with sklearn.config_context(sparse_interface="sparray"):
            assert isinstance(model.transform(X), sparse.csr_array)
    first = model.set_params(code_layer=0, sparse_output=False).transform(X)
    assert first.shape == (600, 40)
    np.testing.assert_allclose(first, np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0), atol=1e-5)
    assert quick().set_output(transform="pandas").fit(X, y).set_params(sparse_output=False).transform(
        X
    ).shape == (600, 30)
    with pytest.raises(ValueError, match=r"(?i)pandas"):
        quick().set_output(transform="pandas").fit(X, y).transform(X)


def test_partial_fit_and_warm_start(digits: Any) -> None:
    X, y = digits
    model = quick()
    for start in range(0, 600, 200):
        model.partial_fit(X[start : start + 200], y[start : start + 200], classes=np.arange(10))
    assert model.n_iter_ == 3
    assert [record["epoch"] for record in model.history_] == [1, 2, 3]
    assert all(record["validation_error"] is None for record in model.history_)
    with pytest.raises(DataError, match="not among the classes"):
        model.partial_fit(X[:5], np.full(5, 11))
    warm = quick(warm_start=True).fit(X, y)
    before = warm.history_[-1]["loss"]
    assert warm.fit(X, y).history_[0]["loss"] < before * 1.5


def test_validation_rows(digits: Any) -> None:
    X, y = digits
    model = quick().fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    best = min(range(len(model.history_)), key=lambda e: model.history_[e]["validation_error"] or 0.0)
    error = 1 - model.score(X[400:], y[400:])
    assert model.history_[best]["validation_error"] == pytest.approx(error)
    with pytest.warns(UserWarning, match="too few to split"):
        quick().fit(X[:15], y[:15])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The number of unique classes")
        with pytest.warns(UserWarning, match="no class has more than a single row"):
            quick().fit(X[:30], np.arange(30))
    with pytest.raises(OptionError, match="together"):
        quick().fit(X, y, X_val=X)


def test_class_and_sample_weights(digits: Any) -> None:
    X, y = digits
    binary = (y == 3).astype(int)
    plain = quick(early_stopping=False).fit(X, binary)
    scaled = quick(early_stopping=False).fit(X, binary, sample_weight=np.full(600, 5.0))
    assert plain.coefs_[0].tobytes() == scaled.coefs_[0].tobytes()
    balanced = quick(early_stopping=False, class_weight="balanced", max_iter=1).fit(X, binary)
    plain = quick(early_stopping=False, max_iter=1).fit(X, binary)
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean()


def test_unscaled_tables() -> None:
    X, y = load_wine(return_X_y=True)
    assert DeepRectifierClassifier(random_state=0).fit(X, y).score(X, y) > 0.85
    X, y = load_diabetes(return_X_y=True)
    assert DeepRectifierRegressor(random_state=0).fit(X * 1000, y).score(X * 1000, y) > 0.3


def test_regression_of_several_outputs() -> None:
    X = np.random.default_rng(0).random((300, 6))
    y = np.stack([X @ np.arange(6), 100 - 50 * X[:, 0]], axis=1)
    model = DeepRectifierRegressor(hidden_layer_sizes=(30, 30), random_state=0).fit(X, y)
    assert model.predict(X).shape == (300, 2)
    assert model.score(X, y) > 0.95
    single = DeepRectifierRegressor(hidden_layer_sizes=(30,), random_state=0).fit(X, y[:, 0])
    assert single.predict(X).shape == (300,)


def test_multilabel_is_refused(digits: Any) -> None:
    X, _ = digits
    with pytest.raises(DataError, match="MultiOutputClassifier"):
        quick().fit(X, np.random.default_rng(0).integers(0, 2, (600, 3)))


def test_no_hidden_layer(digits: Any) -> None:
    X, y = digits
    model = quick(hidden_layer_sizes=(), learning_rate_init=0.3).fit(X, y)
    assert model.sparsity_ == []
    assert model.score(X, y) > 0.8


@pytest.mark.parametrize(
    "options",
    [
        {"hidden_layer_sizes": (0,)}, {"hidden_layer_sizes": (3.5,)}, {"activation": "rectifire"},
        {"activation": ("relu",)}, {"l1_activation": -1.0}, {"l1_activation": (1.0,)}, {"l1_activation": "much"},
        {"dropout": 1.0}, {"input_dropout": -0.1}, {"max_norm": -1.0}, {"max_norm": "big"},
        {"learning_rate_init": 0.0}, {"learning_rate_init": "fast"}, {"batch_size": 0}, {"batch_size": 2.5},
        {"max_iter": 0}, {"n_iter_no_change": 0}, {"validation_fraction": 1.0}, {"softplus_scale": 0.0},
        {"sign_mask": "third"}, {"dtype": "float16"}, {"alpha": -1.0}, {"alpha": 1e9}, {"code_layer": 2},
        {"n_threads": 0}, {"random_state": "seed"}, {"pretraining": object()},
    ],
)  # fmt: skip
def test_impossible_parameters_are_refused(options: dict[str, Any], digits: Any) -> None:
    with pytest.raises(OptionError):
        quick(**options).fit(*digits)


def test_unknown_engine_and_bad_rows(digits: Any) -> None:
    X, y = digits
    with pytest.raises(EngineUnavailableError, match="unknown engine 'cuda'"):
        quick(engine="cuda").fit(X, y)
    bad = X.copy()
    bad[3, 5] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        quick().fit(bad, y)
    with pytest.raises(NotFittedError):
        quick().predict(X)
    model = quick(max_iter=1).fit(X, y)
    with pytest.raises(ValueError, match="63 features"):
        model.predict(X[:, :63])


def test_warm_start_with_other_layers_is_refused(digits: tuple[Any, Any]) -> None:
    model = quick(warm_start=True).fit(*digits)
    for other in ((20, 20), (40,)):
        with pytest.raises(OptionError, match=r"hidden layers of \(40, 30\)"):
            model.set_params(hidden_layer_sizes=other).fit(*digits)


def test_a_fitted_model_s_weights_are_read_only_and_copies_are_not(digits: tuple[Any, Any]) -> None:
    X, y = digits
    model = quick().fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="read-only"):
        model.coefs_[0][0, 0] = 1
    again = pickle.loads(pickle.dumps(model))
    assert not again.coefs_[0].flags.writeable
    assert (again.predict_proba(X) == before).all()
    again.network_ = again.network_.copy()
    again.coefs_[0][:] = 0
    assert not np.allclose(again.predict_proba(X), before)
