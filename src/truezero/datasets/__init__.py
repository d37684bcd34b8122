"""Data sets: official files and the user's own, as `Dataset`."""

from __future__ import annotations

from truezero.datasets._dataset import Dataset, Part
from truezero.datasets._files import load_file
from truezero.datasets._idx import read_idx
from truezero.datasets._named import DatasetInfo, list_datasets, load_dataset

__all__ = ["Dataset", "DatasetInfo", "Part", "list_datasets", "load_dataset", "load_file", "read_idx"]
