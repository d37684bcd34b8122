"""Sparse rows as SciPy saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from truezero.datasets import load_file
from truezero.errors import DataError

FORMS = ("csr", "csc", "coo", "bsr", "dia")


def counts() -> Any:
    random = np.random.default_rng(0)
    return random.integers(1, 9, (12, 6)) * (random.random((12, 6)) < 0.4)


def parts(X: Any, **changes: Any) -> dict[str, Any]:
    """Arrays of CSR as `save_npz` names them."""
    return {
        "data": X.data, "indices": X.indices, "indptr": X.indptr, "shape": X.shape, "format": b"csr", **changes
    }  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("dtype", "kept"),
    [("i8", "f4"), ("?", "f4"), ("u1", "u1"), ("f4", "f4"), ("f8", "f8"), ("g", "f8"), ("u2", "f4")],
)
@pytest.mark.parametrize("made", [sparse.coo_array, sparse.coo_matrix])
def test_every_form_and_dtype(tmp_path: Path, form: str, dtype: str, kept: str, made: Any) -> None:
    dense = counts().astype(dtype)
    sparse.save_npz(tmp_path / "rows.npz", made(dense).asformat(form))
    data = load_file(tmp_path / "rows.npz")
    assert isinstance(data.X_train, sparse.csr_array)
    assert data.X_train.dtype == np.dtype(kept)
    assert (data.X_train.toarray() == dense).all()
    assert data.y_train is None


@pytest.mark.parametrize("dtype", ["f2", ">f2", ">f4", ">f8", ">i8"])
def test_dtypes_that_scipy_cannot_save(tmp_path: Path, dtype: str) -> None:
    X = sparse.csr_array(counts())
    np.savez(tmp_path / "rows.npz", **parts(X, data=X.data.astype(dtype)))
    found = load_file(tmp_path / "rows.npz").X_train
    assert (found.toarray() == X.toarray()).all()
    assert found.dtype == (np.float64 if dtype == ">f8" else np.float32)


def test_counts_that_float32_cannot_hold(tmp_path: Path) -> None:
    dense = counts()
    dense[0, 0] = 2**24 + 1
    sparse.save_npz(tmp_path / "rows.npz", sparse.csr_array(dense))
    found = load_file(tmp_path / "rows.npz").X_train
    assert found.dtype == np.float64
    assert (found.toarray() == dense).all()


def test_labels_in_the_same_file(tmp_path: Path) -> None:
    X, y = sparse.csr_array(counts()), np.array(["a", "b", "c"] * 4)
    np.savez(tmp_path / "rows.npz", **parts(X, y=y))
    data = load_file(tmp_path / "rows.npz")
    assert data.y_train is not None
    assert data.y_train.tolist() == y.tolist()
    np.savez(tmp_path / "rows.npz", **parts(X, y=y[:5]))
    with pytest.raises(DataError, match="12 rows but 5 labels in y"):
        load_file(tmp_path / "rows.npz")


def changed(array: Any, at: int, value: int) -> Any:
    array = array.astype(np.int64)
    array[at] = value
    return array


X = sparse.csr_array(counts().astype("f4"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"indices": changed(X.indices, 5, 77)}, "row .* has the feature index 77"),
        ({"indices": changed(X.indices, 5, -4)}, "row .* has the feature index -4"),
        ({"indptr": changed(X.indptr, 5, 10**6)}, "row 5 ends .* before it begins"),
        ({"indptr": changed(X.indptr, 12, 10**6)}, "row 11 ends at 1000000"),
        ({"indptr": X.indptr[:-1]}, "need 13 indptr, got 12"),
        ({"indices": X.indices[:-1]}, "indices but .* values"),
        ({"indices": X.indices / 2}, "indices must be whole numbers"),
        ({"indices": X.indices[np.newaxis]}, "indices must be whole numbers in one dimension"),
        ({"indices": np.full(X.nnz, 2**64 - 1, np.uint64)}, "indices holds 18446744073709551615"),
        ({"data": X.data.astype(complex)}, "complex numbers in data"),
        ({"data": X.data.astype("U3")}, "numbers in data"),
        ({"shape": (12,)}, "pair of whole numbers"),
        ({"shape": (12.0, 6.0)}, "pair of whole numbers"),
        ({"shape": (2**62, 6)}, "holds too much"),
        ({"shape": (12, 2**40)}, "must hold a matrix with rows and columns"),
        ({"shape": (12, 2**30)}, "far more features .* ask for 1073741824 with n_features"),
        ({"shape": (0, 6)}, "must hold a matrix with rows and columns"),
        ({"format": b"lil"}, "of the form 'lil'; known: csr, csc, bsr, coo, dia"),
        ({"format": b"\x1b[31m"}, r"of the form '\\x1b\[31m'"),
        ({"format": 3}, "is no word"),
        ({"format": b"coo"}, "holds no row"),
        ({"format": b"dia"}, "holds no offsets"),
        ({"format": b"bsr"}, "cannot have blocks"),
    ],
)
def test_damaged_rows(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "rows.npz", **parts(X, **changes))
    with pytest.raises(DataError, match=rf"rows\.npz.*{message}"):
        load_file(tmp_path / "rows.npz")


@pytest.mark.parametrize("form", ["csc", "coo", "dia"])
def test_more_rows_than_a_file_can_describe(tmp_path: Path, form: str) -> None:
    wide = sparse.coo_array(([1.0], ([0], [0])), shape=(2, 5)).asformat(form)
    sparse.save_npz(tmp_path / "rows.npz", wide)
    with np.load(tmp_path / "rows.npz") as saved:
        arrays = dict(saved)
    np.savez(tmp_path / "rows.npz", **{**arrays, "shape": np.array([2**31 - 2, 5])})
    with pytest.raises(DataError, match="holds too much for a file of .* 2147483646 sparse rows"):
        load_file(tmp_path / "rows.npz")


def test_wide_rows_that_are_asked_for(tmp_path: Path) -> None:
    wide = sparse.csr_array(([1.0], ([0], [2**28])), shape=(2, 2**29))
    sparse.save_npz(tmp_path / "rows.npz", wide)
    assert load_file(tmp_path / "rows.npz", n_features=2**29).X_train.shape == (2, 2**29)
    with pytest.raises(DataError, match=r"rows\.npz has 536870912 features, but .* 7"):
        load_file(tmp_path / "rows.npz", n_features=7)
