"""Layers scaled against each other compute what they did."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from by_hand import codes, drawn

from truezero import initialize
from truezero.analysis import balancing_factors, rebalance, rescale, weight_norms
from truezero.core.activations import get_activation
from truezero.errors import OptionError

X = np.random.default_rng(0).normal(size=(30, 6))
SIZES = (6, 8, 7, 3)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("activations", ["rectifier", ("rectifier", "linear")])
@pytest.mark.parametrize("sign_mask", [None, "half"])
def test_outputs_are_divided_by_the_product(activations: Any, sign_mask: Any) -> None:
    network, alpha = drawn(SIZES, activations, sign_mask=sign_mask), np.array([3.0, 0.7, 1.9])
    scaled = rescale(network, alpha)
    for layer, (w, b) in enumerate(zip(scaled.weights, scaled.biases, strict=True)):
        np.testing.assert_allclose(w, network.weights[layer] / alpha[layer], rtol=1e-15)
        np.testing.assert_allclose(b, network.biases[layer] / np.prod(alpha[: layer + 1]), rtol=1e-14)
    np.testing.assert_allclose(scaled(X), network(X) / alpha.prod(), rtol=1e-12, atol=1e-14)
    # Units of a layer are divided by the product up to it, and so none changes sides.
    for layer, (new, old) in enumerate(zip(codes(scaled, X), codes(network, X), strict=True)):
        np.testing.assert_allclose(new, old / np.prod(alpha[: layer + 1]), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(codes(scaled, X)[-1], scaled(X), rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_powers_of_two_no_bit_changes(dtype: str) -> None:
    network = drawn(SIZES, sign_mask="half", dtype=dtype)
    rows = X.astype(dtype)
    scaled = rescale(network, [8, 0.25, 0.5])
    assert scaled.dtype == dtype
    np.testing.assert_array_equal(scaled(rows), network(rows))
    assert not np.array_equal(scaled.weights[1], network.weights[1])


@pytest.mark.parametrize("powers_of_two", [True, False])
def test_balanced_layers(powers_of_two: bool) -> None:
    network = rescale(drawn(SIZES), [1 / 37, 5, 37 / 5])
    balanced = rebalance(network, powers_of_two=powers_of_two)
    factors, norms = balancing_factors(network, powers_of_two=powers_of_two), weight_norms(balanced)
    np.testing.assert_allclose(norms, [np.sqrt((w**2).sum()) for w in balanced.weights])
    np.testing.assert_allclose(factors * norms, weight_norms(network))
    if powers_of_two:
        assert np.prod(factors) == 1
        assert (np.log2(factors) % 1 == 0).all()
        assert norms.max() <= 2 * norms.min()
        np.testing.assert_array_equal(balanced(X), network(X))
    else:
        assert np.prod(factors) == pytest.approx(1, rel=1e-12)
        np.testing.assert_allclose(norms, norms[0], rtol=1e-12)
        np.testing.assert_allclose(balanced(X), network(X), rtol=1e-12, atol=1e-14)
        # No other factors make the sum of squares less.
        least = (norms**2).sum()
        for off in ([1.1, 1 / 1.1, 1], [0.9, 1, 1 / 0.9], [1, 1.01, 1 / 1.01]):
            assert (weight_norms(rescale(balanced, off)) ** 2).sum() > least
    np.testing.assert_array_equal(rebalance(balanced).weights[0], balanced.weights[0])


def test_many_layers_are_balanced_with_product_1() -> None:
    random = np.random.default_rng(0)
    network = drawn((4,) * 12)
    for weights in network.weights:
        weights *= 10.0 ** random.integers(-5, 5)
    factors = balancing_factors(network)
    assert np.prod(factors) == 1
    norms = weight_norms(network) / factors
    assert norms.max() <= 2 * norms.min()


def test_the_network_stays_as_it_was() -> None:
    network = drawn(SIZES).freeze()
    before = [w.copy() for w in network.weights]
    rescale(network, [2, 2, 2])
    for old, new in zip(before, network.weights, strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("factors", [[1, 1], [1, 1, 0], [1, 1, -1], [1, 1, np.nan], [1, 1, np.inf], 1])
def test_factors_that_are_none(factors: Any) -> None:
    with pytest.raises(OptionError, match="rescaling needs 3 factors above 0, one per layer, got"):
        rescale(drawn(SIZES), factors)


def test_what_cannot_be_scaled() -> None:
    with pytest.raises(OptionError, match="too large for float32"):
        rescale(initialize(SIZES, seed=0), [1e-39, 1, 1])
    for name in ("tanh", "softplus", "lif", "sigmoid"):
        with pytest.raises(OptionError, match=f"units of {get_activation(name).name} do not scale"):
            rescale(drawn(SIZES, ("rectifier", name)), [1, 1, 1])
    empty = drawn(SIZES)
    empty.weights[1][:] = 0
    with pytest.raises(OptionError, match="layer 1 has no weight but 0"):
        rebalance(empty)
