"""NORB's files, to be damaged: images, compressed or not, and classes, each with all that belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from truezero.datasets.formats.norb import read_matrix, write_matrix
from truezero.datasets.norb import load_norb
from truezero.datasets.norb_files import SIDES, SMALL_NORB, Content

N = 15  # images of a file


def make(content: Content, end: str = "") -> Callable[[Path], Path]:
    """How a tiny Small NORB is written; what comes back is its training file of this content."""

    def write(folder: Path) -> Path:
        random = np.random.default_rng(4)
        for side in SIDES:
            images = random.integers(0, 256, (N, 2, 6, 6), dtype=np.uint8).repeat(16, 2).repeat(16, 3)
            contents: dict[Content, Any] = {"dat": images, "cat": (np.arange(N) % 5).astype(np.int32)}
            for kind, values in contents.items():
                (name,) = SMALL_NORB.names(side, kind)
                write_matrix(folder / (name + end), values)
        (name,) = SMALL_NORB.names("training", content)
        return folder / (name + end)

    return write


def read(path: Path) -> Any:
    """Read the data set, made smaller anew, and the file on its own."""
    for kept in path.parent.glob("small-norb-32x32-*"):
        kept.unlink()
    data = load_norb(path.parent, "small-norb")
    parts = [[np.array(array) for array in data.part(part)] for part in ("train", "validation", "test")]
    return parts, read_matrix(path)
