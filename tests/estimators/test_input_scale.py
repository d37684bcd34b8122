"""Large, tiny and absurd features, and rows as they come."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, StackedDenoisingAutoencoder, load, save
from truezero.analysis import measure
from truezero.core.network import initialize
from truezero.core.rows import Features
from truezero.datasets import load_dataset
from truezero.errors import DataError
from truezero.estimators.input_scale import InputScale


def scale_of(X: Any) -> InputScale:
    return InputScale.learn(Features(X))


def accuracy(X: Any, y: Any, X_test: Any, y_test: Any) -> float:
    scores = [
        DeepRectifierClassifier((64, 64), max_iter=30, random_state=seed, n_threads=1)
        .fit(X, y)
        .score(X_test, y_test)
        for seed in range(3)
    ]
    return float(np.mean(scores))


@pytest.fixture(scope="module")
def task() -> tuple[Any, Any, Any, Any]:
    X, y = make_classification(3000, 20, n_informative=10, n_classes=3, class_sep=1.2, random_state=0)
    return X[:1000], y[:1000], X[1000:], y[1000:]


# ---- the rule -----------------------------------------------------------------------------------------


def test_features_are_divided_by_their_own_size() -> None:
    X = np.random.default_rng(0).normal(size=(500, 6)) * [0.5, 0.9, 0.9, 0.9, 3.0, 1e5]
    scale = scale_of(X)
    np.testing.assert_array_equal(scale.divisor, [1, 1, 1, 1, 4, 2.0**17])
    assert scale.row_weights(Features(X)) is None
    np.testing.assert_array_equal(scale_of(sparse.csr_array(X)).divisor, scale.divisor)
    sizes = np.sqrt((X**2).mean(0))
    assert scale.start is not None
    np.testing.assert_allclose(scale.divisor[4:] / scale.start[4:], sizes[4:], rtol=0.05)  # type: ignore[index]
    np.testing.assert_array_equal(scale.start[:4], [1, 1, 1, 1])


@pytest.mark.parametrize(
    "X",
    [
        np.random.default_rng(0).random((300, 30)),
        (np.random.default_rng(0).random((300, 30)) < 0.1).astype(np.float32),
        np.eye(30, dtype=np.float32)[np.random.default_rng(0).integers(0, 30, 300)],
        np.zeros((5, 3)),
        np.empty((0, 3)),
        load_dataset("digits").scaled("train"),
    ],
    ids=["pixels", "words", "norm 1", "zeros", "no rows", "digits"],
)
def test_pixels_and_words_are_left_alone(X: Any) -> None:
    assert scale_of(X) == InputScale()
    assert InputScale().row_weights(Features(X)) is None
    norms = np.sqrt((X.astype(np.float64) ** 2).sum(1, keepdims=True))
    if len(X) and norms.any():
        normalised = (X / np.maximum(norms, 1e-9)).astype(np.float32)
        assert scale_of(normalised) == InputScale()


def test_small_features_are_raised_where_there_are_many_units() -> None:
    X = np.random.default_rng(0).normal(size=(500, 20))
    tiny = X * 10.0 ** np.linspace(-6, 0, 20)
    sizes = np.sqrt((tiny**2).mean(0))
    divisor = scale_of(tiny).divisor
    assert divisor is not None
    np.testing.assert_allclose(np.log2(sizes / divisor), 0, atol=0.51)


def test_nothing_jumps_from_one_power_of_two_to_the_next() -> None:
    """A network starts as if features were divided by their size itself, whatever power of two is near."""
    X = np.random.default_rng(0).normal(size=(400, 3))
    starts = []
    for size in (1.40, 1.42):  # on both sides of √2
        X[:, 0] *= size / np.sqrt((X[:, 0] ** 2).mean())
        scale = scale_of(X)
        network = initialize((3, 5, 2))
        scale.begin(network)
        scale.fold_into(network)
        starts.append(network.weights[0])
    assert np.abs(starts[0] - starts[1]).max() < 0.1 * np.abs(starts[0]).max()


def test_folding_is_exact() -> None:
    X = np.random.default_rng(0).normal(size=(100, 6)) * 10.0 ** np.arange(6)
    scale = scale_of(X)
    network = initialize((6, 4, 2), seed=1)
    before = network.weights[0].copy()
    scale.fold_into(network)
    assert (network.weights[0] != before).any()
    scale.take_out_of(network)
    np.testing.assert_array_equal(network.weights[0], before)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
def test_an_absurd_row_decides_nothing(make: Any) -> None:
    X = np.random.default_rng(0).normal(size=(1000, 10)) * 5
    clean = scale_of(X)
    X[7] *= 1000
    rows = make(X)
    scale = scale_of(rows)
    np.testing.assert_array_equal(scale.divisor, clean.divisor)
    weights = scale.row_weights(Features(rows))
    assert weights is not None
    assert weights[7] < 1e-3
    assert (np.delete(weights, 7) == 1).all()


def test_one_scale_for_an_autoencoder() -> None:
    X = np.random.default_rng(0).normal(size=(200, 3)) * [1, 6, 70]
    np.testing.assert_array_equal(InputScale.learn_common(Features(X)).divisor, [64, 64, 64])
    assert InputScale.learn_common(Features(np.ones((5, 3)))) == InputScale()


# ---- what it brings -----------------------------------------------------------------------------------


def test_one_large_column_costs_nothing() -> None:
    """L2-normalised rows and a column ~ N(6, .5), with and without a greatest value above 8."""
    random = np.random.default_rng(0)
    X, y = make_classification(3000, 30, n_informative=15, n_classes=3, class_sep=1.0, random_state=1)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    plain = accuracy(X[:1000], y[:1000], X[1000:], y[1000:])
    column = np.clip(random.normal(6, 0.5, (3000, 1)), 0, 7.9)
    for most in (7.9, 8.2, 20.0):
        column[3] = most
        wide = np.hstack([X, column])
        assert accuracy(wide[:1000], y[:1000], wide[1000:], y[1000:]) > plain - 0.04, most


def test_one_absurd_row_costs_no_more_than_it_costs_logistic_regression(task: Any) -> None:
    X, y, X_test, y_test = task
    clean = accuracy(X, y, X_test, y_test)
    absurd = X.copy()
    absurd[5] = 1000 * np.sign(X[5]) * X.std(0)
    regression = LogisticRegression(max_iter=2000)
    lost = regression.fit(X, y).score(X_test, y_test) - regression.fit(absurd, y).score(X_test, y_test)
    assert accuracy(absurd, y, X_test, y_test) > clean - max(lost, 0.0) - 0.02


@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.1, 30.0, 1e6])
def test_any_unit_will_do(task: Any, size: float) -> None:
    X, y, X_test, y_test = task
    scaler = StandardScaler().fit(X)
    reference = accuracy(scaler.transform(X), y, scaler.transform(X_test), y_test)
    assert accuracy(size * X, y, size * X_test, y_test) > reference - 0.03


def test_a_model_file_keeps_the_scale(task: Any, tmp_path: Any) -> None:
    X, y, *_ = task
    rows = X * 10.0 ** np.linspace(-1, 4, 20)
    model = DeepRectifierClassifier((10,), max_iter=2, random_state=0).fit(rows, y)
    save(model, tmp_path / "m")
    loaded = load(tmp_path / "m")
    np.testing.assert_array_equal(loaded._input_scale.divisor, model._input_scale.divisor)
    for _ in range(2):
        model.partial_fit(rows[:50], y[:50])
        loaded.partial_fit(rows[:50], y[:50])
    np.testing.assert_array_equal(model.coefs_[0], loaded.coefs_[0])


# ---- rows as they come --------------------------------------------------------------------------------

PIXELS = load_dataset("digits")


def same(a: Any, b: Any) -> None:
    for left, right in zip(a.network_.weights, b.network_.weights, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_features_train_to_the_bits_of_their_values(engine: str) -> None:
    y = PIXELS.y_train
    options: dict[str, Any] = {"max_iter": 2, "random_state": 0, "engine": engine}
    rows = Features(PIXELS.X_train, 1 / 255)
    values = rows.values("float32")
    a = DeepRectifierClassifier((15,), **options).fit(rows, y)
    b = DeepRectifierClassifier((15,), **options).fit(values, y)
    same(a, b)
    np.testing.assert_array_equal(a.predict_proba(rows), b.predict_proba(values))
    np.testing.assert_array_equal(a.transform(rows).toarray(), b.transform(values).toarray())
    assert a.score(rows, y) == b.score(values, y)
    stack = StackedDenoisingAutoencoder((15,), **options)
    same(stack.fit(rows), StackedDenoisingAutoencoder((15,), **options).fit(values))
    assert stack.score(rows) == pytest.approx(stack.score(values), rel=1e-6)
    assert measure(a, rows, y) == measure(a, values, y)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
def test_bytes_stay_bytes(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    init = Features.__post_init__

    def note(self: Features) -> None:
        seen.add(self.X.dtype)
        init(self)

    monkeypatch.setattr(Features, "__post_init__", note)
    model = DeepRectifierClassifier((15,), max_iter=2, random_state=0, early_stopping=False)
    model.fit(make(PIXELS.X_train), PIXELS.y_train)
    model.partial_fit(make(PIXELS.X_train[:50]), PIXELS.y_train[:50])  # type: ignore[index]
    bytes_ = model.predict_proba(make(PIXELS.X_test))
    assert seen == {np.dtype(np.uint8)}
    np.testing.assert_allclose(bytes_, model.predict_proba(make(PIXELS.X_test).astype(np.float64)), rtol=1e-5)


def test_rows_of_several_kinds_pre_train_together() -> None:
    few = np.where(np.arange(len(PIXELS.X_train)) < 100, np.asarray(PIXELS.y_train), -1)
    model = DeepRectifierClassifier(
        (15,), max_iter=2, random_state=0, unlabeled_label=-1, early_stopping=False,
        pretraining=StackedDenoisingAutoencoder(max_iter=1),
    )  # fmt: skip
    model.fit(PIXELS.features("train"), few, X_unlabeled=PIXELS.features("validation"))
    other = DeepRectifierClassifier(**model.get_params(deep=False))
    other.fit(PIXELS.scaled("train"), few, X_unlabeled=[PIXELS.scaled("validation")])
    same(model, other)
    mixed = DeepRectifierClassifier(**model.get_params(deep=False))
    same(mixed.fit(PIXELS.features("train"), few, X_unlabeled=PIXELS.scaled("validation")), other)


def test_features_that_do_not_fit() -> None:
    y = np.arange(40) % 2
    rows = Features(np.random.default_rng(0).random((40, 3)), 2.0, -1.0)
    model = DeepRectifierClassifier((5,), max_iter=1, random_state=0).fit(rows, y)
    assert model.n_features_in_ == 3
    with pytest.raises(DataError, match="X has 4 features, but DeepRectifierClassifier is expecting 3"):
        model.predict(Features(np.ones((2, 4))))
    with pytest.raises(DataError, match="X has 40 rows, y 39"):
        model.fit(rows, y[1:])
    bad = np.ones((40, 3))
    bad[7, 2] = np.nan
    with pytest.raises(DataError, match="row 7, feature 2 is NaN or infinite"):
        model.fit(Features(bad), y)
    with pytest.raises(DataError, match="row 1, feature 2 is NaN"):
        model.predict(Features(sparse.csr_array([[0, 0, 0], [0, 0, np.inf]])))
    with pytest.raises(DataError, match="sparse rows cannot have an offset"):
        Features(sparse.csr_array(np.eye(3)), offset=1.0)
    for wrong in (np.ones(2), np.nan):
        with pytest.raises(DataError, match="must be a finite number, or 3"):
            Features(np.ones((2, 3)), scale=wrong)
    regressor = DeepRectifierRegressor((5,), max_iter=1, random_state=0).fit(rows, np.arange(40.0))
    assert regressor.predict(rows).shape == (40,)


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


def test_no_cliff_where_rows_are_small() -> None:
    X = np.random.default_rng(0).random((200, 5))
    X /= np.sqrt(np.median((X**2).sum(1)))
    starts = []
    for size in (0.72, 0.69):  # squared norms on both sides of ½
        scale, network = scale_of(size * X), initialize((5, 4, 2), seed=1)
        scale.begin(network)
        scale.fold_into(network)
        starts.append(network.weights[0])
    assert np.abs(starts[0] - starts[1]).max() < 0.1 * np.abs(starts[0]).max()
