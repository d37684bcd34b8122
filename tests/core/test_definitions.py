"""Activations, draws, networks, costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from truezero.core.activations import activation_names, get_activation
from truezero.core.draws import Purpose, permutation, philox, threshold, words
from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.engines import Features, get_engine
from truezero.errors import OptionError

BUILT_IN = [name for name in activation_names() if get_activation(name).native_code is not None]


def test_philox_known_answers() -> None:
    """Of the generator's authors."""
    counter = np.array([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], dtype=np.uint64)
    expected = [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]
    assert philox(counter, 0x299F31D0A4093822).tolist() == expected
    assert philox(np.zeros(4, np.uint64), 0).tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_draws_depend_on_their_address_alone() -> None:
    many = words(5, Purpose.DROPOUT, layer=2, epoch=3, examples=[9, 4, 7], n_units=11)
    one = words(5, Purpose.DROPOUT, layer=2, epoch=3, examples=[4], n_units=6)
    assert (many[1, :6] == one[0]).all()
    for other in (words(6, Purpose.DROPOUT, layer=2, epoch=3, examples=[4], n_units=6),
                  words(5, Purpose.SPLIT, layer=2, epoch=3, examples=[4], n_units=6),
                  words(5, Purpose.DROPOUT, layer=1, epoch=3, examples=[4], n_units=6),
                  words(5, Purpose.DROPOUT, layer=2, epoch=4, examples=[4], n_units=6)):  # fmt: skip
        assert (other != one).any()
    assert sorted(permutation(1, Purpose.ORDER, np.arange(50), epoch=1)) == list(range(50))
    assert (threshold(0.0), threshold(0.5), threshold(1.0)) == (0, 2**31, 2**32)
    with pytest.raises(OptionError, match="probability"):
        threshold(1.5)


@pytest.mark.parametrize("name", BUILT_IN)
def test_derivatives_are_finite_differences(name: str) -> None:
    entry, step = get_activation(name), 1e-6
    z: Any = np.array([-3.0, -0.7, 0.3, 1.1, 4.0])
    numeric = (entry.value(z + step, 2.0) - entry.value(z - step, 2.0)) / (2 * step)
    np.testing.assert_allclose(entry.derivative(z, 2.0), numeric, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BUILT_IN)
def test_activations_keep_dtype_and_stay_finite(name: str, dtype: type) -> None:
    entry = get_activation(name)
    z: Any = np.array([-1e30, -100, -1e-30, -0.0, 0.0, 1e-30, 100, 1e30], dtype=dtype)
    for values in (entry.value(z, 1.0), entry.derivative(z, 1.0)):
        assert values.dtype == dtype
        assert np.isfinite(values).all()
    if entry.true_zeros:
        assert (entry.derivative(z, 1.0)[entry.value(z, 1.0) == 0] == 0).all()
    assert np.isnan(entry.value(np.array([np.nan], dtype), 1.0)).all()


def test_values_of_the_paper() -> None:
    def value(name: str, z: float, scale: float = 1.0) -> float:
        return float(get_activation(name).value(np.array([z]), scale)[0])

    assert value("softplus", 0.0) == pytest.approx(np.log(2))
    assert value("softplus", 1.0, 6.0) == pytest.approx(np.log1p(np.exp(6.0)) / 6)
    assert value("softplus", 800.0) == 800.0
    lif = 1 / (7.5 * np.log((1.0 / 2 + 0.025) / (1.0 / 2)) + 1)  # footnote 3
    assert value("lif", 1.0) == pytest.approx(lif)
    assert value("relu", -1.0) == value("rectifier", -1.0) == 0.0
    derivative = get_activation("lif").derivative(np.array([1e-9]), 1.0)
    assert derivative[0] <= 10


def test_initial_weights() -> None:
    """Uniform in ±sqrt(6 / (n_in + n_out)); zero biases."""
    network = initialize((300, 500, 10), seed=4)
    bound = np.sqrt(6 / 800)
    assert np.abs(network.weights[0]).max() <= bound
    assert network.weights[0].std() == pytest.approx(bound / np.sqrt(3), rel=0.01)
    assert not any(b.any() for b in network.biases)
    same = initialize((300, 500, 10), seed=4, dtype="float64")
    np.testing.assert_allclose(network.weights[0], same.weights[0], rtol=1e-6)


def test_sign_masks() -> None:
    half = initialize((3, 11, 400, 2), sign_mask="half").signs
    assert [int((s == -1).sum()) for s in half if s is not None] == [5, 200]
    random = initialize((3, 400, 2), sign_mask="random").signs[0]
    assert random is not None
    assert 150 < (random == -1).sum() < 250
    assert initialize((3, 4, 2)).signs == (None,)
    with pytest.raises(OptionError, match="sign_mask"):
        initialize((3, 4, 2), sign_mask="quarter")  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_intensity_equivariance(engine: str) -> None:
    """Without biases f(ax) = a f(x) for a > 0 (section 4.2)."""
    network = initialize((20, 30, 30, 4), use_biases=False, dtype="float64", sign_mask="half")
    X = np.random.default_rng(0).normal(size=(8, 20))
    once = get_engine(engine).evaluate(network, Features(X), n_threads=1).output
    scaled = get_engine(engine).evaluate(network, Features(3.7 * X), n_threads=1).output
    np.testing.assert_allclose(scaled, 3.7 * once, rtol=1e-12)


def test_networks_that_do_not_fit_together_are_refused() -> None:
    good = initialize((4, 3, 2))
    with pytest.raises(OptionError, match="do not fit"):
        Network([good.weights[0], good.weights[0]], good.biases, good.activations, good.signs)
    with pytest.raises(OptionError, match="sign mask"):
        Network(good.weights, good.biases, good.activations, (np.array([1.0, 2.0, 1.0], "f4"),))
    with pytest.raises(OptionError, match="unknown activation 'relux'"):
        initialize((4, 3, 2), "relux")
    with pytest.raises(OptionError, match="above 0"):
        initialize((4, 0, 2))
