"""A model that was saved and loaded knows all that the saved one does, and goes on as that would."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    RatingPredictor,
    StackedDenoisingAutoencoder,
    load,
    save,
)

RANDOM = np.random.default_rng(0)
X: Any = RANDOM.random((80, 6)) * 20
RARE = (RANDOM.random(80) < 0.15).astype(int)
STACK = StackedDenoisingAutoencoder(reconstruction="sigmoid-cross-entropy", max_iter=1)

# What `save` says that it does not keep.
NOT_KEPT = {"callbacks", "prefit", "pretraining_", "_first_rows"}


def options(**more: Any) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": (7, 5),
        "sign_mask": "random",
        "max_iter": 3,
        "random_state": 0,
        "dropout": 0.2,
        **more,
    }


def streamed() -> Any:
    model = DeepRectifierClassifier(**options(class_weight={0: 1, 1: np.float32(5)}))
    for part in range(4):
        model.partial_fit(X[part::4], RARE[part::4], np.linspace(1, 2, 20), classes=[0, 1])
    return model


def with_unlabeled_rows() -> Any:
    y = np.where(np.arange(80) % 4 == 0, -1, RARE)
    return DeepRectifierClassifier(**options(unlabeled_label=-1, pretraining=STACK)).fit(X, y)


def stack_of_two_calls() -> Any:
    model = StackedDenoisingAutoencoder(
        **{name: value for name, value in options().items() if name != "dropout"},
        corruption="salt-and-pepper", corruption_level=(0.1, 0.2), unit_scaling=True, reconstruction="sigmoid-cross-entropy",
    )  # fmt: skip
    return model.fit(X).partial_fit(X)


MADE: dict[str, Callable[[], Any]] = {
    "weights of classes": lambda: DeepRectifierClassifier(**options(class_weight="balanced")).fit(X, RARE),
    "text as labels": lambda: DeepRectifierClassifier(**options()).fit(X, np.array(["a", "bcd"])[RARE]),
    "a warm start": lambda: DeepRectifierClassifier(**options(warm_start=True)).fit(X, RARE).fit(X, RARE),
    "a stream": streamed,
    "rows without labels": with_unlabeled_rows,
    "ratings": lambda: RatingPredictor(**options(class_weight="balanced")).fit(X, RARE * 1.5),
    "numbers": lambda: DeepRectifierRegressor(**options()).fit(X, X[:, :2] * 1e3 + 1e4),
    "one number": lambda: DeepRectifierRegressor(**options(warm_start=True)).fit(X, X[:, 0]),
    "a stack": lambda: StackedDenoisingAutoencoder((7, 5), max_iter=2, random_state=3).fit(X),
    "a stack of two calls": stack_of_two_calls,
}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and (a.dtype, a.shape, a.tolist()) == (b.dtype, b.shape, b.tolist())
    if isinstance(a, StackedDenoisingAutoencoder):
        return same(a.get_params(), b.get_params())
    if dataclasses.is_dataclass(a):
        # Where initial weights began is over.
        return type(a) is type(b) and all(
            same(value, vars(b)[name]) for name, value in vars(a).items() if name != "start"
        )
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(value, b[name]) for name, value in a.items())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@pytest.mark.parametrize("name", MADE)
def test_nothing_else_is_forgotten(tmp_path: Path, name: str) -> None:
    """Whatever attribute is added to an estimator is kept, or said not to be."""
    fitted = MADE[name]()
    save(fitted, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert set(vars(fitted)) - set(vars(loaded)) <= NOT_KEPT
    assert set(vars(loaded)) <= set(vars(fitted))
    assert [
        of for of, value in vars(loaded).items() if of not in NOT_KEPT and not same(value, vars(fitted)[of])
    ] == []


@pytest.mark.parametrize("name", MADE)
def test_it_goes_on_to_the_same_bits(tmp_path: Path, name: str) -> None:
    fitted = MADE[name]()
    save(fitted, tmp_path / "m")
    pair = (fitted, load(tmp_path / "m"))
    target = (
        X[:, :2]
        if name == "numbers"
        else X[:, 0]
        if name == "one number"
        else getattr(fitted, "classes_", RARE)[RARE]
    )
    for _ in range(2):
        for model in pair:
            if isinstance(model, StackedDenoisingAutoencoder):
                model.partial_fit(X)
            else:
                model.partial_fit(X[:50], target[:50])
        assert same(vars(pair[0].network_), vars(pair[1].network_))
    if getattr(fitted, "warm_start", False):
        for model in pair:
            model.fit(X, target)
        assert same(vars(pair[0].network_), vars(pair[1].network_))


def test_a_rare_class_is_not_lost_when_it_goes_on(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    rows = random.normal(size=(600, 6))
    y = (rows[:, 0] + 0.3 * random.normal(size=600) > 1.7).astype(int)
    fitted = DeepRectifierClassifier((20,), class_weight="balanced", max_iter=10, random_state=0).fit(rows, y)
    save(fitted, tmp_path / "m")
    recalls = []
    for model in (fitted, load(tmp_path / "m")):
        for _ in range(10):
            model.partial_fit(rows, y)
        recalls.append(float(model.predict(rows)[y == 1].mean()))
    assert recalls[0] == recalls[1] > 0.7


@pytest.mark.parametrize("label", [float("nan"), np.float32("nan"), -1.5, "none", True, np.int64(-9)])
def test_any_mark_of_rows_without_labels_is_kept(tmp_path: Path, label: Any) -> None:
    model = copy.copy(DeepRectifierClassifier((4,), max_iter=1, random_state=0).fit(X, RARE))
    save(model.set_params(unlabeled_label=label), tmp_path / "m")
    loaded = load(tmp_path / "m").unlabeled_label
    assert type(loaded) in (float, int, str, bool)
    assert loaded == label or (loaded != loaded and label != label)


def test_an_interruption_is_known_afterwards(tmp_path: Path) -> None:
    model = DeepRectifierClassifier((4,), max_iter=1, random_state=0).fit(X, RARE)
    model.interrupted_ = True
    save(model, tmp_path / "m")
    assert load(tmp_path / "m").interrupted_ is True
