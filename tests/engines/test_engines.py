"""The engine contract, for every engine: one suite."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from comparing import TOLERANCE, disagreement, parameters, same_bits, teams_of_any_size  # noqa: F401
from peers import require_torch
from scipy import sparse
from threadpoolctl import ThreadpoolController

from truezero import Network
from truezero.core.activations import activation_names, get_activation, register_activation
from truezero.core.initial import initialize
from truezero.engines import (
    Engine,
    Examples,
    Features,
    StepSettings,
    Tally,
    available_engines,
    get_engine,
)
from truezero.errors import DataError, EngineUnavailableError, OptionError

ENGINES = ("reference", "native")
BUILT_IN = [name for name in activation_names() if get_activation(name).native_code is not None]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return get_engine(request.param)


def make(
    sizes: tuple[int, ...] = (19, 33, 21, 5),
    *,
    n: int = 57,
    dtype: str = "float64",
    seed: int = 3,
    weighted: bool = False,
    zero_biases: bool = False,
    **options: Any,
) -> tuple[Network, Examples]:
    """A small network with odd sizes, and rows with many zeros."""
    random = np.random.default_rng(seed)
    network = initialize(sizes, dtype=dtype, seed=seed, **options)
    if network.use_biases and not zero_biases:
        for biases in network.biases:
            biases[:] = random.normal(0, 0.1, biases.shape)
    X = np.where(random.random((n, sizes[0])) < 0.5, 0, random.normal(size=(n, sizes[0]))).astype(dtype)
    target: Any = random.integers(0, sizes[-1], n)
    if network.output == "linear":
        target = random.normal(size=(n, sizes[-1])).astype(dtype)
    weight = random.random(n) * 2 if weighted else None
    return network, Examples(Features(X), target, weight, random.permutation(1000)[:n].astype(np.int64))


def settings(network: Network, **changes: Any) -> StepSettings:
    given = {"learning_rate": 0.1, "batch_size": 10, "l1": (1e-3,) * network.n_hidden, **changes}
    return StepSettings(**given)


def run(
    engine: Engine,
    network: Network,
    examples: Examples,
    steps: StepSettings,
    *,
    epochs: int = 2,
    n_threads: int = 1,
    density: tuple[float, ...] | None = None,
) -> tuple[Network, Tally]:
    trained = network.copy()
    order = np.random.default_rng(0).permutation(examples.features.n_samples).astype(np.int64)
    for epoch in range(epochs):
        tally = engine.train(
            trained, examples, order, steps, epoch=epoch, seed=77, n_threads=n_threads, density=density
        )
    return trained, tally


VARIATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "no hidden layer": ({"sizes": (19, 5)}, {}),
    "one unit everywhere": ({"sizes": (1, 1, 1, 2)}, {}),
    "several tiles": ({"sizes": (40, 300, 600, 3), "n": 23}, {"learning_rate": 0.01}),
    "wide output": ({"sizes": (9, 20, 700), "n": 23}, {}),
    "batch of one": ({}, {"batch_size": 1}),
    "one batch": ({}, {"batch_size": 57}),
    "batch larger than data": ({}, {"batch_size": 1000}),
    "dropout": ({}, {"dropout": 0.5, "input_dropout": 0.2}),
    "dropout of tanh": ({"activation": "tanh"}, {"dropout": 0.5}),
    "max norm": ({}, {"max_norm": 0.9}),
    "weight decay": ({}, {"weight_decay": 0.3}),
    "strong decay": ({"n": 200}, {"weight_decay": 7.0, "max_norm": 1.0}),
    "weights": ({"weighted": True}, {}),
    "signs": ({"sign_mask": "half"}, {}),
    "random signs": ({"sign_mask": "random", "activation": "softplus"}, {}),
    "no biases": ({"use_biases": False}, {}),
    "squared error": ({"output": "linear", "weighted": True}, {"learning_rate": 0.01}),
    "no l1": ({}, {"l1": (0.0, 0.0)}),
    "l1 per layer": ({}, {"l1": (1e-2, 0.0)}),
    "softplus scale": ({"activation": "softplus", "softplus_scale": 6.0}, {}),
    "mixed": ({"activation": ("tanh", "rectifier")}, {}),
    "everything": (
        {"activation": ("rectifier", "lif"), "sign_mask": "half", "weighted": True},
        {"dropout": 0.3, "input_dropout": 0.1, "max_norm": 1.0, "weight_decay": 0.2},
    ),
}


def varied(name: str, dtype: str) -> tuple[Network, Examples, StepSettings]:
    network_options, changes = VARIATIONS[name]
    network, examples = make(**{"dtype": dtype, **network_options})
    changes = dict(changes)
    if "l1" in changes and len(changes["l1"]) != network.n_hidden:
        del changes["l1"]
    return network, examples, settings(network, **changes)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", VARIATIONS)
def test_native_trains_as_reference(name: str, dtype: str) -> None:
    network, examples, steps = varied(name, dtype)
    expected, expected_tally = run(get_engine("reference"), network, examples, steps)
    actual, tally = run(get_engine("native"), network, examples, steps)
    assert disagreement(expected, actual, network) <= TOLERANCE[dtype]
    precision = {"float64": 1e-9, "float32": 1e-4}[dtype]
    assert tally.loss == pytest.approx(expected_tally.loss, rel=precision)
    assert tally.penalty == pytest.approx(expected_tally.penalty, rel=precision, abs=1e-12)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("activation", BUILT_IN)
def test_every_activation_trains_as_reference(activation: str, dtype: str, level: str) -> None:
    network, examples = make(activation=activation, sign_mask="half", dtype=dtype)
    steps = settings(network)
    expected, _ = run(get_engine("reference"), network, examples, steps)
    actual, _ = run(get_engine("native"), network, examples, steps)
    assert disagreement(expected, actual, network) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", ["plain", "several tiles", "max norm", "everything"])
def test_every_instruction_level_trains_as_reference(name: str, dtype: str, level: str) -> None:
    network, examples, steps = varied(name, dtype)
    expected, _ = run(get_engine("reference"), network, examples, steps)
    actual, _ = run(get_engine("native"), network, examples, steps)
    assert disagreement(expected, actual, network) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("batch_size", [1, 7, 10, 100])
def test_layers_taken_whole_train_as_reference(batch_size: int, dtype: str, level: str) -> None:
    network, examples = make((40, 300, 600, 3), n=123, dtype=dtype, activation=("rectifier", "tanh"))
    steps = settings(network, learning_rate=0.02, batch_size=batch_size)
    expected, _ = run(get_engine("reference"), network, examples, steps)
    actual, tally = run(get_engine("native"), network, examples, steps, density=(1.0, 1.0, 1.0))
    assert tally.products == ("dense",) * 3
    assert disagreement(expected, actual, network) <= TOLERANCE[dtype]
    assert same_bits(
        actual,
        run(get_engine("native"), network, examples, steps, density=(1.0, 1.0, 1.0), n_threads=3)[0],
    )


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "name", ["plain", "several tiles", "wide output", "squared error", "no l1", "everything"]
)
def test_products_of_matrices_train_as_reference(name: str, dtype: str) -> None:
    network_options, changes = VARIATIONS[name]
    network, examples = make(**{"dtype": dtype, **network_options, "n": 131})
    steps = settings(network, **{**changes, "batch_size": 70})
    expected, _ = run(get_engine("reference"), network, examples, steps)
    whole = (1.0,) * len(network.weights)
    actual, tally = run(get_engine("native"), network, examples, steps, density=whole)
    assert tally.products == ("dense",) * len(network.weights)
    assert disagreement(expected, actual, network) <= TOLERANCE[dtype]
    mixed, tally = run(get_engine("native"), network, examples, steps, density=(0.1, *whole[1:]), n_threads=2)
    assert tally.products[0] == "sparse"
    assert disagreement(expected, mixed, network) <= TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_wide_sparse_rows_train_as_reference(dtype: str) -> None:
    network, _ = make((3000, 40, 5), dtype=dtype)
    random = np.random.default_rng(5)
    X = sparse.random_array((60, 3000), density=0.003, format="csr", dtype=np.float64, random_state=random)
    X.data[:] = 1
    examples = Examples(Features(X), random.integers(0, 5, 60), None, np.arange(60))
    steps = settings(network)
    expected, _ = run(get_engine("reference"), network, examples, steps)
    actual, _ = run(get_engine("native"), network, examples, steps, n_threads=2)
    assert disagreement(expected, actual, network) <= TOLERANCE[dtype]
    untouched = np.asarray(X.sum(axis=0)).ravel() == 0
    assert untouched.sum() > 1000
    assert (actual.weights[0][untouched] == network.weights[0][untouched]).all()


def test_an_instruction_level_that_is_not_there() -> None:
    program = "from truezero.engines import instruction_level; instruction_level()"
    environment = {**os.environ, "TRUEZERO_ISA": "mmx"}
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    assert re.search(r"EngineUnavailableError: TRUEZERO_ISA=mmx cannot be used; .* baseline", ended.stderr)


def test_the_environment_may_change_while_threads_are_at_work() -> None:
    program = """
import os, sys, threading
import numpy as np
from truezero.core.initial import initialize
from truezero.engines import Features, get_engine

sys.setswitchinterval(1e-5)
network, engine = initialize((8, 8, 2), seed=1).freeze(), get_engine("native")
rows, ended = Features(np.ones((1, 8), np.float32)), threading.Event()

def change():
    k = 0
    while not ended.is_set():
        k += 1
        os.environ[f"SOMETHING_{k % 500}"] = "x" * (k % 90)
        os.environ.pop(f"SOMETHING_{(k + 250) % 500}", None)

def predict():
    for _ in range(3000):
        engine.forward(network, rows, n_threads=1)

changing = threading.Thread(target=change)
predicting = [threading.Thread(target=predict) for _ in range(3)]
changing.start()
for thread in predicting:
    thread.start()
for thread in predicting:
    thread.join()
ended.set()
changing.join()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("options", [{}, {"dropout": 0.4, "max_norm": 1.0, "weight_decay": 0.1}])
@pytest.mark.parametrize("crowd", [{}, {"batch_size": 70, "density": (1.0, 1.0, 1.0)}])
def test_threads_do_not_change_bits(options: dict[str, Any], dtype: str, crowd: dict[str, Any]) -> None:
    network, examples = make((120, 300, 600, 11), dtype=dtype, weighted=True)  # above one thread's size
    native = get_engine("native")
    crowd = dict(crowd)
    density = crowd.pop("density", None)
    steps = settings(network, learning_rate=0.02, **options, **crowd)
    one, tally = run(native, network, examples, steps, n_threads=1, density=density)
    for n_threads in (2, 3, 5):
        other, other_tally = run(native, network, examples, steps, n_threads=n_threads, density=density)
        assert same_bits(one, other)
        assert other_tally == tally
    assert same_bits(one, run(native, network, examples, steps, n_threads=2, density=density)[0])


def gradient(engine: Engine, network: Network, examples: Examples, l1: tuple[float, ...]) -> list[Any]:
    """What a step of rate 1 over one batch subtracts."""
    steps = settings(network, learning_rate=1.0, batch_size=10_000, l1=l1)
    after, _ = run(engine, network, examples, steps, epochs=1)
    return [x - y for x, y in zip(parameters(network), parameters(after), strict=True)]


def total_cost(engine: Engine, network: Network, examples: Examples, l1: tuple[float, ...]) -> float:
    steps = settings(network, learning_rate=0.0, batch_size=10_000, l1=l1)
    _, tally = run(engine, network, examples, steps, epochs=1)
    return tally.loss + tally.penalty


@pytest.mark.parametrize("output", ["softmax", "linear"])
@pytest.mark.parametrize("activation", BUILT_IN)
def test_gradients_are_finite_differences(engine: Engine, activation: str, output: str) -> None:
    network, examples = make(
        (7, 6, 5, 3),
        n=9,
        activation=activation,
        sign_mask="half",
        weighted=True,
        output=output,
        softplus_scale=2.0,
    )
    if activation == "lif":  # steep at 0+, where its slope is capped: keep away from there
        network.biases[0][:] = 2.0
        network.biases[1][:] = 2.0
    l1 = (0.03, 0.01)
    actual = gradient(engine, network, examples, l1)
    step = 1e-6
    for values, expected in zip(parameters(network), actual, strict=True):
        for at in np.ndindex(values.shape):
            before = values[at]
            values[at] = before + step
            above = total_cost(engine, network, examples, l1)
            values[at] = before - step
            below = total_cost(engine, network, examples, l1)
            values[at] = before
            assert (above - below) / (2 * step) == pytest.approx(expected[at], rel=2e-5, abs=1e-7)


@pytest.mark.parametrize("activation", ["rectifier", "softplus", "tanh", "sigmoid"])
def test_gradients_are_autograd_s(engine: Engine, activation: str) -> None:
    torch = require_torch()
    network, examples = make(activation=activation, softplus_scale=3.0, sign_mask="half", weighted=True)
    l1 = (0.03, 0.01)
    function = {
        "rectifier": torch.relu,
        "softplus": lambda z: torch.nn.functional.softplus(z, beta=3.0, threshold=1e9),
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }[activation]
    weights = [torch.tensor(w, requires_grad=True) for w in network.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in network.biases]
    weight, h, penalty = torch.tensor(examples.weight), torch.tensor(examples.features.X), 0
    for layer in range(network.n_hidden):
        h = torch.tensor(network.signs[layer]) * function(h @ weights[layer] + biases[layer])
        penalty = penalty + l1[layer] * (weight * h.abs().sum(1)).mean()
    z = h @ weights[-1] + biases[-1]
    loss = (
        weight * torch.nn.functional.cross_entropy(z, torch.tensor(examples.target), reduction="none")
    ).mean()
    (loss + penalty).backward()
    for expected, actual in zip([*weights, *biases], gradient(engine, network, examples, l1), strict=True):
        np.testing.assert_allclose(actual, expected.grad.numpy(), rtol=1e-9, atol=1e-12)


def messy_csr(X: Any) -> Any:
    """Explicit zeros, unsorted indices, duplicates, 64-bit index arrays."""
    data: list[float] = []
    indices: list[Any] = []
    indptr = [0]
    for row in X:
        columns = list(np.flatnonzero(row))[::-1]
        for column in columns:
            data += [row[column] / 2, row[column] / 2]
            indices += [column, column]
        data.append(0.0)
        indices.append(0)
        indptr.append(len(data))
    return sparse.csr_matrix(
        (np.array(data, X.dtype), np.array(indices, np.int64), np.array(indptr, np.int64)), shape=X.shape
    )


INPUTS: dict[str, Callable[[Any], Any]] = {
    "csr": sparse.csr_array,
    "csr matrix": sparse.csr_matrix,
    "messy csr": messy_csr,
    "Fortran order": np.asfortranarray,
    "slice": lambda X: np.repeat(np.repeat(X, 2, axis=1), 2, axis=0)[::2, ::2],
    "big-endian": lambda X: X.astype(X.dtype.newbyteorder(">")),
    "reversed": lambda X: X[::-1][::-1],
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("form", INPUTS)
def test_input_forms_give_the_same(engine: Engine, form: str, dtype: str) -> None:
    network, examples = make(dtype=dtype)
    steps = settings(network, input_dropout=0.1)
    expected, _ = run(engine, network, examples, steps)
    X: Any = INPUTS[form](examples.features.X)
    before = X.copy()
    given = Examples(Features(X), examples.target, None, examples.ids)
    actual, _ = run(engine, network, given, steps)
    if engine.name == "native":
        assert same_bits(expected, actual)
    assert disagreement(expected, actual, network) <= TOLERANCE[dtype]
    assert (before != X).sum() == 0
    if sparse.issparse(X):
        assert X.nnz == before.nnz  # the caller's matrix is as it was


def test_read_only_memory_mapped_and_uint8(engine: Engine, tmp_path: Any) -> None:
    network, examples = make(dtype="float32")
    pixels = np.random.default_rng(0).integers(0, 256, examples.features.X.shape).astype(np.uint8)
    pixels[pixels < 128] = 0
    scaled = Features(pixels.astype(np.float32) * np.float32(1 / 255))
    np.save(tmp_path / "pixels.npy", pixels)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    steps = settings(network)
    results = []
    for features in (
        scaled,
        Features(pixels, 1 / 255),
        Features(mapped, 1 / 255),
        Features(sparse.csr_array(pixels), 1 / 255),
    ):
        given = Examples(features, examples.target, None, examples.ids)
        results.append(run(engine, network, given, steps)[0])
    for other in results[1:]:
        assert disagreement(results[0], other, network) < 1e-5


def test_repeated_runs_are_the_same_bits(engine: Engine) -> None:
    network, examples = make(dtype="float32")
    steps = settings(network, dropout=0.3)
    assert same_bits(run(engine, network, examples, steps)[0], run(engine, network, examples, steps)[0])


def test_example_ids_address_the_draws(engine: Engine) -> None:
    """Rows in another place with their ids give the same draws; with other ids, others."""
    network, examples = make()
    steps = settings(network, dropout=0.5, batch_size=57)
    expected, _ = run(engine, network, examples, steps, epochs=1)
    shift = np.roll(np.arange(57), 5)
    moved = Examples(Features(examples.features.X[shift]), examples.target[shift], None, examples.ids[shift])
    assert disagreement(expected, run(engine, network, moved, steps, epochs=1)[0], network) < 1e-9
    other = Examples(examples.features, examples.target, None, examples.ids + 1)
    assert disagreement(expected, run(engine, network, other, steps, epochs=1)[0], network) > 0.1


def test_max_norm_bounds_hidden_units_only(engine: Engine) -> None:
    network, examples = make()
    trained, _ = run(engine, network, examples, settings(network, max_norm=0.5))
    for weights in trained.weights[:-1]:
        assert np.linalg.norm(weights, axis=0).max() <= 0.5 * (1 + 1e-12)
    assert np.linalg.norm(trained.weights[-1], axis=0).max() > 0.5


def test_use_biases_false_leaves_them_zero(engine: Engine) -> None:
    network, examples = make(use_biases=False)
    trained, _ = run(engine, network, examples, settings(network))
    assert all((b == 0).all() for b in trained.biases)


def test_half_of_the_units_are_zero_after_initialization(engine: Engine) -> None:
    """Section 3.1."""
    network, examples = make((50, 400, 400, 5), n=200, zero_biases=True)
    for fraction in engine.evaluate(network, examples.features, n_threads=1).sparsity:
        assert fraction == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("activation", BUILT_IN)
def test_evaluate_and_encode(engine: Engine, activation: str, dtype: str) -> None:
    network, examples = make(activation=activation, sign_mask="half", dtype=dtype, n=70)
    reference = get_engine("reference").evaluate(network, examples.features, n_threads=1)
    evaluation = engine.evaluate(network, examples.features, n_threads=2)
    assert evaluation.output.dtype == dtype
    np.testing.assert_allclose(
        evaluation.output, reference.output, rtol=1e-4 if dtype == "float32" else 1e-11, atol=1e-6
    )
    for layer in range(network.n_hidden):
        code = engine.encode(network, examples.features, layer, n_threads=2)
        assert isinstance(code, sparse.csr_array)
        assert code.dtype == dtype
        assert code.shape == (70, network.layer_sizes[layer + 1])
        assert (code.data != 0).all()
        assert code.nnz == code.shape[0] * code.shape[1] - evaluation.zeros[layer]
        expected = get_engine("reference").encode(network, examples.features, layer, n_threads=1)
        np.testing.assert_allclose(code.toarray(), expected.toarray(), rtol=1e-4, atol=1e-6)
        active = (code.toarray() != 0).any(axis=0)
        assert (evaluation.ever_active[layer] == active).all()
        assert evaluation.dead_units[layer] == (~active).sum()


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


def test_blas_is_given_back_its_threads() -> None:
    from truezero.engines import blas

    def threads() -> list[int]:
        return [library["num_threads"] for library in blas._controller.info()]

    with ThreadpoolController().limit(limits=2):
        before = threads()

        def work() -> None:
            for _ in range(50):
                with blas.blas_alone():  # which does nothing here where BLAS is another thread's to set
                    pass

        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(work) for _ in range(3)]:
                done.result()
        assert threads() == before
        with blas.blas_alone():
            assert set(threads()) == {1}
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", DeprecationWarning
                )  # other threads have no lock that the child takes
                child = os.fork()
            if child == 0:
                os._exit(0 if threads() == before else 1)
            assert os.waitpid(child, 0)[1] == 0
        assert threads() == before


@pytest.mark.parametrize("rate", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("whole", [False, True])
def test_large_minibatches_are_as_exact_as_the_reference(rate: float, whole: bool) -> None:
    """Of float32 against float64; a sum that is subtracted piece by piece is rounded at the weights' size each time."""
    sizes, n = (60, 80, 70, 5), 1000
    network, examples = make(sizes, n=n, dtype="float32")
    exact, _ = make(sizes, n=n, dtype="float64")
    for of, given in zip(parameters(exact), parameters(network), strict=True):
        of[:] = given
    steps = settings(network, batch_size=1000, learning_rate=rate)
    density = (1.0 if whole else 0.1,) * 3

    def moved(engine: str, start: Network) -> Network:
        return run(get_engine(engine), start, examples, steps, density=density)[0]

    expected = moved("reference", exact)
    reference = disagreement(expected, moved("reference", network), exact)
    native = disagreement(expected, moved("native", network), exact)
    assert native <= 1.5 * reference


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


def test_dead_units_may_wake() -> None:
    network, examples = make((19, 200, 5), n=70)
    network.biases[0][::2] = -100
    network.freeze()
    native, reference = get_engine("native"), get_engine("reference")
    assert native.evaluate(network, examples.features, n_threads=1).dead_units[0] >= 100
    awake = Features(1e3 * np.sign(examples.features.X))
    expected = reference.forward(network, awake, n_threads=1)
    assert native.forward(network, awake, n_threads=1) == pytest.approx(expected)
    assert native.evaluate(network, awake, n_threads=1).dead_units[0] < 100


def test_no_negative_zeros(engine: Engine) -> None:
    network, examples = make(sign_mask="half", dtype="float32")
    network.signs[0][:] = -1  # type: ignore[index]
    for layer in range(2):
        code = engine.encode(network, examples.features, layer, n_threads=1)
        assert not np.signbit(code.toarray()[code.toarray() == 0]).any()


def test_subnormal_activations_are_active(engine: Engine) -> None:
    network = initialize((1, 1, 2), dtype="float64")
    network.weights[0][:] = 1.0
    features = Features(np.array([[5e-324], [0.0]]))
    assert engine.encode(network, features, 0, n_threads=1).nnz == 1


@pytest.mark.parametrize("activation", BUILT_IN)
def test_nan_survives(engine: Engine, activation: str) -> None:
    network, examples = make(activation=activation)
    network.weights[0][3, 4] = np.nan
    with np.errstate(all="ignore"):
        assert np.isnan(engine.evaluate(network, examples.features, n_threads=1).output).any()
        trained, tally = run(engine, network, examples, settings(network), epochs=1)
    assert np.isnan(tally.loss)
    assert not trained.all_finite()


def test_no_rows(engine: Engine) -> None:
    network, examples = make()
    empty = Features(examples.features.X[:0])
    assert engine.evaluate(network, empty, n_threads=2).output.shape == (0, 5)
    assert engine.encode(network, empty, 1, n_threads=2).shape == (0, 21)
    given = Examples(empty, examples.target[:0], None, examples.ids[:0])
    trained, tally = run(engine, network, given, settings(network), epochs=1)
    assert same_bits(trained, network)
    assert (tally.loss, tally.penalty) == (0, 0)


def test_rows_that_do_not_fit_are_refused(engine: Engine) -> None:
    network, examples = make()
    narrow = Features(examples.features.X[:, :-1])
    with pytest.raises(DataError, match="takes 19 features, the data have 18"):
        engine.evaluate(network, narrow, n_threads=1)
    with pytest.raises(DataError, match="class numbers"):
        run(
            engine,
            network,
            Examples(examples.features, examples.target + 5, None, examples.ids),
            settings(network),
        )
    with pytest.raises(DataError, match="one of the ids"):
        run(
            engine,
            network,
            Examples(examples.features, examples.target, None, examples.ids[:3]),
            settings(network),
        )
    with pytest.raises(DataError, match="int32"):
        Features(examples.features.X.astype(np.int32))
    with pytest.raises(OptionError, match="weight decay"):
        settings(network, weight_decay=11.0)


def test_forged_csr_is_refused() -> None:
    network, examples = make()
    X = sparse.csr_array(examples.features.X)
    X.indices[0] = 10_000
    with pytest.raises((ValueError, IndexError)):
        get_engine("native").evaluate(network, Features(X), n_threads=1)


def test_products_are_reported() -> None:
    network, examples = make(activation=("tanh", "rectifier"))
    assert run(get_engine("native"), network, examples, settings(network))[1].products == (
        "sparse",
        "dense",
        "sparse",
    )
    assert run(get_engine("reference"), network, examples, settings(network))[1].products == ("dense",) * 3
    steps = settings(network)
    crowded = run(get_engine("native"), network, examples, steps, density=(0.1, 0.9, 0.97))[1]
    assert crowded.products == ("sparse", "sparse", "dense")
    rows = Examples(Features(sparse.csr_array(examples.features.X)), examples.target, None, examples.ids)
    assert run(get_engine("native"), network, rows, steps, density=(1.0, 1.0, 1.0))[1].products == (
        "sparse",
        "dense",
        "dense",
    )


def test_engines_to_be_had() -> None:
    assert available_engines() == {"reference": None, "native": None}
    assert get_engine("auto").name == "native"
    with pytest.raises(EngineUnavailableError, match="unknown engine 'gpu'; known: auto, reference, native"):
        get_engine("gpu")


def test_own_activation_runs_on_the_reference_engine() -> None:
    register_activation("cube", lambda z: z**3, lambda z: 3 * z**2)
    network, examples = make(activation="cube")
    assert get_engine("auto", network).name == "reference"
    with pytest.raises(EngineUnavailableError, match="'cube'"):
        get_engine("native", network)
    run(get_engine("auto", network), network, examples, settings(network, learning_rate=1e-3))
    with pytest.raises(OptionError, match="built in"):
        register_activation("relu", np.abs, np.sign)


def test_ctrl_c_ends_a_native_call_within_a_second() -> None:
    network, examples = make((300, 800, 800, 5), n=500)
    order = np.tile(np.arange(500, dtype=np.int64), 200)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    started = time.perf_counter()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        get_engine("native").train(network, examples, order, settings(network), epoch=0, seed=0, n_threads=2)
    assert time.perf_counter() - started < 1.5
    assert network.all_finite()


def test_native_works_after_a_fork() -> None:
    code = """
import os, warnings
import numpy as np
from truezero.engines import Features, get_engine
from truezero.core.initial import initialize
warnings.simplefilter("ignore", DeprecationWarning)
network = initialize((300, 600, 600, 5))
X = Features(np.random.default_rng(0).random((200, 300)))
native = get_engine("native")
before = native.evaluate(network, X, n_threads=2).output
child = os.fork()
if child == 0:
    os._exit(0 if (native.evaluate(network, X, n_threads=2).output == before).all() else 1)
assert os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_real_images(dtype: str, real_data: Any) -> None:
    """One epoch over 5,000 MNIST examples, dense and CSR: native as reference."""
    from truezero.datasets import load_dataset

    data = load_dataset("mnist", data_dir=real_data)
    X, y = data.X_train[:5000], np.asarray(data.y_train)[:5000].astype(np.int64)
    network = initialize((784, 300, 300, 10), dtype=dtype, seed=1)
    ids = np.arange(5000, dtype=np.int64)
    for form in (np.asarray, sparse.csr_array):
        given = Examples(Features(form(X), 1 / 255), y, None, ids)
        expected, _ = run(get_engine("reference"), network, given, settings(network), epochs=1)
        actual, _ = run(get_engine("native"), network, given, settings(network), epochs=1, n_threads=2)
        assert disagreement(expected, actual, network) <= TOLERANCE[dtype]
