"""Every parameter of every estimator: what it may be, and what is said of anything else."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression

from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    RatingPredictor,
    StackedDenoisingAutoencoder,
)
from truezero.core.constraints import layerwise, number, one_of, truth_value, whole_number
from truezero.errors import DivergenceError, OptionError
from truezero.training import Checkpoint

SUPERVISED: list[Any] = [DeepRectifierClassifier, RatingPredictor, DeepRectifierRegressor]
ESTIMATORS: list[Any] = [*SUPERVISED, StackedDenoisingAutoencoder]
EVERY = [(kind, name) for kind in ESTIMATORS for name in kind._parameter_constraints]

TRIED = {
    "None": None, "100.0": 100.0, "a": "a", "True": True, "-1": -1, "nan": np.nan, "inf": np.inf, "[]": [],
    "object": object(), "0-d": np.array(1), "matrix": np.ones((2, 2)), "huge": 10**400, "dtype": np.float32,
}  # fmt: skip
ONLY = {  # of those, what is documented to be accepted
    "None": {"sign_mask", "max_norm", "n_iter_no_change", "class_weight", "pretraining", "unlabeled_label",
             "callbacks", "n_threads", "random_state", "sampling"},
    "100.0": {"softplus_scale", "l1_activation", "alpha", "max_norm", "learning_rate_init", "unlabeled_label",
              "deviation", "tol"},
    "a": {"unlabeled_label"},
    "True": {"use_biases", "shuffle", "early_stopping", "prefit", "unlabeled_label", "warm_start", "verbose",
             "sparse_output", "tied_weights", "unit_scaling"},
    "-1": {"code_layer", "unlabeled_label", "n_threads"},
    "nan": {"unlabeled_label"},
    "[]": {"callbacks"},
}  # fmt: skip
# A list is none for one parameter alone, but for as many hidden layers as there are.
EMPTY = {kind: {"hidden_layer_sizes"} for kind in SUPERVISED}

OF_NUMPY: dict[str, Any] = {
    "hidden_layer_sizes": [np.int64(3), np.array([3, 2]), np.array([3, 2], dtype=np.uint8)],
    "activation": [np.str_("tanh"), np.array(["tanh", "relu"])],
    "softplus_scale": [np.float32(0.5)],
    "use_biases": [np.bool_(False)],
    "l1_activation": [np.float32(0.01), np.array([0.01, 0.02]), [np.float64(0.01), 0]],
    "alpha": [np.float32(0.01)],
    "dropout": [np.float32(0.1)],
    "input_dropout": [np.float16(0.1)],
    "max_norm": [np.float64(3), np.int32(3)],
    "learning_rate": [np.str_("linear")],
    "learning_rate_init": [np.float32(0.01)],
    "batch_size": [np.int64(7), np.uint8(7)],
    "max_iter": [np.int32(2)],
    "shuffle": [np.bool_(True)],
    "early_stopping": [np.bool_(False)],
    "validation_fraction": [np.float32(0.3)],
    "n_iter_no_change": [np.int64(2)],
    "tol": [np.float32(0.01), 0],
    "unlabeled_label": [np.int64(0), np.str_("?"), np.bool_(True)],
    "n_threads": [np.int64(1)],
    "dtype": [np.str_("float64")],
    "random_state": [np.int64(3), np.uint32(2**32 - 1)],
    "verbose": [np.bool_(False), 0],
    "code_layer": [np.int64(0)],
    "sparse_output": [np.bool_(False)],
    "corruption": [np.array(["gaussian", "masking"])],
    "corruption_level": [np.float32(0.3), np.array([0.3, 0.1])],
    "reconstruction": [np.array(["auto", "linear-quadratic"])],
    "target": [np.str_("after")],
    "tied_weights": [np.bool_(True), np.array([True, False])],
    "unit_scaling": [np.bool_(True)],
    "deviation": [np.float32(2)],
    "sampling": [np.float32(0.5), [None, np.float64(0.5)]],
}


@pytest.fixture(scope="module")
def rows() -> tuple[Any, Any]:
    X, y = load_digits(return_X_y=True)
    return X[:40] / 16, y[:40] % 3


def make(kind: Any, **changes: Any) -> Any:
    given: dict[str, Any] = {"hidden_layer_sizes": (5, 4), "max_iter": 1, "random_state": 0, "n_threads": 1}
    return kind(**{**given, **changes})


def test_every_parameter_is_declared() -> None:
    for kind in ESTIMATORS:
        assert set(kind._parameter_constraints) == set(inspect.signature(kind).parameters)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_what_is_not_documented_is_refused(kind: Any, name: str, rows: Any) -> None:
    for tried, value in TRIED.items():
        model = make(kind, **{name: value})
        if name in ONLY.get(tried, ()) or (tried == "[]" and name in EMPTY.get(kind, ())):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    model.fit(*rows)
                except DivergenceError:
                    assert name in ("learning_rate_init", "l1_activation")
            continue
        for fit in (model.fit, model.partial_fit):
            with pytest.raises(OptionError, match=name) as raised:
                fit(*rows)
            assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("kind", "name"), [pair for pair in EVERY if pair[1] in OF_NUMPY])
def test_numpy_s_own_are_accepted(kind: Any, name: str, rows: Any, tmp_path: Path) -> None:
    for i, value in enumerate(OF_NUMPY[name]):
        # A checkpoint writes the settings as JSON, which knows no NumPy.
        changes = {name: value, "callbacks": [Checkpoint(tmp_path / str(i))]}
        model = make(kind, **changes).fit(*rows)
        assert model.transform(rows[0]).shape[0] == 40
        model.set_params(callbacks=None).partial_fit(*rows)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (kind, options, message)
        for kinds, options, message in (
            (ESTIMATORS, {"max_iter": 100.0}, "max_iter must be a whole number of at least 1.*, got 100.0"),
            (ESTIMATORS, {"hidden_layer_sizes": None}, "hidden_layer_sizes must be a whole .* got None"),
            (ESTIMATORS, {"hidden_layer_sizes": [10.5]}, r"hidden_layer_sizes must be .* got \[10.5\]"),
            (ESTIMATORS, {"hidden_layer_sizes": [[10]]}, r"hidden_layer_sizes must be .* got \[\[10\]\]"),
            (ESTIMATORS, {"activation": ("relu", None)}, "activation must be the name of an activation, or"),
            (ESTIMATORS, {"l1_activation": (0.1, "a")}, "l1_activation must be a finite number of at least 0"),
            (ESTIMATORS, {"batch_size": 2**63}, "batch_size must be a whole number"),
            (ESTIMATORS, {"sign_mask": "x"}, "sign_mask must be 'random', 'half' or None, got 'x'"),
            (ESTIMATORS, {"n_threads": 1.5}, "n_threads must be a whole number above 0, −1 for all cores .* or None, got 1.5"),
            (ESTIMATORS, {"dtype": np.float32}, "dtype must be 'float32' or 'float64', got <class"),
            (ESTIMATORS, {"dtype": np.dtype("float32")}, "dtype must be 'float32' or 'float64', got dtype"),
            (ESTIMATORS, {"callbacks": 5}, "callbacks must be a list of callables or None, got 5"),
            (ESTIMATORS, {"callbacks": print}, "callbacks must be a list of callables or None, got <built"),
            (ESTIMATORS, {"callbacks": [print, "a"]}, "callbacks must be a list of callables or None, got"),
            (ESTIMATORS, {"code_layer": 1.5}, "code_layer must be a whole number, got 1.5"),
            (ESTIMATORS, {"code_layer": -3}, "code_layer must be a hidden layer, of which there are 2, got -3"),
            (ESTIMATORS, {"random_state": "a"}, "random_state must be a whole number from 0 to 4294967295, a"),
            (ESTIMATORS, {"engine": ["native"]}, "engine must be the name of an engine, got"),
            (ESTIMATORS, {"activation": ("relu",)}, r"activation must be one value or 2, one per layer, got \("),
            (SUPERVISED, {"l1_activation": np.ones(3)}, "l1_activation must be one value or 2, one per layer"),
            (SUPERVISED, {"max_iter": (1, 2)}, r"max_iter must be a whole number of at least 1, got \(1, 2\)"),
            (SUPERVISED, {"alpha": 2000.0}, "alpha must be below batch_size / learning_rate_init, 200, got 2000"),
            (SUPERVISED, {"pretraining": StackedDenoisingAutoencoder}, "pretraining must be a Stacked.* got <cl"),
            (SUPERVISED, {"pretraining": FrozenEstimator(LinearRegression())}, "pretraining must be a Stacked"),
            (SUPERVISED, {"unlabeled_label": (1, 2)}, "unlabeled_label must be a word, a finite number, NaN, True"),
            (
                SUPERVISED,
                {"pretraining": StackedDenoisingAutoencoder(batch_size=0)},
                "pretraining: batch_size must be a whole number of at least 1, got 0",
            ),
            (SUPERVISED[:2], {"class_weight": {0: -1}}, "class_weight must be a dict of numbers of at least 0"),
            (SUPERVISED[:2], {"class_weight": {0: "a"}}, "class_weight must be a dict of numbers of at least 0"),
            (ESTIMATORS[-1:], {"max_iter": (1, True)}, "max_iter must be a whole number of at least 1, or one"),
            (ESTIMATORS[-1:], {"corruption_level": ((0.8, 0.005), 0.5)}, "corruption_level of masking must be"),
            (ESTIMATORS[-1:], {"corruption_level": "a"}, "corruption_level must be a finite number .* a pair of"),
            (ESTIMATORS[-1:], {"sampling": (0.5, 0.0)}, "sampling must be a number above 0 and at most 1 or None"),
            (ESTIMATORS[-1:], {"tied_weights": (True, 0)}, "tied_weights must be True or False, or one per layer"),
        )
        for kind in kinds
    ],
)  # fmt: skip
def test_the_message_says_what_it_must_be(kind: Any, options: Any, message: str, rows: Any) -> None:
    with pytest.raises(OptionError, match=message):
        make(kind, **options).fit(*rows)


def test_parameters_set_after_the_fit(rows: Any) -> None:
    model = make(StackedDenoisingAutoencoder).fit(*rows)
    with pytest.raises(OptionError, match="code_layer must be a whole number, got 'a'"):
        model.set_params(code_layer="a").transform(rows[0])
    with pytest.raises(OptionError, match="n_threads must be"):
        model.set_params(code_layer=-1, n_threads=0.5).transform(rows[0])
    with pytest.raises(OptionError, match="corruption_level must be"):
        model.set_params(corruption_level=None).corrupt(rows[0])


def test_what_is_long_is_cut(rows: Any) -> None:
    with pytest.raises(OptionError, match="…") as raised:
        make(DeepRectifierClassifier, batch_size=list(range(100))).fit(*rows)
    assert len(str(raised.value)) < 200
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("constraint", "words", "admitted", "refused"),
    [
        (number(above=0), "a finite number above 0", (1, 0.1, np.float16(2)), (0, np.inf, True, "1", None)),
        (number(least=0, below=1), "a number of at least 0 and below 1", (0, 0.5), (1, -0.1, np.nan)),
        (number(above=0, most=1) | None, "a number above 0 and at most 1 or None", (1, None), (0, 1.1)),
        (whole_number(1), "a whole number of at least 1", (1, np.uint8(1)), (0, 1.0, True, np.bool_(True))),
        (whole_number(0, 3), "a whole number from 0 to 3", (0, 3), (-1, 4)),
        (one_of("x", "y", "z"), "'x', 'y' or 'z'", ("x", np.str_("z")), ("w", ["x"], "")),
        (layerwise(truth_value), "True or False, or one per layer", (True, [False], ()), (1, [1])),
        (layerwise(whole_number(1), 1), "a whole number of at least 1, or one per layer (1 or more)",
         (1, [1], range(1, 3)), ((), "12", b"12", {1: 2})),
    ],
)  # fmt: skip
def test_constraints(constraint: Any, words: str, admitted: Any, refused: Any) -> None:
    assert constraint.wanted == words
    assert all(map(constraint.admits, admitted))
    assert not any(map(constraint.admits, refused))
