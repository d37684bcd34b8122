"""Files: safetensors with JSON metadata. Nothing is unpickled.

A file holds named arrays and one JSON object (safetensors metadata key "truezero") with the format
version, the kind of file, and what the kind needs.
"""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from truezero.core.atomic import writing
from truezero.errors import ModelFileError

FORMAT_VERSION = 1
_KEY = "truezero"

Tensors = dict[str, NDArray[Any]]
Path = str | os.PathLike[str]


def write_tensors(path: Path, tensors: Tensors, metadata: dict[str, Any], *, kind: str) -> None:
    """Write arrays and metadata, whole or not at all.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    described = {"format_version": FORMAT_VERSION, "kind": kind, **metadata}
    with writing(path) as temporary:
        save_file(
            {name: np.asarray(array, order="C") for name, array in tensors.items()},
            temporary,
            metadata={_KEY: json.dumps(described)},
        )


def read_tensors(path: Path, *, kind: str) -> tuple[Tensors, dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, of another kind, or of a newer format.
    """
    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            metadata = json.loads((file.metadata() or {}).get(_KEY, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}") from None
    except (OSError, SafetensorError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ModelFileError(f"{path} is not a truezero {kind}, or is damaged: {reason}") from error
    if not isinstance(metadata, dict) or metadata.get("kind") != kind:
        found = metadata.get("kind") if isinstance(metadata, dict) else "some other program's file"
        raise ModelFileError(f"{path} is not a truezero {kind} (it is: {found})")
    version = metadata.get("format_version")
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ModelFileError(
            f"{path} has format version {version}; this truezero reads up to {FORMAT_VERSION}"
        )
    return tensors, metadata
