"""The record of an estimator: its parameters, and what every fitted one has learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

import truezero._version as version
from truezero.core.constraints import Constraint, one_of, whole_number
from truezero.core.network import Network
from truezero.core.records import is_savable, savable_class
from truezero.core.schema import Fields, flag, names, text, word
from truezero.core.tensors import Path, Tensors
from truezero.core.text import printable
from truezero.core.values import ValueReader, ValueWriter
from truezero.errors import ModelFileError, OptionError
from truezero.estimators.input_scale import InputScale
from truezero.estimators.parameters import check_parameters

# Parameters that are code or state, not data; a loaded estimator has their defaults.
_NOT_KEPT = ("callbacks", "prefit")
_ESTIMATOR = "estimator"

# Parameters that matter without another fit, which checks all.
_OF_PREDICTION = ("n_threads", "code_layer", "sparse_output")
# Attributes that not every fitted estimator has, by their names in the record.
_IF_THERE = {"output_config": "_sklearn_output_config", "data_form": "_data_form"}
_PRODUCTS = Constraint(  # per layer; of an auto-encoder those of its encoder and of its decoder
    ("a list of words, or of lists of words",),
    lambda value: (
        isinstance(value, list)
        and all(word.admits(w) for part in value for w in (part if isinstance(part, list) else [part]))
    ),
)
_RECORD = Fields(
    {
        "parameters": Fields({}),
        "fitted": Fields(
            {"n_features_in": whole_number(1), "feature_names_in": names},
            {
                "interrupted": flag,
                "output_config": Fields({"transform": one_of("default", "pandas", "polars")}),
                "data_form": Fields({}, {"zero_based": flag, "columns": names, "text": text, "target": text}),
            },
        ),
        "trained_by": Fields(
            {
                "engine": Fields({"name": word}, {"products": _PRODUCTS, "blas": word | None}),
            }
        ),
    }
)


class RecordMixin(ABC):
    """Writes the record of an estimator and makes one from it; not for direct use."""

    network_: Network
    n_features_in_: int
    feature_names_in_: NDArray[Any]
    history_: list[Any]
    engine_: dict[str, Any]
    interrupted_: bool
    _input_scale: InputScale
    _data_form: dict[str, Any] | None = None
    """How the file was read that it was trained from, where another one could be read otherwise."""

    @abstractmethod
    def _write_learned(self, record: dict[str, Any], writer: ValueWriter) -> None:
        """Add what this class alone has learned to the record, arrays to the writer's tensors."""

    @abstractmethod
    def _read_learned(self, record: dict[str, Any], reader: ValueReader, path: Path) -> None:
        """Set what `_write_learned` wrote, `network_` at least."""

    def _to_record(self) -> tuple[Tensors, dict[str, Any]]:
        if not hasattr(self, "network_"):
            raise OptionError(f"this {type(self).__name__} is not fitted yet; fit it before saving")
        writer = ValueWriter()
        record: dict[str, Any] = {
            "parameters": write_parameters(self, writer),
            "fitted": {
                "n_features_in": self.n_features_in_,
                "feature_names_in": [str(name) for name in getattr(self, "feature_names_in_", ())],
                "history": self.history_,
                "interrupted": self.interrupted_,
            },
            "trained_by": {"truezero": version.__version__, "engine": self.engine_},
        }
        for name, attribute in _IF_THERE.items():
            if vars(self).get(attribute) is not None:
                record["fitted"][name] = vars(self)[attribute]
        writer.tensors |= self._input_scale.to_tensors()
        self._write_learned(record, writer)
        return writer.tensors, record

    @classmethod
    def _from_record(cls, tensors: Tensors, record: dict[str, Any], path: Path) -> Self:
        _RECORD.check("the record", record)
        reader = ValueReader(tensors)
        model = cls(**read_parameters(cls, record["parameters"], reader))
        text.check("engine", vars(model)["engine"])  # one that is not here is no damage
        check_parameters(model, *_OF_PREDICTION)
        fitted = record["fitted"]
        model.n_features_in_ = fitted["n_features_in"]
        named = fitted["feature_names_in"]
        if named:
            if len(named) != model.n_features_in_:
                raise ModelFileError(f"{model.n_features_in_} features and {len(named)} names disagree")
            model.feature_names_in_ = np.asarray(named, dtype=object)
        for name, attribute in _IF_THERE.items():
            if name in fitted:
                vars(model)[attribute] = fitted[name]
        model.engine_ = record["trained_by"]["engine"]
        model.interrupted_ = fitted.get("interrupted", False)
        model._input_scale = InputScale.from_tensors(reader.tensors, model.n_features_in_)
        model._read_learned(record, reader, path)
        n_inputs = model.network_.layer_sizes[0]
        if model.n_features_in_ != n_inputs:
            raise ModelFileError(f"{model.n_features_in_} features and {n_inputs} inputs disagree")
        return model


def write_parameters(model: Any, writer: ValueWriter) -> dict[str, Any]:
    """Parameters of an estimator, fitted or not, as JSON holds them.

    NumPy's numbers become plain ones, and tuples, lists and arrays lists, which are read as tuples. What
    draws random numbers is state, and left out.

    Raises
    ------
    OptionError
        If one of them cannot be kept.
    """
    found: dict[str, Any] = {}
    for name, value in model.get_params(deep=False).items():
        if name in _NOT_KEPT or isinstance(value, np.random.RandomState):
            continue
        found[name] = _write(value, f"the parameter {name} of {type(model).__name__}", writer)
    return found


def _write(value: Any, what: str, writer: ValueWriter) -> Any:
    if isinstance(value, FrozenEstimator):
        value = value.estimator
    if isinstance(value, RecordMixin) and is_savable(value):
        return {_ESTIMATOR: type(value).__name__, **write_parameters(value, writer)}
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (tuple, list)):
        return [_write(item, what, writer) for item in value]
    return writer.write(value, what)


def read_parameters(cls: Any, found: dict[str, Any], reader: ValueReader) -> dict[str, Any]:
    """Read what `write_parameters` wrote of an estimator of this class.

    Raises
    ------
    ModelFileError
        If there is one that the class does not have.
    """
    unknown = set(found) - (set(cls._get_param_names()) - set(_NOT_KEPT))
    if unknown:
        raise ModelFileError(
            f"{cls.__name__} has no parameter {printable(min(unknown))!r} that a file could hold"
        )
    return {name: _read(value, reader) for name, value in found.items()}


def _read(value: Any, reader: ValueReader) -> Any:
    if isinstance(value, list):
        return tuple(_read(item, reader) for item in value)
    if isinstance(value, dict) and _ESTIMATOR in value:
        cls: Any = savable_class(value[_ESTIMATOR])
        if cls is None or not issubclass(cls, RecordMixin):
            raise ModelFileError(f"{printable(value[_ESTIMATOR])!r} is not an estimator of this truezero")
        rest = {name: of for name, of in value.items() if name != _ESTIMATOR}
        return cls(**read_parameters(cls, rest, reader))
    return reader.read(value)
