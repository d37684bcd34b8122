"""What may be opened, labels in files of their own, and memory that follows the size of a file."""

from __future__ import annotations

import os
import socket
import struct
import tracemalloc
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from truezero.datasets import Dataset, load_dataset, load_file
from truezero.errors import DataError

X, Y = np.arange(12.0).reshape(4, 3), [3, 1, 2, 1]


@pytest.fixture(name="rows")
def path_of_rows(tmp_path: Path) -> Path:
    np.savez(tmp_path / "rows.npz", X=X)
    return tmp_path / "rows.npz"


@pytest.mark.parametrize("name", ["p.npz", "p.svm", "p.svm.gz", "p-images-idx3-ubyte", "p"])
def test_what_is_no_regular_file_is_never_opened(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    with pytest.raises(DataError, match=rf"{name} is no regular file"):
        load_file(path) if "." in name or "idx" in name else load_dataset(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(tmp_path)  # names of sockets must be short
        listening.bind(name)
        with pytest.raises(DataError, match="is no regular file"):
            load_file(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match="is no regular file"):
        load_file(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(DataError, match="is a folder"):
        load_file(path)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for name in (
        "a.npz",
        "a.svm",
        "a-idx3-ubyte",
        "a.npz/b.npz",
        "n" * 300 + ".npz",
        "\x1b[31m.npz",
        "a\0.npz",
    ):
        with pytest.raises(DataError) as caught:
            load_dataset(tmp_path / name)
        assert str(caught.value).isprintable()
    (tmp_path / "a.svm").symlink_to(tmp_path / "a.svm")
    with pytest.raises(DataError, match=r"cannot read .*a\.svm: Too many levels"):
        load_file(tmp_path / "a.svm")
    with pytest.raises(DataError, match=r"unknown data set '\\x1b\[31mx+…'"):
        load_dataset("\x1b[31m" + "x" * 999)


def idx(labels: Any) -> bytes:
    return struct.pack(">HBBI", 0, 8, 1, len(labels)) + bytes(labels)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("y.txt", b"3\n1\n2\n1\n", Y),
        ("y.txt", b"\xef\xbb\xbf3\r\n1\r\n2\r\n1", Y),
        ("y.txt", "é\na b\nc\n1\n".encode(), ["é", "a b", "c", "1"]),
        ("y.txt", b"3\n.5\n2\n1e300\n", [3, 0.5, 2, 1e300]),
        ("y.txt", b"99999999999999999999\n1\n2\n1\n", [1e20, 1, 2, 1]),
        ("y.csv", b'"a, b"\nc\nd\n"1"\n', ["a, b", "c", "d", "1"]),
        ("y-idx1-ubyte", idx(Y), Y),
    ],
)
def test_labels_from_another_file(tmp_path: Path, rows: Path, name: str, content: bytes, found: Any) -> None:
    (tmp_path / name).write_bytes(content)
    y = load_dataset(rows, target=tmp_path / name).y_train
    assert y is not None
    assert y.tolist() == found


def test_labels_from_numpy_s_files(tmp_path: Path, rows: Path) -> None:
    np.savez(tmp_path / "y.npz", y=Y)
    np.save(tmp_path / "y.npy", np.array(Y, ">i4")[:, np.newaxis])
    for name in ("y.npz", "y.npy"):
        y = load_file(rows, target=tmp_path / name).y_train
        assert y is not None
        assert y.tolist() == Y
    np.save(tmp_path / "y.npy", np.array(["a", 1, 2, 3], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"y\.npy holds Python objects"):
        load_file(rows, target=tmp_path / "y.npy")
    path = tmp_path / "both.svm"
    path.write_text("0 1:1\n0 2:1\n")
    (tmp_path / "y.txt").write_text("a\nb\n")
    both = load_file(path, target=tmp_path / "y.txt").y_train
    assert both is not None
    assert both.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "y.txt",
            b"label\n3\n1\n2\n1\n",
            "has 5 lines, one label each, for 4 rows; is its first line a heading",
        ),
        ("y.txt", b"3\n\n2\n1\n", "line 2 holds no label"),
        ("y.txt", b"", "has 1 lines"),
        ("y.txt", b"3\n1\n\xff\n1\n", "is no UTF-8 text"),
        ("y.txt", b"3\n1\ninf\n1\n", "row 2 has an infinite label"),
        ("y.txt", b"3\n1\n" + b"x" * 9999 + b"\n1\n", "line 3 holds no label but a long text"),
        ("y.csv", b"3,4\n1,2\n2,3\n1,2\n", "line 1 must hold one label, got 2 cells"),
        ("y.csv", b'3\n"1\n2"\n1\n', "line 2 is no CSV"),
        ("y.npz", b"PK", "is damaged or no zip archive"),
        ("y.npy", b"\x93NUMPY", "is no array of NumPy"),
        ("y-idx1-ubyte", idx(Y[:3]), "there are 4 rows but 3 labels"),
        ("y.pdf", b"", "is an unknown kind of labels"),
        ("z.txt", None, "is not there"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, rows: Path, name: str, content: bytes, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=f"{name} .*{message}"):
        load_file(rows, target=tmp_path / name)


def test_target_is_for_rows_in_one_part(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", X_train=X, X_test=X)
    with pytest.raises(DataError, match=r"rows\.npz holds parts with labels of their own"):
        load_file(tmp_path / "rows.npz", target=tmp_path / "y.txt")


def test_what_a_data_set_takes() -> None:
    counts = sparse.coo_array(X.astype("f4"))
    data = Dataset("d", counts, np.reshape(Y, (4, 1)), X_test=counts.tocsc(), y_test=np.array([b"a"] * 4))
    assert isinstance(data.X_train, sparse.csr_array)
    assert data.y_train is not None
    assert data.y_train.shape == (4,)
    assert data.y_test is not None
    assert data.y_test.tolist() == ["a"] * 4
    damaged = sparse.csr_array(X)
    damaged.indices[2] = -5
    for arguments, message in (
        ((None, None), "d has no train rows"),
        ((X, [1, 2]), "d: train labels must be one per row"),
        ((X, np.array(Y, object)), r"not Python objects; np\.asarray\(y\.tolist\(\)\)"),
        ((X, np.array([1j] * 4)), "not complex numbers"),
        ((X, np.array([["a", "b"]] * 4)), "labels that are text"),
        ((X, np.frombuffer(b"\xff\xff\xff\xff" * 4, "<U1")), "row 0 has a label with what is no character"),
        ((X, None, None, Y), "validation labels have no rows"),
        ((X, None, X[:, :2]), "validation rows have 2 features, training rows 3"),
        ((damaged, None), r"train CSR rows: row \d has the feature index -5"),
        ((X.astype(int), None), "rows must be float32, float64 or uint8, got int64"),
    ):
        with pytest.raises(DataError, match=message):
            Dataset("d", *arguments)


BOMBS: dict[str, dict[str, Any]] = {
    "rows of zeros": {"X": np.zeros((1500, 2000)), "y": np.arange(1500) % 2},
    "rows of zeros, column by column": {"X": np.zeros((1500, 2000), "i8", order="F")},
    "rows of ones": {"X": np.ones((1500, 2000))},
    "labels": {"X": np.ones((3, 2)), "y": np.zeros(3_000_000)},
    "text": {"X": np.ones((2, 2)), "y": np.array(["a" * 3_000_000, "b"])},
    "an array that means nothing": {"X": np.ones((3, 2)), "Z": np.zeros(3_000_000)},
    "indices": {"data": np.zeros(9), "indices": np.zeros(3_000_000, "i8"), "indptr": [0, 9], "shape": (1, 5)},
    "sparse zeros": {
        "data": np.zeros(3_000_000), "indices": np.zeros(3_000_000, "i8"), "indptr": [0, 3_000_000], "shape": (1, 5),
    },
}  # fmt: skip


@pytest.mark.parametrize("what", BOMBS)
def test_memory_follows_the_size_of_the_file(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """24 MB that take 24 kB, where a file may take 2 MB."""
    np.savez_compressed(tmp_path / "bomb.npz", **BOMBS[what])
    monkeypatch.setattr("truezero.datasets.formats.source._LEAST_ALLOWED", 2_000_000)
    tracemalloc.start()
    loads = what.startswith("rows of zeros") or what == "an array that means nothing"
    with nullcontext() if loads else pytest.raises(DataError, match=r"bomb\.npz"):
        load_file(tmp_path / "bomb.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000  # pieces of a MiB, and copies that numbers are compared in, come on top
