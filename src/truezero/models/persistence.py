"""save and load: a network, a fitted estimator or a pipeline in one safetensors file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from truezero.core.records import Savable, is_savable, savable_class
from truezero.core.tensors import read_tensors, write_tensors
from truezero.core.text import printable
from truezero.errors import ModelFileError, OptionError

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# The module of pipelines is imported where one is met: it takes in half of scikit-learn.
_KIND = "model"
_PIPELINE = "Pipeline"
# What reading a record raises that is not as it was written, in steps of scikit-learn above all.
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, MemoryError)


def save(obj: Savable | Pipeline, path: str | os.PathLike[str]) -> None:
    """Save a network, a fitted estimator or a pipeline: safetensors with JSON metadata.

    Parameters
    ----------
    obj : Network, an estimator of truezero, or scikit-learn Pipeline
        Of a pipeline the last step is an estimator of truezero. The others may be scalers, encoders,
        `SimpleImputer`, vectorizers and univariate selectors of scikit-learn, `ColumnTransformer`,
        `FeatureUnion`, pipelines and estimators of truezero; functions of one's own are refused.
    path : path-like
        Written beside and renamed, so it is whole or not there.

    Raises
    ------
    OptionError
        If `obj` is something else or not fitted, or a parameter or step cannot be kept, naming it.
    DataError
        If the file cannot be written.

    Notes
    -----
    What training goes on from is kept: a loaded estimator's `partial_fit` and warm start give what the saved
    one's would, to the bit. Not kept are `callbacks`, `prefit` and a random number generator as
    `random_state`, which have their defaults after `load`; `pretraining_`, which can be saved by itself
    (`pretraining` is kept unfitted); a pipeline's `memory` and requests for metadata. Arrays and lists among
    parameters come back as tuples, NumPy's numbers as Python's. Columns that a `ColumnTransformer` selects by
    a function are kept as what it selected.

    The file has a digest of all that it holds. It shows damage; it does not show who wrote the file.
    """
    if is_savable(obj):
        tensors, record = obj._to_record()
    elif type(obj).__name__ == _PIPELINE:
        from truezero.models.pipelines import pipeline_to_record

        tensors, record = pipeline_to_record(obj)
    else:
        raise OptionError(
            "only a Network, a truezero estimator or a Pipeline that ends in one can be saved, "
            f"got {type(obj).__name__}"
        )
    try:
        write_tensors(path, tensors, {"class": type(obj).__name__, **record}, kind=_KIND)
    except TypeError as error:
        raise OptionError(f"what was fitted cannot be written as JSON: {error}") from error


def load(path: str | os.PathLike[str]) -> Any:
    """Load what `save` wrote; nothing is unpickled, and nothing imported that the file names.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Network, an estimator of truezero, or Pipeline
        The class that was saved. `save` says what is not kept.

    Raises
    ------
    ModelFileError
        If the file is missing (a `FileNotFoundError` too), damaged, or not a truezero model. Nothing is made
        room for that the file does not have.

    Warns
    -----
    UserWarning
        If the file is of a version that wrote no digest, so that damage may go unnoticed.
    InconsistentVersionWarning
        If a pipeline was saved under another version of scikit-learn.
    """
    tensors, record = read_tensors(path, kind=_KIND)
    name, cls = record.get("class"), savable_class(record.get("class"))
    try:
        if cls is not None:
            return cls._from_record(tensors, record, path)
        if name == _PIPELINE:
            from truezero.models.pipelines import pipeline_from_record

            return pipeline_from_record(tensors, record, path)
    except _DAMAGE as error:
        if isinstance(error, ModelFileError) and str(error).startswith(str(path)):
            raise
        lacks = "it lacks " if isinstance(error, KeyError) else ""
        deep = isinstance(error, RecursionError)
        message = "nested too deep" if deep else printable(" ".join(str(error).split()), 300)
        raise ModelFileError(f"{path} is damaged: {lacks}{message}") from error
    raise ModelFileError(f"{path} holds a {printable(name)!r}, which this version of truezero does not know")
