"""The engine contract, for every engine: one suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from comparing import TOLERANCE, disagreement, parameters, same_bits, teams_of_any_size  # noqa: F401
from peers import require_torch
from scipy import sparse
from small_networks import BUILT_IN, make, run, settings

from truezero import Network
from truezero.core.activations import register_activation
from truezero.core.initial import initialize
from truezero.engines import Engine, Examples, Features, available_engines, get_engine
from truezero.errors import DataError, EngineUnavailableError, OptionError

ENGINES = ("reference", "native")


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return get_engine(request.param)


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
