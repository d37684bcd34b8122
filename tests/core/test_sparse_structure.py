"""Sparse rows whose indices point outside, in every form; and that nothing of the caller's is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, StackedDenoisingAutoencoder
from truezero.core.rows import Features
from truezero.core.sparse_structure import check_structure, checked_rows
from truezero.errors import DataError

FORMS = ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")
ARRAYS = {"csr": ("indptr", "indices", "data"), "coo": ("row", "col", "data"), "dia": ("offsets", "data")}
ARRAYS["csc"] = ARRAYS["bsr"] = ARRAYS["csr"]


def rows(form: str, dtype: str = "f4") -> Any:
    random = np.random.default_rng(0)
    dense = (random.integers(1, 9, (12, 6)) * (random.random((12, 6)) < 0.4)).astype(dtype)
    if form == "bsr":
        return sparse.bsr_array(dense, blocksize=(2, 3))
    return sparse.coo_array(dense).asformat(form)


def arrays_of(X: Any) -> list[Any]:
    return [getattr(X, name) for name in ARRAYS[X.format]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
def test_sound_rows_become_csr(form: str, dtype: str) -> None:
    X = rows(form, dtype)
    check_structure(X)
    found = checked_rows(X)
    assert isinstance(found, sparse.csr_array)
    assert (found.toarray() == X.toarray()).all()
    assert (Features(X).X.toarray() == X.toarray()).all()


CASES = {
    "index too large": ("csr", "indices", 3, 77, r"row \d+ has the feature index 77; it must be 0 .. 5"),
    "index below 0": ("csr", "indices", 3, -4, r"row \d+ has the feature index -4"),
    "indptr too large": ("csr", "indptr", 12, 10**6, r"row 11 ends at 1000000, beyond"),
    "indptr descends": ("csr", "indptr", 5, 0, r"row 4 ends \(0\) before it begins"),
    "indptr below 0": ("csr", "indptr", 5, -3, r"row 4 ends \(-3\) before it begins"),
    "indptr begins late": ("csr", "indptr", 0, 1, r"indptr must start at 0, got 1"),
    "row of a column": ("csc", "indices", 3, 77, r"feature \d+ has the row index 77; it must be 0 .. 11"),
    "indptr of columns": ("csc", "indptr", 2, 10**6, r"feature 2 ends .* before it begins"),
    "row of an entry": ("coo", "row", 3, 12, r"entry 3 .*row 12.*the row must be 0 .. 11"),
    "column of an entry": ("coo", "col", 3, -1, r"entry 3 .*feature -1.*the feature must be 0 .. 5"),
    "column of blocks": ("bsr", "indices", 1, 2, r"row of blocks 0 has the column of blocks index 2"),
    "indptr of blocks": ("bsr", "indptr", 6, 99, r"ends at 99, beyond"),
    "diagonal": ("dia", "offsets", 0, 2**40, r"diagonal 1099511627776, which lies outside"),
    "diagonal twice": ("dia", "offsets", 1, None, r"a diagonal twice"),
}


@pytest.mark.parametrize("case", CASES)
def test_indices_that_point_outside(case: str) -> None:
    form, name, at, value, message = CASES[case]
    X = rows(form)
    damaged = getattr(X, name).astype(np.int64)
    damaged[at] = damaged[0] if value is None else value
    if form == "coo":
        X.coords = (damaged, X.col) if name == "row" else (X.row, damaged)
    else:
        setattr(X, name, damaged)
    for refuse in (
        check_structure,
        Features,
        lambda X: DeepRectifierClassifier((3,), max_iter=1).fit(X, np.arange(12) % 2),
        lambda X: StackedDenoisingAutoencoder((3,), max_iter=1).fit(X),
        DeepRectifierRegressor((3,), max_iter=1, early_stopping=False)
        .fit(rows("csr"), np.arange(12.0))
        .predict,
    ):
        with pytest.raises(DataError, match=message):
            refuse(X)


@pytest.mark.parametrize("form", ARRAYS)
def test_bytes_the_other_way_round(form: str) -> None:
    X, turned = rows(form), rows(form)
    turned.data = X.data.astype(">f4")
    if form in ("csr", "csc", "bsr"):
        turned.indices, turned.indptr = X.indices.astype(">i8"), X.indptr.astype("u2")
    assert (Features(turned).values("float32").toarray() == X.toarray()).all()


def test_lists_and_keys_that_point_outside() -> None:
    X = rows("lil")
    X.rows[3], X.data[3] = [1, 9], [1.0, 2.0]
    with pytest.raises(DataError, match=r"row 3 has the feature index 9; it must be 0 .. 5"):
        check_structure(X)
    X.rows[3] = [1]
    with pytest.raises(DataError, match=r"row 3 has 1 indices but 2 values"):
        check_structure(X)
    Y = rows("dok")
    Y._dict[(3, 8)] = 1.0
    with pytest.raises(DataError, match=r"row 3, feature 8"):
        check_structure(Y)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_damage_is_refused_or_harmless(form: str, data: Any) -> None:
    """SciPy's own complete check finds nothing in what passes."""
    X = rows(form)
    for name in ARRAYS[form]:
        damaged = getattr(X, name).copy()
        if name != "data" and data.draw(st.booleans()):
            damaged = damaged.astype(data.draw(st.sampled_from(["i2", "i4", ">i4", "i8", "u4", "u8"])))
            for _ in range(data.draw(st.integers(0, 2))):
                limits = np.iinfo(damaged.dtype)
                value = st.integers(-2, 20) | st.integers(limits.min, limits.max)
                at = data.draw(st.integers(0, len(damaged) - 1))
                damaged[at] = np.clip(data.draw(value), limits.min, limits.max)
        damaged = damaged[: data.draw(st.integers(max(len(damaged) - 2, 0), len(damaged)))]
        if form == "coo" and name != "data":
            X.coords = (damaged, X.col) if name == "row" else (X.row, damaged)
        else:
            setattr(X, name, damaged)
    try:
        found = checked_rows(X)
    except DataError:
        return
    found.check_format(full_check=True)
    assert found.toarray().shape == (12, 6)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia"])
@pytest.mark.parametrize("read_only", [False, True])
def test_what_is_handed_in_is_left_alone(form: str, read_only: bool) -> None:
    X = rows(form)
    if form == "csr":  # neither sorted nor without duplicates and zeros
        X = sparse.csr_array((X.data, X.indices[::-1].copy(), X.indptr), shape=X.shape)
        X.data[:3], X.indices[1] = 0, X.indices[0]
    if form == "coo":
        X = sparse.coo_array((np.tile(X.data, 2), (np.tile(X.row, 2), np.tile(X.col, 2))), shape=X.shape)
    for array in arrays_of(X):
        array.flags.writeable = not read_only
    before, noted = [array.copy() for array in arrays_of(X)], set(vars(X))
    y = np.arange(12) % 2
    classifier = DeepRectifierClassifier((3,), max_iter=2, early_stopping=False, random_state=0).fit(X, y)
    classifier.predict(X), classifier.transform(X), classifier.network_(X)
    DeepRectifierRegressor((3,), max_iter=2, random_state=0, early_stopping=False).fit(X, y).predict(X)
    StackedDenoisingAutoencoder((3,), max_iter=2, random_state=0).fit(X).transform(X)
    features = Features(X)
    features.largest(), features.canonical(), features.density(), features.values("float64")
    for array, old in zip(arrays_of(X), before, strict=True):
        assert array.tobytes() == old.tobytes()
    assert set(vars(X)) == noted


def test_memory_maps_are_accepted(tmp_path: Path) -> None:
    X = rows("csr")
    for name in ARRAYS["csr"]:
        np.save(tmp_path / f"{name}.npy", getattr(X, name))
    mapped = [np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("data", "indices", "indptr")]
    Y = sparse.csr_array(tuple(mapped), shape=X.shape)
    y = np.arange(12) % 2
    fitted = [
        DeepRectifierClassifier((3,), max_iter=2, early_stopping=False, random_state=0).fit(Z, y)
        for Z in (X, Y)
    ]
    assert (fitted[0].predict_proba(Y) == fitted[1].predict_proba(X)).all()


def test_bytes_that_are_there_twice_are_added() -> None:
    X = sparse.coo_array((np.array([200, 100], "u1"), ([0, 0], [1, 1])), shape=(1, 3))
    assert Features(X).values("float32").toarray().tolist() == [[0, 300, 0]]
    single = Features(rows("coo", "u1"))
    assert single.X.dtype == np.uint8
