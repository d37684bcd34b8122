"""Data sets: official files and the user's own, as `Dataset`."""

from __future__ import annotations

from truezero.datasets.dataset import Dataset, Part
from truezero.datasets.formats.files import load_file
from truezero.datasets.formats.idx import read_idx
from truezero.datasets.named import DatasetInfo
from truezero.datasets.registry import (
    fetch_dataset,
    list_datasets,
    load_dataset,
    make_dataset,
    verify_dataset,
)

__all__ = [
    "Dataset",
    "DatasetInfo",
    "Part",
    "fetch_dataset",
    "list_datasets",
    "load_dataset",
    "load_file",
    "make_dataset",
    "read_idx",
    "verify_dataset",
]
