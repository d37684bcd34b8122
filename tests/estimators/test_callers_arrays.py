"""What is handed in stays as it is, read-only or not, whatever its form; and malformed sparse rows are refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    RatingPredictor,
    StackedDenoisingAutoencoder,
)
from truezero.analysis import measure
from truezero.errors import DataError

ESTIMATORS = [DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor, StackedDenoisingAutoencoder]
FORMS: dict[str, Any] = {
    "array": np.asarray,
    "Fortran": np.asfortranarray,
    "list": lambda X: X.tolist(),
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc": sparse.csc_array,
    "coo": sparse.coo_array,
    "bsr": sparse.bsr_array,
    "dia": sparse.dia_array,
    "lil": sparse.lil_array,
    "dok": sparse.dok_array,
}
DTYPES = ["f4", "f8", ">f4", ">f8", "u1", "i8", "?", "f2"]


def arrays_of(X: Any) -> dict[str, Any]:
    names = ("data", "indices", "indptr", "row", "col", "offsets")
    found = {name: getattr(X, name, None) for name in names} if sparse.issparse(X) else {"X": X}
    return {name: array for name, array in found.items() if isinstance(array, np.ndarray)}


def fitted(kind: Any, X: Any, y: Any) -> Any:
    model = kind((6,), max_iter=1, random_state=0)
    if kind is StackedDenoisingAutoencoder:
        return model.set_params(validation_fraction=0.0).fit(X)
    return model.set_params(early_stopping=False).fit(X, y)


@pytest.fixture(scope="module")
def rows() -> Any:
    random = np.random.default_rng(0)
    X = random.integers(0, 4, (40, 7)) * (random.random((40, 7)) < 0.4)
    return X, np.arange(40) % 2


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("read_only", [False, True])
def test_rows_stay_as_they_are(kind: Any, form: str, read_only: bool, rows: Any) -> None:
    X, y = rows[0].astype("f4"), rows[1]
    expected = fitted(kind, X, y).coefs_[0] if kind is not StackedDenoisingAutoencoder else None
    given = FORMS[form](X)
    if form in ("csr_matrix", "csr_array"):  # unsorted, a duplicate, an explicit zero
        given = type(given)((given.data.copy(), given.indices.copy(), given.indptr), shape=given.shape)
        start, end = given.indptr[:2]
        given.indices[start:end], given.data[start:end] = (
            given.indices[start:end][::-1],
            given.data[start:end][::-1],
        )
    if read_only:
        for array in arrays_of(given).values():
            array.flags.writeable = False
    before = pickle.dumps(arrays_of(given))
    model = fitted(kind, given, y)
    model.transform(given)
    model.partial_fit(given, y) if kind is not StackedDenoisingAutoencoder else model.partial_fit(given)
    if kind is not StackedDenoisingAutoencoder:
        model.predict(given)
        model.score(given, y)
    assert pickle.dumps(arrays_of(given)) == before
    if expected is not None:
        assert fitted(kind, given, y).coefs_[0].tobytes() == expected.tobytes()


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("form", ["array", "csr_matrix"])
def test_numbers_of_all_kinds(kind: Any, dtype: str, form: str, rows: Any) -> None:
    X, y = rows
    X = np.minimum(X, 1) if dtype == "?" else X
    given = X.astype(dtype)
    if form != "array":
        if np.dtype(dtype) in (np.dtype(">f4"), np.dtype(">f8"), np.dtype("f2")):
            given = sparse.csr_matrix(X.astype("f8"))
            given.data = given.data.astype(dtype)  # SciPy itself makes none of these
        else:
            given = FORMS[form](given)
    model = fitted(kind, given, y)
    floats: Any = X.astype("f8")
    of_floats = fitted(kind, floats if form == "array" else sparse.csr_matrix(floats), y)
    np.testing.assert_allclose(model.network_.weights[0], of_floats.network_.weights[0], rtol=1e-4, atol=1e-6)


DAMAGE: dict[str, Any] = {
    "negative index": lambda X: X.indices.__setitem__(5, -4),
    "index beyond the width": lambda X: X.indices.__setitem__(5, 77),
    "end beyond the data": lambda X: X.indptr.__setitem__(5, 10**6),
    "descending ends": lambda X: X.indptr.__setitem__(5, 0),
    "negative end": lambda X: X.indptr.__setitem__(5, -1),
    "first not 0": lambda X: X.indptr.__setitem__(0, 3),
}


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array, sparse.csc_array])
def test_malformed_rows_are_refused(kind: Any, damage: str, make: Any, rows: Any) -> None:
    X, y = rows[0].astype("f4"), rows[1]
    model, bad = fitted(kind, X, y), make(X)
    DAMAGE[damage](bad)
    uses: list[Any] = [lambda: fitted(kind, bad, y), lambda: model.transform(bad)]
    if kind is not StackedDenoisingAutoencoder:
        uses += [
            lambda: model.predict(bad),
            lambda: model.partial_fit(bad, y),
            lambda: model.fit(X, y, X_val=bad, y_val=y),
            lambda: measure(model, bad, y),
            lambda: model.network_(bad),
        ]
    else:
        uses += [lambda: model.partial_fit(bad), lambda: model.corrupt(bad), lambda: model.score(bad)]
    for use in uses:
        with pytest.raises(DataError):
            use()
