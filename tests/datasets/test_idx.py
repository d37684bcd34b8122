"""IDX files: names they go by, labels beside them, and memory."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero.datasets import list_datasets, load_dataset, load_file, read_idx
from truezero.errors import DataError, OptionError


def idx(array: Any, code: int = 8) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + bytes(array.astype("u1").tobytes())


IMAGES, LABELS = np.arange(144).reshape(12, 4, 3), np.arange(12) % 3


@pytest.mark.parametrize("packed", [gzip, bz2, lzma])
def test_compressed_files_are_known_by_their_first_bytes(tmp_path: Path, packed: Any) -> None:
    content = packed.compress(idx(IMAGES))
    (tmp_path / "a").write_bytes(content)
    assert (read_idx(tmp_path / "a") == IMAGES).all()
    for damaged in (
        content[:-3],
        content[:40],
        content[:30] + bytes(255 - b for b in content[30:33]) + content[33:],
    ):
        (tmp_path / "a").write_bytes(damaged)
        with pytest.raises(DataError, match="/a "):
            read_idx(tmp_path / "a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(IMAGES[:0]), "holds nothing"),
        (struct.pack(">HBB3I", 0, 8, 3, 0, 2**32 - 1, 2**32 - 1), "holds nothing"),
        (struct.pack(">HBB", 0, 8, 255) + b"\0\0\0\1" * 255 + b"x", "255 dimensions"),
        (struct.pack(">HBB3I", 0, 8, 3, 60_000_000, 32, 32) + b"x" * 99, "cut off.* it has 99;"),
        (idx(IMAGES)[:-1], "cut off.* 144 bytes, it has 143"),
        (idx(IMAGES) + b"x", "goes on after its end"),
    ],
)
def test_headers_that_lie(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(tmp_path / "a")


def test_labels_are_counted_before_they_are_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a-images-idx3-ubyte").write_bytes(idx(IMAGES))
    header = struct.pack(">HBBI", 0, 8, 1, 4_000_000_000)
    (tmp_path / "a-labels-idx1-ubyte.gz").write_bytes(gzip.compress(header + bytes(100)))
    with pytest.raises(DataError, match=r"a-labels-idx1-ubyte\.gz .* 12 rows but 4000000000 labels"):
        load_file(tmp_path / "a-images-idx3-ubyte")
    (tmp_path / "a-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS) + bytes(1 << 20)))
    with pytest.raises(DataError, match=r"a-labels-idx1-ubyte\.gz goes on after its end"):
        load_file(tmp_path / "a-images-idx3-ubyte")
    (tmp_path / "a-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS)))
    y = load_file(tmp_path / "a-images-idx3-ubyte").y_train
    assert y is not None
    assert y.tolist() == LABELS.tolist()


def test_images_that_unpack_without_end(tmp_path: Path) -> None:
    header = struct.pack(">HBB3I", 0, 8, 3, 1 << 20, 32, 32)
    (tmp_path / "a-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + bytes(1000)))
    with pytest.raises(DataError, match=r"holds too much for a file of .* bytes: with values of shape"):
        load_file(tmp_path / "a-images-idx3-ubyte.gz")


@pytest.mark.parametrize("folder", ["mnist", "mnist/raw", "mnist/MNIST/raw", "MNIST/raw"])
@pytest.mark.parametrize("end", ["-idx{}-ubyte", "-idx{}-ubyte.gz", ".idx{}-ubyte", ".idx{}-ubyte.gz"])
def test_names_that_mnist_goes_by(tmp_path: Path, folder: str, end: str) -> None:
    place = tmp_path / folder
    place.mkdir(parents=True)
    for part, n in (("train", 10_002), ("t10k", 3)):
        for kind, array in (("images", np.zeros((n, 2, 2))), ("labels", np.arange(n) % 10)):
            content = idx(array)
            name = f"{part}-{kind}" + end.format(array.ndim)
            (place / name).write_bytes(gzip.compress(content, 1) if name.endswith("gz") else content)
    assert next(d for d in list_datasets(tmp_path) if d.name == "mnist").found
    assert load_dataset("mnist", data_dir=tmp_path, n_features=4).X_train.shape == (2, 4)
    with pytest.raises(DataError, match="mnist has 4 features, but the model takes, or n_features says, 5"):
        load_dataset("mnist", data_dir=tmp_path, n_features=5)
    images = place / ("train-images" + end.format(3))
    assert load_file(images).part("train")[1] is not None
    with pytest.raises(OptionError, match="target is for files; mnist has its own"):
        load_dataset("mnist", data_dir=tmp_path, target=images)
