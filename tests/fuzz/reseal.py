"""Files of truezero put together again with other content, and the digest of that."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from forging import as_of_before, content_of, forge

Random = np.random.Generator

_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 7, 3.5, 255, 2**31, 2**53, 2**63, 2**64, 10**30, 1e300, -1e-320, float("nan"), float("inf"), "", "a", "\x1b[31m\n",
    "x" * 3000, "auto", "<U99999", "<U99999999", "object", "float64", [], {}, [1], ["a"], [[]], {"a": 1}, [0] * 3000,
    {"dict": [[1], [2]]}, {"tuple": [1]}, {"array": "values.0"}, {"array": "weights.0"}, {"objects": [[-1, -3], [1, 2, 3]]},
    {"objects": [[2**40, 2**40], []]}, {"characters": ["U", "values.0"]}, {"texts": ["values.0", "values.1"]}, {"integers": "values.0"},
    {"scalars": "values.0"}, {"scalar": ["int8", 300]}, {"dtype": "<U99999"}, {"type": "float"}, {"bytes": "0g"}, {"set": [1, [2]]},
    {"slice": [1, 2]}, {"estimator": "StackedDenoisingAutoencoder"}, {"function": "chi2"}, "-1", "\ud800",
)  # fmt: skip
_DTYPES = ("u1", "i8", "f2", "f4", "f8", "?", "u4")


def is_ours(content: bytes) -> bool:
    """Whether it begins as our files do."""
    return b'"truezero"' in content[:200_000] and content[8:9] == b"{"


def reseal(random: Random, content: bytes) -> bytes:
    """Change the record or an array, and write the file with the digest of what it holds, or as of before."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source", Path(folder) / "target"
        source.write_bytes(content)

        def change(record: Any, tensors: Any) -> None:
            for _ in range(int(random.integers(1, 4))):
                if tensors and random.random() < 0.4:
                    _change_array(random, tensors)
                else:
                    _change_value(random, record)

        try:
            content_of(source)
        except Exception:  # it is damaged already
            return content
        try:
            return (forge if random.random() < 0.7 else as_of_before)(source, target, change).read_bytes()
        except (TypeError, ValueError, AttributeError, RecursionError):  # nothing that can be written
            return content


def _places(value: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    """Every container in a JSON value with every key or index in it."""
    if not isinstance(value, (dict, list)) or depth > 50:
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    deeper = [place for key in keys for place in _places(value[key], depth + 1)]
    return [(value, key) for key in keys] + deeper


def _change_value(random: Random, record: Any) -> None:
    places = _places(record)
    if not places:
        return
    where, key = places[random.integers(len(places))]
    other, of = places[random.integers(len(places))]
    match int(random.integers(6)):
        case 0:
            del where[key]
        case 1:
            where[key] = copy.deepcopy(other[of])
        case 2 if isinstance(where[key], (int, float)) and not isinstance(where[key], bool):
            where[key] = where[key] * int(random.choice([-1, 0, 2, 1000])) + int(random.choice([0, 1]))
        case 3 if isinstance(where, list):
            where.insert(key, copy.deepcopy(where[key]))
        case 4:
            for _ in range(int(random.choice([20, 120, 400]))):
                where[key] = [where[key]] if random.random() < 0.5 else {"tuple": [where[key]]}
        case _:
            where[key] = copy.deepcopy(_VALUES[random.integers(len(_VALUES))])


def _change_array(random: Random, tensors: Any) -> None:
    name, other = (list(tensors)[random.integers(len(tensors))] for _ in range(2))
    array = tensors[name]
    match int(random.integers(9)):
        case 0:
            del tensors[name]
        case 1:
            tensors[name] = tensors[other]
        case 2:
            tensors[name] = array.astype(_DTYPES[random.integers(len(_DTYPES))])
        case 3:
            tensors[name] = array.reshape(-1)
        case 4:
            tensors[name] = array[..., np.newaxis]
        case 5:
            tensors[name] = array[:-1].copy() if array.ndim else array
        case 6:
            tensors[name] = np.zeros((0, *array.shape[1:]), array.dtype)
        case 7:
            tensors[str(random.choice(["\x1b[2J", "values.9", "signs.0", "input_scale"]))] = tensors.pop(name)
        case _ if array.size:
            changed = array.copy()
            wild: Any = np.array([0, -1, 1e30, np.nan, np.inf, 255, 7, 2**40])[random.integers(8)]
            with np.errstate(all="ignore"):
                changed.flat[random.integers(array.size)] = np.asarray(wild).astype(array.dtype)
            tensors[name] = changed
