"""The native engine: prediction, of a row alone and of frozen networks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import pytest
from comparing import TOLERANCE, teams_of_any_size  # noqa: F401
from numpy.typing import NDArray
from scipy import sparse
from small_networks import make

from truezero.core.bfloat16 import with_rounded_weights
from truezero.core.initial import initialize
from truezero.core.network import Network
from truezero.engines import Features, get_engine


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_row_alone_gives_what_it_gives_in_a_batch(dtype: str, level: str) -> None:
    network, examples = make((40, 300, 31, 7), dtype=dtype, n=70)
    native = get_engine("native")
    X = examples.features.X
    together = native.evaluate(network, Features(X), n_threads=2).output
    for row in range(0, 70, 9):
        alone = native.evaluate(network, Features(X[row : row + 1]), n_threads=1).output
        as_csr = native.evaluate(network, Features(sparse.csr_array(X[row : row + 1])), n_threads=1).output
        assert alone.tobytes() == together[row : row + 1].tobytes() == as_csr.tobytes()


@pytest.mark.parametrize("n", [1, 5, 57, 300])
def test_a_frozen_network_predicts_the_same(n: int, level: str) -> None:
    network, examples = make((40, 300, 150, 7), n=n, dtype="float32", activation=("rectifier", "tanh"))
    native = get_engine("native")
    expected = native.forward(network, examples.features, n_threads=2)
    frozen = network.copy().freeze()
    # The first call packs, the others find it; the second of a few rows does, with sparse rows above the first layer.
    as_csr = Features(sparse.csr_array(examples.features.X))
    for n_threads in (1, 2, 3, 1):
        for rows in (examples.features, as_csr):
            assert native.forward(frozen, rows, n_threads=n_threads).tobytes() == expected.tobytes()
    with pytest.raises(ValueError, match="read-only"):
        frozen.weights[0][0, 0] = 1
    changed = frozen.copy()
    changed.weights[0][:] = 0
    changed.biases[0][:] = 0
    assert native.forward(changed, examples.features, n_threads=1).tobytes() != expected.tobytes()
    frozen.weights[0] = changed.weights[0]  # other arrays in its place are noticed
    frozen.biases[0] = changed.biases[0]
    again = native.forward(frozen.freeze(), examples.features, n_threads=1)
    assert again.tobytes() == native.forward(changed, examples.features, n_threads=1).tobytes()


def test_a_frozen_network_s_other_parts_may_change() -> None:
    network, examples = make(activation="softplus", dtype="float32")
    native, frozen = get_engine("native"), network.freeze()
    before = native.forward(frozen, examples.features, n_threads=1)
    frozen.softplus_scale = 5.0
    after = native.forward(frozen, examples.features, n_threads=1)
    assert not np.allclose(before, after)
    frozen.activations = ("tanh", "tanh")
    assert not np.allclose(after, native.forward(frozen, examples.features, n_threads=1))


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_rows_that_are_not_finite_stay_alone(value: float, level: str) -> None:
    network, examples = make((20, 100, 3), n=40, dtype="float32")
    network.weights[1][:] = np.abs(network.weights[1])  # infinity stays infinity, and is not NaN
    X = examples.features.X.copy()
    X[7, 3] = X[30, 5] = value
    native = get_engine("native")
    together = native.forward(network, Features(X), n_threads=1)
    for row in range(len(X)):
        alone = native.forward(network, Features(X[row : row + 1]), n_threads=1)
        np.testing.assert_array_equal(alone[0], together[row])
    assert np.isfinite(np.delete(together, [7, 30], axis=0)).all()


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("activation", ["softplus", "sigmoid"])
def test_the_least_activations_are_counted_as_the_reference_does(
    activation: str, dtype: str, level: str
) -> None:
    network = initialize((1, 4000, 2), activation, dtype=dtype)
    lowest = {"float32": 104.0, "float64": 746.0}[dtype]
    network.weights[0][:] = 0
    network.biases[0][:] = -lowest + np.linspace(-1.5, 20, 4000)
    rows = Features(np.ones((2, 1), dtype))
    native, reference = (
        get_engine(name).evaluate(network, rows, n_threads=1).zeros[0] for name in ("native", "reference")
    )
    assert 0 < reference < 4000
    assert abs(native - reference) <= 2 * 20  # half of the least number: within a few roundings of the edge


def test_one_frozen_network_in_many_threads() -> None:
    network, examples = make((40, 300, 150, 7), n=300, dtype="float32")
    native, frozen = get_engine("native"), network.freeze()
    expected = native.forward(frozen, examples.features, n_threads=1).tobytes()
    wrong: list[bool] = []

    def work(n: int) -> None:
        for _ in range(20):
            rows = Features(examples.features.X[: 300 - n])
            output = native.forward(frozen, rows, n_threads=2).tobytes()
            wrong.append(output != expected[: len(output)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 80
    assert not any(wrong)


def test_forged_csr_is_refused() -> None:
    network, examples = make()
    X = sparse.csr_array(examples.features.X)
    X.indices[0] = 10_000
    with pytest.raises((ValueError, IndexError)):
        get_engine("native").evaluate(network, Features(X), n_threads=1)


@pytest.mark.parametrize("sizes", [(19, 33, 5), (70, 300, 129, 10), (5, 2)])
@pytest.mark.parametrize("mask", [None, "half"])
def test_rounded_weights_answer_as_a_network_that_has_them(
    sizes: tuple[int, ...], mask: Any, level: str
) -> None:
    network = initialize(sizes, sign_mask=mask, seed=1)
    before = [weights.copy() for weights in network.weights]
    rows = np.random.default_rng(0).normal(size=(300, sizes[0])).astype(np.float32)
    rows[:, ::3] = 0
    expected = with_rounded_weights(network)(rows)
    for n_threads in (1, 2, 3):
        bound = network.predictor(n_threads, weights="bfloat16")
        for n in (1, 2, 3, 4, 5, 31, 4, 32, 40, 300, 0):  # some are packed from the second call on
            assert bound(rows[:n]).tobytes() == expected[:n].tobytes(), (level, n_threads, n)
    assert network(rows).tobytes() != expected.tobytes()
    assert all((a == b).all() for a, b in zip(before, network.weights, strict=True))


@pytest.fixture(scope="module")
def large() -> tuple[Network, NDArray[np.float32]]:
    """Weights that no cache holds, with blocks of units that are all zero, sometimes active, and mostly active."""
    network = initialize((300, 90_000, 7), seed=1)
    random = np.random.default_rng(0)
    network.biases[0][:] = np.repeat([-0.8, -0.03, 0.3], 30_000)
    rows = random.normal(size=(40, 300)).astype(np.float32)
    rows[:, 128:][random.random((40, 172)) < 0.7] = 0
    active = (rows @ network.weights[0] + network.biases[0] > 0).reshape(40, 3, -1).mean(axis=(0, 2))
    assert active[0] == 0
    assert 0.1 < active[1] < 0.5
    assert active[2] > 0.9
    return network, rows


@pytest.mark.parametrize("weights", [None, "bfloat16"])
def test_a_large_network_answers_few_rows_as_many(
    large: tuple[Network, NDArray[np.float32]], weights: Literal["bfloat16"] | None, level: str
) -> None:
    network, rows = large
    expected = (network if weights is None else with_rounded_weights(network))(rows)
    bound = network.predictor(2, weights=weights)
    # Up to 4 rows, and the first call of fewer than 32, read weights where they lie, others the packed copy in parts.
    for n in (9, 1, 2, 3, 4, 5, 8, 9, 16, 17, 31, 32, 40):
        assert bound(rows[:n]).tobytes() == expected[:n].tobytes(), n


def test_a_large_network_answers_a_few_sparse_rows_and_encodes_them(
    large: tuple[Network, NDArray[np.float32]],
) -> None:
    network, rows = large
    native, frozen = get_engine("native"), network.copy().freeze()
    few = Features(sparse.csr_array(rows[:9]))
    expected = network(rows)[:9]
    code = np.maximum(rows[:9] @ network.weights[0] + network.biases[0], 0)
    for _ in range(2):  # the second call is packed
        assert native.forward(frozen, few, n_threads=2).tobytes() == expected.tobytes()
        found = native.encode(frozen, few, 0, n_threads=2).toarray()
        np.testing.assert_allclose(found, code, rtol=1e-4, atol=1e-5)


def test_rounded_weights_in_many_threads_and_rows_that_are_not_finite() -> None:
    network = initialize((64, 300, 200, 10), seed=1)
    rows = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    rows[7, 3], rows[9, 5] = np.nan, np.inf
    rounded = with_rounded_weights(network)
    with np.errstate(invalid="ignore"):
        expected = rounded.predictor()(rows)
    bound = network.predictor(weights="bfloat16")
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: bound(rows), range(64)):
            assert found.tobytes() == expected.tobytes()
    finite = np.isfinite(rows).all(axis=1)
    assert np.isfinite(expected[finite]).all()
