"""Rows as estimators take them: bytes and floats, dense and CSR, with scale and offset."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits

from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    StackedDenoisingAutoencoder,
    available_engines,
)
from truezero.analysis import measure
from truezero.core.initial import initialize
from truezero.core.rows import Features
from truezero.datasets import load_dataset
from truezero.errors import DataError

PIXELS = load_dataset("digits")
ENGINES = [name for name, reason in available_engines().items() if reason is None]
y = load_digits().target[:300]
pixels = load_digits().data[:300].astype(np.uint8)
SCALE = 1 / 16
floats = pixels.astype(np.float32) * np.float32(SCALE)


def model(kind: Any = DeepRectifierClassifier, **changes: Any) -> Any:
    given: dict[str, Any] = {"hidden_layer_sizes": (20, 10), "max_iter": 3, "random_state": 0, "n_threads": 1}
    return kind(**{**given, **changes})


def same(a: Any, b: Any) -> None:
    for x, z in zip(
        a.network_.weights + a.network_.biases, b.network_.weights + b.network_.biases, strict=True
    ):
        assert x.tobytes() == z.tobytes()


def as_given(rows: Any, form: str) -> Any:
    return sparse.csr_array(rows) if form == "csr" else rows


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_bytes_with_a_scale_train_as_floats_do(engine: str, form: str) -> None:
    given, of_floats = Features(as_given(pixels, form), SCALE), as_given(floats, form)
    a, b = model(engine=engine).fit(given, y), model(engine=engine).fit(of_floats, y)
    same(a, b)
    assert a.predict_proba(given).tobytes() == b.predict_proba(of_floats).tobytes()
    assert (a.transform(given) != b.transform(of_floats)).nnz == 0
    assert a.score(given, y) == b.score(of_floats, y) > 0.2
    same(a.partial_fit(given, y), b.partial_fit(of_floats, y))
    measured, of_b = measure(a, given, y), measure(b, of_floats, y)
    assert measured["test_error"] == of_b["test_error"]
    assert measured["sparsity"] == of_b["sparsity"]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", ["dense", "csr"])
def test_an_autoencoder_too(engine: str, form: str) -> None:
    given, of_floats = Features(as_given(pixels, form), SCALE), as_given(floats, form)
    a = model(StackedDenoisingAutoencoder, engine=engine).fit(given, X_val=given.take(slice(50)))
    b = model(StackedDenoisingAutoencoder, engine=engine).fit(of_floats, X_val=of_floats[:50])
    same(a, b)
    assert a.score(given) == b.score(of_floats)
    assert a.corrupt(given).tobytes() == b.corrupt(of_floats).tobytes()
    same(a.partial_fit(given), b.partial_fit(of_floats))


@pytest.mark.parametrize("form", ["dense", "csr"])
def test_bytes_as_they_are(form: str) -> None:
    """What an array of bytes learns is what the same numbers as floats do; nothing is made floats of before."""
    rows = as_given(pixels, form)
    for kind in (DeepRectifierClassifier, DeepRectifierRegressor):
        same(model(kind).fit(rows, y), model(kind).fit(rows.astype(np.float32), y))
    same(model().fit(pixels > 8, y), model().fit((pixels > 8).astype(np.float32), y))
    same(model().fit(pixels.astype(np.int64), y), model().fit(pixels.astype(np.float32), y))


def test_validation_and_unlabelled_rows_with_scales() -> None:
    stack = StackedDenoisingAutoencoder(max_iter=1)
    given, of_floats = Features(pixels, SCALE), floats
    half = (slice(150), slice(150, None))
    a = model(pretraining=stack).fit(
        given.take(half[0]),
        y[half[0]],
        X_unlabeled=[given.take(half[1])],
        X_val=given.take(half[1]),
        y_val=y[half[1]],
    )
    b = model(pretraining=stack).fit(
        of_floats[half[0]],
        y[half[0]],
        X_unlabeled=of_floats[half[1]],
        X_val=of_floats[half[1]],
        y_val=y[half[1]],
    )
    same(a, b)
    # Rows of one kind may learn from rows of another.
    same(a, model(pretraining=stack).fit(
        given.take(half[0]), y[half[0]], X_unlabeled=of_floats[half[1]], X_val=of_floats[half[1]], y_val=y[half[1]]
    ))  # fmt: skip
    marked = np.where(np.arange(300) < 150, y, -1)
    c, d = (
        model(pretraining=stack, unlabeled_label=-1, early_stopping=False).fit(rows, marked)
        for rows in (given, of_floats)
    )
    same(c, d)
    assert c.score(given, marked) == d.score(of_floats, marked)


def test_an_offset_and_a_scale_of_each_feature() -> None:
    each = np.linspace(0.5, 2, 64)
    given = Features(floats, each, -1.0)
    same(model().fit(given, y), model().fit((floats * each.astype("f4") - np.float32(1)), y))
    assert model().fit(given, y).predict(given).shape == (300,)


def test_features_that_cannot_be_learned_from() -> None:
    bad = floats.copy()
    bad[3, 5] = np.nan
    with pytest.raises(DataError, match=r"row 3, feature 5 is NaN or infinite; fill or drop it"):
        model().fit(Features(bad), y)
    with pytest.raises(DataError, match=r"row 3, feature 5 is NaN"):
        model().fit(Features(sparse.csr_array(bad)), y)
    with pytest.raises(DataError, match=r"must have rows and columns, got shape \(0, 64\)"):
        model().fit(Features(floats[:0]), y[:0])
    with pytest.raises(DataError, match="X has 300 rows, y 9"):
        model().fit(Features(floats), y[:9])
    with pytest.raises(DataError, match="requires y to be passed"):
        model().fit(Features(floats), None)
    fitted = model().fit(floats, y)
    with pytest.raises(DataError, match="X has 9 features, but DeepRectifierClassifier is expecting 64"):
        fitted.predict(Features(floats[:, :9]))
    with pytest.raises(DataError, match="X_unlabeled has 9 features, X has 64"):
        model(pretraining=StackedDenoisingAutoencoder()).fit(floats, y, X_unlabeled=Features(floats[:, :9]))


def test_names_of_columns_are_forgotten() -> None:
    pd = pytest.importorskip("pandas")
    fitted = model(StackedDenoisingAutoencoder).fit(
        pd.DataFrame(floats, columns=[f"p{i}" for i in range(64)])
    )
    assert fitted.feature_names_in_[0] == "p0"
    fitted.transform(Features(floats))
    assert not hasattr(fitted.fit(Features(floats)), "feature_names_in_")


def test_rows_are_not_copied() -> None:
    rows = np.tile(pixels, (20, 30))
    labels = np.tile(y, 20)
    given = Features(rows, SCALE)
    fitted = model(early_stopping=False, max_iter=1).fit(given.take(slice(500)), labels[:500])
    for does in (
        lambda: model(early_stopping=False, max_iter=1).fit(given, labels),
        lambda: model(max_iter=1).fit(given.take(slice(4000)), labels[:4000], X_val=given.take(slice(4000, None)), y_val=labels[4000:]),
        lambda: fitted.partial_fit(given, labels),
        lambda: fitted.predict(given),
        lambda: measure(fitted, given, labels),
    ):  # fmt: skip
        tracemalloc.start()
        does()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 0.5 * rows.nbytes  # of floats there would be four times as much


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
def test_bytes_stay_bytes(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    init = Features.__post_init__

    def note(self: Features) -> None:
        seen.add(self.X.dtype)
        init(self)

    monkeypatch.setattr(Features, "__post_init__", note)
    model = DeepRectifierClassifier((15,), max_iter=2, random_state=0, early_stopping=False)
    model.fit(make(pixels), y)
    model.partial_fit(make(pixels[:50]), y[:50])
    bytes_ = model.predict_proba(make(pixels))
    assert seen == {np.dtype(np.uint8)}
    np.testing.assert_allclose(bytes_, model.predict_proba(make(pixels).astype(np.float64)), rtol=1e-5)


def test_memory_of_bytes() -> None:
    """Training on 30 MB of pixels kept as bytes takes no more than half as much again beside them."""
    program = """
import resource, numpy as np
from truezero import DeepRectifierClassifier
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
small = np.random.default_rng(0).integers(0, 255, (500, 1000), dtype=np.uint8)
DeepRectifierClassifier((20,), max_iter=1, early_stopping=False).fit(small, np.arange(500) % 3)
before = peak()
X = np.zeros((30_000, 1000), dtype=np.uint8)
X[:] = small[np.arange(30_000) % 500]
DeepRectifierClassifier((20,), max_iter=1, early_stopping=False).fit(X, np.arange(30_000) % 3)
print((peak() - before) / X.nbytes)
"""
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    assert float(process.stdout) < 2.5


def test_duplicates_of_bytes_add_up() -> None:
    """Sums of CSR's duplicates that are no byte."""
    data = np.array([200, 100, 7], dtype=np.uint8)
    rows = sparse.csr_array((data, [1, 1, 0], [0, 2, 3]), shape=(2, 3))
    np.testing.assert_array_equal(Features(rows).values("float64").toarray()[0], [0, 300, 0])
    network = initialize((3, 4, 2), seed=1)
    expected = network(rows.astype(np.float32))
    np.testing.assert_array_equal(network(rows), expected)


def test_labels_may_be_missing_where_rows_have_a_scale() -> None:
    some = np.where(np.arange(len(PIXELS.X_test)) < 9, np.asarray(PIXELS.y_test), -1)
    model = DeepRectifierClassifier((9,), max_iter=2, random_state=0, unlabeled_label=-1)
    rows = PIXELS.features("test")
    model.fit(PIXELS.features("train"), PIXELS.y_train)
    assert model.score(rows, some) == model.score(rows.values("float32"), some)
