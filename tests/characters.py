"""Small characters for tests: scikit-learn's digits, enlarged; and files of them, as they are published."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from truezero.datasets.glyphs import Glyphs, framed


def characters(n: int = 120) -> Glyphs:
    """Digits of five writers, white on black."""
    bunch = load_digits()
    images = (bunch.images[:n] * (255 / 16)).astype(np.uint8)
    return Glyphs(framed(images.repeat(3, axis=1).repeat(3, axis=2)), bunch.target[:n], np.arange(n) % 5)


def idx(array: Any, code: int = 8) -> bytes:
    kind = {8: ">u1", 12: ">i4"}[code]
    sizes = np.array(array.shape, ">u4")
    return bytes([0, 0, code, array.ndim]) + sizes.tobytes() + bytes(array.astype(kind).tobytes())


def write_unipen(folder: Path, glyphs: Glyphs, split: Any) -> Path:
    folder.mkdir()
    for name, content in (
        ("images-idx3-ubyte", idx(glyphs.images)),
        ("labels-idx1-ubyte", idx(glyphs.labels)),
        ("split-idx1-ubyte", idx(split)),
        ("writers-idx1-int", idx(np.asarray(glyphs.groups), 12)),
    ):
        (folder / f"unipen62-{name}.gz").write_bytes(gzip.compress(content, 1))
    return folder


def write_emnist(folder: Path, images: Any, labels: Any, n_test: int) -> Path:
    folder.mkdir()
    for part, rows in (("train", slice(0, -n_test)), ("test", slice(-n_test, None))):
        (folder / f"emnist-byclass-{part}-images-idx3-ubyte").write_bytes(idx(images[rows]))
        (folder / f"emnist-byclass-{part}-labels-idx1-ubyte").write_bytes(idx(labels[rows]))
    return folder
