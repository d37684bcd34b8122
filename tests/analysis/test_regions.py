"""How many linear functions rows go through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from by_hand import codes, drawn

from truezero.analysis import local_map, regions
from truezero.errors import OptionError


@pytest.mark.usefixtures("engine", "small_blocks")
@pytest.mark.parametrize("activations", ["rectifier", ("linear", "rectifier")])
def test_they_are_the_different_patterns(activations: Any) -> None:
    network = drawn((2, 5, 4, 3), activations, sign_mask="half")
    X = np.random.default_rng(0).normal(size=(200, 2))
    network.biases[0][:] *= activations == "rectifier"
    X = np.concatenate([X, X[::3], np.full((1, 2), 1e-9), np.zeros((1, 2))])  # linear units are 0 on the last
    found, whole = regions(network, X), codes(network, X)[:-1]
    on = [
        np.ones_like(code, bool) if name == "linear" else code != 0
        for code, name in zip(whole, network.activations, strict=True)
    ]
    together = np.concatenate(on, axis=1)
    patterns = [pattern.tobytes() for pattern in together]
    assert found.n_regions == len(set(patterns)) < 100  # many rows share one
    first = {pattern: number for number, pattern in enumerate(dict.fromkeys(patterns))}
    np.testing.assert_array_equal(found.of_row, [first[pattern] for pattern in patterns])
    assert found.n_of_layers == tuple(len(np.unique(layer, axis=0)) for layer in on)
    for n in (1, 2, 40, len(X)):
        assert found.seen[n - 1] == len(set(patterns[:n]))
        assert found.seen_of_layers[n - 1].tolist() == [len(np.unique(layer[:n], axis=0)) for layer in on]


def test_rows_of_a_region_share_their_linear_function() -> None:
    network = drawn((2, 5, 4, 3))
    X = np.random.default_rng(1).normal(size=(80, 2)) + 0.01
    found = regions(network, X)
    maps = [np.append(local_map(network, x).weights, local_map(network, x).bias) for x in X]
    for number in range(found.n_regions):
        of_region = np.array([maps[row] for row in np.flatnonzero(found.of_row == number)])
        np.testing.assert_allclose(of_region, of_region[:1].repeat(len(of_region), 0), rtol=1e-12)


def test_units_of_different_layers_are_not_taken_for_each_other() -> None:
    network = drawn((1, 1, 1, 1))
    network.weights[0][:], network.biases[0][:] = 1, 0
    network.weights[1][:], network.biases[1][:] = -10, 1
    # Unit 0 of layer 0 alone is active, then unit 0 of layer 1 alone; last both.
    assert regions(network, np.array([[1.0], [-1.0], [2.0], [0.05]])).of_row.tolist() == [0, 1, 0, 2]


def test_the_order_in_which_units_are_listed_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    network, X = drawn((2, 5, 4, 3)), np.random.default_rng(2).normal(size=(60, 2))
    wanted, encode = regions(network, X), type(network).encode

    def turned(self: Any, rows: Any, layer: int) -> Any:
        code = encode(self, rows, layer)
        for row in range(0, code.shape[0], 2):
            part = slice(code.indptr[row], code.indptr[row + 1])
            code.indices[part], code.data[part] = (
                code.indices[part][::-1].copy(),
                code.data[part][::-1].copy(),
            )
        code.has_sorted_indices = False
        return code

    monkeypatch.setattr(type(network), "encode", turned)
    np.testing.assert_array_equal(regions(network, X).of_row, wanted.of_row)


def test_where_there_are_none() -> None:
    with pytest.raises(OptionError, match="units of tanh are not linear by parts"):
        regions(drawn((2, 3, 1), "tanh"), np.ones((2, 2)))
    empty = regions(drawn((2, 3, 1)), np.ones((0, 2)))
    assert (empty.n_regions, empty.n_of_layers, len(empty.seen)) == (0, (0,), 0)
