"""Schedules of the rate."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparing import same_bits
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from small_training import problem, settings

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor
from truezero.engines import get_engine
from truezero.errors import ModelFileError, OptionError
from truezero.training import Checkpoint, fine_tune
from truezero.training.schedules import rate_after
from truezero.training.sources import Ordering, as_source

X, Y = (part[:200] for part in load_digits(return_X_y=True))
X = X / 16


def rates(costs: list[float], schedule: str = "adaptive", patience: int = 2, tol: float = 0.1) -> list[Any]:
    """Of all epochs, and of the one that would come next."""
    return [
        rate_after(costs[:n], schedule, 0.5, max_epochs=len(costs), patience=patience, tol=tol)
        for n in range(len(costs) + 1)
    ]


def fitted(kind: Any = DeepRectifierClassifier, **changes: Any) -> Any:
    given: dict[str, Any] = {"hidden_layer_sizes": 12, "random_state": 0, "n_threads": 1, "max_iter": 8}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(**{**given, **changes}).fit(X, Y)


def of_epochs(model: Any) -> list[float]:
    return [record["learning_rate"] for record in model.history_]


def test_constant_and_linear() -> None:
    assert rates([1.0, 2.0, 3.0], "constant") == [0.5] * 4
    assert rates([1.0, 2.0, 3.0, 4.0], "linear") == [0.5, 0.375, 0.25, 0.125, 0.0]


def test_adaptive_waits_for_what_is_less_by_tol_than_the_least() -> None:
    assert rates([1.0, 0.8, 0.75, 0.72, 0.7]) == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.1, 0.1])
    assert rates([1.0, 0.95, 0.8, 0.75, 0.9, 0.6]) == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1])
    assert rates([1.0, 1.5, 1.2]) == pytest.approx([0.5, 0.5, 0.5, 0.1])  # less than 1.5 is not enough
    assert rates([1.0, 0.9, 0.8, 0.7], tol=0.0) == [0.5] * 5
    assert rates([1.0, 1.0, 1.0], tol=0.0) == [0.5] * 4  # as in scikit-learn: no worse is enough


def test_adaptive_ends_below_a_millionth() -> None:
    found = rates([1.0] * 40, patience=1)
    n = found.index(None)
    assert found[n - 1] <= 1e-6 < found[n - 2]
    assert found[:n] == pytest.approx([0.5, *(0.5 / 5**k for k in range(n - 1))])


@pytest.mark.parametrize("early_stopping", [True, False])
def test_adaptive_is_scikit_learn_s(early_stopping: bool) -> None:
    """Theirs waits for one epoch more than `n_iter_no_change` says."""
    theirs = MLPClassifier(
        8, solver="sgd", learning_rate="adaptive", learning_rate_init=0.2, momentum=0, tol=0.02,
        n_iter_no_change=2, max_iter=60, early_stopping=early_stopping, random_state=1,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, Y)
    scores = theirs.validation_scores_ if early_stopping else None
    costs = theirs.loss_curve_ if scores is None else [1 - score for score in scores]
    divided = [
        rate_after(costs[:n], "adaptive", 0.2, max_epochs=60, patience=3, tol=0.02)
        for n in range(len(costs) + 1)
    ]
    assert divided[-1] is None or len(costs) == 60
    assert None not in divided[:-1]
    last = divided[-2] if divided[-1] is None else divided[-1]
    assert theirs._optimizer.learning_rate == pytest.approx(last)
    assert last is not None
    assert last < 0.2


@pytest.mark.parametrize("kind", [DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor])
def test_estimators_have_them(kind: Any) -> None:
    assert of_epochs(fitted(kind, learning_rate_init=0.02)) == [0.02] * 8
    linear = of_epochs(fitted(kind, learning_rate="linear", learning_rate_init=0.02))
    assert linear == pytest.approx([0.02 * (1 - n / 8) for n in range(8)])
    for early_stopping in (True, False):
        adaptive = fitted(
            kind, learning_rate="adaptive", learning_rate_init=0.02, n_iter_no_change=1, tol=1e9,
            max_iter=100, early_stopping=early_stopping,
        )  # fmt: skip
        assert of_epochs(adaptive) == pytest.approx([0.02, *(0.02 / 5**n for n in range(8))])


@pytest.mark.parametrize("early_stopping", [True, False])
def test_adaptive_goes_by_validation_rows_where_there_are_any(early_stopping: bool) -> None:
    model = fitted(
        learning_rate="adaptive", tol=0.01, n_iter_no_change=2, max_iter=40, early_stopping=early_stopping
    )
    scores = model.validation_scores_
    assert (scores is not None) == early_stopping
    costs = model.loss_curve_ if scores is None else [1 - score for score in scores]
    expected: list[Any] = [
        rate_after(costs[:n], "adaptive", 0.05, max_epochs=40, patience=2, tol=0.01)
        for n in range(len(costs))
    ]
    assert of_epochs(model) == expected
    assert expected[-1] < 0.05


@pytest.mark.parametrize("name", ["reference", "native"])
def test_an_epoch_trains_at_its_rate(name: str) -> None:
    """Falling linearly over two epochs is an epoch at a rate, and one at half of it."""
    network, train, _ = problem()
    engine = get_engine(name)
    whole = fine_tune(network, train, None, settings(max_epochs=2, schedule="linear"), engine=engine)
    first = fine_tune(network, train, None, settings(max_epochs=1), engine=engine)
    half = replace(settings().step, learning_rate=0.05)
    zeros = first.history[-1]["sparsity"]
    density = (train.features.density(), *(1 - z for z in zeros))
    (piece,) = as_source(train).pieces(Ordering(9, shuffled=True), 2)
    engine.train(first.network, piece.rows, piece.order, half, epoch=2, seed=9, n_threads=1, density=density)
    assert same_bits(whole.network, first.network)


def test_a_checkpoint_of_another_schedule_is_refused(tmp_path: Path) -> None:
    network, train, held_out = problem()

    def go(path: Path, **changes: Any) -> int:
        asked = settings(n_iter_no_change=5, **changes)
        engine = get_engine("native")
        return len(
            fine_tune(network, train, held_out, asked, engine=engine, callbacks=[Checkpoint(path)]).history
        )

    for schedule in ("constant", "adaptive", "linear"):
        path = tmp_path / schedule
        go(path, schedule=schedule, max_epochs=3)
        for other in {"constant", "adaptive", "linear"} - {schedule}:
            with pytest.raises(ModelFileError, match="another training"):
                go(path, schedule=other, max_epochs=3)
        if schedule == "linear":  # its rates depend on how many epochs there are
            with pytest.raises(ModelFileError, match="another training"):
                go(path, schedule=schedule, max_epochs=4)
        else:
            assert go(path, schedule=schedule, max_epochs=4) == 4
    with pytest.raises(ModelFileError, match="another training"):
        go(tmp_path / "adaptive", schedule="adaptive", tol=0.5)
    go(tmp_path / "constant", tol=0.5)  # which it does not use


def test_constant_identifies_a_training_as_before() -> None:
    """Checkpoints of before there were schedules go on."""
    network, train, held_out = problem()
    state = fine_tune(network, train, held_out, settings(), engine=get_engine("native"))
    facts, _ = state.identity()
    assert set(facts[0]) == {"step", "n_iter_no_change", "shuffle", "seed"}


def test_adaptive_must_know_how_long_to_wait() -> None:
    with pytest.raises(OptionError, match="adaptive.* needs n_iter_no_change"):
        settings(schedule="adaptive", n_iter_no_change=None)


def test_partial_fit_trains_at_the_first_rate() -> None:
    trained = [
        DeepRectifierClassifier(12, random_state=0, n_threads=1, learning_rate=name)
        for name in ("constant", "linear")
    ]
    for model in trained:
        for _ in range(2):
            model.partial_fit(X, Y, classes=np.arange(10))
    assert same_bits(trained[0].network_, trained[1].network_)


def test_a_linear_schedule_that_is_over_is_no_cause_for_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        DeepRectifierClassifier(12, learning_rate="linear", max_iter=3, random_state=0, n_threads=1).fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        DeepRectifierClassifier(12, max_iter=3, random_state=0, n_threads=1).fit(X, Y)
