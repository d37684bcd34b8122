"""Files: safetensors with JSON metadata and a digest of all. Nothing is unpickled.

A file holds named arrays and one JSON object, the record (safetensors metadata key "truezero"), with the
format version, the kind of file, the names of its arrays, and what the kind needs. The key "digest" has the
SHA-256 of record and arrays.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.atomic import writing
from truezero.core.constraints import whole_number
from truezero.core.container import Container, write_container
from truezero.core.schema import Fields, names, parse_json, text
from truezero.core.text import printable
from truezero.errors import MissingModelError, ModelFileError

FORMAT_VERSION = 1
_KEY, _DIGEST = "truezero", "digest"
_ALGORITHM = "sha256"  # with the instructions that processors have for it, the fastest there is
_LARGEST_RECORD = 40_000_000  # characters; quotes and backslashes take two in the header
_RECORD = Fields({"format_version": whole_number(1)}, {"arrays": names, _DIGEST: text})

Tensors = dict[str, NDArray[Any]]
Path = str | os.PathLike[str]


def write_tensors(path: Path, tensors: Tensors, metadata: dict[str, Any], *, kind: str) -> None:
    """Write arrays and metadata, whole or not at all.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    arrays = {
        name: np.asarray(array, array.dtype.newbyteorder("="), order="C") for name, array in tensors.items()
    }
    described = {
        "format_version": FORMAT_VERSION,
        "kind": kind,
        "arrays": sorted(arrays),
        _DIGEST: _ALGORITHM,
        **metadata,
    }
    record = json.dumps(described)
    with writing(path) as temporary:
        if len(record) > _LARGEST_RECORD:
            raise OSError(f"what describes it takes {len(record)} characters, {_LARGEST_RECORD} at most")
        write_container(temporary, arrays, {_KEY: record, _DIGEST: _digest(record, arrays)})


def read_tensors(path: Path, *, kind: str) -> tuple[Tensors, dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, of another kind, or of a newer format.

    Warns
    -----
    UserWarning
        If the file is of a version that wrote no digest.
    """
    try:
        with Container(path) as file:
            record = _record(file.metadata)
            if not isinstance(record, dict) or record.get("kind") != kind:
                found = record.get("kind") if isinstance(record, dict) else "some other program's file"
                raise ModelFileError(f"{path} is not a truezero {kind} (it is: {printable(found)})")
            _RECORD.check("the record", record)
            if record["format_version"] > FORMAT_VERSION:
                raise ModelFileError(
                    f"{path} has format version {printable(record['format_version'])}; this truezero reads "
                    f"up to {FORMAT_VERSION}"
                )
            tensors = file.arrays()
    except ModelFileError:
        raise
    except FileNotFoundError:
        raise MissingModelError(f"there is no file {path}") from None
    except MemoryError:
        raise ModelFileError(f"{path} is too large for the memory of this machine") from None
    except (OSError, ValueError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ModelFileError(
            f"{path} is not a truezero {kind}, or is damaged: {printable(reason, 300)}"
        ) from error
    _check_digest(path, tensors, record, file.metadata)
    return tensors, record


def _record(metadata: Mapping[str, str]) -> Any:
    return parse_json(metadata[_KEY]) if _KEY in metadata else None


def _check_digest(path: Path, tensors: Tensors, record: dict[str, Any], metadata: dict[str, str]) -> None:
    if "arrays" in record and record["arrays"] != sorted(tensors):
        differ = min(set(record["arrays"]) ^ set(tensors), default="an array")
        lacks = "lacks" if differ in record["arrays"] else "has"
        raise ModelFileError(f"{path} is damaged: it {lacks} {printable(differ)}")
    if _DIGEST not in record and _DIGEST not in metadata:
        warnings.warn(
            f"{path} is of a version that wrote no digest, so that damage may go unnoticed: save it again",
            UserWarning,
            stacklevel=4,
        )
    elif record.get(_DIGEST) != _ALGORITHM or metadata.get(_DIGEST) != _digest(metadata[_KEY], tensors):
        raise ModelFileError(f"{path} is damaged: its content does not have its digest")


def _digest(record: str, tensors: Tensors) -> str:
    """SHA-256 of a file's content: of the record as it is written, and of every array."""
    arrays = [(name, tensors[name]) for name in sorted(tensors)]
    described = [[name, array.dtype.name, array.shape] for name, array in arrays]
    digest = hashlib.new(_ALGORITHM, json.dumps([record, described]).encode())
    for _, array in arrays:
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
