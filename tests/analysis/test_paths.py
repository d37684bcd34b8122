"""The paths that carry most, against all there are."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from by_hand import codes, drawn
from scipy import sparse

from truezero.analysis import active_paths, local_map
from truezero.analysis import paths as module
from truezero.core.network import Network
from truezero.errors import DataError, OptionError


def all_paths(network: Network, x: Any, output: int) -> dict[tuple[int, ...], float]:
    """Every path through active units, with what it carries."""
    on: list[Any] = [
        np.flatnonzero(x),
        *(np.flatnonzero(code[0]) for code in codes(network, x[np.newaxis])[:-1]),
    ]
    found = {}
    for path in itertools.product(*on):
        whole: list[Any] = [*path, output]
        carried = x[path[0]]
        for layer, (unit, above) in enumerate(itertools.pairwise(whole)):
            sign = network.signs[layer - 1] if layer else None
            carried = carried * network.weights[layer][unit, above] * (1 if sign is None else sign[unit])
        found[tuple(map(int, path))] = float(carried)
    return found


@pytest.mark.parametrize("sign_mask", [None, "half"])
@pytest.mark.parametrize("activations", ["rectifier", ("linear", "rectifier")])
@pytest.mark.parametrize("at_once", [1 << 21, 3])
def test_they_are_the_largest(
    activations: Any, sign_mask: Any, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_VALUES", at_once)
    network, random = drawn((7, 8, 6, 4), activations, sign_mask=sign_mask), np.random.default_rng(0)
    for output in (None, 2):
        x = random.normal(size=7) * (random.random(7) < 0.7)
        found = active_paths(network, x, output=output, n_paths=9)
        if output is None:
            assert found.output == codes(network, x[np.newaxis])[-1].argmax()
        there = all_paths(network, x, found.output)
        assert found.n_active == len(there)
        largest = sorted(there.values(), key=abs, reverse=True)[:9]
        np.testing.assert_allclose(np.abs(found.carried), np.abs(largest), rtol=1e-12)
        for units, carried in zip(found.units, found.carried, strict=True):
            assert there[tuple(units.tolist())] == pytest.approx(carried, rel=1e-12)
        assert len({tuple(units) for units in found.units.tolist()}) == 9
        contributions = local_map(network, x).contributions[:, found.output]
        assert found.total == pytest.approx(contributions.sum())
        assert sum(there.values()) == pytest.approx(found.total, rel=1e-9)
        np.testing.assert_array_equal(found.active[0], x != 0)
        for layer, code in enumerate(codes(network, x[np.newaxis])[:-1]):
            np.testing.assert_array_equal(found.active[layer + 1], code[0] != 0)


def test_fewer_than_wanted_and_none() -> None:
    network, x = drawn((3, 4, 2)), np.array([0.5, 0, 2])
    found = active_paths(network, sparse.csr_array(x[np.newaxis]), output=1, n_paths=1000)
    assert len(found.carried) == found.n_active == len(all_paths(network, x, 1))
    assert found.carried.sum() == pytest.approx(found.total)
    for nothing in (active_paths(network, np.zeros(3)), active_paths(dead(), x)):
        assert (nothing.units.shape, nothing.n_active, nothing.total) == ((0, 2), 0, 0)
    without = active_paths(drawn((3, 2), ()), x, output=0, n_paths=5)
    assert sorted(without.units.ravel().tolist()) == [0, 2]


def dead() -> Network:
    network = drawn((3, 4, 2))
    network.biases[0][:] = -100
    return network


def test_mistakes() -> None:
    network = drawn((3, 4, 2))
    with pytest.raises(OptionError, match="output must be a whole number from 0 to 1 or None, got 2"):
        active_paths(network, np.ones(3), output=2)
    with pytest.raises(OptionError, match="n_paths must be a whole number of at least 1, got 0"):
        active_paths(network, np.ones(3), n_paths=0)
    with pytest.raises(OptionError, match="not linear by parts"):
        active_paths(drawn((3, 4, 2), "tanh"), np.ones(3))
    with pytest.raises(DataError):
        active_paths(network, np.ones(4))
