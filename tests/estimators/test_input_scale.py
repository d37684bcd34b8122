"""The input scale: what features are divided by, which rows count less, and what it brings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler, normalize

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, StackedDenoisingAutoencoder, load, save
from truezero.core.initial import initialize
from truezero.core.rows import Features
from truezero.datasets import load_dataset
from truezero.estimators.input_scale import InputScale, Sizes

made = np.random.default_rng(0)


@pytest.fixture(name="random")
def draws() -> np.random.Generator:
    return np.random.default_rng(0)


def pixels(n: int = 500) -> Any:
    """Bytes of images: grey strokes on black, and at the border single faint pixels."""
    images = made.integers(1, 256, (n, 40), dtype=np.uint8) * (made.random((n, 40)) < 0.3)
    images[:, :3] = 0
    images[0, 0] = 1
    return images.astype(np.uint8)


def words(n: int = 500) -> Any:
    """How often words stand in a text: most not at all, few more than once, some words hardly ever."""
    counts = made.poisson(np.geomspace(0.5, 0.003, 200), (n, 200))
    return sparse.csr_array(np.minimum(counts, 8).astype(np.float32))


def binary(n: int = 500) -> Any:
    rows = words(n)
    rows.data[:] = 1
    return rows


def tf_idf(n: int = 500) -> Any:
    rows = words(n)
    inverse = np.log(n / np.maximum(np.bincount(rows.indices, minlength=200), 1)) + 1
    return normalize(sparse.csr_array(rows * inverse))


LEFT_ALONE = {
    "pixels": Features(pixels(), scale=1 / 255),
    "pixels from -1 to 1": Features(pixels(), scale=2 / 255, offset=-1.0),
    "words": Features(words()),
    "binary words": Features(binary()),
    "words of norm 1": Features(tf_idf()),
    "rows of norm 1, float32": Features(normalize(made.normal(size=(500, 300))).astype(np.float32)),
    "standardised": Features(StandardScaler().fit_transform(made.lognormal(size=(3000, 30)) ** 0.3)),
    "rows of norm 1 among empty ones": Features(
        normalize(made.normal(size=(500, 30))) * (np.arange(500) % 10 == 0)[:, np.newaxis]
    ),
    "one feature a row": Features(np.eye(30, dtype=np.float32)[made.integers(0, 30, 300)]),
    "digits": load_dataset("digits").features("train"),
    "nothing but zeros": Features(np.zeros((5, 3))),
    "no rows": Features(np.empty((0, 3))),
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_has_one_unit_is_left_alone(name: str) -> None:
    rows = LEFT_ALONE[name]
    scale = InputScale.learn(rows)
    assert scale == InputScale()
    assert scale.row_weights(rows, np.dtype("f4")) is None
    assert scale.apply(rows) is rows
    assert InputScale.learn_common(rows) == InputScale()


def scale_of(X: Any) -> InputScale:
    return InputScale.learn(Features(X))


def test_features_are_divided_by_their_own_size() -> None:
    X = np.random.default_rng(0).normal(size=(500, 6)) * [0.5, 0.9, 0.9, 0.9, 3.0, 1e5]
    scale = scale_of(X)
    np.testing.assert_array_equal(scale.divisor, [1, 1, 1, 1, 4, 2.0**17])
    assert scale.row_weights(Features(X), np.dtype("f4")) is None
    np.testing.assert_array_equal(scale_of(sparse.csr_array(X)).divisor, scale.divisor)
    sizes = np.sqrt((X**2).mean(0))
    assert scale.start is not None
    np.testing.assert_allclose(scale.divisor[4:] / scale.start[4:], sizes[4:], rtol=0.05)  # type: ignore[index]
    np.testing.assert_array_equal(scale.start[:4], [1, 1, 1, 1])


def test_a_large_feature_is_divided_and_others_are_not(random: np.random.Generator) -> None:
    unit = normalize(random.normal(size=(500, 20)))
    for column, divisor in ((random.normal(6, 0.5, 500), 8), (random.normal(0, 900, 500), 1024)):
        rows = np.column_stack([unit, column])
        learned = InputScale.learn(Features(rows)).divisor
        assert learned is not None
        assert learned.tolist() == [1] * 20 + [divisor]
        as_csr = InputScale.learn(Features(sparse.csr_array(rows)))
        as_bytes = InputScale.learn(Features(np.full((5, 21), 100, np.uint8), np.append(np.zeros(20), 10)))
        assert as_csr.divisor is not None
        assert as_bytes.divisor is not None
        assert as_csr.divisor.tolist() == learned.tolist()
        assert as_bytes.divisor.tolist() == [1] * 20 + [1024]


def test_small_features_are_raised_where_there_are_many_units() -> None:
    X = np.random.default_rng(0).normal(size=(500, 20))
    tiny = X * 10.0 ** np.linspace(-6, 0, 20)
    sizes = np.sqrt((tiny**2).mean(0))
    divisor = scale_of(tiny).divisor
    assert divisor is not None
    np.testing.assert_allclose(np.log2(sizes / divisor), 0, atol=0.51)


def test_features_that_are_all_tiny_are_brought_to_one_size(random: np.random.Generator) -> None:
    rows = random.normal(size=(400, 20)) * np.exp2(np.linspace(-2, 0, 20))
    sizes = np.log2(np.sqrt((rows**2).mean(axis=0)))
    for octaves in (20, 10):
        scale = InputScale.learn(Features(rows / 2.0**octaves))
        np.testing.assert_allclose(reached(scale, 20), sizes - octaves, atol=0.1)
    # About as large as rows of norm 1 they keep their relation.
    near = rows / np.sqrt((rows**2).sum(axis=1).mean()) / 1.2
    assert InputScale.learn(Features(near)) == InputScale()


def reached(scale: InputScale, n: int) -> Any:
    """Logarithm to base 2 of what each feature is divided by, with what initial weights make good."""
    divisor, start = (np.ones(n) if of is None else of for of in (scale.divisor, scale.start))
    return np.log2(divisor / start)


@pytest.mark.parametrize("other", [1.0, 1e-4, 0.01, 300.0])
def test_no_cliff_as_a_feature_grows(other: float, random: np.random.Generator) -> None:
    """From far below the others to far above, by a sixteenth of an octave each time."""
    rows = random.normal(size=(300, 12)) * np.append(1, np.full(11, other))
    grown = []
    for exponent in np.arange(-16, 12, 1 / 16):
        given = rows.copy()
        given[:, 0] *= 2.0**exponent
        grown.append(reached(InputScale.learn(Features(given)), 12))
    # What all are multiplied by together is rounded to a power of two, others to an eighth of an octave.
    assert np.abs(np.diff(grown, axis=0)).max() <= 1.5


def test_no_cliff_as_units_begin_to_differ(random: np.random.Generator) -> None:
    rows, spread = random.normal(size=(300, 40)), np.linspace(-1, 0, 40)
    before = None
    for octaves in np.arange(0, 16, 0.05):
        now = reached(InputScale.learn(Features(rows * 2.0 ** (octaves * spread))), 40)
        if before is not None:
            assert np.abs(now - before).max() <= 0.75
        before = now
    assert np.abs(now - octaves * spread).max() < 0.3


@pytest.mark.parametrize("as_csr", [False, True])
def test_no_cliff_as_a_value_grows(as_csr: bool, random: np.random.Generator) -> None:
    rows = random.normal(size=(300, 10))
    before = None
    for exponent in np.arange(0, 30, 0.25):
        rows[7, 3] = 2.0**exponent
        features = Features(sparse.csr_array(rows) if as_csr else rows)
        scale = InputScale.learn(features)
        weights = scale.row_weights(features, np.dtype("f4"))
        now = 1.0 if weights is None else float(weights[7])
        assert np.abs(reached(scale, 10)).max() <= 1  # one value does not make a feature large
        if before is not None:
            assert 0.3 * before < now <= before * (4.1 if scale.divisor is not None else 1)
        before = now
    assert before is not None
    assert before < 1e-15
    assert weights is not None
    assert (np.delete(weights, 7) == 1).all()


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


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_array], ids=["dense", "csr"])
def test_an_absurd_row_decides_nothing(make: Any) -> None:
    X = np.random.default_rng(0).normal(size=(1000, 10)) * 5
    clean = scale_of(X)
    X[7] *= 1000
    rows = make(X)
    scale = scale_of(rows)
    np.testing.assert_array_equal(scale.divisor, clean.divisor)
    weights = scale.row_weights(Features(rows), np.dtype("f4"))
    assert weights is not None
    assert weights[7] < 1e-3
    assert (np.delete(weights, 7) == 1).all()


def test_many_large_values_are_not_absurd(random: np.random.Generator) -> None:
    """Rare words that weigh much: half of the rows have one, so none of them counts less."""
    rows = sparse.csr_array((random.random((2000, 100)) < 0.01) * 30.0)
    features = Features(rows)
    scale = InputScale.learn(features)
    assert scale.row_weights(features, np.dtype("f4")) is None


def test_no_value_counts_for_more_than_four_times_the_size(random: np.random.Generator) -> None:
    column = random.normal(size=2000)
    column[:60] *= 100
    size = 2.0 ** float(Sizes.measure(Features(column[:, np.newaxis])).size[0])
    assert np.minimum(column**2, 16 * size**2).mean() == pytest.approx(size**2, rel=0.15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_first_layer_takes_the_division_over_exactly(dtype: str, random: np.random.Generator) -> None:
    rows = random.normal(size=(200, 8)) * np.geomspace(1e-30, 1e30, 8)
    scale = InputScale.learn(Features(rows))
    network = initialize((8, 5, 2), dtype=dtype)
    before, divided = network.weights[0].copy(), scale.apply(Features(rows)).values(dtype)
    scale.fold_into(network)
    np.testing.assert_allclose(
        rows.astype(dtype) @ network.weights[0], divided @ before, rtol=1e-4, atol=1e-4
    )
    scale.take_out_of(network)
    assert network.weights[0].tobytes() == before.tobytes()
    again = InputScale.from_tensors(scale.to_tensors(), 8)
    assert again.divisor is not None
    assert scale.divisor is not None
    assert again.divisor.tobytes() == scale.divisor.tobytes()
    assert InputScale.from_tensors(InputScale().to_tensors(), 8) == InputScale()


def test_an_autoencoder_s_features_share_one_power_of_two(random: np.random.Generator) -> None:
    X = random.random((200, 10)) * np.append(np.ones(9), 100)
    stack = StackedDenoisingAutoencoder((6,), max_iter=2, random_state=0, n_threads=1).fit(X)
    assert stack._input_scale.divisor is not None
    assert set(stack._input_scale.divisor) == {64.0}
    outlier = X.copy()
    outlier[0, 0] = 1e9
    again = StackedDenoisingAutoencoder((6,), max_iter=2, random_state=0, n_threads=1)
    assert set(InputScale.learn_common(Features(outlier)).divisor) == {64.0}  # type: ignore[arg-type]
    again.fit(X / 2**10)  # as a whole small: brought to rows of norm about 1
    norm = np.median(((X / 2**10 / again._input_scale.divisor) ** 2).sum(axis=1))
    assert 0.4 < norm < 2.5


# ---- what it brings -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def task() -> tuple[Any, Any, Any, Any]:
    X, y = make_classification(3000, 20, n_informative=10, n_classes=3, class_sep=1.2, random_state=0)
    return X[:1000], y[:1000], X[1000:], y[1000:]


def accuracy(X: Any, y: Any, X_test: Any, y_test: Any) -> float:
    scores = [
        DeepRectifierClassifier((64, 64), max_iter=30, random_state=seed, n_threads=1)
        .fit(X, y)
        .score(X_test, y_test)
        for seed in range(3)
    ]
    return float(np.mean(scores))


def model(**changes: Any) -> DeepRectifierClassifier:
    given: dict[str, Any] = {
        "hidden_layer_sizes": (40, 40),
        "max_iter": 25,
        "n_threads": 1,
        "random_state": 0,
    }
    return DeepRectifierClassifier(**{**given, **changes})


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


@pytest.mark.parametrize("n_rows", [1, 15])
def test_absurd_rows_cost_next_to_nothing(task: Any, n_rows: int, random: np.random.Generator) -> None:
    X, y, X_test, y_test = task
    clean = model().fit(X, y).score(X_test, y_test)
    for size in (30, 1000, 1e6):
        given = X.copy()
        given[:n_rows] = X.std(axis=0) * size * random.choice([-1, 1], (n_rows, 20))
        assert model().fit(given, y).score(X_test, y_test) > clean - 0.03


def test_a_regression_with_an_absurd_row(random: np.random.Generator) -> None:
    X = random.normal(size=(400, 6)) * 50
    y = X @ np.arange(6)
    given = X.copy()
    given[3] *= 1e5
    fitted = DeepRectifierRegressor((30,), max_iter=40, random_state=0, n_threads=1).fit(given, y)
    assert fitted.score(X, y) > 0.95


@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.1, 30.0, 1e6])
def test_any_unit_will_do(task: Any, size: float) -> None:
    X, y, X_test, y_test = task
    scaler = StandardScaler().fit(X)
    reference = accuracy(scaler.transform(X), y, scaler.transform(X_test), y_test)
    assert accuracy(size * X, y, size * X_test, y_test) > reference - 0.03


def test_any_unit_of_each_column_will_do(task: Any, random: np.random.Generator) -> None:
    X, y, X_test, y_test = task
    of = StandardScaler().fit(X)
    standardised = model().fit(of.transform(X), y).score(of.transform(X_test), y_test)
    units = 10.0 ** random.uniform(-6, 6, 20)
    assert model().fit(X * units, y).score(X_test * units, y_test) > standardised - 0.03
    X, y = load_breast_cancer(return_X_y=True)
    assert model().fit(X[::2], y[::2]).score(X[1::2], y[1::2]) > 0.93


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


def test_a_stream_keeps_the_scale_of_its_first_rows_and_weighs_its_rows(task: Any) -> None:
    X, y, X_test, y_test = task
    rows = X[:1000] * 100
    rows[100::100] = 1e9
    fitted = model()
    for start in range(0, 1000, 100):
        fitted.partial_fit(rows[start : start + 100], y[start : start + 100], classes=[0, 1, 2])
    of_first, at_once = fitted._input_scale.divisor, InputScale.learn(Features(rows)).divisor
    assert of_first is not None
    assert at_once is not None
    assert np.abs(np.log2(of_first / at_once)).max() <= 1
    for _ in range(10):
        fitted.partial_fit(X * 100, y)
    np.testing.assert_array_equal(fitted._input_scale.divisor, of_first)
    assert fitted.score(X_test * 100, y_test) > 0.75


def test_only_training_is_weighted(task: Any) -> None:
    """The absurd row among the validation rows counts as one of them."""
    X, y, X_val, y_val = task
    X_val = X_val.copy()
    X_val[:100] *= 1e6
    fitted = model(max_iter=5).fit(X, y, X_val=X_val, y_val=y_val)
    error = fitted.history_[fitted.epoch_selected_ - 1]["validation_error"]
    assert error == pytest.approx(1 - fitted.score(X_val, y_val))


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
