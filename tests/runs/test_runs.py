"""Runs: what identifies them, and the rows they get."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_up_runs import DATA, DATASET, fine_tuning

from truezero.datasets import Dataset
from truezero.errors import OptionError
from truezero.runs import (
    NUMERICS,
    Data,
    Run,
    run,
)

# ---- identity -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        {"dropout": 0.0},
        {"hidden_layer_sizes": (10,)},
        {"hidden_layer_sizes": np.array([10])},
        {"random_state": np.int64(0)},
        {"learning_rate_init": np.float64(0.05)},
        {"batch_size": 10.0},
        {"engine": "native"},
        {"verbose": True},
        {"activation": "relu"},
        {"activation": "rectifier"},
    ],
)
def test_what_means_the_same_has_the_same_key(same: dict[str, Any]) -> None:
    assert fine_tuning().key == fine_tuning(**same).key


@pytest.mark.parametrize(
    "other",
    [{"dropout": 0.1}, {"random_state": 1}, {"hidden_layer_sizes": [10, 10]}, {"engine": "reference"}],
)
def test_what_means_something_else_has_another_key(other: dict[str, Any]) -> None:
    assert fine_tuning().key != fine_tuning(**other).key


def test_data_needs_and_numerics_are_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fine_tuning()
    layer = Run("pretrain-layer", {"hidden_layer_sizes": 10, "random_state": 0}, DATA)
    keys = {
        plain.key,
        replace(plain, data=replace(DATA, fingerprint="other rows")).key,
        replace(plain, data=replace(DATA, labels=0.5)).key,
        replace(plain, data=replace(DATA, fold=(0, 3))).key,
        replace(plain, data=replace(DATA, fold=(1, 3))).key,
        replace(plain, data=replace(DATA, fold=(1, 3), seed=1)).key,
        replace(plain, data=replace(DATA, test=(1, 3))).key,
        replace(plain, needs=(layer,)).key,
    }
    assert len(keys) == 8
    assert replace(plain, data=replace(DATA, name="another name", seed=4)).key == plain.key
    monkeypatch.setattr(run, "NUMERICS", NUMERICS + 1)
    assert fine_tuning().key not in keys


def test_a_key_does_not_depend_on_code() -> None:
    """It is on record: whatever is changed that changes no result, finished runs stay."""
    assert Run("fine-tune", {"random_state": 7}, Data("d", "0" * 64)).identity == {
        "recipe": "fine-tune",
        "parameters": {"random_state": 7},
        "data": {"fingerprint": "0" * 64},
        "needs": [],
        "engine": "native",
        "numerics": NUMERICS,
    }


@pytest.mark.parametrize(
    ("recipe", "parameters", "message"),
    [
        (
            "fine-tune",
            {"hidden_layer_sizess": 3},
            "DeepRectifierClassifier has no parameter 'hidden_layer_sizess'",
        ),
        ("fine-tune", {"class_weight": object()}, "must be numbers, names"),
        ("fine-tune", {"random_state": None}, "needs a whole number as random_state, got None"),
        ("fine-tune", {"n_threads": 2}, "n_threads is no parameter of a run"),
        ("fine-tune", {"pretraining": 3}, "pretraining is no parameter of a run"),
        ("baseline", {"estimator": "Oracle"}, "unknown baseline 'Oracle'"),
        ("baseline", {"estimator": "SGDClassifier"}, "SGDClassifier needs a whole number as random_state"),
        ("baseline", {"estimator": "Ridge", "parameters": {"alpha": float("nan")}}, "must be numbers"),
    ],
)
def test_parameters_that_identify_nothing_are_refused(recipe: str, parameters: Any, message: str) -> None:
    seed = {} if recipe == "baseline" else {"random_state": 0}
    with pytest.raises(OptionError, match=message):
        _ = Run(recipe, {**seed, **parameters}, DATA).key


# ---- rows ---------------------------------------------------------------------------------------------


def test_a_share_of_the_labels_is_drawn_class_by_class() -> None:
    some = replace(DATA, labels=0.2, seed=3).of(DATASET)
    assert DATASET.y_train is not None
    assert some.y_train is not None
    for label in range(3):
        n = int((DATASET.y_train == label).sum())
        assert (some.y_train == label).sum() == max(round(0.2 * n), 1)
    assert some.X_validation is DATASET.X_validation
    least = replace(DATA, labels=1e-9).of(DATASET)
    assert least.y_train is not None
    assert sorted(least.y_train) == [0, 1, 2]
    assert DATA.of(DATASET) is DATASET


def test_folds_part_the_training_rows() -> None:
    folds = [replace(DATA, fold=(k, 4)).of(DATASET) for k in range(4)]
    held_out = np.concatenate([fold.X_validation for fold in folds])
    assert len(held_out) == len(DATASET.X_train)
    assert {tuple(row) for row in held_out} == {tuple(row) for row in DATASET.X_train}
    for fold in folds:
        assert len(fold.X_train) + len(fold.X_validation) == len(DATASET.X_train)
        assert fold.y_validation is not None
        assert set(fold.y_validation) == {0, 1, 2}
        assert not {tuple(row) for row in fold.X_train} & {tuple(row) for row in fold.X_validation}


def test_rows_to_measure_are_cut_off_before_labels_are_drawn_and_folds_made() -> None:
    data = [replace(DATA, test=(k, 2), labels=0.5, fold=(0, 5)).of(DATASET) for k in range(2)]
    tested = np.concatenate([part.X_test for part in data])
    np.testing.assert_array_equal(np.sort(tested, axis=0), np.sort(DATASET.X_train, axis=0))
    for part in data:
        n_left = len(DATASET.X_train) - len(part.X_test)
        used = np.concatenate([part.X_train, part.X_validation])
        assert abs(len(used) - n_left / 2) <= 3
        assert abs(len(part.X_validation) - len(used) / 5) <= 3
        assert not {tuple(row) for row in used} & {tuple(row) for row in part.X_test}


@pytest.mark.parametrize(
    "wrong", [{"test": (3, 3)}, {"labels": 0.0}, {"labels": 1.5}, {"fold": (3, 3)}, {"fold": (-1, 3)}]
)
def test_shares_and_folds_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="share of the labels|fold is"):
        replace(DATA, **wrong)


def test_rows_without_labels_have_no_share() -> None:
    with pytest.raises(OptionError, match="has no labels"):
        replace(DATA, labels=0.5).of(Dataset("d", DATASET.X_train, None))
