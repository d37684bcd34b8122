"""The steps of scikit-learn that a model file may hold, and what each of them has learned once fitted.

A file names classes and attributes. It gets those of this table and no others, each of the kinds that the
class itself gives it: so a file neither runs code nor puts what it likes where scikit-learn trusts itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import (
    GenericUnivariateSelect,
    SelectFdr,
    SelectFpr,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
    chi2,
    f_classif,
    f_regression,
    mutual_info_classif,
    mutual_info_regression,
    r_regression,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from truezero.core.text import printable
from truezero.errors import ModelFileError
from truezero.estimators import BagOfWords

FUNCTIONS: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        chi2, f_classif, f_regression, mutual_info_classif, mutual_info_regression, r_regression,
    )
}  # fmt: skip

Array = np.ndarray
_Number = int | float | np.number
_Category = str | bytes | int | float | np.generic | None
_SCORES: dict[str, Any] = {"scores_": Array, "pvalues_": Array | None}
_CATEGORIES: dict[str, Any] = {
    "categories_": list,
    "_infrequent_enabled": bool,
    "_infrequent_indices": list,
    "_default_to_infrequent_mappings": list,
}
_VOCABULARY: dict[str, Any] = {"vocabulary_": dict, "fixed_vocabulary_": bool}

# Of versions 1.6 to 1.9; FunctionTransformer is what "passthrough" is in a fitted ColumnTransformer.
STEPS: dict[type, dict[str, Any]] = {
    StandardScaler: {
        "mean_": Array | None,
        "var_": Array | None,
        "scale_": Array | None,
        "n_samples_seen_": Array | _Number,
    },
    MinMaxScaler: {
        **dict.fromkeys(("scale_", "min_", "data_min_", "data_max_", "data_range_"), Array),
        "n_samples_seen_": _Number,
    },
    MaxAbsScaler: {"max_abs_": Array, "scale_": Array, "n_samples_seen_": _Number},
    RobustScaler: {"center_": Array | None, "scale_": Array | None},
    Normalizer: {},
    Binarizer: {},
    QuantileTransformer: {"n_quantiles_": _Number, "references_": Array, "quantiles_": Array},
    PowerTransformer: {"lambdas_": Array, "_scaler": StandardScaler},
    OneHotEncoder: {
        **_CATEGORIES,
        "drop_idx_": Array | None,
        "_drop_idx_after_grouping": Array | None,
        "_n_features_outs": list,
    },
    OrdinalEncoder: {**_CATEGORIES, "_missing_indices": dict},
    SimpleImputer: {
        "statistics_": Array,
        "indicator_": MissingIndicator | None,
        "_fit_dtype": np.dtype,
        "_fill_dtype": np.dtype,
    },
    MissingIndicator: {"features_": Array, "_n_features": int, "_precomputed": bool},
    BagOfWords: _VOCABULARY,
    CountVectorizer: _VOCABULARY,
    TfidfVectorizer: {**_VOCABULARY, "_tfidf": TfidfTransformer},
    TfidfTransformer: {"idf_": Array},
    HashingVectorizer: {},
    DictVectorizer: {"vocabulary_": dict, "feature_names_": list},
    SelectKBest: _SCORES,
    SelectPercentile: _SCORES,
    SelectFpr: _SCORES,
    SelectFdr: _SCORES,
    SelectFwe: _SCORES,
    GenericUnivariateSelect: _SCORES,
    VarianceThreshold: {"variances_": Array},
    FunctionTransformer: {},
    FrozenEstimator: {},
    ColumnTransformer: {
        "transformers_": list,
        "output_indices_": dict,
        "sparse_output_": bool,
        "_columns": list,
        "_transformer_to_input_indices": dict,
        "_remainder": tuple,
        "_transformers_feature_names_out": Array,
    },
    FeatureUnion: {"_transformers_feature_names_out": list},
    Pipeline: {},
}
_OF_ALL: dict[str, Any] = {
    "n_features_in_": int,
    "feature_names_in_": Array,
    "_sklearn_output_config": dict,
}
STEP_NAMES = {cls.__name__: cls for cls in STEPS}

# Attributes that older versions do not have, and which of theirs has the value.
FORMER: dict[type, dict[str, str]] = {SimpleImputer: {"_fill_dtype": "_fit_dtype"}}

# Arrays of one number per feature.
_PER_FEATURE: dict[type, tuple[str, ...]] = {
    StandardScaler: ("mean_", "var_", "scale_"),
    MinMaxScaler: ("scale_", "min_", "data_min_", "data_max_", "data_range_"),
    MaxAbsScaler: ("max_abs_", "scale_"),
    RobustScaler: ("center_", "scale_"),
    PowerTransformer: ("lambdas_",),
    SimpleImputer: ("statistics_",),
    TfidfTransformer: ("idf_",),
    VarianceThreshold: ("variances_",),
    **dict.fromkeys(
        (SelectKBest, SelectPercentile, SelectFpr, SelectFdr, SelectFwe, GenericUnivariateSelect),
        ("scores_", "pvalues_"),
    ),
}

# What none that is fitted can do without, in any version.
_NEEDED: dict[type, tuple[str, ...]] = {
    StandardScaler: ("mean_", "scale_"),
    MinMaxScaler: ("min_", "scale_"),
    MaxAbsScaler: ("scale_",),
    RobustScaler: ("center_", "scale_"),
    QuantileTransformer: ("references_", "quantiles_"),
    PowerTransformer: ("lambdas_",),
    OneHotEncoder: ("categories_", "_infrequent_enabled", "_drop_idx_after_grouping", "_n_features_outs"),
    OrdinalEncoder: ("categories_", "_missing_indices"),
    SimpleImputer: ("statistics_", "indicator_", "_fit_dtype"),
    MissingIndicator: ("features_", "_n_features", "_precomputed"),
    BagOfWords: ("vocabulary_",),
    CountVectorizer: ("vocabulary_",),
    TfidfVectorizer: ("vocabulary_", "_tfidf"),
    DictVectorizer: ("vocabulary_", "feature_names_"),
    VarianceThreshold: ("variances_",),
    ColumnTransformer: ("transformers_", "_columns", "sparse_output_", "output_indices_"),
}

# Parameters that are state or places on a disk, and attributes that say how a fit was asked for.
NOT_KEPT = ("memory", "_metadata_request", "_stop_words_id")


def attributes_of(cls: type) -> dict[str, Any]:
    """Attributes that a fitted step of this class may have, with the kinds of their values."""
    return _OF_ALL | STEPS[cls]


def check_whole(step: Any) -> None:
    """Refuse a step that has learned something, and not all that it needs; one that is not fitted is whole.

    Raises
    ------
    ModelFileError
        Naming what it lacks.
    """
    if vars(step).keys() & attributes_of(type(step)).keys() - {"_sklearn_output_config"}:
        for name in _NEEDED.get(type(step), ()):
            if name not in vars(step):
                raise ModelFileError(f"a {type(step).__name__} lacks {name}")


def check_step(step: Any) -> None:
    """Refuse parameters that scikit-learn would, and a step that puts values outside the matrix it makes.

    The latter would be outside of memory: SciPy does not check the columns of the sparse matrices that
    encoders and vectorizers make.

    Raises
    ------
    ValueError
        Saying what of it cannot be.
    """
    if hasattr(step, "_parameter_constraints"):  # FeatureUnion has none
        step._validate_params()
    for name, value in step.get_params(deep=False).items():
        if name != "score_func" and any(value is function for function in FUNCTIONS.values()):
            raise ModelFileError(f"{name} cannot be the function {value.__name__}")
    for name, n in (("steps", 2), ("transformer_list", 2), ("transformers", 3)):
        parts = getattr(step, name, [])
        if not isinstance(parts, list) or not all(
            isinstance(p, (tuple, list)) and len(p) == n for p in parts
        ):
            raise ModelFileError(f"{name} must be a list of {n} parts each")
    if isinstance(step, Pipeline):
        step._validate_steps()
    if isinstance(step, (ColumnTransformer, FeatureUnion)):
        step._validate_transformers()
    _check_shapes(step)
    if hasattr(step, "dtype"):  # which scikit-learn does not check everywhere
        np.dtype(step.dtype)
    if isinstance(step, OneHotEncoder) and "categories_" in vars(step):
        _check_categories(step)
    if isinstance(step, (CountVectorizer, HashingVectorizer)):
        _check_words(step)
    if isinstance(step, (CountVectorizer, DictVectorizer)) and "vocabulary_" in vars(step):
        _check_vocabulary(step.vocabulary_)


def _check_shapes(step: Any) -> None:
    learned = vars(step)
    n = learned.get("n_features_in_")
    if n is None:
        return
    kinds = "fiuOUS" if isinstance(step, SimpleImputer) else "fiu"  # what is filled in may be text
    for name in _PER_FEATURE.get(type(step), ()):
        numbers = learned.get(name)
        if isinstance(numbers, Array) and (numbers.shape != (n,) or numbers.dtype.kind not in kinds):
            raise ModelFileError(f"{name} must be {n} numbers, one per feature")
    categories = learned.get("categories_")
    if categories is not None and len(categories) != n:
        raise ModelFileError(f"{len(categories)} lists of categories and {n} features disagree")
    quantiles = learned.get("quantiles_")
    if quantiles is not None and quantiles.shape != (*learned["references_"].shape, n):
        raise ModelFileError(f"quantiles_ must be {n} numbers for each of references_")


def _check_words(vectorizer: Any) -> None:
    """What a vectorizer makes words by, which is used when it meets a text, not before."""
    ngrams = vectorizer.ngram_range
    if len(ngrams) != 2 or not all(type(n) is int and n > 0 for n in ngrams):
        raise ModelFileError(f"ngram_range must be two whole numbers above 0, got {printable(repr(ngrams))}")
    if isinstance(vectorizer.stop_words, list) and not all(isinstance(w, str) for w in vectorizer.stop_words):
        raise ModelFileError("stop words must be text")
    if vectorizer.analyzer == "word" and vectorizer.tokenizer is None:
        try:
            re.compile(vectorizer.token_pattern)
        except (TypeError, re.error, OverflowError) as error:
            raise ModelFileError(f"token_pattern is no regular expression: {printable(error)}") from error


def _check_vocabulary(vocabulary: dict[Any, Any]) -> None:
    if not all(isinstance(term, str) for term in vocabulary):
        raise ModelFileError("a vocabulary's terms must be text")
    columns = np.array(list(vocabulary.values()))
    if columns.size and (columns.dtype.kind != "i" or (np.sort(columns) != np.arange(len(columns))).any()):
        raise ModelFileError(
            f"a vocabulary's {len(columns)} columns must be 0 .. {len(columns) - 1}, each once"
        )


def _check_categories(encoder: Any) -> None:
    n = len(encoder.categories_)
    mappings = encoder._default_to_infrequent_mappings if encoder._infrequent_enabled else [None] * n
    dropped = [None] * n if encoder._drop_idx_after_grouping is None else encoder._drop_idx_after_grouping
    per_feature = zip(encoder.categories_, mappings, dropped, encoder._n_features_outs, strict=True)
    for feature, (categories, mapping, drop, n_columns) in enumerate(per_feature):
        if not isinstance(categories, Array) or categories.ndim != 1:
            raise ModelFileError(f"feature {feature} has no list of categories")
        if categories.dtype.kind == "O" and not all(isinstance(c, _Category) for c in categories.tolist()):
            raise ModelFileError(f"a category of feature {feature} is no text, number or None")
        numbers = categories[~np.isnan(categories)] if categories.dtype.kind == "f" else categories
        # A value is searched for among numbers; where they are not sorted, past the end.
        if numbers.dtype.kind not in "OUS" and not (numbers[1:] > numbers[:-1]).all():
            raise ModelFileError(f"the categories of feature {feature} are not sorted")
        columns = np.arange(len(categories)) if mapping is None else np.asarray(mapping, np.int64)
        if columns.shape != categories.shape:
            raise ModelFileError(f"the categories of feature {feature} and their groups disagree")
        if drop is not None:
            columns = columns[columns != drop]
            columns = columns - (columns > drop)
        used = np.unique(columns)
        if n_columns != len(used) or (used != np.arange(len(used))).any():
            raise ModelFileError(f"feature {feature} has no {n_columns} columns")
