"""Data sets of raw texts, and the rows of words that runs and studies work with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from truezero import BagOfWords
from truezero.datasets import Dataset, TextDataset
from truezero.errors import DataError, OptionError
from truezero.runs import Data, Requests, Run, RunStore, carry_out

TRAIN = ["good food", "bad food", "good good service", ""]
DATA = TextDataset(
    "reviews", TRAIN, np.array([5, 1, 4, 2]), texts_test=["good wine", "unheard"], y_test=np.array([5, 3]),
    unlabeled=["wine and food", "wine"],
)  # fmt: skip


def test_a_bag_has_the_words_of_training_and_unlabelled_texts_alone() -> None:
    bag = DATA.bag()
    assert bag.columns == ("and", "bad", "food", "good", "service", "wine")
    assert bag.X_train.dtype == np.float32
    assert bag.X_train.toarray().tolist() == [
        [0, 0, 1, 1, 0, 0],
        [0, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0],
        [0] * 6,
    ]
    assert bag.X_test.toarray().tolist() == [[0, 0, 0, 1, 0, 1], [0] * 6]
    assert bag.X_unlabeled.toarray().tolist() == [[1, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 1]]
    assert bag.y_train.tolist() == [5, 1, 4, 2]  # type: ignore[union-attr]
    assert bag.y_test.tolist() == [5, 3]  # type: ignore[union-attr]
    assert bag.X_validation is None
    assert (bag.name, bag.stand_in_for) == ("reviews", None)
    assert DATA.bag(3).columns == ("food", "good", "wine")
    assert DATA.bag(None, (2, 2)).columns == (
        "and food",
        "bad food",
        "good food",
        "good good",
        "good service",
        "wine and",
    )
    assert replace(DATA, stand_in_for="OpenTable", unlabeled=()).bag().X_unlabeled is None
    assert replace(DATA, stand_in_for="OpenTable").bag().stand_in_for == "OpenTable"


def test_a_bag_is_what_bag_of_words_makes() -> None:
    words = BagOfWords(max_features=4, ngram_range=(1, 2)).fit([*TRAIN, *DATA.unlabeled])
    bag = DATA.bag(4, (1, 2))
    assert bag.columns == tuple(words.vocabulary_)
    assert (bag.X_train != words.transform(TRAIN)).nnz == 0


def test_what_texts_and_targets_must_be() -> None:
    for changes, message in (
        ({"texts_train": []}, "reviews has no train texts"),
        ({"texts_train": ["a"]}, r"reviews: train labels must be one per row \(1\)"),
        ({"texts_train": None}, "reviews has no train texts"),
        ({"texts_test": None}, "reviews has no test texts"),
        ({"texts_test": ["a", None]}, "reviews: test text 1 is None, no str"),
        ({"unlabeled": [1]}, "reviews: unlabelled text 0 is 1, no str"),
    ):
        with pytest.raises(DataError, match=message):
            replace(DATA, **changes)
    with pytest.raises(DataError, match="reviews: no text has a word in it"):
        TextDataset("reviews", ["", "?"], None).bag()
    for options, name in (((0,), "n_terms"), ((2.0,), "n_terms"), ((5, (2, 1)), "ngram_range")):
        with pytest.raises(OptionError, match=name):
            DATA.bag(*options)


def test_texts_to_measure() -> None:
    assert DATA.texts_to_measure()[0] == ["good wine", "unheard"]
    assert replace(DATA, texts_test=None, y_test=None).texts_to_measure()[0] == TRAIN


def test_the_fingerprint_is_that_of_all_texts() -> None:
    others = [
        replace(DATA, texts_train=["good foo", "dbad food", *TRAIN[2:]]), replace(DATA, y_train=np.array([5, 1, 4, 3])),
        replace(DATA, texts_test=None, y_test=None), replace(DATA, unlabeled=()), replace(DATA, token_pattern="a"),
        replace(DATA, texts_test=["good wine\ud800", "unheard"]), replace(DATA, y_train=None),
        replace(DATA, unlabeled=["wine and food", "wine", ""]),
    ]  # fmt: skip
    assert len({data.fingerprint for data in [DATA, *others]}) == 9
    assert replace(DATA, name="another").fingerprint == DATA.fingerprint


# ---- rows without labels in a Dataset ---------------------------------------------------------------


def test_rows_without_labels_are_rows_to_pretrain() -> None:
    X: Any = np.arange(12, dtype=np.uint8).reshape(4, 3)
    y = np.arange(4) % 2
    for form in (np.asarray, sparse.csr_array):
        data = Dataset("rows", form(X), y, X_unlabeled=form(X[:2]), scale=0.5)
        rows = data.rows_to_pretrain()
        values: Any = rows.values("float32")
        dense = values.toarray() if sparse.issparse(values) else values
        assert (dense == np.vstack([X, X[:2]]) / 2).all()
        plain = replace(data, X_unlabeled=None)
        assert (plain.X_train != plain.rows_to_pretrain().X).sum() == 0
        assert data.fingerprint != plain.fingerprint == Dataset("rows", form(X), y, scale=0.5).fingerprint
    for wrong, message in (
        (X[:, :2], "rows: unlabelled rows have 2 features"),
        (X[:0], "rows: unlabelled rows must be"),
    ):
        with pytest.raises(DataError, match=message):
            Dataset("rows", X, y, X_unlabeled=wrong)
    endless: Any = object()
    with pytest.raises(DataError, match="rows: rows that are new in every epoch have none without labels"):
        Dataset("rows", X, y, X_unlabeled=X, endless=endless)
    with pytest.raises(DataError, match="rows: 2 names for 3 features"):
        Dataset("rows", X, y, columns=("a", "b"))


def test_layers_of_runs_learn_from_rows_without_labels(tmp_path: Any) -> None:
    random = np.random.default_rng(0)
    X: Any = (random.random((60, 8)) < 0.3).astype(np.float32)
    data = Dataset("rows", X[:20], np.arange(20) % 2, X_unlabeled=X[20:])

    def score(dataset: Dataset) -> Any:
        run = Run(
            "pretrain-layer",
            {"hidden_layer_sizes": 4, "max_iter": 2, "random_state": 0},
            Data(dataset.name, dataset.fingerprint),
        )

        def study() -> Requests[Any]:
            return (yield [run])

        (result,) = carry_out(study(), RunStore(tmp_path), [dataset])
        return result["n_train"], result["reconstruction_error"]

    whole = score(replace(data, X_train=X, y_train=np.arange(60) % 2, X_unlabeled=None))
    assert score(data)[0] == whole[0] == 60
    assert score(data)[1] == whole[1] != score(replace(data, X_unlabeled=None))[1]
