"""Model files of pipelines that somebody has changed, or that another version of scikit-learn wrote."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pipelines import GAPS, NUMBERS, RECORDS, TEXTS, WORDS, Y, classifier, forged, pipeline_of, rare
from sklearn import feature_selection as selection
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, OneHotEncoder, StandardScaler

from truezero import BagOfWords, load
from truezero.errors import ModelFileError


def test_another_version_of_scikit_learn_is_said_once(tmp_path: Path) -> None:
    pipeline = make_pipeline(StandardScaler(), MinMaxScaler(), classifier()).fit(NUMBERS, Y)

    def older(record: Any, _: Any) -> None:
        record["scikit_learn"] = "1.5.0"
        record["pipeline"]["step"]["parameters"]["no_more"] = 1

    with pytest.warns(
        InconsistentVersionWarning, match=r"forged was saved under scikit-learn 1\.5\.0; this is"
    ) as said:
        loaded = load(forged(pipeline, tmp_path, older))
    assert len(said) == 1
    assert said[0].filename == __file__
    assert loaded.predict_proba(NUMBERS).tobytes() == pipeline.predict_proba(NUMBERS).tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path / "p")


def test_an_imputer_of_an_older_version_is_read(tmp_path: Path) -> None:
    """Before 1.7 it did not keep what it fills with apart."""
    pipeline = make_pipeline(SimpleImputer(), classifier()).fit(GAPS, Y)

    def older(record: Any, _: Any) -> None:
        record["pipeline"]["step"]["parameters"]["steps"][0]["tuple"][1]["step"]["fitted"].pop(
            "_fill_dtype", None
        )

    assert load(forged(pipeline, tmp_path, older)).predict(GAPS).tolist() == pipeline.predict(GAPS).tolist()


def parameters(**of: Any) -> Callable[[Any, Any], Any]:
    return lambda step, tensors: step["parameters"].update(of)


def learned(**of: Any) -> Callable[[Any, Any], Any]:
    return lambda step, tensors: step["fitted"].update(of)


def without(name: str) -> Callable[[Any, Any], Any]:
    """Forget what is called so; everything, if nothing is."""
    return lambda step, tensors: step["fitted"].pop(name) if name else step["fitted"].clear()


FORGERIES: list[tuple[Any, Any, Callable[[Any, Any], Any]]] = [
    *((StandardScaler(), NUMBERS, change) for change in (
        lambda step, _: step.update({"class": "LogisticRegression"}), lambda step, _: step.update({"class": "os.system"}),
        lambda step, _: step.update({"class": ["StandardScaler"]}), lambda step, _: step.update({"class": "truezero.load"}),
        lambda step, _: step.update(fitted=3), lambda step, _: step.update(parameters=[["copy"]]), lambda step, _: step.clear(),
        parameters(copy="perhaps"), parameters(mean_=1), parameters(__class__=1), parameters(_metadata_request=1),
        learned(__class__={"type": "float"}), learned(__dict__={"dict": [[], []]}), learned(transform={"function": "chi2"}),
        learned(fit=1), learned(copy=True), learned(mean_="1"), learned(scale_={"objects": [1, [[]]]}), learned(mean_={"function": "chi2"}),
        learned(n_features_in_="4"), learned(_validate_params=1), learned(mean_={"step": {"class": "Normalizer", "parameters": {}, "fitted": {}}}),
        learned(mean_={"function": "print"}), learned(mean_={"array": "models.0.weights.0"}, scale_={"array": "models.0.weights.0"}),
    )),
    *((StandardScaler(), NUMBERS, learned(**{name: value})) for name in ("mean_", "scale_") for value in (
        0.0, {"objects": [[4], ["a"] * 4]}, {"objects": [[3], [1, 2, 3]]}, {"objects": [[], [1]]}, {"objects": [[-1, -4], [1, 2, 3, 4]]},
        {"objects": [[2**40, 2**40, 0], []]}, {"objects": [[4, True], [1, 2, 3, 4]]}, {"objects": [[1] * 40, [1]]},
    )),
    (MinMaxScaler(), NUMBERS, learned(scale_={"objects": [[5], [1] * 5]})),
    (SimpleImputer(), NUMBERS, learned(statistics_={"objects": [[3], [1] * 3]})),
    (SimpleImputer(), NUMBERS, learned(_fit_dtype={"dtype": "<U99999999"})),
    (OneHotEncoder(), WORDS, parameters(dtype=4)),
    (OneHotEncoder(), WORDS, learned(categories_=[{"objects": [[1], [[1]]]}, {"objects": [[1], ["b"]]}])),
    (CountVectorizer(), TEXTS, parameters(token_pattern=None)), (CountVectorizer(), TEXTS, parameters(token_pattern="(")),
    (CountVectorizer(), TEXTS, parameters(strip_accents={"function": "chi2"})),
    (CountVectorizer(), TEXTS, parameters(ngram_range={"tuple": [1]})), (CountVectorizer(), TEXTS, parameters(stop_words=[1])),
    (TfidfVectorizer(), TEXTS, parameters(analyzer=["word"])), (TfidfVectorizer(), TEXTS, parameters(dtype="many")),
    (FeatureUnion([("a", Normalizer())]), NUMBERS, parameters(transformer_list=[{"tuple": ["a", "passthrough", 1]}])),
    *((step, rows, without(name)) for step, rows, name in (
        (StandardScaler(), NUMBERS, "scale_"), (StandardScaler(), NUMBERS, ""), (OneHotEncoder(), WORDS, "categories_"),
        (TfidfVectorizer(), TEXTS, "_tfidf"), (CountVectorizer(), TEXTS, "vocabulary_"), (SimpleImputer(), NUMBERS, "statistics_"),
    )),
    (Normalizer(), NUMBERS, parameters(norm="l9")),
    (selection.SelectKBest(k=2), NUMBERS, parameters(score_func={"function": "eval"})),
    (selection.SelectKBest(k=2), NUMBERS, parameters(score_func="chi2")),
    (Pipeline([("a", Normalizer())]), NUMBERS, parameters(steps=[])),
    (Pipeline([("a", Normalizer())]), NUMBERS, parameters(steps=[{"tuple": ["a", {"tuple": []}]}])),
    (Pipeline([("a", Normalizer())]), NUMBERS, parameters(memory="somewhere")),
    (FeatureUnion([("a", Normalizer())]), NUMBERS, parameters(transformer_list=[3])),
    (ColumnTransformer([("a", Normalizer(), [0])]), NUMBERS, parameters(transformers=[{"tuple": ["a", "fit", [0]]}])),
    (ColumnTransformer([("a", Normalizer(), [0])]), NUMBERS, parameters(n_jobs="many")),
    *((BagOfWords(), TEXTS, change) for change in (
        parameters(token_pattern="("), parameters(max_features="many"), parameters(ngram_range={"tuple": [2, 1]}), parameters(input="filename"),
        parameters(analyzer={"function": "chi2"}), learned(input="filename"), without("vocabulary_"),
        lambda step, _: step.update(fitted={"fixed_vocabulary_": False}), learned(vocabulary_=["cat"]),
        learned(vocabulary_={"dict": [["cat", "dog"], [0, 2]]}), learned(vocabulary_={"dict": [["cat", 1], [0, 1]]}),
    )),
    (CountVectorizer(), TEXTS, learned(vocabulary_={"dict": [["cat", "dog"], [0, 2]]})),
    (CountVectorizer(), TEXTS, learned(vocabulary_={"dict": [["cat", "dog"], [0, 10**9]]})),
    (CountVectorizer(), TEXTS, learned(vocabulary_={"dict": [["cat", "dog"], [-1, 0]]})),
    (CountVectorizer(), TEXTS, learned(vocabulary_={"dict": [["cat", "dog"], [1, 1]]})),
    (CountVectorizer(), TEXTS, learned(vocabulary_={"dict": [["cat", "dog"], ["0", "1"]]})),
    (CountVectorizer(), TEXTS, learned(vocabulary_={"dict": [["cat", 1], [0, 1]]})),
    (TfidfVectorizer(), TEXTS, learned(vocabulary_=["cat"])),
    (DictVectorizer(), RECORDS, learned(vocabulary_={"dict": [["a"], [7]]})),
    (OneHotEncoder(sparse_output=False), WORDS, learned(_n_features_outs=[1, 1])),
    (OneHotEncoder(sparse_output=False), WORDS, learned(_n_features_outs=[2, 3.5])),
    (OneHotEncoder(sparse_output=False), WORDS, learned(_n_features_outs=[2])),
    (OneHotEncoder(sparse_output=False), WORDS, learned(categories_=["ac", "bd"])),
    (OneHotEncoder(drop="first"), WORDS, learned(_drop_idx_after_grouping={"objects": [[2], [-9, None]]})),
    (OneHotEncoder(drop="first"), WORDS, learned(_drop_idx_after_grouping={"objects": [[2], [9, 9]]})),
    (rare(), WORDS, learned(_default_to_infrequent_mappings=[None, None])),
    (rare(), WORDS, learned(_default_to_infrequent_mappings=[[0, 99], [0, 0, 0]])),
    (rare(), WORDS, learned(_default_to_infrequent_mappings=[[0], [0, 0, 0]])),
]  # fmt: skip


@pytest.mark.parametrize(("step", "rows", "change"), FORGERIES, ids=range(len(FORGERIES)))
def test_forged_steps_are_refused(
    step: Any, rows: Any, change: Callable[[Any, Any], Any], tmp_path: Path
) -> None:
    pipeline = pipeline_of(step, rows)

    def forge(record: Any, tensors: Any) -> None:
        change(record["pipeline"]["step"]["parameters"]["steps"][0]["tuple"][1]["step"], tensors)

    with pytest.raises(ModelFileError, match="forged is damaged"):
        load(forged(pipeline, tmp_path, forge))


def test_categories_that_cannot_be_searched_are_refused(tmp_path: Path) -> None:
    rows = (NUMBERS * 4).astype(int)
    pipeline = Pipeline([("step", OneHotEncoder()), ("classifier", classifier())]).fit(rows, Y)

    def forge(record: Any, tensors: Any) -> None:
        learned = record["pipeline"]["step"]["parameters"]["steps"][0]["tuple"][1]["step"]["fitted"]
        name = learned["categories_"][0]["array"]
        tensors[name] = tensors[name][::-1].copy()

    with pytest.raises(ModelFileError, match="feature 0 are not sorted"):
        load(forged(pipeline, tmp_path, forge))


@pytest.mark.parametrize(
    "described",
    [
        None, [], "Pipeline", {"step": None}, {"step": {"class": "Pipeline"}}, {"model": {"class": "Network"}}, {"function": "chi2"},
        {"step": {"class": "StandardScaler", "parameters": {}, "fitted": {}}},
        {"step": {"class": "Pipeline", "parameters": {"steps": [{"tuple": ["a", "passthrough"]}]}, "fitted": {}}},
        {"step": {"class": "Pipeline", "parameters": {"steps": [{"tuple": ["a", {"unfitted": {
            "class": "DeepRectifierClassifier", "parameters": {}}}]}]}, "fitted": {}}},
        {"step": {"class": "Pipeline", "parameters": {"steps": [{"tuple": ["a", {"unfitted": {
            "class": "DeepRectifierClassifier", "parameters": {"callbacks": {"function": "chi2"}}}}]}]}, "fitted": {}}},
    ],
    ids=range(11),
)  # fmt: skip
def test_records_that_hold_no_pipeline_are_refused(described: Any, tmp_path: Path) -> None:
    pipeline = make_pipeline(classifier()).fit(NUMBERS, Y)
    with pytest.raises(ModelFileError, match="forged is damaged"):
        load(forged(pipeline, tmp_path, lambda record, _: record.update(pipeline=described)))


def test_pipelines_in_pipelines_without_end_are_refused(tmp_path: Path) -> None:
    pipeline = make_pipeline(classifier()).fit(NUMBERS, Y)

    def forge(record: Any, _: Any) -> None:
        for _ in range(60):
            record["pipeline"] = {
                "step": {
                    "class": "Pipeline",
                    "parameters": {"steps": [{"tuple": ["a", record["pipeline"]]}]},
                    "fitted": {},
                }
            }

    with pytest.raises(ModelFileError, match="forged"):
        load(forged(pipeline, tmp_path, forge))
