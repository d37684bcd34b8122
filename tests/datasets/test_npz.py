"""npz files: which arrays are taken, in what form, and what is refused before it is unpacked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from truezero.datasets import load_file
from truezero.errors import DataError

X = np.round(np.random.default_rng(0).random((9, 4)) * 8)
Y = np.arange(9) % 3


def saved(folder: Path, **arrays: Any) -> Path:
    np.savez_compressed(folder / "rows.npz", **arrays)
    return folder / "rows.npz"


def member(array: Any, **changes: str) -> bytes:
    """An array as a member, with words of its header replaced."""
    out = io.BytesIO()
    np.save(out, array)
    content = out.getvalue()
    n = int.from_bytes(content[8:10], "little")
    header = content[10 : 10 + n].decode()
    for old, new in changes.items():
        header = header.replace({"descr": "'<f8'", "shape": "(9, 4)", "order": "False"}[old], new)
    header = header.rstrip() + "\n"
    return content[:8] + len(header).to_bytes(2, "little") + header.encode() + content[10 + n :]


def zipped(folder: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(folder / "rows.npz", "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return folder / "rows.npz"


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("u1", "u1"), ("<f4", "f4"), (">f4", "f4"), ("f8", "f8"), (">f8", "f8"), ("f2", "f4"), (">f2", "f4"),
        ("g", "f8"), ("?", "f4"), ("i1", "f4"), ("<i8", "f4"), (">i4", "f4"), ("u2", "f4"), ("u8", "f4"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_every_dtype(tmp_path: Path, dtype: str, kept: str, order: Any) -> None:
    rows = np.asarray(X.astype(dtype), order=order)
    data = load_file(saved(tmp_path, X=rows, y=Y))
    assert data.X_train.dtype == np.dtype(kept)
    assert (data.X_train == rows).all()
    assert data.y_train is not None
    assert (data.y_train == Y).all()


def test_whole_numbers_that_float32_cannot_hold_become_float64(tmp_path: Path) -> None:
    rows = np.tile(np.arange(400), (1000, 1))
    assert load_file(saved(tmp_path, X=rows)).X_train.dtype == np.float32
    rows[-1, -1] = 2**24 + 1
    found = load_file(saved(tmp_path, X=rows)).X_train
    assert found.dtype == np.float64
    assert (found == rows).all()


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["a", "b", None] * 3, dtype=object), r"Python objects in y.*np\.asarray\(y\.tolist\(\)\)"),
        (Y.astype(complex), "complex numbers in y"),
        (np.zeros(9, dtype="f4,i4"), "structures in y"),
        (np.zeros(9, dtype="M8[D]"), "dates in y"),
        (Y[:5], "9 rows but 5 labels in y"),
        (np.zeros((9, 2, 1)), "one label per row in y"),
        (np.zeros((9, 0)), r"train labels must be one per row"),
        (np.array(4), "one label per row in y"),
        (np.where(Y == 1, np.inf, 0.5), "train row 1 has an infinite label"),
        (np.array([b"a", b"\xff", b"b"] * 3), "train row 1 has a label of bytes that are no UTF-8"),
        (np.array(["x" * 1001] * 9), "labels of more than 1000 characters"),
    ],
)
def test_labels_that_cannot_be_used(tmp_path: Path, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"rows\.npz.*{message}"):
        load_file(saved(tmp_path, X=X, y=y))


@pytest.mark.parametrize(
    ("y", "found"),
    [
        (Y[:, np.newaxis], Y),
        (np.array([b"a", "é".encode(), b"b"] * 3), np.array(["a", "é", "b"] * 3)),
        (Y.astype(">i2"), Y.astype("i2")),
        (np.array(["x", "yz", "é"] * 3).astype(">U2"), np.array(["x", "yz", "é"] * 3)),
        (np.where(Y == 1, 1e300, 0.5), np.where(Y == 1, 1e300, 0.5)),
        (np.column_stack([Y, Y]) / 2, np.column_stack([Y, Y]) / 2),
        (Y > 1, Y > 1),
        (Y.astype("f2"), Y.astype("f4")),
    ],
)
def test_labels_as_they_are_kept(tmp_path: Path, y: Any, found: Any) -> None:
    loaded = load_file(saved(tmp_path, X=X, y=y)).y_train
    assert loaded is not None
    assert loaded.dtype == found.dtype
    np.testing.assert_array_equal(loaded, found)


def test_a_missing_label_stays_nan(tmp_path: Path) -> None:
    y = load_file(saved(tmp_path, X=X, y=np.where(Y == 1, np.nan, Y))).y_train
    assert y is not None
    assert np.isnan(y).tolist() == (Y == 1).tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": "(60000000, 128)"}, "X has 288 bytes, its header says 61440000000"),
        ({"shape": "(9, 5)"}, "X has 288 bytes, its header says 360"),
        ({"shape": "(36,)"}, r"X as a matrix with rows and columns, got shape \(36,\)"),
        ({"shape": "(0, 4)"}, "X has 288 bytes, its header says 0"),
        ({"shape": "(-9, -4)"}, "X has the header"),
        ({"shape": "(9, 2**2)"}, "X has the header"),
        ({"shape": "(" * 3000 + ")" * 3000}, "X has the header"),
        ({"shape": "(9" + "0" * 30 + ", 4)"}, "X has the shape"),
        ({"descr": "'|O'"}, "Python objects in X"),
        ({"descr": "[('a', '<f8')]"}, "structures in X"),
        ({"descr": "'<f9'"}, "X has the dtype '<f9'"),
        ({"descr": "'<U2'"}, "numbers in X, got text"),
        ({"descr": "'|S0'"}, r"X has the dtype '\|S0'"),
        ({"descr": "'\x1b[31m'"}, r"X has the dtype '\\x1b\[31m'"),
        ({"order": "__import__('os')"}, "X has the header"),
    ],
)
def test_headers_that_lie(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    path = zipped(tmp_path, ("X.npy", member(X, **changes)))
    with pytest.raises(DataError, match=message) as caught:
        load_file(path)
    assert str(caught.value).isprintable()


def test_headers_of_other_writers(tmp_path: Path) -> None:
    """Old NumPy writes long integers, other programs other spaces and another order."""
    content = member(X)
    n = int.from_bytes(content[8:10], "little")
    for header in (
        "{'descr': '<f8', 'fortran_order': False, 'shape': (9L, 4L), }",
        '{"shape":(9,4),"fortran_order":False,"descr":"<f8"}',
    ):
        first = b"\x93NUMPY\x02\x00" + (len(header) + 1).to_bytes(4, "little") + header.encode() + b"\n"
        data = load_file(zipped(tmp_path, ("X.npy", first + content[10 + n :])))
        assert (data.X_train == X).all()


def test_archives_that_lie(tmp_path: Path) -> None:
    good = ("X.npy", member(X))
    with pytest.warns(UserWarning, match="Duplicate"):
        path = zipped(tmp_path, good, good)
    with pytest.raises(DataError, match="holds X twice"):
        load_file(path)
    with pytest.raises(DataError, match="compressed otherwise than by deflate"):
        load_file(zipped(tmp_path, good, method=zipfile.ZIP_LZMA))
    content = bytearray(zipped(tmp_path, good, ("y.npy", member(Y.astype(float)))).read_bytes())
    directory = content.index(b"PK\x01\x02")
    encrypted = content.copy()
    encrypted[directory + 8] |= 1
    path.write_bytes(encrypted)
    with pytest.raises(DataError, match=r"rows\.npz"):
        load_file(path)
    renamed = content.copy()  # only in the directory: the labels would be gone
    renamed[content.rindex(b"y.npy")] = ord("z")
    path.write_bytes(renamed)
    with pytest.raises(DataError, match=r"rows\.npz is damaged"):
        load_file(path)
    swallowed = content.copy()  # the next entry is said to be a comment on the first
    swallowed[directory + 32] = 46 + len(b"y.npy")
    path.write_bytes(swallowed)
    with pytest.raises(DataError, match=r"does not list as many members as it says"):
        load_file(path)
    for name in ("rows", "\x1b[31mX.npy", "n" * 60_000 + ".npy"):
        with pytest.raises(DataError, match="must hold X and y") as caught:
            load_file(zipped(tmp_path, (name, member(X))))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 600


def test_parts_without_rows(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds y_test but no X_test"):
        load_file(saved(tmp_path, X_train=X, y_train=Y, y_test=Y))
    data = load_file(saved(tmp_path, X_train=X, X_val=X[:3], y_val=Y[:3], X_test=X[3:]))
    assert data.part("validation")[0].shape == (3, 4)
    assert data.part("test")[1] is None


def test_members_that_mean_nothing_are_not_unpacked(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("X.npy", member(X)), ("y.npy", member(Y.astype(float))), ("Z.npy", b"x" * 999))
    content = bytearray(path.read_bytes())
    at = content.index(b"Z.npy")  # its data follow: what is there cannot be inflated
    content[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert (load_file(path).X_train == X).all()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f4", "i8", "u1"])
def test_dense_rows_that_are_nearly_all_zeros_become_sparse(
    tmp_path: Path, order: Any, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.zeros((300, 2000), dtype, order=order)
    rows[::7, ::31] = np.random.default_rng(0).integers(1, 200, rows[::7, ::31].shape)
    path = saved(tmp_path, X_train=rows, y_train=np.arange(300), X_test=rows[:2])
    monkeypatch.setattr("truezero.datasets.formats.source._LEAST_ALLOWED", 1_000)
    monkeypatch.setattr("truezero.datasets.formats.source._TIMES_ITS_SIZE", 22 if dtype == "u1" else 30)
    data = load_file(path)
    assert sparse.issparse(data.X_train)
    assert sparse.issparse(data.X_test)
    assert data.X_train.dtype == (np.uint8 if dtype == "u1" else np.float32)
    assert (data.X_train.toarray() == rows).all()
    with pytest.raises(DataError, match="holds too much for a file of"):
        load_file(saved(tmp_path, X=rows + rows.dtype.type(1)))
