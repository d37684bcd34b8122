"""Folders with files of NORB's kind, tiny, for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from truezero.datasets.formats.norb import write_matrix
from truezero.datasets.norb_files import CONTENTS, SIDES, Collection, Content, Side


def make_folder_of(folder: Path, collection: Collection) -> dict[Side, dict[Content, Any]]:
    """Write a collection with a few images a file; what is in it, files one after the other."""
    random = np.random.default_rng(1)
    made: dict[Side, dict[Content, Any]] = {}
    for side, n in zip(SIDES, (40, 14), strict=True):
        n_side = collection.image_side
        made[side] = {
            "dat": random.integers(0, 256, (n, 2, n_side, n_side), dtype=np.uint8),
            "cat": (random.permutation(n) % collection.n_classes).astype(np.int32),
            "info": random.integers(0, 9, (n, collection.n_info), dtype=np.int32),
        }
        for content in CONTENTS:
            rewrite(folder, collection, side, content, made[side][content])
    return made


def rewrite(
    folder: Path,
    collection: Collection,
    side: Side,
    content: Content,
    values: Any,
    change: Callable[[Any], Any] = lambda a: a,
) -> None:
    """Write all files of one content; some are compressed, if they were not there before."""
    names = collection.names(side, content)
    for number, (name, part) in enumerate(zip(names, np.array_split(values, len(names)), strict=True)):
        packed = number == 2 and content == "dat"
        write_matrix(folder / (f"{name}.gz" if packed else name), change(part))
