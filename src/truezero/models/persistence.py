"""save and load: a network or a fitted estimator in one safetensors file."""

from __future__ import annotations

import os
from typing import Any

from truezero.core.records import Savable, is_savable, savable_class
from truezero.core.tensors import read_tensors, write_tensors
from truezero.errors import ModelFileError, OptionError

_KIND = "model"
# What reading a record raises that is not as it was written.
_DAMAGE = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


def save(obj: Savable, path: str | os.PathLike[str]) -> None:
    """Save a network or a fitted estimator: safetensors with JSON metadata.

    Parameters
    ----------
    obj : Network or an estimator of truezero
    path : path-like
        Written beside and renamed, so it is whole or not there.

    Raises
    ------
    OptionError
        If `obj` is something else or not fitted, or a parameter cannot be kept, naming it.
    DataError
        If the file cannot be written.

    Notes
    -----
    Callbacks, `prefit` and random number generators are not kept.
    """
    if is_savable(obj):
        tensors, record = obj._to_record()
    else:
        raise OptionError(f"only a Network or a truezero estimator can be saved, got {type(obj).__name__}")
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
    Network or an estimator of truezero
        The class that was saved.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, or not a truezero model.
    """
    tensors, record = read_tensors(path, kind=_KIND)
    name, cls = record.get("class"), savable_class(record.get("class"))
    try:
        if cls is not None:
            return cls._from_record(tensors, record, path)
    except _DAMAGE as error:
        message = " ".join(str(error).split())
        if isinstance(error, ModelFileError) and message.startswith(str(path)):
            raise
        lacks = "it lacks " if isinstance(error, KeyError) else ""
        raise ModelFileError(f"{path} is damaged: {lacks}{message}") from error
    raise ModelFileError(f"{path} holds a {name!r}, which this version of truezero does not know")
