"""A training outside a store, from data to a model's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from truezero import (
    DataError,
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    OptionError,
    load,
)
from truezero.analysis import measure
from truezero.datasets import load_dataset
from truezero.runs import train_to_file, unfinished_files

SMALL = {"hidden_layer_sizes": (20, 10), "max_iter": 2}


def test_it_is_the_estimator_trained_on_the_data_set(tmp_path: Path) -> None:
    model, result = train_to_file("digits", tmp_path / "m", parameters=SMALL)
    dataset = load_dataset("digits")
    same = DeepRectifierClassifier(**SMALL, random_state=0).fit(  # type: ignore[arg-type] # ints and a tuple
        dataset.scaled("train"),
        dataset.y_train,
        X_val=dataset.scaled("validation"),
        y_val=dataset.y_validation,
    )
    for weights, others in zip(model.coefs_, same.coefs_, strict=True):
        np.testing.assert_array_equal(weights, others)
    np.testing.assert_array_equal(load(tmp_path / "m").coefs_[0], model.coefs_[0])
    measured = measure(model, dataset.scaled("test"), dataset.y_test)
    assert {name: result[name] for name in measured} == measured
    assert (result["n_train"], result["n_validation"], result["n_test"]) == (1097, 350, 350)
    assert result["model"] == str(tmp_path / "m")
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_regression_without_validation_and_test_rows(tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((100, 4))
    np.savez(tmp_path / "rows.npz", X=X, y=X[:, 0])
    model, result = train_to_file(tmp_path / "rows.npz", tmp_path / "m", regression=True, parameters=SMALL)
    assert isinstance(model, DeepRectifierRegressor)
    assert (result["test_error"], result["n_test"]) == (None, 0)
    assert (result["n_train"], result["n_validation"]) == (90, 10)


def test_pretraining_learns_from_unlabeled_rows_too(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "parameters": SMALL,
        "pretraining_parameters": {"max_iter": (2, 1)},
        "pretrain": "auto",
    }
    model, result = train_to_file("digits", tmp_path / "m", unlabeled="digits", **options)
    assert result["pretraining"]["n_unlabeled"] == 1097
    assert len(model.pretraining_.history_) == 3
    alone, without = train_to_file("digits", tmp_path / "m", **options)
    assert without["pretraining"]["n_unlabeled"] == 0
    assert not np.array_equal(alone.coefs_[0], model.coefs_[0])


def test_a_killed_training_is_gone_on_with(tmp_path: Path) -> None:
    def killed(*_: Any) -> NoReturn:
        raise MemoryError  # nobody catches it, as nobody catches a kill

    out = tmp_path / "m"
    whole, _ = train_to_file("digits", tmp_path / "whole", parameters=SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("truezero.runs.train.save", killed)
        with pytest.raises(MemoryError):
            train_to_file("digits", out, parameters=SMALL)
    assert [path.name for path in unfinished_files(out)] == ["m.checkpoint"]
    with pytest.raises(
        OptionError, match="m.checkpoint is left from a training that did not finish: use --resume"
    ):
        train_to_file("digits", out, parameters=SMALL)
    resumed, result = train_to_file("digits", out, parameters=SMALL, resume=True)
    np.testing.assert_array_equal(resumed.coefs_[0], whole.coefs_[0])
    assert not unfinished_files(out)
    assert result["n_epochs"] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unlabeled": "digits"}, "--unlabeled is for pre-training: add --pretrain auto"),
        (
            {"pretraining_parameters": {"max_iter": 3}},
            "--pretrain-max-iter is for pre-training: add --pretrain auto",
        ),
        ({"pretrain": "auto", "unlabeled": "synthetic"}, "synthetic has 784 features"),
        (
            {"regression": True, "parameters": {"class_weight": "balanced"}},
            "class_weight is for classification",
        ),
    ],
)
def test_mistakes(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises((OptionError, DataError), match=message):
        train_to_file("digits", tmp_path / "m", **options)
    assert not list(tmp_path.iterdir())


def test_rows_without_targets(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", X=np.ones((30, 4)))
    with pytest.raises(OptionError, match="rows.npz has no targets to train on"):
        train_to_file(tmp_path / "rows.npz", tmp_path / "m")
