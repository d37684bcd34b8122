"""The classifier inside scikit-learn's own meta-estimators, as scikit-learn tests those with its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes what is imported below
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import HalvingGridSearchCV, cross_val_predict, learning_curve
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from truezero import DeepRectifierClassifier

Make = Callable[[Any], Any]


def ours(**changes: Any) -> DeepRectifierClassifier:
    return DeepRectifierClassifier((30,), **{"max_iter": 15, "random_state": 0, "n_threads": 1, **changes})


COMPOSITIONS: dict[str, Make] = {
    "Pipeline": lambda model: make_pipeline(MaxAbsScaler(), model),
    "OneVsRest": OneVsRestClassifier,
    "OneVsOne": OneVsOneClassifier,
    "OutputCode": lambda model: OutputCodeClassifier(model, random_state=0),
    "Calibrated": lambda model: CalibratedClassifierCV(model, cv=2),
    "Stacking": lambda model: StackingClassifier(
        [("a", model), ("b", LogisticRegression(max_iter=1000))], LogisticRegression(max_iter=1000), cv=2
    ),
    "Voting": lambda model: VotingClassifier(
        [("a", model), ("b", LogisticRegression(max_iter=1000))], voting="soft"
    ),
    "AdaBoost": lambda model: AdaBoostClassifier(model, n_estimators=3, random_state=0),
    "Bagging": lambda model: BaggingClassifier(model, n_estimators=3, random_state=0, n_jobs=2),
    "SelfTraining": SelfTrainingClassifier,
    "HalvingGridSearch": lambda model: HalvingGridSearchCV(
        model, {"learning_rate_init": [0.02, 0.1, 0.3], "l1_activation": [0.0, 1e-3]}, cv=2, n_jobs=2,
        random_state=0, min_resources=100,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def digits() -> Any:
    X, y = load_digits(return_X_y=True)
    return X[:700] / 16, y[:700]


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_learns_in(name: str, digits: Any) -> None:
    X, y = digits
    model = COMPOSITIONS[name](ours())
    again = clone(model)
    with warnings.catch_warnings():  # of processes of their own, and of the meta-estimators themselves
        warnings.simplefilter("ignore")
        score = model.fit(X[:500], y[:500]).score(X[500:], y[500:])
        assert score > 0.7
        predicted = model.predict(X[500:])
        assert predicted.shape == (200,)
        assert set(predicted) <= set(y)
        assert (again.fit(X[:500], y[:500]).predict(X[500:]) == predicted).all()


def test_several_targets(digits: Any) -> None:
    X, y = digits
    several = np.stack([y % 2, y > 4], axis=1)
    for made in (MultiOutputClassifier(ours(), n_jobs=2), ClassifierChain(ours(), random_state=0)):
        assert made.fit(X[:500], several[:500]).score(X[500:], several[500:]) > 0.6


def test_cross_validation_in_processes(digits: Any) -> None:
    X, y = digits
    one, two = (cross_val_predict(ours(), X, y, cv=3, n_jobs=n) for n in (1, 2))
    assert (one == two).all()
    sizes, train, test = learning_curve(ours(), X, y, train_sizes=[0.3, 1.0], cv=2, n_jobs=2)
    assert test[1].mean() > test[0].mean()
    assert sizes[0] < sizes[1]
    assert np.isfinite(train).all()


def _expected_to_fail(made: Any) -> dict[str, str]:
    weights = "minibatch training cannot make repeated and weighted rows equal to 1e-7"
    expected = {
        "check_sample_weight_equivalence_on_dense_data": weights,
        "check_sample_weight_equivalence_on_sparse_data": weights,
    }
    if isinstance(made, Pipeline):  # scikit-learn expects it of its own
        steps = "a pipeline fits its steps themselves"
        expected |= {"check_dont_overwrite_parameters": steps, "check_estimators_overwrite_params": steps}
    return expected


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(  # type: ignore[untyped-decorator] # scikit-learn has no types
    [
        make_pipeline(StandardScaler(), DeepRectifierClassifier((10,), max_iter=20, random_state=0)),
        OneVsRestClassifier(DeepRectifierClassifier((10,), max_iter=20, random_state=0)),
    ],
    expected_failed_checks=_expected_to_fail,
)
def test_scikit_learn_s_checks_of(estimator: Any, check: Any) -> None:
    check(estimator)
