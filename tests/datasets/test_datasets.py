"""Data sets and files."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import dump_svmlight_file

from truezero.datasets import Dataset, list_datasets, load_dataset, load_file, read_idx
from truezero.errors import DataError


def idx(array: Any, code: int = 8) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + bytes(array.astype("u1").tobytes())


def write_images(folder: Path, n: int = 12, n_labels: int | None = None) -> str:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (n, 4, 3))
    labels = np.arange(n if n_labels is None else n_labels) % 3
    (folder / "my-images-idx3-ubyte").write_bytes(idx(images))
    (folder / "my-labels-idx1-ubyte").write_bytes(idx(labels))
    return str(folder / "my-images-idx3-ubyte")


def test_idx_plain_and_compressed(tmp_path: Path) -> None:
    array = np.arange(24).reshape(2, 3, 4)
    (tmp_path / "a").write_bytes(idx(array))
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx(array)))
    for name in ("a", "a.gz"):
        assert (read_idx(tmp_path / name) == array).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (idx(np.arange(24).reshape(2, 3, 4))[:-1], "cut|bytes|short"),
        (idx(np.arange(24).reshape(2, 3, 4)) + b"x", "bytes|more|long"),
        (b"\x01" + idx(np.arange(24))[1:], "IDX|magic"),
        (b"\x00\x00\x77\x01" + b"\x00" * 8, "type|IDX|magic"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "bytes|cut|large"),  # claims 7.9e28 pixels
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_idx_is_refused(tmp_path: Path, content: bytes, message: str, compressed: bool) -> None:
    path = tmp_path / ("a.gz" if compressed else "a")
    path.write_bytes(gzip.compress(content) if compressed else content)
    with pytest.raises(DataError, match=message):
        read_idx(path)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(idx(np.arange(2400).reshape(20, 120) % 250))
    for content in (whole[:-9], whole[:20], b"\x1f\x8bnonsense", whole[:30] + b"\x00\x00\x00" + whole[33:]):
        (tmp_path / "a.gz").write_bytes(content)
        with pytest.raises(DataError, match=r"a\.gz"):
            read_idx(tmp_path / "a.gz")


def test_idx_pairs(tmp_path: Path) -> None:
    dataset = load_dataset(write_images(tmp_path))
    assert dataset.X_train.shape == (12, 12)
    assert dataset.scaled("train").max() <= 1
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(DataError, match=r"12 .* 11"):
        load_dataset(write_images(other, n_labels=11))


def test_npz(tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    X, y = np.random.default_rng(0).random((9, 4)), np.arange(9)
    np.savez(path, X=X, y=y)
    loaded = load_file(path)
    assert (loaded.X_train == X).all()
    bad = X.copy()
    bad[2, 3] = np.inf
    np.savez(path, X=bad, y=y)
    with pytest.raises(DataError, match=r"row 2, feature 3 is NaN or infinite"):
        load_file(path)
    np.savez(path, X=X, y=y[:5])
    with pytest.raises(DataError, match="9 train rows but 5 labels"):
        load_file(path)
    np.savez(path, X=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError):  # pickled inside: never loaded
        load_file(path)
    np.savez(path, rows=X)
    with pytest.raises(DataError, match="X"):
        load_file(path)
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"rows\.npz"):
        load_file(path)


def test_svmlight(tmp_path: Path) -> None:
    X = sparse.random_array((20, 30), density=0.2, rng=0, format="csr")
    path = tmp_path / "rows.svmlight"
    dump_svmlight_file(X, np.arange(20) % 2, str(path))
    loaded = load_file(path)
    assert sparse.issparse(loaded.X_train)
    assert loaded.X_train.shape[0] == 20
    path.write_text("1 2:0.5\nnonsense here\n")
    with pytest.raises(DataError, match=r"rows\.svmlight"):
        load_file(path)


def test_missing_files_and_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"unknown data set 'mnits'.*did you mean 'mnist'"):
        load_dataset("mnits")
    with pytest.raises(
        DataError, match=r"train-images-idx3-ubyte\[.gz\] is not in .*mnist; get it from https"
    ):
        load_dataset("mnist", data_dir=tmp_path)
    with pytest.raises(DataError, match=r"nowhere\.npz"):
        load_dataset(tmp_path / "nowhere.npz")
    found = {info.name: info.found for info in list_datasets(tmp_path)}
    assert found["digits"]
    assert found["synthetic"]
    assert not found["mnist"]


def test_digits_and_synthetic() -> None:
    digits, again = load_dataset("digits"), load_dataset("digits")
    assert [digits.part(p)[0].shape[0] for p in ("train", "validation", "test")] == [1097, 350, 350]
    assert digits.fingerprint == again.fingerprint
    synthetic = load_dataset("synthetic")
    assert synthetic.fingerprint != digits.fingerprint
    assert (synthetic.X_train != 0).mean() == pytest.approx(0.19, abs=0.01)


def test_the_paper_s_mnist(real_data: Path) -> None:
    mnist = load_dataset("mnist", data_dir=real_data)
    assert [mnist.part(p)[0].shape for p in ("train", "validation", "test")] == [
        (50_000, 784), (10_000, 784), (10_000, 784),
    ]  # fmt: skip
    assert mnist.X_train.dtype == np.uint8


def test_a_fingerprint_is_of_the_width_too() -> None:
    arrays = (np.ones(2, dtype=np.float32), [0, 1], [0, 1, 2])
    narrow, wide = (Dataset("d", sparse.csr_array(arrays, shape=(2, n)), None) for n in (2, 9))
    assert narrow.fingerprint != wide.fingerprint
    X = np.asfortranarray(np.arange(12.0).reshape(4, 3))
    assert Dataset("a", X, None).fingerprint == Dataset("b", np.ascontiguousarray(X), None).fingerprint
