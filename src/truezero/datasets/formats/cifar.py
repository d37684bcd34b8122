"""CIFAR-10's official files: records of a label and 3,072 pixels, or Python's pickles of as many.

A row has the 32×32 red values, then the green, then the blue ones. Both forms come in six files of 10,000
rows, five of training and one of test rows, in a folder or in a tar archive.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.datasets.formats.plain_pickle import read_plain
from truezero.datasets.formats.source import Allowance, Unpacked, reading, unpacked
from truezero.errors import DataError

SHAPE = (3, 32, 32)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"
_N_PIXELS = 3072
_RECORD = _N_PIXELS + 1
_PIECE = 1 << 20
_NAME = re.compile(r"(data_batch|test_batch)[^/]*\.bin(\.gz|\.bz2|\.xz)?", re.IGNORECASE)
_PICKLE = re.compile(r"data_batch_[1-5]|test_batch")

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


def reader_of(path: Path) -> Callable[[Path], Batch] | None:
    """How a file is read that is called as CIFAR-10's are; None for any other."""
    if _NAME.fullmatch(path.name):
        return read_records
    return read_pickled if _PICKLE.fullmatch(path.name) else None


def read_records(path: Path) -> Batch:
    """Rows of a binary batch; gzip, bzip2 and xz are unpacked.

    Returns
    -------
    ndarray of uint8, shape (n, 3072)
    ndarray of int64, shape (n,)

    Raises
    ------
    DataError
        If it is missing, is not made of whole records, or has a label beyond 9.
    """
    with reading(path) as allowance, unpacked(path) as file:
        return parse_records(all_of(file, allowance))


def read_pickled(path: Path) -> Batch:
    """Rows of a Python batch; see `read_records`. No object but arrays and plain data is made of it."""
    with reading(path) as allowance, unpacked(path) as file:
        return parse_pickled(all_of(file, allowance))


def all_of(file: Unpacked, allowance: Allowance) -> bytes:
    """All content of a file, as much as its size allows."""
    pieces = []
    while piece := file.read(_PIECE):
        allowance.take(2 * len(piece), "its records")
        pieces.append(piece)
    return b"".join(pieces)


def parse_records(content: bytes) -> Batch:
    """Rows of the content of a binary batch."""
    if not content or len(content) % _RECORD:
        raise DataError(
            f"has {len(content)} bytes, not whole records of {_RECORD} (a label and {_N_PIXELS} pixels); "
            "get it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    return records[:, 1:], _checked_labels(records[:, 0].astype(np.int64))


def parse_pickled(content: bytes) -> Batch:
    """Rows of the content of a Python batch."""
    batch = read_plain(content)
    if type(batch) is not dict:
        raise DataError("is no batch of CIFAR-10: it holds no dict")
    batch = {key.decode("latin1") if type(key) is bytes else key: value for key, value in batch.items()}
    if "data" not in batch or "labels" not in batch:
        there = printable(", ".join(map(str, batch)), 200) or "nothing"
        raise DataError(f"is no batch of CIFAR-10: it has no data and labels, but {there}")
    X, labels = batch["data"], batch["labels"]
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.shape[1] != _N_PIXELS or not len(X):
        raise DataError(f"must hold uint8 rows of {_N_PIXELS} pixels, got {_described(X)}")
    if type(labels) is not list or not all(type(label) is int for label in labels):
        raise DataError("has labels that are no list of whole numbers")
    if len(labels) != len(X):
        raise DataError(f"does not fit: it has {len(X)} rows but {len(labels)} labels")
    if min(labels) < 0 or max(labels) > 255:
        raise DataError(f"has the label {next(v for v in labels if not 0 <= v <= 255)}; they are 0 to 9")
    return np.ascontiguousarray(X), _checked_labels(np.array(labels, np.int64))


def _described(X: Any) -> str:
    return f"shape {X.shape}" if isinstance(X, np.ndarray) else "no array"


def _checked_labels(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    wrong = np.flatnonzero(labels >= len(CLASSES))
    if len(wrong):
        raise DataError(f"has the label {labels[wrong[0]]} in row {wrong[0]}; they are 0 to 9")
    return labels
