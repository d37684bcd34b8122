"""Raw text to rows of words, as scikit-learn's CountVectorizer makes them, from texts of any number."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, SkipTestWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from truezero import BagOfWords, DeepRectifierClassifier, StackedDenoisingAutoencoder, load, save
from truezero.errors import DataError, OptionError

TEXTS = ["Good food, good service!", "slow Service", "", "Café au lait, good", "food & food"]


def test_it_is_scikit_learn_s_of_the_same_parameters() -> None:
    for options in (
        {}, {"ngram_range": (1, 2)}, {"ngram_range": (2, 2)}, {"lowercase": False}, {"strip_accents": "unicode"},
        {"strip_accents": "ascii"}, {"analyzer": "char", "ngram_range": (2, 3)}, {"analyzer": "char_wb"},
        {"token_pattern": r"\S+"}, {"max_features": None},
    ):  # fmt: skip
        theirs = CountVectorizer(binary=True, dtype=np.float32, **{"max_features": 5000, **options})
        expected, ours = theirs.fit_transform(TEXTS), BagOfWords(**options)
        rows = ours.fit_transform(TEXTS)
        assert ours.vocabulary_ == theirs.vocabulary_
        assert list(ours.vocabulary_) == ours.get_feature_names_out().tolist() == sorted(ours.vocabulary_)
        assert rows.dtype == np.float32
        assert (rows != expected).nnz == 0
        assert (ours.transform(TEXTS[::-1]) != theirs.transform(TEXTS[::-1])).nnz == 0
        assert [found.tolist() for found in ours.inverse_transform(rows)] == [
            sorted(found) for found in theirs.inverse_transform(expected)
        ]


@pytest.mark.parametrize(
    "check",
    [
        "check_estimator_cloneable", "check_estimator_repr", "check_get_params_invariance", "check_set_params",
        "check_no_attributes_set_in_init", "check_parameters_default_constructible", "check_valid_tag_types",
    ],
)  # fmt: skip
def test_what_scikit_learn_asks_of_every_estimator(check: str) -> None:
    getattr(estimator_checks, check)("BagOfWords", BagOfWords())


def test_what_scikit_learn_asks_of_those_that_take_numbers_it_does_not_ask() -> None:
    with pytest.warns(SkipTestWarning, match="Can't test estimator BagOfWords which requires input"):
        estimator_checks.check_estimator(BagOfWords())
    tags = BagOfWords().__sklearn_tags__().input_tags
    assert tags.string
    assert not tags.two_d_array


def test_parameters_are_those_of_scikit_learn_by_name_and_all_are_declared() -> None:
    ours, theirs = (inspect.signature(made).parameters for made in (BagOfWords, CountVectorizer))
    assert set(ours) == set(BagOfWords._parameter_constraints)
    assert {name: p.default for name, p in ours.items() if p.default != theirs[name].default} == {
        "max_features": 5000
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_features": 0}, "max_features must be a whole number of at least 1 or None, got 0"),
        ({"max_features": 2.0}, "max_features"),
        ({"ngram_range": (2, 1)}, r"ngram_range must be a pair of whole numbers such as \(1, 2\), got"),
        ({"ngram_range": 2}, "ngram_range"),
        ({"lowercase": 1}, "lowercase must be True or False"),
        ({"strip_accents": "all"}, "strip_accents must be 'ascii', 'unicode' or None"),
        ({"analyzer": str.split}, "analyzer must be 'word', 'char' or 'char_wb'"),
        ({"token_pattern": None}, "token_pattern must be a regular expression"),
        ({"token_pattern": "("}, "token_pattern cannot be used: missing"),
        ({"token_pattern": "(a)(b)"}, "token_pattern cannot be used: More than 1 capturing group"),
    ],
)
def test_parameters_that_cannot_be_used(options: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        BagOfWords(**options).fit(TEXTS)


def test_numbers_of_numpy_are_taken() -> None:
    given: dict[str, Any] = {
        "max_features": np.int64(2), "ngram_range": (np.int64(1), np.int64(2)), "lowercase": np.bool_(True)
    }  # fmt: skip
    words = BagOfWords(**given)
    assert words.fit(TEXTS).get_feature_names_out().tolist() == ["food", "good"]


def test_texts_without_words_are_empty_rows_and_predicted() -> None:
    model = make_pipeline(BagOfWords(), DeepRectifierClassifier((4,), max_iter=1, random_state=0))
    model.fit(TEXTS * 8, ["a", "b", "a", "b", "a"] * 8)
    assert model[0].transform(["", "unheard of"]).nnz == 0
    one, other = model.predict_proba(["", "unheard of"])
    assert one.tobytes() == other.tobytes()


def test_an_empty_vocabulary_and_what_is_no_text() -> None:
    with pytest.raises(DataError, match="no text has a word in it"):
        BagOfWords().fit(["", "?"])
    with pytest.raises(DataError, match="got a single one"):
        BagOfWords().fit("a text")
    with pytest.raises(DataError, match="text 1 is nan"):
        BagOfWords().fit(TEXTS).transform(pd.Series(["a", np.nan], dtype=object))


def test_what_is_not_fitted_says_so_and_can_still_be(tmp_path: Path) -> None:
    words = BagOfWords()
    for use in (
        lambda: words.transform(TEXTS),
        words.get_feature_names_out,
        lambda: words.inverse_transform([[1]]),
    ):
        with pytest.raises(NotFittedError):
            use()
    model = make_pipeline(words, DeepRectifierClassifier((4,), max_iter=1, random_state=0))
    save(model.fit(TEXTS * 8, [0, 1, 0, 1, 0] * 8), tmp_path / "m")
    assert load(tmp_path / "m")[0].get_feature_names_out().tolist() == words.get_feature_names_out().tolist()


class Texts:
    """What can be gone through again and again, and is never all there."""

    def __init__(self) -> None:
        self.n = 0

    def __iter__(self) -> Iterator[str]:
        for text in TEXTS:
            self.n += 1
            yield text


def test_texts_are_gone_through_once_to_learn_and_once_for_rows() -> None:
    texts, words = Texts(), BagOfWords(ngram_range=(1, 2))
    expected = BagOfWords(ngram_range=(1, 2)).fit_transform(TEXTS)
    assert words.fit(texts).vocabulary_ == BagOfWords(ngram_range=(1, 2)).fit(TEXTS).vocabulary_
    assert texts.n == 5
    assert (words.transform(texts) != expected).nnz == 0
    assert texts.n == 10
    pieces = list(words.transform_in_chunks(texts, 2))
    assert [piece.shape[0] for piece in pieces] == [2, 2, 1]
    assert (sparse.vstack(pieces) != expected).nnz == 0
    assert (clone(words).fit_transform(iter(TEXTS)) != expected).nnz == 0  # once is enough
    with pytest.raises(OptionError, match="n_rows"):
        words.transform_in_chunks(texts, 0)


def test_in_pipelines_searches_and_as_it_is_cloned_and_pickled() -> None:
    words = BagOfWords(max_features=3)
    assert clone(words).get_params() == words.get_params() == {
        "analyzer": "word", "lowercase": True, "max_features": 3, "ngram_range": (1, 1), "strip_accents": None,
        "token_pattern": r"(?u)\b\w\w+\b",
    }  # fmt: skip
    fitted = words.fit(TEXTS)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.transform(TEXTS) != fitted.transform(TEXTS)).nnz == 0
    model = make_pipeline(BagOfWords(), DeepRectifierClassifier((4,), max_iter=1, random_state=0))
    search = GridSearchCV(model, {"bagofwords__max_features": [2, 4]}, cv=2)
    found = search.fit(pd.Series(TEXTS * 8), [0, 1, 0, 1, 0] * 8)
    assert found.best_estimator_[0].max_features in (2, 4)


def test_sparse_rows_follow_the_interface() -> None:
    words = BagOfWords().fit(TEXTS)
    if "sparse_interface" not in sklearn.get_config():  # of older versions
        assert isinstance(words.transform(TEXTS), sparse.csr_matrix)
        return
    for interface, kind in (("sparray", sparse.csr_array), ("spmatrix", sparse.csr_matrix)):
        with sklearn.config_context(sparse_interface=interface):
            assert type(words.transform(TEXTS)) is kind


def test_codes_of_text_that_is_pre_trained_on() -> None:
    """The paper's way: words of all texts, and a network that is pre-trained on those without labels."""
    words = BagOfWords().fit(TEXTS)
    stack = StackedDenoisingAutoencoder((3,), max_iter=1, random_state=0)
    model = DeepRectifierClassifier((3,), pretraining=stack, max_iter=1, random_state=0)
    X: Any = words.transform(TEXTS * 8)
    model.fit(X, [0, 1, 0, 1, 0] * 8, X_unlabeled=[words.transform(TEXTS)])
    assert model.predict(X).shape == (40,)
