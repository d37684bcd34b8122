"""Data sets and files."""

from __future__ import annotations

import gzip
import struct
import tracemalloc
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
    with pytest.raises(DataError, match="9 rows but 5 labels in y"):
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
    X = sparse.random_array((20, 30), density=0.2, random_state=0, format="csr")
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
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
        DataError,
        match=r"train-images-idx3-ubyte\[.gz\] is not in .*mnist; `truezero data fetch mnist` gets it from https",
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


def test_features_share_the_memory_and_scaled_rows_are_their_values() -> None:
    X = np.random.default_rng(0).integers(0, 256, (20, 12), dtype=np.uint8)
    data = Dataset("pictures", X, None, X_test=X[:5], scale=2 / 255, offset=-1.0, image_shape=(3, 2, 2))
    features = data.features("train")
    assert features.X is X
    assert data.features("test").X.base is X
    assert (features.scale, features.offset) == (2 / 255, -1.0)
    np.testing.assert_allclose(features.values("float64"), X / 127.5 - 1)
    assert data.scaled("train").dtype == np.float32
    assert data.scaled("train").tobytes() == features.values("float32").tobytes()
    with pytest.raises(DataError, match="pictures has no validation rows"):
        data.features("validation")


def test_what_does_not_fit_its_data_set() -> None:
    X = np.ones((4, 12), dtype=np.uint8)
    for shape in ((3, 4), (1, 3, 5), (12,)):
        with pytest.raises(
            DataError, match=r"rows of 12 features are no images of .* \(channels, height, width\)"
        ):
            Dataset("pictures", X, None, image_shape=shape)  # type: ignore[arg-type]
    with pytest.raises(
        DataError, match="words: sparse rows cannot have an offset, the train rows are sparse"
    ):
        Dataset("words", sparse.csr_array(X), None, offset=1.0)
    bad = sparse.csr_array(np.diag([1.0, 2.0, np.inf]))
    with pytest.raises(DataError, match="words: test row 2, feature 2 is NaN or infinite"):
        Dataset("words", sparse.csr_array((3, 3)), None, X_test=bad)


def test_images_have_channels(tmp_path: Path) -> None:
    assert load_dataset("digits").image_shape == (1, 8, 8)
    assert load_dataset(write_images(tmp_path)).image_shape == (1, 4, 3)


def test_a_fingerprint_is_of_what_the_data_are(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    X, y = random.random((3000, 40)), np.array(["a", "bc"] * 1500)
    known = Dataset("a", X, y).fingerprint
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    wide = np.zeros((3000, 80))
    wide[:, ::2] = X
    for same in (mapped, np.asfortranarray(X), wide[:, ::2]):
        assert Dataset("b", same, y).fingerprint == known
    other = X.copy()
    other[-1, -1] += 1
    rows = sparse.csr_array(np.round(X))
    changed = rows.copy()
    changed.data[-1] = 2
    different = [
        known,
        Dataset("a", X, y, scale=0.5).fingerprint,
        Dataset("a", X, y, offset=0.5).fingerprint,
        Dataset("a", X, None).fingerprint,
        Dataset("a", X[:0:-1], y[1:]).fingerprint,
        Dataset("a", other, y).fingerprint,
        Dataset("a", X.astype(np.float32), y).fingerprint,
        Dataset("a", X, y, X, y).fingerprint,
        Dataset("a", rows, y).fingerprint,
        Dataset("a", changed, y).fingerprint,
    ]
    assert len(set(different)) == len(different)


def test_a_fingerprint_copies_nothing() -> None:
    data = Dataset("a", np.zeros((1000, 10_000), np.uint8)[:, ::2], None, np.ones((1000, 5000), np.uint8))
    tracemalloc.start()
    assert data.fingerprint
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_a_fingerprint_is_of_the_width_too() -> None:
    arrays = (np.ones(2, dtype=np.float32), [0, 1], [0, 1, 2])
    narrow, wide = (Dataset("d", sparse.csr_array(arrays, shape=(2, n)), None) for n in (2, 9))
    assert narrow.fingerprint != wide.fingerprint
    X = np.asfortranarray(np.arange(12.0).reshape(4, 3))
    assert Dataset("a", X, None).fingerprint == Dataset("b", np.ascontiguousarray(X), None).fingerprint
