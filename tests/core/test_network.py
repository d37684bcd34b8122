"""A network that is called: its output, and the codes of its layers."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from truezero import initialize, register_activation
from truezero.core.network import Network
from truezero.engines import Features, get_engine
from truezero.errors import DataError, OptionError


@pytest.fixture(name="network", params=["float32", "float64"])
def small(request: pytest.FixtureRequest) -> Network:
    return initialize((5, 9, 7, 3), sign_mask="half", dtype=request.param, seed=3)


def rows(n: int = 40) -> Any:
    X = np.random.default_rng(0).normal(size=(n, 5))
    return np.where(X > 0, X, 0)


def test_the_output_is_what_an_engine_gives(network: Network) -> None:
    X = rows()
    output = network(X)
    assert output.shape == (40, 3)
    assert output.dtype == network.dtype
    for name in ("native", "reference"):
        expected = get_engine(name).forward(network, Features(X), n_threads=1)
        np.testing.assert_allclose(output, expected, rtol=1e-4 if network.dtype == np.float32 else 1e-12)


def test_codes_of_every_layer(network: Network) -> None:
    X = rows()
    for layer, n_units in ((0, 9), (1, 7)):
        codes = network.encode(X, layer)
        assert isinstance(codes, sparse.csr_array)
        assert codes.shape == (40, n_units)
        assert codes.dtype == network.dtype
        assert (codes.data != 0).all()
        expected = get_engine("reference").encode(network, Features(X), layer, n_threads=1)
        np.testing.assert_allclose(codes.toarray(), expected.toarray(), rtol=1e-4, atol=1e-6)
        assert (network.encode(X, layer - 2) != codes).nnz == 0
    assert (network.encode(X) != network.encode(X, 1)).nnz == 0
    assert network.encode(X).toarray().min() < 0  # sign masks included


def test_rows_of_any_kind(network: Network) -> None:
    whole = np.arange(20).reshape(4, 5)
    output = network(whole.astype(np.float64))
    for same in (
        whole, whole.tolist(), whole.astype(np.uint8), whole.astype(object), pd.DataFrame(whole),
        whole.astype(">f8"), np.asfortranarray(whole, np.float32), sparse.csr_matrix(whole),
        sparse.coo_array(whole), sparse.csc_array(whole.astype(np.float32)), Features(whole / 2, 2.0),
    ):  # fmt: skip
        np.testing.assert_allclose(network(same), output, rtol=1e-4)
        assert network.encode(same).shape == (4, 7)
    for none in (whole[:0], np.empty((0, 5)), sparse.csr_array((0, 5))):
        assert network(none).shape == (0, 3)
        assert network.encode(none).shape == (0, 7)


def test_a_frozen_network_gives_the_same_and_a_changed_one_does_not() -> None:
    network, X = initialize((5, 9, 3), seed=1), rows()
    before = network(X)
    assert (network.copy().freeze()(X) == before).all()
    network.biases[-1] += 1
    np.testing.assert_allclose(network(X), before + 1, rtol=1e-5)


def test_an_activation_of_ones_own_runs_on_the_reference_engine() -> None:
    register_activation("cube of the test", lambda z: z**3, lambda z: 3 * z**2)
    network, X = initialize((5, 9, 3), "cube of the test"), rows()
    hidden = (X.astype(np.float32) @ network.weights[0]) ** 3
    np.testing.assert_allclose(network.encode(X).toarray(), hidden, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(network(X), hidden @ network.weights[1], rtol=1e-4, atol=1e-5)


def test_rows_that_cannot_be_run_are_refused(network: Network) -> None:
    for bad, reason in (
        (np.ones(5), r"got shape \(5,\); for one row, hand in \[row\]"),
        (np.ones((2, 4)), "takes 5 features, the data have 4"),
        (sparse.csr_array(np.ones((2, 6))), "takes 5 features, the data have 6"),
        (np.ones((2, 5, 1)), r"got shape \(2, 5, 1\)$"),
        (3.0, "matrix"),
        ([[1, 2, 3, 4, 5], [6]], "matrix of numbers"),
        ([["a", "b", "c", "d", "e"]], "must be numbers"),
        (np.ones((2, 5), complex), "must be numbers"),
    ):
        for run in (network, network.encode):
            with pytest.raises(DataError, match=reason):
                run(bad)


def test_layers_that_are_not_there_are_refused(network: Network) -> None:
    for layer in (2, -3, 0.5, None):
        with pytest.raises(OptionError, match="not a hidden layer of this network, which has 2"):
            network.encode(rows(), layer)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="which has 0"):
        initialize((5, 3)).encode(rows())


def test_weights_that_no_engine_could_read_are_refused(network: Network) -> None:
    turned = [np.asfortranarray(weights) for weights in network.weights]
    with pytest.raises(OptionError, match="C-contiguous"):
        Network(turned, network.biases, network.activations, network.signs)


def test_engines_are_there_wherever_a_network_comes_from() -> None:
    code = "from truezero.core.network import initialize; print(initialize((2, 3))([[1, 2]]).shape)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert run.stdout.strip() == "(1, 3)", run.stderr
