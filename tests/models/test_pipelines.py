"""Pipelines of scikit-learn in model files."""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from pipelines import GAPS, NUMBERS, RECORDS, TABLE, TEXTS, WORDS, Y, classifier, pipeline_of, rare
from sklearn import feature_selection as selection
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from truezero import (
    BagOfWords,
    DeepRectifierRegressor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.errors import DataError, OptionError
from truezero.models import check_rows, estimator_of, rows_of, step_names
from truezero.models.steps import STEPS, attributes_of

STEPS_AND_ROWS: list[tuple[Any, Any]] = [
    *((step, NUMBERS) for step in (
        StandardScaler(), StandardScaler(with_mean=False, with_std=False), MinMaxScaler((-1, 1), clip=True),
        MaxAbsScaler(), RobustScaler(), RobustScaler(with_centering=False, with_scaling=False), Normalizer("l1"),
        Binarizer(threshold=np.float32(0.5)), QuantileTransformer(n_quantiles=10, random_state=0),
        PowerTransformer(), PowerTransformer("box-cox", standardize=False), SimpleImputer(),
        selection.VarianceThreshold(np.float64(0.01)), selection.SelectKBest(k=np.int64(2)),
        selection.SelectKBest(selection.chi2, k=2), selection.SelectKBest(selection.mutual_info_classif, k=2),
        selection.SelectKBest(selection.f_regression, k="all"), selection.SelectPercentile(percentile=50),
        selection.SelectFpr(alpha=0.9), selection.SelectFdr(alpha=0.9), selection.SelectFwe(alpha=0.9),
        selection.GenericUnivariateSelect(mode="k_best", param=2), FunctionTransformer(), "passthrough", None,
        FrozenEstimator(StandardScaler().fit(NUMBERS * 2)),
        FeatureUnion(
            [("a", StandardScaler()), ("b", "passthrough"), ("c", "drop"), ("d", make_pipeline(MinMaxScaler(), None))],
            transformer_weights={"a": 2.0},
        ),
        Pipeline([("first", StandardScaler()), ("none", "passthrough"), ("last", MinMaxScaler())], memory=None),
        ColumnTransformer([("n", StandardScaler(), [0, 1]), ("m", MinMaxScaler(), [False, False, True, False])],
                          remainder="passthrough"),
        ColumnTransformer([("n", StandardScaler(), slice(0, 2)), ("d", "drop", np.array([2])), ("p", "passthrough", [-1])]),
        ColumnTransformer([("n", StandardScaler(), np.array([True, False, True, True]))], remainder=MinMaxScaler()),
    )),
    *((step, GAPS) for step in (SimpleImputer(add_indicator=True), SimpleImputer(strategy="median"),
                                make_pipeline(StandardScaler(), SimpleImputer()))),
    *((step, WORDS) for step in (
        OneHotEncoder(), OneHotEncoder(drop="first", max_categories=2), OneHotEncoder(drop="if_binary", sparse_output=False),
        rare(), rare(drop="first"), OneHotEncoder(categories=[["a", "c"], ["b", "d", None]], dtype=np.float32),
        OrdinalEncoder(encoded_missing_value=-2),
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-1, min_frequency=21),
        make_pipeline(SimpleImputer(strategy="constant", fill_value="x", missing_values=None), OneHotEncoder()),
        make_pipeline(SimpleImputer(strategy="most_frequent", missing_values=None), OneHotEncoder()),
    )),
    (OneHotEncoder(), (NUMBERS * 4).astype(int)), (OneHotEncoder(), np.round(GAPS * 4)),
    (OneHotEncoder(), WORDS[:, :1].astype("U3")), (OrdinalEncoder(), WORDS[:, :1].astype("S3")),
    *((step, TEXTS) for step in (
        BagOfWords(max_features=3), BagOfWords(ngram_range=(1, 2), lowercase=False),
        CountVectorizer(max_features=3), CountVectorizer(vocabulary=["cat", "dog"]), CountVectorizer(vocabulary={"cat", "dog"}),
        CountVectorizer(vocabulary={"cat": 1, "dog": 0}), CountVectorizer(stop_words="english", binary=True),
        CountVectorizer(stop_words=["a"], ngram_range=(1, 2)), TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", dtype=np.float32), HashingVectorizer(n_features=16),
        make_pipeline(CountVectorizer(), TfidfTransformer()),
        make_pipeline(CountVectorizer(dtype=float), MaxAbsScaler(), selection.SelectKBest(selection.chi2, k=2)),
    )),
    (DictVectorizer(), RECORDS), (DictVectorizer(sparse=False, dtype=np.float32, sort=False), RECORDS),
    *((step, TABLE) for step in (
        ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("p", "passthrough", ["c"]), ("d", "drop", ["d"]),
                           ("e", OneHotEncoder(), ["e"])]),
        ColumnTransformer([("n", StandardScaler(), slice("a", "b")), ("e", OneHotEncoder(), ["e"])], remainder=MinMaxScaler()),
        ColumnTransformer([("e", OneHotEncoder(), ["e"])], remainder="passthrough", sparse_threshold=0.0),
        ColumnTransformer([("t", CountVectorizer(analyzer="char"), "e")]),
        ColumnTransformer([("n", StandardScaler(), TABLE.columns[:2]), ("m", MinMaxScaler(), TABLE.columns == "c"),
                           ("s", RobustScaler(), pd.Series([False] * 3 + [True, False]))]),
    )),
]  # fmt: skip


def bits(made: Any) -> bytes:
    dense = made.toarray() if hasattr(made, "toarray") else np.asarray(made)
    return str(dense.dtype).encode() + dense.tobytes()


@pytest.mark.parametrize(("step", "rows"), STEPS_AND_ROWS, ids=range(len(STEPS_AND_ROWS)))
def test_every_step_does_the_same_after_a_load(step: Any, rows: Any, tmp_path: Path) -> None:
    pipeline = pipeline_of(step, rows)
    save(pipeline, tmp_path / "p")
    loaded = load(tmp_path / "p")
    assert type(loaded) is Pipeline
    assert loaded.predict_proba(rows).tobytes() == pipeline.predict_proba(rows).tobytes()
    assert loaded.score(rows, Y) == pipeline.score(rows, Y)
    if step in (None, "passthrough"):
        assert loaded["step"] == step
        return
    assert bits(loaded["step"].transform(rows)) == bits(pipeline["step"].transform(rows))
    try:
        names = pipeline.get_feature_names_out()
    except (AttributeError, ValueError):  # hashes have no names
        names = None
    if names is not None:
        assert (
            loaded["step"].get_feature_names_out().tolist()
            == pipeline["step"].get_feature_names_out().tolist()
        )
        assert loaded.get_feature_names_out().tolist() == names.tolist()
    for name in ("n_features_in_", "feature_names_in_"):
        assert np.array_equal(getattr(loaded, name, None), getattr(pipeline, name, None))  # type: ignore[arg-type]
    again = clone(loaded).fit(rows, Y)  # parameters are those of before
    assert again.predict_proba(rows).tobytes() == pipeline.predict_proba(rows).tobytes()


def fitted_parts(obj: Any) -> Any:
    """Every estimator in a pipeline, those in attributes and lists too."""
    if isinstance(obj, (list, tuple)):
        for item in obj:
            yield from fitted_parts(item)
    elif hasattr(obj, "get_params") and not isinstance(obj, type):
        yield obj
        for value in list(vars(obj).values()):
            yield from fitted_parts(value)


def test_the_table_of_steps_is_complete() -> None:
    """Every class is among the steps above, and what each has learned there is all in the table."""
    seen: set[type] = set()
    for step, rows in STEPS_AND_ROWS:
        pipeline = pipeline_of(step, rows)
        for part in fitted_parts(pipeline):
            if type(part) in STEPS:
                seen.add(type(part))
                learned = set(vars(part)) - set(part.get_params(deep=False)) - {"_stop_words_id"}
                assert learned <= set(attributes_of(type(part)))
    assert seen == set(STEPS)


def test_training_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    X = NUMBERS.astype(np.float32)
    pipeline = make_pipeline(
        StandardScaler(), classifier(class_weight={0: 1.0, 1: 3.0}, warm_start=True)
    ).fit(X, Y)
    save(pipeline, tmp_path / "p")
    loaded = load(tmp_path / "p")
    for model in (pipeline, loaded):
        model[0].partial_fit(X * 3 + 1)
        model[-1].partial_fit(model[0].transform(X), Y)
        model[-1].fit(model[0].transform(X), Y)
    assert vars(loaded[0]).keys() == vars(pipeline[0]).keys()
    for name, value in vars(pipeline[0]).items():
        assert type(getattr(loaded[0], name)) is type(value)
    assert loaded.predict_proba(X).tobytes() == pipeline.predict_proba(X).tobytes()
    save(loaded, tmp_path / "again")
    assert load(tmp_path / "again").predict_proba(X).tobytes() == pipeline.predict_proba(X).tobytes()


def test_what_a_search_finds_is_kept(tmp_path: Path) -> None:
    pipeline = Pipeline(
        [("scale", MinMaxScaler()), ("select", selection.SelectKBest()), ("net", classifier())]
    )
    grid = {
        "scale": [StandardScaler(), "passthrough"],
        "select__k": np.array([2, 3]),
        "net__learning_rate_init": np.array([0.01, 0.1]),
        "net__class_weight": [None, {np.int64(0): np.float64(2), np.int64(1): np.float64(1)}],
    }
    best = GridSearchCV(pipeline, grid, cv=2).fit(NUMBERS, Y).best_estimator_
    save(best, tmp_path / "p")
    loaded = load(tmp_path / "p")
    assert loaded.predict_proba(NUMBERS).tobytes() == best.predict_proba(NUMBERS).tobytes()
    assert str(loaded.get_params()["net__class_weight"]) == str(best.get_params()["net__class_weight"])


def test_other_ends_and_our_own_estimators_on_the_way(tmp_path: Path) -> None:
    stack = StackedDenoisingAutoencoder((3,), max_iter=1, random_state=0)
    both = ColumnTransformer([("codes", stack, [0, 1]), ("rest", MinMaxScaler(), [2, 3])])
    regressor = DeepRectifierRegressor((3,), max_iter=1, random_state=0)
    for pipeline in (
        make_pipeline(StandardScaler(), clone(stack), classifier()),
        make_pipeline(both, regressor),
        make_pipeline(MinMaxScaler(), clone(stack)),
        make_pipeline(MinMaxScaler(), make_pipeline(StandardScaler(), classifier(pretraining=clone(stack).set_params(
            hidden_layer_sizes=(4,))))),
        make_pipeline(classifier()),
    ):  # fmt: skip
        pipeline.fit(NUMBERS, Y)
        save(pipeline, tmp_path / "p")
        loaded = load(tmp_path / "p")
        assert str(loaded) == str(pipeline)
        last = estimator_of(loaded)
        assert type(last) is type(estimator_of(pipeline))
        assert not last.network_.weights[0].flags.writeable
        for way in ("predict", "predict_proba", "transform"):
            if hasattr(pipeline, way):
                assert bits(getattr(loaded, way)(NUMBERS)) == bits(getattr(pipeline, way)(NUMBERS))


def test_columns_that_a_function_selects_are_kept_as_selected(tmp_path: Path) -> None:
    table = ColumnTransformer(
        [("words", OneHotEncoder(), make_column_selector(dtype_exclude=np.number)), ("one", MinMaxScaler(), lambda t: ["a"])]
    )  # fmt: skip
    pipeline = make_pipeline(table, classifier()).fit(TABLE, Y)
    save(pipeline, tmp_path / "p")
    loaded = load(tmp_path / "p")
    assert [columns for _, _, columns in loaded[0].transformers] == [["e"], ["a"]]
    assert loaded.predict_proba(TABLE).tobytes() == pipeline.predict_proba(TABLE).tobytes()


def test_containers_of_data_frames_are_kept(tmp_path: Path) -> None:
    table = TABLE.drop(columns="e")
    pipeline = make_pipeline(
        ColumnTransformer([("s", StandardScaler(), ["a"])], remainder="passthrough"),
        FeatureUnion([("a", MinMaxScaler()), ("b", RobustScaler())]),
        classifier(sparse_output=False),
    )  # fmt: skip
    pipeline.set_output(transform="pandas").fit(table, Y)
    save(pipeline, tmp_path / "p")
    loaded = load(tmp_path / "p")
    pd.testing.assert_frame_equal(loaded.transform(table), pipeline.transform(table))
    pd.testing.assert_frame_equal(loaded[:-1].transform(table), pipeline[:-1].transform(table))


def test_what_is_state_is_left_out(tmp_path: Path) -> None:
    quantiles = QuantileTransformer(n_quantiles=5, random_state=np.random.RandomState(0))
    steps = [("quantiles", quantiles), ("scale", StandardScaler()), ("net", classifier())]
    pipeline = Pipeline(steps, memory=str(tmp_path / "cache")).fit(NUMBERS, Y)
    with sklearn.config_context(enable_metadata_routing=True):
        pipeline["scale"].set_fit_request(sample_weight=True)
    save(pipeline, tmp_path / "p")
    loaded = load(tmp_path / "p")
    assert (loaded.memory, loaded["quantiles"].random_state) == (None, None)
    assert loaded.predict_proba(NUMBERS).tobytes() == pipeline.predict_proba(NUMBERS).tobytes()


@pytest.mark.parametrize(
    ("step", "rows", "message"),
    [
        (FunctionTransformer(np.log1p), NUMBERS, "the parameter step__func is the function log1p"),
        (CountVectorizer(tokenizer=lambda text: text.split(), token_pattern=None), TEXTS, "the parameter step__tokenizer is a lambda"),
        (CountVectorizer(analyzer=str.split), TEXTS, "the parameter step__analyzer is the function split"),
        (HashingVectorizer(n_features=16, preprocessor=str.lower), TEXTS, "the parameter step__preprocessor is the function lower"),
        (selection.SelectKBest(partial(selection.mutual_info_classif, random_state=0), k=2), NUMBERS, "step__score_func is a partial"),
        (PolynomialFeatures(2), NUMBERS, "the step step is a PolynomialFeatures; the steps that a model file can hold are BagOfWords"),
        (FeatureUnion([("poly", PolynomialFeatures(2))]), NUMBERS, "the step step__poly is a PolynomialFeatures"),
        (ColumnTransformer([("log", FunctionTransformer(np.log1p), [0])]), NUMBERS, "the parameter step__log__func is the function"),
        (type("StandardScaler", (StandardScaler,), {})(), NUMBERS, "the step step is a StandardScaler; the steps"),
    ],
    ids=range(9),
)  # fmt: skip
def test_steps_with_code_are_refused(step: Any, rows: Any, message: str, tmp_path: Path) -> None:
    pipeline = Pipeline([("step", step), ("classifier", classifier())]).fit(rows, Y)
    with pytest.raises(OptionError, match=re.escape(message)):
        save(pipeline, tmp_path / "p")
    assert not list(tmp_path.iterdir())


def test_pipelines_that_do_not_end_in_our_estimator_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        OptionError, match="ends in a truezero estimator can be saved, got LogisticRegression"
    ):
        save(make_pipeline(StandardScaler(), LogisticRegression()).fit(NUMBERS, Y), tmp_path / "p")
    with pytest.raises(OptionError, match="not fitted yet"):
        save(make_pipeline(StandardScaler(), classifier()), tmp_path / "p")
    other = type("Pipeline", (Pipeline,), {})([("net", classifier())])
    with pytest.raises(OptionError, match="only scikit-learn's own"):
        save(other.fit(NUMBERS, Y), tmp_path / "p")
    pipeline = make_pipeline(StandardScaler(), classifier()).fit(NUMBERS, Y)
    pipeline[0].something_ = 1
    with pytest.raises(
        OptionError, match="standardscaler has learned something_, which this truezero does not know"
    ):
        save(pipeline, tmp_path / "p")
    with pytest.raises(OptionError, match="'norm' parameter of Normalizer must be"):
        save(
            make_pipeline(Normalizer(), classifier()).fit(NUMBERS, Y).set_params(normalizer__norm="l9"),
            tmp_path / "p",
        )


def test_a_large_vocabulary_is_saved_and_loaded_fast(tmp_path: Path) -> None:
    terms = [f"wört{i:06d}" for i in range(200_000)]
    texts = [" ".join(terms[i::40]) for i in range(40)]
    pipeline = make_pipeline(TfidfVectorizer(dtype=np.float32), classifier(early_stopping=False))
    pipeline.fit(texts, np.arange(40) % 2)
    started = time.perf_counter()
    save(pipeline, tmp_path / "p")
    loaded = load(tmp_path / "p")
    assert time.perf_counter() - started < 5  # about half a second
    assert loaded[0].vocabulary_ == pipeline[0].vocabulary_
    assert loaded.predict_proba(texts).tobytes() == pipeline.predict_proba(texts).tobytes()


def test_parts_of_a_model() -> None:
    pipeline = make_pipeline(StandardScaler(), "passthrough", None, classifier()).fit(NUMBERS, Y)
    net = pipeline[-1]
    assert estimator_of(pipeline) is net
    assert estimator_of(net) is net
    assert step_names(pipeline) == ["StandardScaler", "passthrough", "passthrough", "DeepRectifierClassifier"]
    assert step_names(net) == []
    assert (net.predict(rows_of(pipeline, NUMBERS)) == pipeline.predict(NUMBERS)).all()
    assert rows_of(net, NUMBERS) is NUMBERS
    check_rows(pipeline, NUMBERS)
    check_rows(net, NUMBERS)
    with pytest.raises(DataError, match="cannot take these rows: X has 3 features"):
        check_rows(pipeline, NUMBERS[:, :3])
    with pytest.raises(DataError, match="takes 4 features, the data have 3"):
        check_rows(net, NUMBERS[:, :3])
    with pytest.raises(DataError, match="cannot take these rows"):
        check_rows(make_pipeline(CountVectorizer(), classifier()).fit(TEXTS, Y), NUMBERS)
    nested = make_pipeline(MinMaxScaler(), make_pipeline(StandardScaler(), classifier())).fit(NUMBERS, Y)
    assert (estimator_of(nested).predict(rows_of(nested, NUMBERS)) == nested.predict(NUMBERS)).all()
