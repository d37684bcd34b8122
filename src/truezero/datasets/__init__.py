"""Data sets: official files and the user's own, as `Dataset`."""

from __future__ import annotations

from truezero.datasets.dataset import Dataset, Part
from truezero.datasets.formats.files import load_file
from truezero.datasets.formats.idx import read_idx
from truezero.datasets.formats.text_files import TextColumn
from truezero.datasets.named import DatasetInfo
from truezero.datasets.registry import (
    are_texts,
    column_names,
    fetch_dataset,
    list_datasets,
    load_dataset,
    load_texts,
    make_dataset,
    verify_dataset,
)
from truezero.datasets.texts import TextDataset

__all__ = [
    "Dataset",
    "DatasetInfo",
    "Part",
    "TextColumn",
    "TextDataset",
    "are_texts",
    "column_names",
    "fetch_dataset",
    "list_datasets",
    "load_dataset",
    "load_file",
    "load_texts",
    "make_dataset",
    "read_idx",
    "verify_dataset",
]
