"""A network that is called: its output, and the codes of its layers."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from truezero import initialize, register_activation
from truezero.core.draws import Purpose, uniform, words
from truezero.core.network import Network
from truezero.engines import Examples, Features, StepSettings, get_engine
from truezero.engines.native import NativeEngine
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


VIEWS: dict[str, Any] = {
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "every other": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "big-endian": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "not aligned": lambda a: np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
    "read-only": lambda a: np.ascontiguousarray(a.T).T.view(),
    "a list": lambda a: a.astype(np.float64).tolist(),
}


@pytest.mark.parametrize("view", VIEWS)
def test_arrays_in_any_order_are_copied_at_the_door(network: Network, view: str) -> None:
    if view == "a list" and network.dtype == np.float32:
        pytest.skip("a list's numbers are float64")
    X, turn = rows(), VIEWS[view]
    given = [turn(weights) for weights in network.weights]
    if view == "read-only":
        for weights in given:
            weights.flags.writeable = False
    signs = tuple(turn(sign) for sign in network.signs)
    turned = Network(given, [turn(biases) for biases in network.biases], network.activations, signs)
    for array, expected in zip(turned.weights, network.weights, strict=True):
        assert array.flags.c_contiguous
        assert array.flags.aligned
        assert array.dtype == network.dtype
        assert array.flags.writeable == (view not in ("read-only", "not aligned"))
        np.testing.assert_array_equal(array, expected)
    assert (turned(X) == network(X)).all()
    assert (turned.encode(X) != network.encode(X)).nnz == 0
    assert type(turned.copy().freeze()) is Network


def test_arrays_that_lie_right_are_kept(network: Network) -> None:
    again = Network(network.weights, network.biases, network.activations, network.signs)
    assert all(a is b for a, b in zip(again.weights, network.weights, strict=True))
    assert all(a is b for a, b in zip(again.signs, network.signs, strict=True))


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_arrays_put_in_later_are_laid_out_or_refused(network: Network, engine: str) -> None:
    X, runner = Features(rows()), get_engine(engine)
    expected = runner.forward(network, X, n_threads=1)
    for layer in (0, 1, 2):
        changed = network.copy()
        changed.weights[layer] = np.ascontiguousarray(changed.weights[layer].T).T
        changed.biases[layer] = np.repeat(changed.biases[layer], 2)[::2]
        assert runner.forward(changed, X, n_threads=1).tobytes() == expected.tobytes()
    order = np.arange(40)
    examples = Examples(X, order % 3, None, order)
    trained, turned = network.copy(), network.copy()
    turned.weights[1] = np.ascontiguousarray(turned.weights[1].T).T
    for each in (trained, turned):
        runner.train(each, examples, order, StepSettings(0.1, 10, (0.0, 0.0)), epoch=0, seed=0, n_threads=1)
    assert (trained.weights[1] == turned.weights[1]).all()
    assert (trained.weights[1] != network.weights[1]).any()
    other = np.float64 if network.dtype == np.float32 else np.float32
    for bad, reason in (
        (network.weights[1].astype(other), f"layer 1: weights and biases must all be {network.dtype}"),
        (network.weights[1].astype(int), "layer 1: weights and biases must all be"),
        (network.weights[1][:, :-1], r"layer 1: weights \(9, 6\) and biases \(7,\) do not fit 9 inputs"),
        (network.weights[1][0], r"layer 1: weights \(7,\) and"),
        (np.zeros((), network.dtype), r"layer 1: weights \(\) and"),
    ):
        changed = network.copy()
        changed.weights[1] = np.asarray(bad)
        with pytest.raises(OptionError, match=reason):
            runner.forward(changed, X, n_threads=1)
        with pytest.raises(OptionError, match=reason):
            runner.encode(changed, X, 0, n_threads=1)


def test_a_frozen_network_with_another_order_is_packed_once(network: Network) -> None:
    native = NativeEngine()
    network.weights[0] = np.ascontiguousarray(network.weights[0].T).T
    network.freeze()
    for _ in range(3):
        native.forward(network, Features(rows()), n_threads=1)
    first = native._predictor(network)
    assert native._predictor(network) is first


def test_it_is_shown_in_one_short_line(network: Network) -> None:
    assert repr(network) == f"<Network 5-9-7-3, rectifier, softmax, {network.dtype}>"
    mixed = initialize((2, 3, 4, 1), ("tanh", "rectifier"), output="linear")
    assert repr(mixed) == "<Network 2-3-4-1, tanh/rectifier, linear, float32>"
    assert repr(initialize((2, 3))) == "<Network 2-3, no hidden layer, softmax, float32>"
    deep = repr(initialize((10,) * 200))
    assert len(deep) < 120
    assert deep.startswith("<Network 10-10-")


def test_engines_are_there_wherever_people_get_a_network_from() -> None:
    code = "{}; print(initialize((2, 3))([[1, 2]]).shape)"
    for comes, expected in (
        ("from truezero import initialize", "(1, 3)"),
        (
            "from truezero.core.initial import initialize",
            "import truezero.engines first",
        ),  # definitions alone
    ):
        run = subprocess.run(
            [sys.executable, "-c", code.format(comes)], capture_output=True, text=True, timeout=120
        )
        assert expected in run.stdout + run.stderr


def test_a_network_that_is_called_takes_finite_numbers_alone() -> None:
    network = initialize((3, 4, 2), seed=1)
    for bad in (np.nan, np.inf, 1e39):
        X = np.ones((2, 3))
        X[1, 2] = bad
        for use in (network, network.encode):
            with pytest.raises(DataError, match="row 1, feature 2"):
                use(X)
    assert np.isfinite(network(np.full((1, 3), 1e30))).all()


def test_initial_weights_take_no_more_memory_than_they_have() -> None:
    tracemalloc.start()
    try:
        network = initialize((20_000, 60, 3), seed=1)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1.5 * sum(weights.nbytes for weights in network.weights)
    # Rows are drawn in blocks, and are what all of them together would be.
    drawn = uniform(words(1, Purpose.INITIAL_WEIGHTS, examples=[0, 272, 273, 19_999], n_units=60))
    expected = ((2 * drawn - 1) * np.sqrt(6 / 20_060)).astype(np.float32)
    np.testing.assert_array_equal(network.weights[0][[0, 272, 273, 19_999]], expected)
