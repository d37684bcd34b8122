"""partial_fit: rows that come a few at a time are trained on as if they came at once."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    RatingPredictor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.core.initial import initialize
from truezero.engines import native
from truezero.errors import DataError, DivergenceError, OptionError


@pytest.fixture(scope="module")
def rows() -> Any:
    random = np.random.RandomState(0)
    X = random.rand(400, 8)
    return X, (X[:, 0] > 0.5).astype(int)


def classifier(**changes: Any) -> DeepRectifierClassifier:
    return DeepRectifierClassifier((16,), **{"learning_rate_init": 0.1, "random_state": 0, **changes})


def stream(model: Any, X: Any, y: Any, size: int, weight: Any = None) -> Any:
    for start in range(0, len(X), size):
        part = slice(start, start + size)
        classes = {"classes": [0, 1]} if isinstance(model, DeepRectifierClassifier) else {}
        model.partial_fit(X[part], y[part], None if weight is None else weight[part], **classes)
    return model


def test_every_call_draws_an_order_of_its_own(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = rows
    orders: list[Any] = []
    train = native.NativeEngine.train

    def noted(self: Any, network: Any, examples: Any, order: Any, *given: Any, **options: Any) -> Any:
        orders.append((order.tolist(), options["epoch"]))
        return train(self, network, examples, order, *given, **options)

    monkeypatch.setattr(native.NativeEngine, "train", noted)
    model = classifier(max_iter=3, early_stopping=False).fit(X[:50], y[:50])
    for _ in range(3):
        model.partial_fit(X[:50], y[:50])
    model.set_params(warm_start=True, max_iter=2).fit(X[:50], y[:50])
    assert [epoch for _, epoch in orders] == list(range(1, 9))
    for order, epoch in orders:
        for other, later in orders:
            if later > epoch:  # neither the same, nor the same shifted
                assert all(order != other[shift:] + other[:shift] for shift in range(50))
                assert sum(a == b for a, b in zip(order, other[1:], strict=False)) < 15


@pytest.mark.parametrize("by", ["sample_weight", "class_weight"])
def test_weights_count_across_calls_of_one_row(rows: Any, by: str) -> None:
    X, y = rows

    def share(heavier: float) -> float:
        if by == "sample_weight":
            model = stream(classifier(), X, y, 1, np.where(y == 1, heavier, 1.0))
        else:
            model = stream(classifier(class_weight={0: 1, 1: heavier}), X, y, 1)
        return float(model.predict_proba(X)[:, 1].mean())

    light, even, heavy = share(0.05), share(1.0), share(20.0)
    assert light < even - 0.1
    assert heavy > even + 0.1


def test_balanced_is_relative_to_all_rows_so_far(rows: Any) -> None:
    X, _ = rows
    rare = (X[:, 0] > 0.93).astype(int)
    plain = stream(classifier(), X, rare, 4)
    balanced = stream(classifier(class_weight="balanced"), X, rare, 4)
    assert balanced.predict_proba(X)[:, 1].mean() > plain.predict_proba(X)[:, 1].mean() + 0.05


@settings(max_examples=15, deadline=None)
@given(factor=st.sampled_from([1e-6, 0.3, 1.0, 7.0, 1e6]), size=st.sampled_from([1, 3, 50]))
def test_only_relative_weights_count(factor: float, size: int, rows: Any) -> None:
    X, y = rows[0][:60], rows[1][:60]
    weight = np.random.default_rng(1).random(60)
    one = stream(classifier(), X, y, size, weight)
    two = stream(classifier(), X, y, size, factor * weight)
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), atol=1e-5)


def test_first_call_names_the_classes_and_later_ones_name_no_others(rows: Any) -> None:
    X, y = rows
    with pytest.raises(OptionError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, y)
    model = classifier().partial_fit(X, y, classes=[1, 0])
    assert model.partial_fit(X, y, classes=[0, 1]).classes_.tolist() == [0, 1]
    for others in ([0, 1, 2], [0], [1, 2], ["0", "1"]):
        with pytest.raises(OptionError, match="is not the same as on the last call"):
            model.partial_fit(X, y, classes=others)
    assert classifier().fit(X, y).partial_fit(X, y).n_iter_ > 1
    marked = classifier(unlabeled_label=-1).partial_fit(X, np.where(y, -1, y), classes=[-1, 0, 1])
    assert marked.classes_.tolist() == [0, 1]


@pytest.mark.parametrize("kind", [DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor])
def test_a_chunk_without_labels_or_weight_changes_nothing(kind: Any, rows: Any) -> None:
    X, y = rows
    classes = {} if kind is DeepRectifierRegressor else {"classes": [0, 1]}
    model = kind((16,), unlabeled_label=-1, random_state=0)
    model.partial_fit(X[:10], np.full(10, -1), **classes)
    assert not hasattr(model, "network_")
    model.partial_fit(X[:10], y[:10], np.zeros(10))
    model.partial_fit(X, y)
    before, bits = model.network_, model.coefs_[0].tobytes()
    model.partial_fit(X[:10], np.full(10, -1))
    model.partial_fit(X[:10], y[:10], np.zeros(10))
    assert model.network_ is before
    assert model.coefs_[0].tobytes() == bits
    with pytest.raises(DataError, match="at least 0"):
        model.partial_fit(X[:10], y[:10], -np.ones(10))
    if kind is DeepRectifierClassifier:
        never = classifier(class_weight={0: 0, 1: 1}).partial_fit(X[y == 0], y[y == 0], classes=[0, 1])
        assert stream(never, X, y, 40).score(X[y == 1], y[y == 1]) == 1
    with pytest.raises(DataError, match="7 features"):
        model.partial_fit(X[:, :7], y)


@pytest.mark.parametrize("first", [1, 2, 30])
@pytest.mark.parametrize("constant", [False, True])
def test_regression_begins_with_any_chunk(first: int, constant: bool, rows: Any) -> None:
    X, _ = rows
    y = 5000 + 1000 * (X[:, 0] - X[:, 1])
    if constant:
        y[:first] = 4321.0
    model = DeepRectifierRegressor((32,), random_state=0)
    model.partial_fit(X[:first], y[:first])
    for _ in range(8):
        for start in range(first, 400, 40):
            model.partial_fit(X[start : start + 40], y[start : start + 40])
    assert model.score(X[first:], y[first:]) > 0.9
    assert np.isfinite(model.loss_curve_).all()


def test_features_that_come_late_are_scaled(rows: Any) -> None:
    X, y = rows
    large = 1e4 * X
    large[:5, 1:] = 0
    model = stream(classifier(), large[:5], y[:5], 5)
    for _ in range(12):
        stream(model, large, y, 40)
    assert model.score(large, y) > 0.9


def test_a_failed_call_leaves_the_model_as_it_was(rows: Any) -> None:
    X, y = rows
    model = stream(classifier(), X, y, 50)
    before = dict(vars(model))
    with pytest.raises(DivergenceError):
        model.set_params(learning_rate_init=1e9).partial_fit(X, y)
    model.set_params(learning_rate_init=0.1)
    assert {name: id(value) for name, value in vars(model).items() if name != "learning_rate_init"} == {
        name: id(value) for name, value in before.items() if name != "learning_rate_init"
    }


def test_a_stream_goes_on_from_a_file(rows: Any, tmp_path: Any) -> None:
    X, y = rows
    weight = np.random.default_rng(1).random(400)
    model = classifier(class_weight="balanced", dropout=0.2).fit(X, y, weight)
    save(model, tmp_path / "m")
    loaded = load(tmp_path / "m")
    for one in (model, loaded):
        stream(one, X, y, 7, 100 * weight)
    assert (model.predict_proba(X) == loaded.predict_proba(X)).all()
    assert model.t_ == loaded.t_


def pretrained(**changes: Any) -> DeepRectifierClassifier:
    stack = StackedDenoisingAutoencoder(max_iter=3)
    return DeepRectifierClassifier((12, 8), pretraining=stack, unlabeled_label=-1, random_state=0, **changes)


def test_pretraining_of_a_stream_learns_until_the_first_labels(rows: Any) -> None:
    X, y = rows
    none = np.full(100, -1)
    model = pretrained().partial_fit(X[:100], none, classes=[0, 1])
    first = model.pretraining_
    model.partial_fit(X[100:200], none)
    assert first.n_iter_ == 2
    assert model.pretraining_.n_iter_ == 4  # of two layers, an epoch a call
    model.partial_fit(X[200:300], y[200:300])
    assert model.pretraining_.n_iter_ == 6
    assert model.predict(X).shape == (400,)
    with pytest.warns(UserWarning, match="100 rows have no label and are left out"):
        model.partial_fit(X[:100], none)
    assert model.pretraining_.n_iter_ == 6
    at_once = pretrained().partial_fit(X[:100], y[:100], classes=[0, 1])
    assert at_once.pretraining_.n_iter_ == 6  # fitted on the first call's rows


def test_rows_of_great_weight_make_no_great_steps(rows: Any) -> None:
    X, y = rows
    weight = np.ones(400)
    weight[:3] = 2000.0
    for kind, target in ((classifier, y), (regressor, 10 * X[:, 1])):
        model = kind(max_iter=10, early_stopping=False).fit(X, target, weight)
        assert np.isfinite(model.loss_curve_).all()
        assert model.score(X[:3], target[:3]) > 0.9


def regressor(**changes: Any) -> DeepRectifierRegressor:
    return DeepRectifierRegressor((32,), random_state=0, **changes)


def chunks(model: Any, X: Any, y: Any, size: int, times: int = 1) -> Any:
    for _ in range(times):
        for start in range(0, len(X), size):
            model.partial_fit(X[start : start + size], y[start : start + size])
    return model


@pytest.fixture(scope="module")
def table() -> Any:
    random = np.random.default_rng(0)
    X = random.normal(size=(3000, 5)).astype("f4")
    return X, X @ np.arange(1, 6)


def test_a_buffer_may_be_filled_again(table: Any) -> None:
    X, y = table
    rows, values, kept = np.empty((10, 5), "f4"), np.empty(10), regressor()
    fresh = regressor()
    for start in range(0, 60, 10):
        rows[:], values[:] = X[start : start + 10], 100 * start + y[start : start + 10]
        kept.partial_fit(rows, values)
        fresh.partial_fit(rows.copy(), values.copy())
    assert (kept.predict(X) == fresh.predict(X)).all()
    assert kept.target_scale_ == fresh.target_scale_


def test_no_rows_stay_in_the_estimator(table: Any) -> None:
    X, y = table
    few, many = (len(pickle.dumps(regressor().partial_fit(X[:n], y[:n]))) for n in (20, 3000))
    assert many < few + 1000


def test_a_call_that_learns_nothing_says_the_same(table: Any) -> None:
    """New scales of input and targets are taken over by the weights."""
    X, y = table
    model = chunks(regressor(), X[:480], y[:480], 60)
    before = model.predict(X)
    model.set_params(learning_rate_init=1e-12)
    for further in (model.partial_fit(X[:60], y[:60] + 500), model.partial_fit(X[:60] * 300, y[:60])):
        np.testing.assert_allclose(further.predict(X), before, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize(
    "first", ["constant", "fit on a constant", "fit on five rows", "far", "one row", "tiny"]
)
def test_targets_that_change_their_unit(first: str, table: Any) -> None:
    X, y = table
    model, y = regressor(), 1e4 * y
    if first == "constant":
        model.partial_fit(X[:2000], np.full(2000, 7.0))
    elif first == "fit on a constant":
        model.fit(X[:100], np.full(100, 7.0))
    elif first == "fit on five rows":
        model.set_params(early_stopping=False).fit(X[:5], y[:5] / 1e4)
    elif first == "far":
        chunks(model, X[:2000], y[:2000] - 1e6, 50)
    elif first == "one row":
        model.partial_fit(X[:1], y[:1])
    else:
        model.partial_fit(X[:50], 1e-170 * y[:50])
    assert chunks(model, X, y, 50, 6).score(X, y) > 0.9


def test_a_feature_that_comes_late(table: Any) -> None:
    X, y = table
    classes = (y > 0).astype(int)
    late = X.copy()
    late[:1500, 2] = 0
    late[1500:, 2] *= 1e3
    for make in (classifier, pretrained):
        model = make().partial_fit(late[:1], classes[:1], classes=[0, 1])
        chunks(model, late[:1500], classes[:1500], 50, 2)
        chunks(model, late[1500:], classes[1500:], 50, 4)
        assert model.score(late[1500:], classes[1500:]) > 0.9


@pytest.mark.parametrize("size", [1, 50])
def test_rows_far_out_do_no_harm(size: int, table: Any) -> None:
    X, y = table
    wild, values = X.copy(), y.copy()
    wild[2500], values[2600], values[300] = 1e3, 1e6, 1e5
    model = chunks(regressor(), wild, values, size)
    ordinary = np.delete(np.arange(3000), [300, 2500, 2600])
    assert model.score(X[ordinary], y[ordinary]) > 0.9


def test_a_young_stream_goes_on_from_a_file(table: Any, tmp_path: Any) -> None:
    X, y = table
    for n in (1, 30, 1500):
        model = chunks(regressor(), X[:n], 1e3 * y[:n], 10)
        save(model, tmp_path / "m")
        loaded = load(tmp_path / "m")
        for one in (model, loaded):
            chunks(one, X[n : n + 200], 1e4 * y[n : n + 200], 20)
        assert (model.predict(X) == loaded.predict(X)).all()


def test_classes_must_be_labels(rows: Any) -> None:
    X, y = rows
    for classes in ([0, 1, np.nan], [0, 1, None], [], [0, "a"]):
        with pytest.raises((DataError, OptionError)):
            classifier().partial_fit(X, y, classes=classes)


@pytest.mark.parametrize(("biases", "products"), [(2.0, "dense"), (-1.0, "sparse")])
def test_products_are_chosen_by_the_zeros_of_the_call_before(biases: float, products: str) -> None:
    """Of a network from elsewhere half of the units are taken to be active at first."""
    network = initialize((20, 96, 96, 2), seed=0)
    for layer in network.biases[:-1]:
        layer[:] = biases
    rows = np.random.default_rng(0).random((100, 20), np.float32)
    classes = np.arange(100) % 2
    model = DeepRectifierClassifier.from_network(
        network, batch_size=100, learning_rate_init=1e-6, engine="native"
    )
    for _ in range(2):
        model.partial_fit(rows, classes)
    assert model.engine_["products"][1:] == [products] * 2
