"""The networks of section 4.2 on bags of words as CSR rows, small: none, 1 or 3 hidden layers, two activations."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from reviews import reviews
from scipy import sparse

from truezero import RatingPredictor, StackedDenoisingAutoencoder
from truezero.core.corruption import Corruption
from truezero.core.rows import Features
from truezero.estimators.layer_plans import plan_pretraining

SIZES, CORRUPTION, LEVELS = (24, 18, 12), ("salt-and-pepper", "masking", "masking"), ((0.6, 0.01), 0.4, 0.2)


def stack(n_layers: int, **changes: Any) -> StackedDenoisingAutoencoder:
    given: dict[str, Any] = {
        "corruption": CORRUPTION[:n_layers],
        "corruption_level": LEVELS[:n_layers],
        "reconstruction": "sigmoid-cross-entropy",
        "l1_activation": (1e-3, 1e-4, 0.0)[:n_layers],
        "learning_rate_init": (0.05, 0.02, 0.01)[:n_layers],
        "max_iter": (3, 2, 2)[:n_layers],
    }
    return StackedDenoisingAutoencoder(**{**given, **changes})


def network(n_layers: int, **changes: Any) -> RatingPredictor:
    given: dict[str, Any] = {
        "hidden_layer_sizes": SIZES[:n_layers], "l1_activation": (1e-4,) * n_layers, "max_iter": 3,
        "random_state": 0, "n_threads": 1,
    }  # fmt: skip
    return RatingPredictor(**{**given, **changes})


@pytest.fixture(scope="module")
def rows() -> Any:
    return reviews(300, 200)


@pytest.mark.parametrize("sampling", [None, 0.2, (0.2, None, 0.5)])
def test_every_layer_has_noise_of_its_own(sampling: Any, rows: Any) -> None:
    plan = plan_pretraining(stack(3, hidden_layer_sizes=SIZES, sampling=sampling), Features(rows[0]), seed=0)
    steps = [layer.step for layer in plan.layers]
    assert [step.corruption for step in steps] == [
        Corruption("salt-and-pepper", (0.6, 0.01)), Corruption("masking", 0.4), Corruption("masking", 0.2),
    ]  # fmt: skip
    assert [step.l1 for step in steps] == [1e-3, 1e-4, 0.0]
    assert [step.learning_rate for step in steps] == [0.05, 0.02, 0.01]
    assert [step.sampling for step in steps] == (
        list(sampling) if isinstance(sampling, tuple) else [sampling] * 3
    )
    one = plan_pretraining(stack(1, hidden_layer_sizes=(9,)), Features(rows[0]), seed=0).layers
    assert one[0].step.corruption == Corruption("salt-and-pepper", (0.6, 0.01))


@pytest.mark.parametrize("activation", ["rectifier", "tanh"])
@pytest.mark.parametrize("n_layers", [0, 1, 3])
@pytest.mark.parametrize("sampling", [None, 0.2])
def test_engines_and_forms_of_rows_agree(n_layers: int, activation: str, sampling: Any, rows: Any) -> None:
    X, y = rows
    fitted = []
    for engine, form in (("native", X), ("reference", X), ("native", X.toarray())):
        model = network(
            n_layers, activation=activation, engine=engine, dtype="float64",
            pretraining=stack(n_layers, sampling=sampling) if n_layers else None,
        )  # fmt: skip
        fitted.append(model.fit(form, y))
    first = fitted[0].predict(X)
    assert np.std(first) > 0.001
    for other in fitted[1:]:
        np.testing.assert_allclose(other.predict(X), first, rtol=1e-9)


def test_strategy_2_hands_on_codes_in_0_to_1(rows: Any) -> None:
    X, _ = rows
    model = stack(3, hidden_layer_sizes=SIZES, random_state=0, validation_fraction=0).fit(X)
    for layer in range(2):
        codes = model.set_params(code_layer=layer).transform(X)
        assert sparse.issparse(codes)
        assert codes.min() == 0
        assert codes.max() == pytest.approx(1)


def test_zeros_are_skipped_in_every_product(rows: Any) -> None:
    X, y = rows
    model = network(3, pretraining=stack(3)).fit(X, y)
    assert model.engine_["products"] == ["sparse"] * 4
    assert model.pretraining_.engine_["products"] == [["sparse", "sparse"]] * 3
    assert all(0 < zeros < 1 for zeros in model.sparsity_)
    assert network(3, activation="tanh").fit(X, y).sparsity_ == [0, 0, 0]


def test_rows_are_never_made_dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """From pre-training to prediction; what must be dense, the words as they are reconstructed, is of few rows."""
    monkeypatch.setattr("truezero.training.sources._BLOCK", 200_000)
    random = np.random.default_rng(0)
    n, n_words = 1500, 20_000
    words = sparse.csr_array(
        (np.ones(n * 40, np.float32), random.integers(0, n_words, n * 40), np.arange(n + 1) * 40),
        (n, n_words),
    )
    model = network(
        2, hidden_layer_sizes=(6, 5), max_iter=1,
        pretraining=stack(2, corruption=CORRUPTION[:2], corruption_level=LEVELS[:2], max_iter=1, sampling=0.02),
    )  # fmt: skip
    tracemalloc.start()
    try:
        model.fit(words, random.integers(1, 6, n)).predict(words)
        model.transform(words)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < n * n_words * 4 / 5
