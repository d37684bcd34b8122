"""Data sets: official files and the user's own, as `Dataset`."""

from __future__ import annotations

from truezero.datasets.dataset import Dataset, Part
from truezero.datasets.formats.files import load_file
from truezero.datasets.formats.idx import read_idx
from truezero.datasets.registry import DatasetInfo, list_datasets, load_dataset

__all__ = ["Dataset", "DatasetInfo", "Part", "list_datasets", "load_dataset", "load_file", "read_idx"]
