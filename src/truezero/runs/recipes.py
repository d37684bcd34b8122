"""What runs do: pre-train one layer, fine-tune a network, fit a baseline."""

from __future__ import annotations

import importlib
import inspect
import time
import warnings
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin, is_classifier
from sklearn.exceptions import ConvergenceWarning

from truezero.analysis import measure
from truezero.core.activations import get_activation
from truezero.core.constraints import number, one_of, truth_value, whole_number
from truezero.core.schema import Fields, Items, Schema, measured, word
from truezero.core.tensors import write_tensors
from truezero.datasets import Dataset, Part
from truezero.engines import get_engine
from truezero.errors import OptionError
from truezero.estimators import DeepRectifierClassifier, RatingPredictor, StackedDenoisingAutoencoder
from truezero.models import load, save
from truezero.runs.rows import training_rows
from truezero.runs.run import RECIPES, Result, Run, Work, not_default
from truezero.training.history import EPOCH, PRETRAINING

MODEL = "model.safetensors"
"""The stack of layers up to its own that a run of "pretrain-layer" leaves; the network of one of fine-tuning
that was asked for it."""
PREDICTIONS = "predictions.safetensors"
"""What a run of fine-tuning predicts of the test rows, for tests of significance: class numbers, ratings."""

_OF_ONE_LAYER = (
    "hidden_layer_sizes", "activation", "corruption", "corruption_level", "reconstruction", "target",
    "tied_weights", "sampling", "l1_activation", "learning_rate_init", "max_iter",
)  # fmt: skip
# What changes no bit of a result. The engine is a part of a run's identity of its own.
_NOT_PART_OF_IT = ("engine", "verbose", "code_layer", "sparse_output")
# What the recipe itself sets.
_NOT_GIVEN = ("n_threads", "callbacks", "pretraining", "prefit", "warm_start")


def _settings(made: type, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Canonical parameters of one of our estimators, and the engine they lead to.

    Raises
    ------
    OptionError
        If there is one that the recipe sets, or no seed: a run could not be resumed, or done again.
    """
    for name in _NOT_GIVEN:
        if name in parameters:
            raise OptionError(f"{name} is no parameter of a run: whoever carries it out says it")
    if not isinstance(parameters.get("random_state"), Integral):
        raise OptionError(
            f"a run needs a whole number as random_state, got {parameters.get('random_state')!r}"
        )
    given = dict(parameters)
    activation = given.get("activation", "rectifier")
    several = [activation] if isinstance(activation, str) else activation
    names = [get_activation(name).name for name in several]
    if "activation" in given:
        given["activation"] = names[0] if isinstance(activation, str) else names
    engine = get_engine(given.get("engine", "auto"), names)
    return not_default(made, given, _NOT_PART_OF_IT), engine.name


_ERROR = measured | None
_OF_ALL: dict[str, Schema] = {
    "n_train": whole_number(0),
    "n_validation": whole_number(0),
    "seconds": number(least=0),
    "engine": Fields({"name": word}),
}
_OF_TRAINING: dict[str, Schema] = {
    **_OF_ALL,
    "epoch_selected": whole_number(1),
    "n_epochs": whole_number(1),
    "seed": whole_number(0),
}


class _Layer:
    """Pre-training of one layer, on the code of the layer that it needs, or on the rows (section 3.2).

    Parameters are those of `StackedDenoisingAutoencoder`, each of one layer. Rows without labels are learned
    from like others; validation rows select.
    """

    found: Schema = Fields(
        {
            **_OF_TRAINING,
            "layer": whole_number(0),
            "reconstruction_error": _ERROR,
            "sparsity": number(least=0, most=1),
            "dead_units": whole_number(0),
            "stuck": measured,
            "score": measured,
            "history": Items(PRETRAINING, fewest=1),
        }
    )

    def settings(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """See `Recipe.settings`."""
        return _settings(StackedDenoisingAutoencoder, parameters)

    def perform(self, work: Work) -> Result:
        """See `Recipe.perform`."""
        below = load(work.needs[0] / MODEL) if work.needs else None
        model = StackedDenoisingAutoencoder(
            **_of_stack(work.run), n_threads=work.n_threads, callbacks=[*work.callbacks, work.checkpoint]
        )
        data = work.data
        held_out = None if data.X_validation is None else data.features("validation")
        with (
            training_rows(data, work.n_threads, unlabeled=True) as (rows, _),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore", ConvergenceWarning)  # an interruption is raised instead
            model.fit(rows, X_val=held_out, below=below)
        if model.interrupted_:
            raise KeyboardInterrupt
        model.set_params(callbacks=None, n_threads=None)  # what the result does not depend on
        save(model, work.folder / MODEL)
        layer = len(model.stack_.layers) - 1
        history = [record for record in model.history_ if record["layer"] == layer]
        selected = history[model.epochs_selected_[layer] - 1]
        return {
            "layer": layer,
            "reconstruction_error": selected["reconstruction_error"],
            "sparsity": selected["sparsity"],
            "dead_units": selected["dead_units"],
            "stuck": selected["stuck"],
            "epoch_selected": selected["epoch"],
            "n_epochs": len(history),
            "score": model.score(data.rows_to_pretrain() if held_out is None else held_out),
            "n_train": data.X_train.shape[0] + _n_rows(data.X_unlabeled),
            "n_validation": _n_rows(data.X_validation),
            "seed": work.run.parameters["random_state"],
            "seconds": _seconds(history),
            "engine": model.engine_,
            "history": history,
        }


def _of_stack(run: Run) -> dict[str, Any]:
    """Parameters of the whole stack from those of its layers' runs."""
    chain = [run]
    while chain[0].needs:
        chain.insert(0, chain[0].needs[0])
    parameters = dict(run.parameters)
    for name in _OF_ONE_LAYER:
        given = [layer.parameters for layer in chain]
        if any(name in of_layer for of_layer in given):
            default = getattr(StackedDenoisingAutoencoder(), name)
            parameters[name] = [of_layer.get(name, default) for of_layer in given]
    return parameters


class _FineTuning:
    """Supervised training of a network, from random weights or from the stack that it needs (section 4.1).

    Validation rows select, test rows are measured.

    Parameters
    ----------
    made : type
        The estimator, whose parameters are the run's. Errors of ratings are squared. One more is
        "keep_model": the run leaves its network then, and not its predictions alone.
    """

    found: Schema = Fields(
        {
            **_OF_TRAINING,
            "test_error": _ERROR,
            "n_test": whole_number(0),
            "validation_error": _ERROR,
            "history": Items(EPOCH, fewest=1),
        },
        {"prediction": Fields({"seconds": number(least=0)})},  # old results lack it
    )

    def __init__(self, made: type[DeepRectifierClassifier] | type[RatingPredictor]) -> None:
        self._made = made

    def settings(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """See `Recipe.settings`."""
        keep, own = _keep_model(parameters)
        settings, engine = _settings(self._made, own)
        return {**settings, **({_KEEP_MODEL: True} if keep else {})}, engine

    def perform(self, work: Work) -> Result:
        """See `Recipe.perform`."""
        data = work.data
        keep, own = _keep_model(work.run.parameters)
        model = self._made(**own, n_threads=work.n_threads, callbacks=[*work.callbacks, work.checkpoint])
        if work.needs:
            model.set_params(pretraining=load(work.needs[0] / MODEL), prefit=True)
        held_out: dict[str, Any] = {}
        if data.X_validation is not None:
            held_out = {"X_val": data.features("validation"), "y_val": data.y_validation}
        with training_rows(data, work.n_threads) as (X, y), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # an interruption is raised instead
            model.fit(X, y, **held_out)
        if model.interrupted_:
            raise KeyboardInterrupt
        measured: dict[str, Any] = {"test_error": None, "n_test": 0}
        if data.X_test is not None:
            rows = data.features("test")
            measured = {**measure(model, rows, data.y_test, n_threads=work.n_threads)}
            predicted, seconds = _timed_prediction(model, rows)
            measured["prediction"] = {"seconds": seconds}
            if is_classifier(model):
                smallest = np.min_scalar_type(len(model.classes_))
                predicted = np.searchsorted(model.classes_, predicted).astype(smallest)
            write_tensors(work.folder / PREDICTIONS, {"predicted": predicted}, {}, kind="predictions")
        if keep:
            model.set_params(callbacks=None, n_threads=None)  # what the result does not depend on
            save(model, work.folder / MODEL)
        return {
            **measured,
            "validation_error": model.history_[model.epoch_selected_ - 1]["validation_error"],
            "n_train": data.X_train.shape[0],
            "n_validation": _n_rows(data.X_validation),
            "epoch_selected": model.epoch_selected_,
            "n_epochs": model.n_iter_,
            "seed": work.run.parameters["random_state"],
            "seconds": _seconds(model.history_),
            "engine": model.engine_,
            "history": model.history_,
        }


_KEEP_MODEL = "keep_model"


def _keep_model(parameters: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Whether a run of fine-tuning leaves its network, and the estimator's own parameters."""
    keep = parameters.get(_KEEP_MODEL, False)
    truth_value.check(_KEEP_MODEL, keep)
    return bool(keep), {name: value for name, value in parameters.items() if name != _KEEP_MODEL}


class _Baseline:
    """A scikit-learn estimator on the same rows.

    Parameters are "estimator", a name of `BASELINES`, and "parameters", that estimator's own; "rows", "as
    they are" or "tf-idf", whose weights are learned from the training rows; and "ratings": a classifier
    predicts the expected value of its classes then, and errors are squared.
    """

    found: Schema = Fields(
        {**_OF_ALL, "test_error": _ERROR, "validation_error": _ERROR, "n_test": whole_number(0)}
    )

    def settings(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """See `Recipe.settings`."""
        name, rows, ratings = _what_of(parameters)
        made, given = _baseline(name), parameters.get("parameters", {})
        own = not_default(made, given, ("n_jobs", "verbose"))
        if "random_state" in inspect.signature(made).parameters and "random_state" not in own:
            raise OptionError(f"a run of {name} needs a whole number as random_state")
        if ratings and not (hasattr(made, "predict_proba") or issubclass(made, RegressorMixin)):
            raise OptionError(f"{name} has no probabilities to take the expected rating by")
        of_rows = {} if rows == _AS_THEY_ARE else {"rows": rows}
        return {"estimator": name, "parameters": own, **of_rows, **({"ratings": True} if ratings else {})}, (
            "scikit-learn"
        )

    def perform(self, work: Work) -> Result:
        """See `Recipe.perform`."""
        data, parameters = work.data, work.run.parameters
        name, rows, ratings = _what_of(parameters)
        model = _baseline(name)(**parameters.get("parameters", {}))
        weights = _tf_idf() if rows == "tf-idf" else None
        started = time.perf_counter()
        X = _values(data, "train")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of scikit-learn's next defaults
            warnings.simplefilter("ignore", ConvergenceWarning)  # as many steps as were asked for
            model.fit(X if weights is None else weights.fit_transform(X), data.y_train)
        seconds = time.perf_counter() - started

        def error(part: Any) -> float | None:
            X, y = data.part(part)
            if X is None or y is None:
                return None
            X = _values(data, part)
            X = X if weights is None else weights.transform(X)
            if is_classifier(model) and not ratings:
                return float(np.mean(model.predict(X) != y))
            predicted = model.predict_proba(X) @ model.classes_ if is_classifier(model) else model.predict(X)
            return float(np.mean((predicted - y) ** 2))

        return {
            "test_error": error("test"),
            "validation_error": error("validation"),
            "n_train": data.X_train.shape[0],
            "n_validation": _n_rows(data.X_validation),
            "n_test": _n_rows(data.X_test),
            "seed": parameters.get("parameters", {}).get("random_state"),
            "seconds": seconds,
            "engine": {"name": "scikit-learn"},
        }


_AS_THEY_ARE = "as they are"
_ROWS = one_of(_AS_THEY_ARE, "tf-idf")


def _what_of(parameters: Mapping[str, Any]) -> tuple[Any, str, bool]:
    """Estimator, rows and whether they are rated, of a baseline's parameters."""
    rows, ratings = parameters.get("rows", _AS_THEY_ARE), parameters.get("ratings", False)
    _ROWS.check("rows of a baseline", rows)
    return parameters.get("estimator"), rows, bool(ratings)


def _tf_idf() -> Any:
    from sklearn.feature_extraction.text import TfidfTransformer  # here, as it takes long to import

    return TfidfTransformer()


def _n_rows(X: Any) -> int:
    return 0 if X is None else int(X.shape[0])


def _timed_prediction(model: Any, rows: Any) -> tuple[NDArray[Any], float]:
    """What a model predicts, and the median seconds of five times, or of those that begin within two seconds.

    Whatever else the machine does is in them; they are a result, and no part of a run's identity.
    """
    seconds: list[float] = []
    while not seconds or (len(seconds) < 5 and sum(seconds) < 2):
        started = time.perf_counter()
        predicted = model.predict(rows)
        seconds.append(time.perf_counter() - started)
    return predicted, float(np.median(seconds))


def _seconds(history: Sequence[Any]) -> float:
    """Of all epochs, those before a kill too."""
    return float(sum(record["seconds"] for record in history))


def _values(data: Dataset, part: Part) -> Any:
    """Rows as scikit-learn takes them, in the precision they have."""
    features = data.features(part)
    return features.values("float64" if features.X.dtype == np.float64 else "float32")


BASELINES = {
    name: f"sklearn.{module}"
    for module, names in {
        "linear_model": (
            "LogisticRegression",
            "LogisticRegressionCV",
            "Ridge",
            "RidgeCV",
            "RidgeClassifierCV",
            "SGDClassifier",
        ),
        "svm": ("LinearSVC",),
        "neural_network": ("MLPClassifier", "MLPRegressor"),
        "ensemble": ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
        "dummy": ("DummyClassifier", "DummyRegressor"),
    }.items()
    for name in names
}
"""Estimators that a baseline may be, and their modules."""


def _baseline(name: Any) -> type:
    if name not in BASELINES:
        raise OptionError(f"unknown baseline {name!r}; known: {', '.join(BASELINES)}")
    found: type = getattr(importlib.import_module(BASELINES[name]), name)
    return found


RECIPES.update(
    {
        "pretrain-layer": _Layer(),
        "fine-tune": _FineTuning(DeepRectifierClassifier),
        "fine-tune-ratings": _FineTuning(RatingPredictor),
        "baseline": _Baseline(),
    }
)
