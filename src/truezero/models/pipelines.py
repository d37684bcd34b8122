"""Pipelines of scikit-learn that end in an estimator of truezero, as records."""

from __future__ import annotations

import warnings
from collections import UserList
from typing import Any

import numpy as np
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from truezero.core.records import is_savable, savable_class
from truezero.core.schema import Fields, anything, text, word
from truezero.core.tensors import Path, Tensors
from truezero.core.text import printable
from truezero.core.values import ValueReader, ValueWriter
from truezero.errors import ModelFileError, OptionError
from truezero.estimators.records import RecordMixin, read_parameters, write_parameters
from truezero.models.parts import estimator_of
from truezero.models.steps import (
    FORMER,
    FUNCTIONS,
    NOT_KEPT,
    STEP_NAMES,
    STEPS,
    attributes_of,
    check_step,
    check_whole,
)

_AT = "models."  # where the arrays of our own estimators are
_RECORD = Fields({"scikit_learn": word, "pipeline": anything})
_STEP = Fields({"class": text, "parameters": Fields({}), "fitted": Fields({})})
_UNFITTED = Fields({"class": text, "parameters": Fields({})})
_MODEL = Fields({"class": text, "arrays": word, "record": anything})


def pipeline_to_record(pipeline: Pipeline) -> tuple[Tensors, dict[str, Any]]:
    """Arrays and description of a pipeline.

    Raises
    ------
    OptionError
        If it does not end in a fitted estimator of truezero, or a step cannot be kept.
    """
    if type(pipeline) is not Pipeline:
        raise OptionError(
            f"of pipelines only scikit-learn's own can be saved, got one of {type(pipeline).__module__}"
        )
    last = estimator_of(pipeline)
    if not (isinstance(last, RecordMixin) and is_savable(last)):
        raise OptionError(f"only a Pipeline that ends in a truezero estimator can be saved, got {last!r:.80}")
    if not hasattr(last, "network_"):
        raise OptionError("this Pipeline is not fitted yet; fit it before saving")
    writer = _StepWriter(pipeline)
    described = writer.write(pipeline, "the pipeline")
    return writer.tensors, {"scikit_learn": sklearn.__version__, "pipeline": described}


def pipeline_from_record(tensors: Tensors, record: dict[str, Any], path: Path) -> Pipeline:
    """Rebuild a pipeline.

    Raises
    ------
    ModelFileError
        If something in it is none of what `pipeline_to_record` writes. A damaged record may raise Python's
        own exceptions as well.
    """
    _RECORD.check("the record", record)
    version = record["scikit_learn"]
    if version != sklearn.__version__:
        warnings.warn(_OtherVersion(path, version), stacklevel=3)
    pipeline = _StepReader(tensors, version, path).read(record["pipeline"])
    if type(pipeline) is not Pipeline or not hasattr(estimator_of(pipeline), "network_"):
        raise ModelFileError("it holds no pipeline that ends in a truezero estimator")
    for _, step in pipeline.steps:
        # A HashingVectorizer learns nothing, which not every scikit-learn knows.
        if step not in (None, "passthrough") and not isinstance(step, HashingVectorizer):
            check_is_fitted(step)
    return pipeline


class _OtherVersion(InconsistentVersionWarning):  # type: ignore[misc] # scikit-learn has no types
    """The warning of scikit-learn, which speaks of unpickling, in words that fit."""

    def __init__(self, path: Path, version: str) -> None:
        super().__init__(
            estimator_name="Pipeline",
            current_sklearn_version=sklearn.__version__,
            original_sklearn_version=version,
        )
        self.path = path

    def __str__(self) -> str:
        return (
            f"{self.path} was saved under scikit-learn {self.original_sklearn_version}; this is "
            f"{self.current_sklearn_version}, whose steps may work otherwise"
        )


class _StepWriter(ValueWriter):
    """Writes values, and among them steps, estimators of truezero and functions of the list."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self._n_models = 0
        # As in set_params: "features__text" is a step of a step.
        self._names = {
            id(step): name for name, step in pipeline.get_params().items() if hasattr(step, "get_params")
        }

    def write_other(self, value: Any, what: str) -> Any:
        if isinstance(value, RecordMixin) and is_savable(value):
            return self._model(value)
        if type(value) in STEPS:
            return {"step": self._step(value)}
        function = FUNCTIONS.get(getattr(value, "__name__", ""))
        if function is not None and function is value:
            return {"function": function.__name__}
        if isinstance(value, UserList):  # scikit-learn 1.6's columns of the remainder
            return self.write(list(value), what)
        if hasattr(value, "to_numpy"):  # names or a mask of columns, as pandas gives them
            return self.write(value.to_numpy(), what)
        if hasattr(value, "get_params"):
            name = self._names.get(id(value))
            which = what if name is None else f"the step {name}"
            raise OptionError(
                f"{which} is a {type(value).__name__}; the steps that a model file can hold are "
                f"{', '.join(sorted(STEP_NAMES))}, and truezero's estimators"
            )
        return super().write_other(value, what)

    def _model(self, model: Any) -> Any:
        described: dict[str, Any] = {"class": type(model).__name__}
        if not hasattr(model, "network_"):  # a ColumnTransformer keeps what it fits clones of
            return {"unfitted": described | {"parameters": write_parameters(model, self)}}
        prefix, self._n_models = f"{_AT}{self._n_models}.", self._n_models + 1
        tensors, record = model._to_record()
        self.tensors |= {prefix + name: array for name, array in tensors.items()}
        return {"model": described | {"arrays": prefix, "record": record}}

    def _step(self, step: Any) -> Any:
        cls, name = type(step), self._names.get(id(step))
        prefix = "" if name is None else f"{name}__"
        owner = f" of {cls.__name__}" if name is None else ""
        try:
            check_step(step)
        except ValueError as error:
            raise OptionError(f"{name or cls.__name__} cannot be kept in a model file: {error}") from error
        parameters = step.get_params(deep=False)
        if isinstance(step, ColumnTransformer):
            parameters["transformers"] = _with_fixed_columns(step)
        learned = {of: value for of, value in vars(step).items() if of not in parameters}
        known = attributes_of(cls)
        for attribute, value in learned.items():
            if attribute not in NOT_KEPT and not isinstance(value, known.get(attribute, ())):
                raise OptionError(
                    f"{name or cls.__name__} has learned {attribute}, which this truezero does not know of a "
                    f"{cls.__name__} (scikit-learn {sklearn.__version__}) and cannot keep in a model file"
                )
        return {
            "class": cls.__name__,
            "parameters": {
                of: self.write(value, f"the parameter {prefix}{of}{owner}")
                for of, value in parameters.items()
                if of not in NOT_KEPT and not isinstance(value, np.random.RandomState)
            },
            "fitted": {
                of: self.write(value, f"{of} of {name or cls.__name__}")
                for of, value in learned.items()
                if of not in NOT_KEPT
            },
        }


def _with_fixed_columns(step: Any) -> list[Any]:
    """Transformers with the columns that functions selected when they were fitted."""
    resolved = getattr(step, "_columns", [])
    return [
        (name, transformer, resolved[i] if callable(columns) and i < len(resolved) else columns)
        for i, (name, transformer, columns) in enumerate(step.transformers)
    ]


def _function(name: Any) -> Any:
    if not isinstance(name, str) or name not in FUNCTIONS:
        raise ModelFileError(f"{printable(repr(name))} is no function that a model file may hold")
    return FUNCTIONS[name]


class _StepReader(ValueReader):
    """Reads what a `_StepWriter` wrote."""

    def __init__(self, tensors: Tensors, version: str, path: Path) -> None:
        super().__init__(tensors)
        self._same_version = version == sklearn.__version__
        self._path = path
        self._kinds |= {
            "step": self._step,
            "model": self._model,
            "unfitted": self._unfitted,
            "function": _function,
        }

    def _estimator(self, content: Any) -> Any:
        cls: Any = savable_class(content["class"])
        if cls is None or not issubclass(cls, RecordMixin):
            raise ModelFileError(f"{printable(content['class'])!r} is not an estimator of this truezero")
        return cls

    def _unfitted(self, content: Any) -> Any:
        _UNFITTED.check("an estimator", content)
        cls = self._estimator(content)
        return cls(**read_parameters(cls, content["parameters"], self))

    def _model(self, content: Any) -> Any:
        _MODEL.check("an estimator", content)
        prefix = content["arrays"]
        names = [name for name in self.tensors if name.startswith(prefix)]
        tensors = {name.removeprefix(prefix): self.take(name) for name in names}
        return self._estimator(content)._from_record(tensors, content["record"], self._path)

    def _step(self, content: Any) -> Any:
        _STEP.check("a step", content)
        cls = STEP_NAMES.get(content["class"])
        if cls is None:
            raise ModelFileError(f"a {printable(content['class'])!r} is no step that a model file may hold")
        named = cls._get_param_names()  # type: ignore[attr-defined] # every estimator has it
        given, learned = dict(content["parameters"]), dict(content["fitted"])
        if not self._same_version:  # a parameter may be gone; the warning said so
            given = {name: value for name, value in given.items() if name in named}
        for name in given:
            if name not in named or name in NOT_KEPT:
                raise ModelFileError(
                    f"{cls.__name__} has no parameter {printable(name)!r} that a file could hold"
                )
        step = cls(**{name: self.read(value) for name, value in given.items()})
        known = attributes_of(cls)
        for name, described in learned.items():
            value = self.read(described)
            if not isinstance(value, known.get(name, ())):
                raise ModelFileError(f"{printable(name)} of {cls.__name__} is none of what it learns")
            vars(step)[name] = value
        for name, former in FORMER.get(cls, {}).items():
            if former in learned:
                vars(step).setdefault(name, vars(step)[former])
        check_whole(step)
        check_step(step)
        if isinstance(step, CountVectorizer):  # its stop words were found to fit when it was fitted
            step._stop_words_id = id(step.stop_words)
        return step
