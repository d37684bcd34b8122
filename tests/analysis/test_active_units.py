"""Which units are active, row by row and unit by unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from by_hand import codes, drawn
from reviews import reviews
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from truezero import DeepRectifierRegressor, RatingPredictor
from truezero.analysis import active_units
from truezero.analysis import units as module
from truezero.core.initial import initialize
from truezero.core.rows import Features
from truezero.errors import DataError


def measure_of(responses: Any) -> float:
    """Treves and Rolls' measure, as it is written, on Vinje and Gallant's scale."""
    r = np.abs(responses)
    if not r.any():
        return float("nan")
    return float((1 - r.mean() ** 2 / (r**2).mean()) / (1 - 1 / len(r)))


@pytest.mark.usefixtures("engine", "small_blocks")
@pytest.mark.parametrize("sign_mask", [None, "half"])
def test_all_numbers_are_those_of_the_whole_codes(sign_mask: Any) -> None:
    network = drawn((9, 14, 11, 3), sign_mask=sign_mask)
    network.biases[0][:3] = [-50, 50, -3.5]  # dead, always on, rare
    X = np.random.default_rng(0).normal(size=(70, 9))
    X[5] = 0
    found, whole = active_units(network, X), codes(network, X)[:-1]
    for layer, code in enumerate(whole):
        np.testing.assert_array_equal(found.counts[:, layer], (code != 0).sum(axis=1))
        np.testing.assert_array_equal(found.often[layer], (code != 0).mean(axis=0))
        np.testing.assert_allclose(
            found.lifetime[layer], [measure_of(unit) for unit in code.T], rtol=1e-10, atol=1e-12
        )
        np.testing.assert_allclose(
            found.population[:, layer], [measure_of(row) for row in code], rtol=1e-10, atol=1e-12
        )
        np.testing.assert_array_equal(found.dead[layer], np.flatnonzero(~(code != 0).any(axis=0)))
        np.testing.assert_array_equal(found.always_on[layer], np.flatnonzero((code != 0).all(axis=0)))
        histogram = found.histogram(layer)
        assert (len(histogram), histogram.sum()) == (code.shape[1] + 1, 70)
        assert histogram @ np.arange(len(histogram)) == np.count_nonzero(code)
    assert 0 in found.dead[0]
    assert 1 in found.always_on[0]
    assert np.isnan(found.lifetime[0][0])


def test_ends_of_the_measure() -> None:
    network = initialize((2, 2, 1), dtype="float64", seed=0)
    network.weights[0][:] = np.eye(2)
    # Unit 0 answers all rows alike, unit 1 one of them alone; the third row has one unit of two.
    found = active_units(network, np.array([[3.0, 0], [3, 3], [3, 0]]))
    np.testing.assert_allclose(found.lifetime[0], [0, 1], atol=1e-15)
    np.testing.assert_allclose(found.population[:, 0], [1, 0, 1], atol=1e-15)
    alone = active_units(network, np.ones((1, 2)))
    assert np.isnan(alone.lifetime[0]).all()  # one response is neither equal nor unequal
    assert np.isnan(active_units(network, np.zeros((3, 2))).population).all()


@pytest.mark.usefixtures("small_blocks")
def test_estimators_of_text_and_numbers() -> None:
    X, y = reviews(150, 40)
    model = RatingPredictor((12, 7), max_iter=2, random_state=0).fit(X, y)
    found = active_units(model, X)
    for layer in (0, 1):
        code = model.network_.encode(X, layer).toarray() != 0
        np.testing.assert_array_equal(found.counts[:, layer], code.sum(axis=1))
        np.testing.assert_allclose(found.often[layer], code.mean(axis=0))
    numbers = np.random.default_rng(0).normal(3, 5, (80, 4))
    pipeline = make_pipeline(StandardScaler(), DeepRectifierRegressor((6,), max_iter=2, random_state=0))
    pipeline.fit(numbers, numbers[:, 0])
    scaled = Features(pipeline[0].transform(numbers))
    np.testing.assert_array_equal(
        active_units(pipeline, numbers).counts, active_units(pipeline[1], scaled).counts
    )


def test_what_independent_units_would_vary_by() -> None:
    network = initialize((4, 3), (), dtype="float64", seed=0)
    assert active_units(network, np.ones((5, 4))).counts.shape == (5, 0)
    often = (np.array([0.0, 1.0, 0.5, 0.5, 0.2]),)
    nothing = np.zeros((1, 1))
    assert module.ActiveUnits(nothing.astype(int), often, often, nothing).independent_deviation(
        0
    ) == pytest.approx(np.sqrt(0.25 + 0.25 + 0.16))


def test_dead_is_never_and_always_on_is_always() -> None:
    often = (np.array([1.0, 0.0, 0.999, 0.001, 1.0]), np.zeros(0))
    found = module.ActiveUnits(np.zeros((1, 2), int), often, often, np.zeros((1, 2)))
    assert [units.tolist() for units in found.dead] == [[1], []]
    assert [units.tolist() for units in found.always_on] == [[0, 4], []]


@pytest.mark.usefixtures("small_blocks")
def test_rows_that_do_not_fit() -> None:
    with pytest.raises(DataError):
        active_units(initialize((4, 3, 2), "rectifier", seed=0), np.ones((5, 3)))
    wrong = np.zeros((30, 2))
    wrong[20, 1] = np.nan
    with pytest.raises(DataError, match="row 20, feature 1 is NaN"):
        active_units(initialize((2, 3, 2), "rectifier", seed=0), wrong)
