"""Targets at the door: their shapes, rows without a label, and how far they are from 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor, load, save
from truezero.analysis import measure
from truezero.errors import DataError, OptionError

SMALL: dict[str, Any] = {"hidden_layer_sizes": (16,), "max_iter": 20, "random_state": 0}
KINDS = [DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor]


@pytest.fixture(scope="module")
def rows() -> Any:
    random = np.random.RandomState(0)
    X = random.rand(600, 6).astype("f4")
    return X, (X[:, 0] > 0.5).astype(int), X[:, 0].astype("f8") - X[:, 1]


def target_of(kind: Any, rows: Any) -> Any:
    if kind is RatingPredictor:
        return np.round(rows[2], 1)
    return rows[1 if kind is DeepRectifierClassifier else 2]


def fitted(kind: Any, rows: Any, **changes: Any) -> Any:
    return kind(**SMALL | changes).fit(rows[0][:400], target_of(kind, rows)[:400])


@pytest.fixture(scope="module")
def models(rows: Any) -> Any:
    return {kind: fitted(kind, rows) for kind in KINDS}


# ---- shapes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_is_the_same_as_a_vector(kind: Any, rows: Any, models: Any) -> None:
    X, y = rows[0], target_of(kind, rows)
    of_vector = measure(models[kind], X[400:], y[400:])["test_error"]
    assert of_vector is not None
    for same in (y[400:, None], y[400:].tolist(), pd.Series(y[400:]), pd.DataFrame({"y": y[400:]})):
        assert measure(models[kind], X[400:], same)["test_error"] == of_vector
    assert of_vector < 0.06


@settings(max_examples=60, deadline=None)
@given(shape=st.lists(st.integers(0, 4), max_size=4).map(tuple), kind=st.sampled_from(KINDS))
def test_other_shapes_are_refused(shape: tuple[int, ...], kind: Any, rows: Any, models: Any) -> None:
    X = rows[0][:3]
    y: Any = np.ones(shape, int if kind is DeepRectifierClassifier else float)
    if shape in ((3,), (3, 1)):
        assert measure(models[kind], X, y)["test_error"] is not None
    else:
        with pytest.raises(DataError, match="y"):
            measure(models[kind], X, y)


def test_outputs_are_not_reshaped_into_each_other(rows: Any) -> None:
    X, _, values = rows
    y = np.stack([values, 100 * values], axis=1)
    model = DeepRectifierRegressor(**SMALL).fit(X, y)
    with pytest.raises(DataError, match="rows"):
        measure(model, X[:2], y[:2].T.reshape(1, 4))
    with pytest.raises(DataError, match="columns"):
        measure(model, X[:4], y[:4, :1])
    error = measure(model, X, y)["test_error"]
    assert error == pytest.approx(((model.predict(X) - y) ** 2).mean())


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (sparse.csr_array(np.eye(20)[:, :1]), "sparse"),
        (np.float64(1.0), "1d array"),
        (np.ones((20, 1, 1)), "1d array"),
        (np.zeros(20, dtype=[("a", "i4"), ("b", "f4")]), "holds"),
        (np.arange(20) * 1j, "[Cc]omplex"),
        (np.arange(21), "one target per row"),
        (None, "requires y"),
        (np.where(np.arange(20) == 3, np.nan, 1.0), "row 3.*unlabeled_label"),
        (np.where(np.arange(20) == 3, np.inf, 1.0), "infinity"),
        (np.array([None] + [1] * 19, dtype=object), "NaN"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_target_is_refused(kind: Any, y: Any, message: str) -> None:
    X = np.random.default_rng(0).random((20, 3))
    with pytest.raises(DataError, match=message):
        kind(**SMALL).fit(X, y)


def test_kinds_of_targets_are_named(rows: Any, models: Any) -> None:
    X, classes, values = rows
    with pytest.raises(DataError, match="DeepRectifierRegressor"):
        DeepRectifierClassifier(**SMALL).fit(X, values)
    with pytest.raises(DataError, match="must be numbers, got 'a'.*DeepRectifierClassifier"):
        DeepRectifierRegressor(**SMALL).fit(X, np.where(classes == 1, "a", "b"))
    with pytest.raises(DataError, match="must be numbers, got 'a'.*DeepRectifierClassifier"):
        RatingPredictor(**SMALL).fit(X, np.where(classes == 1, "a", "b"))
    with pytest.raises(DataError, match="bytes"):
        DeepRectifierClassifier(**SMALL).fit(X, np.where(classes == 1, b"a", b"b"))
    with pytest.raises(DataError, match="text"):
        measure(models[DeepRectifierClassifier], X, np.where(classes == 1, "a", "b"))
    with pytest.raises(DataError, match="infinite"):
        DeepRectifierRegressor(**SMALL).fit(X, np.where(np.arange(600) == 2, 1e300, values))


# ---- rows without a label ---------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [-1, np.nan])
def test_unlabeled_rows_are_left_out_of_every_error(rows: Any, mark: float) -> None:
    X, classes, _ = rows
    y = np.where(np.random.RandomState(1).rand(600) < 0.6, mark, classes)
    has = ~np.isnan(y) if np.isnan(mark) else y != mark
    model = DeepRectifierClassifier(unlabeled_label=mark, **SMALL).fit(
        X[:400], y[:400], X_val=X[400:], y_val=y[400:]
    )
    assert model.n_samples_ == (has[:400].sum(), has[400:].sum())
    assert sorted(model.classes_) == [0, 1]
    error = measure(model, X[400:], y[400:])["test_error"]
    assert error == pytest.approx(1 - model.score(X[400:], y[400:]))
    assert error == model.history_[model.epoch_selected_ - 1]["validation_error"]
    assert measure(model, X[400:], np.full(200, mark))["test_error"] is None  # not 0
    with pytest.raises(DataError, match="no validation row has a label"):
        model.fit(X, y, X_val=X, y_val=np.full(600, mark))


@pytest.mark.parametrize("mark", [-999, np.nan])
def test_regression_does_not_learn_the_mark(rows: Any, mark: float) -> None:
    X, _, values = rows
    y = np.where(np.random.RandomState(1).rand(600) < 0.5, mark, values)
    has = ~np.isnan(y) & (y != -999)
    marked = DeepRectifierRegressor(unlabeled_label=mark, **SMALL).fit(
        X[:400], y[:400], X_val=X[400:], y_val=y[400:]
    )
    plain = DeepRectifierRegressor(**SMALL).fit(
        X[:400][has[:400]], y[:400][has[:400]], X_val=X[400:][has[400:]], y_val=y[400:][has[400:]]
    )
    assert (marked.predict(X) == plain.predict(X)).all()
    assert marked.score(X, y) == plain.score(X[has], y[has])
    assert measure(marked, X, y)["test_error"] == measure(plain, X[has], y[has])["test_error"]


def test_marks_of_pandas_and_of_objects(rows: Any) -> None:
    X, classes, _ = rows
    missing = np.random.RandomState(1).rand(600) < 0.5
    plain = DeepRectifierClassifier(**SMALL).fit(X[~missing], classes[~missing])
    nullable = pd.Series(classes, dtype="Int64").mask(missing)
    words = pd.Series(np.where(classes == 1, "b", "a"), dtype=object).mask(missing)
    for y in (nullable, np.where(missing, None, classes), np.where(missing, np.nan, classes)):
        model = DeepRectifierClassifier(unlabeled_label=np.nan, **SMALL).fit(X, y)
        assert (model.predict_proba(X) == plain.predict_proba(X)).all()
    of_words = DeepRectifierClassifier(unlabeled_label=np.nan, **SMALL).fit(X, words)
    assert of_words.classes_.tolist() == ["a", "b"]
    of_words = DeepRectifierClassifier(unlabeled_label="?", **SMALL).fit(X, words.fillna("?"))
    assert (of_words.predict_proba(X) == plain.predict_proba(X)).all()


# ---- targets far from 0 -----------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(shift=st.sampled_from([0.0, -3e4, 1e7, 1e8, -1e9, 2460000.5]), scale=st.sampled_from([1e-3, 1.0, 1e3]))
def test_the_targets_unit_does_not_matter(shift: float, scale: float, rows: Any) -> None:
    X, _, values = rows
    y = shift + scale * values
    resolution = np.spacing(np.abs(y).max())
    model = DeepRectifierRegressor(**SMALL, learning_rate_init=0.1).fit(X, y)
    plain = DeepRectifierRegressor(**SMALL, learning_rate_init=0.1).fit(X, values)
    assert model.score(X, y) > plain.score(X, values) - 0.02
    assert len(np.unique(model.predict(X))) > 500
    ours, others = (m.history_[m.epoch_selected_ - 1]["validation_error"] or 0.0 for m in (model, plain))
    assert 0.1 < ours / (scale**2 * others) < 10
    assert measure(model, X, y)["test_error"] == pytest.approx(
        ((model.predict(X) - y) ** 2).mean(), abs=resolution
    )


def test_errors_are_in_the_units_of_y(rows: Any, tmp_path: Any) -> None:
    X, _, values = rows
    y = np.stack([values, 1e6 + 1000 * values], axis=1)
    model = DeepRectifierRegressor(**SMALL).fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    mean_squared = ((model.predict(X[400:]) - y[400:]) ** 2).mean()
    assert model.history_[model.epoch_selected_ - 1]["validation_error"] == pytest.approx(mean_squared)
    measured = measure(model, X[400:], y[400:])
    assert measured["test_error"] == pytest.approx(mean_squared)
    assert measured["error_unit"] == "squared units of y"
    of_network = model.network_(X).astype(float) * model.target_scale_ + model.target_shift_
    np.testing.assert_allclose(of_network, model.predict(X), rtol=1e-12)
    save(model, tmp_path / "m")
    assert (load(tmp_path / "m").predict(X) == model.predict(X)).all()


def test_equal_targets_have_no_deviation_of_rounding() -> None:
    X = np.random.default_rng(0).random((60, 3))
    model = DeepRectifierRegressor((8,), max_iter=5, random_state=0).fit(X, np.full(60, 0.1))
    np.testing.assert_allclose(model.predict(X), 0.1, atol=0.5)
    assert model.target_scale_ == [1.0]


# ---- rows beyond float32 ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("as_csr", [False, True])
def test_values_beyond_float32_are_named(kind: Any, as_csr: bool, rows: Any, models: Any) -> None:
    form: Any = sparse.csr_matrix if as_csr else np.asarray
    X = rows[0].astype("f8")
    X[5, 3] = np.finfo("f8").max
    model = models[kind]
    for use in (model.predict, model.transform, lambda X: measure(model, X)):
        with pytest.raises(DataError, match=r"row 5, feature 3 is 1.79769e\+308, too large for float32"):
            use(form(X))
    y = rows[1]
    with pytest.raises(DataError, match="row 5, feature 3"):
        kind(**SMALL).fit(form(X), y)
    X[5, 3] = 1e39
    wide = kind(**SMALL, dtype="float64").fit(form(X), y)
    assert np.isfinite(wide.predict(form(X))).all()
    if not as_csr:
        X[5, 3] = 3e38  # is one itself, but sums are not
        with pytest.raises(DataError, match="computes of row 5 is too large|row 5"):
            _with_large_weights(model).predict(X)


def _with_large_weights(model: Any) -> Any:
    network = model.network_.copy()
    network.weights[0] *= 1e3
    other = type(model)(**model.get_params())
    vars(other).update(vars(model))
    other.network_ = network.freeze()
    return other


def test_lists_of_text_and_marks(rows: Any) -> None:
    X = rows[0][:60]
    words = ["a" if x[0] > 0.5 else "b" for x in X]
    for mark in (-1, np.nan):
        y = [mark] * 10 + words[10:]
        for form in (y, np.array(y, dtype=object), [str(label) for label in y]):  # as files have them
            model = DeepRectifierClassifier(unlabeled_label=mark, **SMALL).fit(X, form)
            assert model.classes_.tolist() == ["a", "b"]
            assert model.score(X, form) == model.score(X[10:], words[10:])


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_never_a_target_is_none_in_a_measurement(kind: Any, rows: Any, models: Any) -> None:
    X, y = rows[0], target_of(kind, rows)
    bad: list[Any] = [
        np.where(np.arange(600) < 3, np.nan, y), np.where(np.arange(600) < 3, np.inf, y), np.array([None, *y[1:]], dtype=object), y.astype("m8[s]"), np.ma.masked_array(y, y > 0),
    ]  # fmt: skip
    if kind is DeepRectifierClassifier:
        bad += [rows[2] + 0.123]
    else:
        bad += [np.array(["x"] * 600), np.full(600, 1e300), [10**400] * 600]
    for number, targets in enumerate(bad):
        with pytest.raises(DataError):
            print(number, measure(models[kind], X, targets))
        with pytest.raises(DataError):
            print(number, kind(**SMALL).fit(X, targets))


def test_scores_are_of_as_many_rows_as_there_are(rows: Any) -> None:
    X, classes, _ = rows
    model = DeepRectifierClassifier(unlabeled_label=-1, **SMALL).fit(X, np.where(X[:, 1] > 0.9, -1, classes))
    for y, weight in ((classes[:100], None), (None, None), (classes, np.ones(601))):
        with pytest.raises(DataError):
            model.score(X, y, weight)
    assert model.score(X, np.where(X[:, 1] > 0.9, -1, classes), 2.0) > 0.9


def test_tiny_targets(rows: Any) -> None:
    X, _, values = rows
    for unit in (1e-170, 1e-300):
        model = DeepRectifierRegressor(**SMALL, learning_rate_init=0.1).fit(X, unit * values)
        assert np.corrcoef(model.predict(X) / unit, values)[0, 1] > 0.99


def test_weights_too_large_and_values_too_large_are_named(rows: Any) -> None:
    X, classes, _ = rows
    with pytest.raises(DataError, match="sum is infinite"):
        DeepRectifierClassifier(**SMALL).fit(X, classes, np.full(600, 1e308))
    wide = X.copy()
    wide[5, 2] = 3e38
    with pytest.raises(DataError, match=r"row 5, feature 2 is 3e\+38, too large beside the others"):
        DeepRectifierClassifier(**SMALL, early_stopping=False).fit(wide, classes)


def test_a_warm_start_with_other_parameters_is_refused(rows: Any) -> None:
    X, classes, _ = rows
    for change in (
        {"activation": "tanh"},
        {"dtype": "float64"},
        {"use_biases": False},
        {"sign_mask": "half"},
    ):
        model = DeepRectifierClassifier(**SMALL, warm_start=True).fit(X, classes)
        with pytest.raises(OptionError, match=f"whose {next(iter(change))} is"):
            model.set_params(**change).fit(X, classes)
