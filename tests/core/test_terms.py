"""Which terms are the most frequent, counted in bounded memory, and which of them a text has."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from truezero.core import terms
from truezero.core.terms import each_text, in_chunks, most_frequent, presence
from truezero.errors import DataError

words = str.split


def drawn(n: int, n_words: int, seed: int = 0) -> list[str]:
    """Texts of words that are rarer the later they come."""
    random = np.random.default_rng(seed)
    chance = 1 / np.arange(1, n_words + 1)
    return [
        " ".join(f"w{word}" for word in random.choice(n_words, 12, p=chance / chance.sum())) for _ in range(n)
    ]


def exact(texts: list[str], most: int) -> list[str]:
    counts = Counter(word for text in texts for word in set(text.split()))
    return sorted(sorted(counts, key=lambda word: (-counts[word], word))[:most])


def test_texts_that_have_a_term_are_counted_and_not_how_often_it_is_there() -> None:
    texts = ["a a a a", "b", "b", "c c"]
    assert most_frequent(texts, words, 1) == {"b": 0}
    assert most_frequent(texts, words, None) == {"a": 0, "b": 1, "c": 2}


def test_of_equally_frequent_terms_the_first_by_alphabet_counts_more() -> None:
    assert most_frequent(["d c b", "d a"], words, 3) == {"a": 0, "b": 1, "d": 2}
    assert most_frequent(["a d b c"], words, 2) == {"a": 0, "b": 1}


@pytest.mark.parametrize("most", [1, 50, 400, 10_000])
def test_the_terms_are_those_of_an_exact_count(most: int) -> None:
    texts = drawn(2000, 3000)
    assert list(most_frequent(texts, words, most)) == exact(texts, most)


def test_memory_is_bounded_and_the_terms_are_still_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = drawn(4000, 20_000)
    assert len({word for text in texts for word in text.split()}) > 4 * 2000
    monkeypatch.setattr(terms, "_MOST_COUNTED", 2000)
    held = []

    def watched(text: str) -> list[str]:
        held.append(1)
        return text.split()

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it is known to be exact
        assert list(most_frequent(iter(texts), watched, 30)) == exact(texts, 30)
    assert len(held) == len(texts)  # once each


def test_a_count_that_may_not_be_exact_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_MOST_COUNTED", 10)
    texts = [" ".join(f"a{i}{j}" for j in range(6)) for i in range(4)] + ["late", "late"]
    for most in (3, None):
        with pytest.warns(UserWarning, match="more than 10 different terms: of those in 4 texts or fewer"):
            assert "late" in most_frequent(texts, words, most)


def test_a_term_that_was_forgotten_and_comes_again_may_belong(monkeypatch: pytest.MonkeyPatch) -> None:
    """x is in three texts, as y is, but the first of them was forgotten: nobody can tell which is first."""
    monkeypatch.setattr(terms, "_MOST_COUNTED", 6)
    texts = ["y x", "y", "y", *(f"f{i}" for i in range(6)), "x", "x"]
    with pytest.warns(UserWarning, match="some may be missing from the vocabulary"):
        assert list(most_frequent(texts, words, 1)) == ["y"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(most_frequent([*texts, "y", "y"], words, 1)) == ["y"]


def test_rows_are_those_of_scikit_learn() -> None:
    texts = [*drawn(300, 500), "", "none of these"]
    vocabulary = most_frequent(texts[:200], words, 80)
    theirs = CountVectorizer(vocabulary=vocabulary, binary=True, dtype=np.float32, token_pattern=r"\S+")
    expected: Any = theirs.transform(texts)
    rows = presence(texts, words, vocabulary)
    assert rows.dtype == np.float32
    assert rows.indices.dtype == rows.indptr.dtype == np.int32
    assert rows.has_sorted_indices
    assert (rows != expected).nnz == 0
    assert rows[[-2]].nnz == 0
    assert presence([""], words, vocabulary).shape == (1, 80)
    assert presence([], words, vocabulary).shape == (0, 80)


def test_chunks() -> None:
    texts = [str(i) for i in range(7)]
    assert list(in_chunks(iter(texts), 3)) == [texts[:3], texts[3:6], texts[6:]]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("a text", "several, a list of them say, got a single one"),
        (b"a text", "several"),
        (["a", None], r"text 1 is None, no str; an empty text is ''"),
        (pd.Series(["a", "b", np.nan], dtype=object), "text 2 is nan, no str"),
        (["a", b"b"], "text 1 is bytes, which must be decoded, no str"),
        (np.array([["a"], ["b"]]), r"one column, got shape \(2, 1\)"),
        (pd.DataFrame({"text": ["a"]}), r"one column, got shape \(1, 1\); choose a column"),
        ([["a"]], r"text 0 is \['a'\], no str"),
    ],
)
def test_what_is_no_text_is_refused(texts: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        list(each_text(texts))


def test_columns_of_every_kind_are_texts() -> None:
    texts = ["a b", "", "c"]
    for column in (np.array(texts), np.array(texts, object), pd.Series(texts), pd.Series(texts, index=[2, 1, 0]), tuple(texts)):  # fmt: skip
        assert list(each_text(column)) == texts


def test_without_words_there_is_no_vocabulary() -> None:
    for texts in ([], ["", "  "]):
        with pytest.raises(DataError, match="no text has a word in it: the vocabulary is empty"):
            most_frequent(texts, words, 5)
