"""Auto-encoder training in the engine contract, for every engine: one suite."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from comparing import TOLERANCE, disagreement, same_bits, teams_of_any_size  # noqa: F401
from peers import require_torch
from scipy import sparse

from truezero.core.activations import activation_names, get_activation
from truezero.core.autoencoder import Autoencoder, initialize_autoencoder
from truezero.core.corruption import CORRUPTIONS, Corruption
from truezero.core.reconstruction import reconstruction_names
from truezero.engines import AutoencoderSettings, Engine, Features, Tally, Unlabeled, get_engine
from truezero.errors import DataError, OptionError

ENGINES = ("reference", "native")
BUILT_IN = [name for name in activation_names() if get_activation(name).native_code is not None]
LEVELS: dict[str, Any] = {"masking": 0.3, "salt-and-pepper": (0.3, 0.1), "gaussian": 0.3}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return get_engine(request.param)


def make(
    n_in: int = 19,
    n_units: int = 33,
    *,
    n: int = 57,
    dtype: str = "float64",
    density: float = 0.5,
    binary: bool = False,
    as_csr: bool = False,
    seed: int = 3,
    shift: float = 0.0,
    **options: Any,
) -> tuple[Autoencoder, Unlabeled]:
    """A small auto-encoder with odd sizes, and rows in [0, 1] with many zeros."""
    random = np.random.default_rng(seed)
    autoencoder = initialize_autoencoder(n_in, n_units, dtype=dtype, seed=seed, **options)
    if autoencoder.network.use_biases:
        for biases in autoencoder.network.biases:
            biases[:] = random.normal(0, 0.1, biases.shape)
    X: Any = np.where(random.random((n, n_in)) < density, random.random((n, n_in)), 0).astype(dtype)
    if binary:
        X = (X > 0).astype(dtype)
    X += np.array(shift, dtype=dtype)
    if options.get("target") in ("magnitude", "two-sided", "squashed-magnitude"):
        X *= np.where(random.random(X.shape) < 0.5, -1, 1).astype(dtype)
    if as_csr:
        X = sparse.csr_array(X)
    return autoencoder, Unlabeled(Features(X), random.permutation(1000)[:n].astype(np.int64))


def settings(**changes: Any) -> AutoencoderSettings:
    given: dict[str, Any] = {"learning_rate": 0.01, "batch_size": 10, "l1": 1e-3, **changes}
    return AutoencoderSettings(**given)


def run(
    engine: Engine,
    autoencoder: Autoencoder,
    examples: Unlabeled,
    steps: AutoencoderSettings,
    *,
    epochs: int = 2,
    n_threads: int = 1,
    density: tuple[float, ...] | None = None,
) -> tuple[Autoencoder, Tally]:
    trained = autoencoder.copy()
    order = np.random.default_rng(0).permutation(examples.features.n_samples).astype(np.int64)
    for epoch in range(1, epochs + 1):
        tally = engine.train_autoencoder(
            trained,
            examples,
            order,
            steps,
            layer=1,
            epoch=epoch,
            seed=77,
            n_threads=n_threads,
            density=density,
        )
    return trained, tally


def agree(
    autoencoder: Autoencoder, examples: Unlabeled, steps: AutoencoderSettings, dtype: str, **options: Any
) -> Tally:
    """Native and reference come to the same numbers, on one thread and on three."""
    expected, expected_tally = run(get_engine("reference"), autoencoder, examples, steps)
    actual, tally = run(get_engine("native"), autoencoder, examples, steps, **options)
    assert disagreement(expected, actual, autoencoder) <= TOLERANCE[dtype]
    precision = {"float64": 1e-9, "float32": 1e-4}[dtype]
    assert tally.loss == pytest.approx(expected_tally.loss, rel=precision)
    assert tally.penalty == pytest.approx(expected_tally.penalty, rel=precision, abs=1e-12)
    assert same_bits(
        actual, run(get_engine("native"), autoencoder, examples, steps, n_threads=3, **options)[0]
    )
    return tally


# ---- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("reconstruction", reconstruction_names())
def test_gradients_are_finite_differences(
    engine: Engine, reconstruction: str, corruption: str, tied: bool
) -> None:
    autoencoder, examples = make(7, 6, n=9, reconstruction=reconstruction, tied=tied, deviation=0.7)
    noise = Corruption(corruption, LEVELS[corruption])

    def step(rate: float) -> tuple[Autoencoder, Tally]:
        steps = settings(learning_rate=rate, batch_size=10_000, l1=0.03, corruption=noise)
        return run(engine, autoencoder, examples, steps, epochs=1)

    def cost() -> float:
        if tied:
            autoencoder.tie()
        tally = step(0.0)[1]
        return tally.loss + tally.penalty

    after = step(1.0)[0]
    moving = [autoencoder.network.weights[0], *autoencoder.network.biases]
    moved = [after.network.weights[0], *after.network.biases]
    if not tied:
        moving.append(autoencoder.network.weights[1])
        moved.append(after.network.weights[1])
    h = 1e-6
    for values, now in zip(moving, moved, strict=True):
        expected = values - now
        for at in np.ndindex(values.shape):
            before = values[at]
            values[at] = before + h
            above = cost()
            values[at] = before - h
            below = cost()
            values[at] = before
            assert (above - below) / (2 * h) == pytest.approx(expected[at], rel=2e-5, abs=1e-7)
    if tied:
        assert np.array_equal(after.network.weights[1], after.network.weights[0].T)


@pytest.mark.parametrize("activation", ["rectifier", "softplus", "tanh", "sigmoid"])
@pytest.mark.parametrize("reconstruction", reconstruction_names()[:4])
@pytest.mark.parametrize("tied", [False, True])
def test_gradients_are_autograd_s(engine: Engine, reconstruction: str, activation: str, tied: bool) -> None:
    torch = require_torch()
    autoencoder, examples = make(activation=activation, reconstruction=reconstruction, tied=tied)
    noise = Corruption("masking", 0.3)
    steps = settings(learning_rate=1.0, batch_size=10_000, l1=0.03, corruption=noise)
    after, _ = run(engine, autoencoder, examples, steps, epochs=1)
    order = np.random.default_rng(0).permutation(examples.features.n_samples)
    clean = examples.features.X[order]
    x = torch.tensor(noise.apply(clean, examples.ids[order], layer=1, epoch=1, seed=77))
    t = torch.tensor(clean)
    function = {
        "rectifier": torch.relu,
        "softplus": torch.nn.functional.softplus,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }[activation]
    w, v = (torch.tensor(array, requires_grad=True) for array in autoencoder.network.weights)
    b, c = (torch.tensor(array, requires_grad=True) for array in autoencoder.network.biases)
    h = function(x @ w + b)
    r = h @ (w.T if tied else v) + c
    binary = torch.nn.functional.binary_cross_entropy_with_logits
    cost = {
        "softplus-quadratic": lambda: ((torch.nn.functional.softplus(r) - t) ** 2).sum(),
        "sigmoid-cross-entropy": lambda: binary(r, t, reduction="sum"),
        "linear-quadratic": lambda: ((r - t) ** 2).sum(),
        "rectifier-quadratic": lambda: ((torch.relu(r) - t) ** 2).sum(),
    }[reconstruction]() + 0.03 * h.abs().sum()
    (cost / len(x)).backward()
    pairs = [(w, 0, "weights"), (b, 0, "biases"), (c, 1, "biases")] + ([] if tied else [(v, 1, "weights")])
    for tensor, number, kind in pairs:
        moved = getattr(autoencoder.network, kind)[number] - getattr(after.network, kind)[number]
        np.testing.assert_allclose(moved, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_a_rectified_zero_passes_no_gradient(engine: Engine) -> None:
    """Footnote 2: a unit that reconstructs 0 in place of something cannot learn."""
    autoencoder, examples = make(reconstruction="rectifier-quadratic")
    autoencoder.network.weights[1][:] = 0
    autoencoder.network.biases[1][:] = -1
    after, tally = run(engine, autoencoder, examples, settings(l1=0.0), epochs=1)
    assert tally.loss > 0
    assert same_bits(after, autoencoder)


# ---- native as reference ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("reconstruction", reconstruction_names())
def test_native_trains_as_reference(reconstruction: str, corruption: str, tied: bool, dtype: str) -> None:
    autoencoder, examples = make(dtype=dtype, reconstruction=reconstruction, tied=tied)
    agree(autoencoder, examples, settings(corruption=Corruption(corruption, LEVELS[corruption])), dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("activation", BUILT_IN)
def test_every_activation(activation: str, tied: bool, dtype: str, level: str) -> None:
    autoencoder, examples = make(dtype=dtype, activation=activation, tied=tied, softplus_scale=2.0)
    agree(autoencoder, examples, settings(), dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(
    "reconstruction",
    ["softplus-quadratic", "sigmoid-cross-entropy", "rectifier-quadratic", "censored-laplace"],
)
def test_every_instruction_level(reconstruction: str, dtype: str, level: str) -> None:
    autoencoder, examples = make(61, 300, dtype=dtype, reconstruction=reconstruction)
    agree(autoencoder, examples, settings(), dtype)


VARIATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "csr": ({"as_csr": True}, {}),
    "csr, salt and pepper": ({"as_csr": True}, {"corruption": Corruption("salt-and-pepper", (0.8, 0.05))}),
    "csr, gaussian": ({"as_csr": True}, {"corruption": Corruption("gaussian", 0.2)}),
    "no noise": ({}, {"corruption": Corruption("masking", 0.0)}),
    "everything masked": ({}, {"corruption": Corruption("masking", 1.0)}),
    "one unit": ({"n_in": 1, "n_units": 1}, {}),
    "several tiles": ({"n_in": 700, "n_units": 300, "n": 23}, {}),
    "wide code": ({"n_in": 40, "n_units": 700, "n": 23}, {}),
    "batch of one": ({}, {"batch_size": 1}),
    "one batch": ({}, {"batch_size": 57}),
    "large batch": ({"n": 131}, {"batch_size": 70}),
    "batch larger than data": ({}, {"batch_size": 1000}),
    "no l1": ({}, {"l1": 0.0}),
    "no biases": ({"use_biases": False}, {}),
    "of a masked layer": ({"target": "magnitude"}, {}),
    "of a masked layer, csr": ({"target": "magnitude", "as_csr": True}, {}),
    "of tanh units": ({"target": "two-sided", "reconstruction": "sigmoid-cross-entropy"}, {}),
    "squashed": ({"target": "squashed", "reconstruction": "sigmoid-cross-entropy", "as_csr": True}, {}),
    "squashed, of a masked layer": (
        {"target": "squashed-magnitude", "reconstruction": "sigmoid-cross-entropy"},
        {},
    ),
    "censored, below 0": ({"target": "input", "reconstruction": "censored-gaussian", "shift": -0.3}, {}),
    "sampled": ({"binary": True, "density": 0.1}, {"sampling": 0.2}),
    "sampled, csr": (
        {"binary": True, "as_csr": True, "density": 0.05, "n_in": 300},
        {"sampling": 0.02, "corruption": Corruption("salt-and-pepper", (0.8, 0.005))},
    ),
    "sampled, cross-entropy": (
        {"as_csr": True, "density": 0.05, "n_in": 300, "reconstruction": "sigmoid-cross-entropy"},
        {"sampling": 0.1},
    ),
    "sampled whole": ({"as_csr": True}, {"sampling": 1.0}),
    "large batch, sampled": ({"n": 131, "as_csr": True}, {"batch_size": 70, "sampling": 0.3}),
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("name", VARIATIONS)
def test_every_variation(name: str, tied: bool, dtype: str) -> None:
    options, changes = VARIATIONS[name]
    autoencoder, examples = make(**{"dtype": dtype, "tied": tied, **options})
    agree(autoencoder, examples, settings(**changes), dtype)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("tied", [False, True])
def test_layers_taken_whole(tied: bool, dtype: str, level: str) -> None:
    for batch_size in (10, 70):
        autoencoder, examples = make(61, 300, n=131, dtype=dtype, activation="tanh", tied=tied)
        agree(autoencoder, examples, settings(batch_size=batch_size), dtype, density=(1.0, 1.0))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("tied", [False, True])
def test_targets_given_apart(tied: bool, dtype: str) -> None:
    """Strategy 3 reconstructs what stood before the rectifier, of which the input keeps only a part."""
    autoencoder, examples = make(dtype=dtype, reconstruction="linear-quadratic", tied=tied)
    target = np.random.default_rng(1).normal(size=examples.features.X.shape).astype(dtype)
    apart = Unlabeled(examples.features, examples.ids, target)
    agree(autoencoder, apart, settings(), dtype)
    other, _ = run(get_engine("native"), autoencoder, examples, settings())
    assert (
        disagreement(run(get_engine("native"), autoencoder, apart, settings())[0], other, autoencoder) > 0.1
    )


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("sampling", [None, 0.1])
def test_threads_do_not_change_bits(tied: bool, sampling: float | None) -> None:
    autoencoder, examples = make(400, 600, dtype="float32", tied=tied)  # above one thread's size
    steps = settings(sampling=sampling)
    one, tally = run(get_engine("native"), autoencoder, examples, steps)
    for n_threads in (2, 3, 5):
        other, other_tally = run(get_engine("native"), autoencoder, examples, steps, n_threads=n_threads)
        assert same_bits(one, other)
        assert other_tally == tally


def test_two_halves_of_an_epoch_are_one(engine: Engine) -> None:
    """What is drawn depends on the example, not on the call."""
    autoencoder, examples = make(n=40)
    whole, halves = autoencoder.copy(), autoencoder.copy()
    order, steps = np.arange(40), settings()
    for trained, parts in ((whole, [order]), (halves, [order[:20], order[20:]])):
        for part in parts:
            engine.train_autoencoder(trained, examples, part, steps, layer=0, epoch=1, seed=5, n_threads=1)
    assert disagreement(whole, halves, autoencoder) < 1e-12


def test_sampling_is_right_on_average(engine: Engine) -> None:
    """The gradient over many draws comes to that of all outputs."""
    autoencoder, examples = make(40, 20, n=10, binary=True, density=0.1)
    order = np.arange(10)

    def gradient(sampling: float | None, seed: int) -> Any:
        trained = autoencoder.copy()
        steps = settings(learning_rate=1.0, sampling=sampling, corruption=Corruption("masking", 0.0))
        engine.train_autoencoder(trained, examples, order, steps, layer=0, epoch=1, seed=seed, n_threads=1)
        return autoencoder.network.weights[1] - trained.network.weights[1]

    exact = gradient(None, 0)
    draws = [gradient(0.2, seed) for seed in range(400)]
    error = np.linalg.norm(np.mean(draws, axis=0) - exact) / np.linalg.norm(exact)
    one = np.linalg.norm(draws[0] - exact) / np.linalg.norm(exact)
    assert error < 0.1 < one


def test_input_is_left_as_it_is(engine: Engine) -> None:
    for as_csr in (False, True):
        autoencoder, examples = make(as_csr=as_csr)
        X = examples.features.X
        before = X.copy()
        run(engine, autoencoder, examples, settings(sampling=0.5), epochs=1)
        assert (before != X).sum() == 0


def test_what_does_not_fit(engine: Engine) -> None:
    autoencoder, examples = make()
    for features, ids in (
        (Features(np.zeros((57, 18))), examples.ids),
        (examples.features, examples.ids[:-1]),
        (examples.features, examples.ids - 1000),
    ):
        with pytest.raises(DataError):
            run(engine, autoencoder, Unlabeled(features, ids), settings())
    with pytest.raises(DataError, match="targets must have shape"):
        run(engine, autoencoder, Unlabeled(examples.features, examples.ids, np.zeros((3, 3))), settings())
    with pytest.raises(OptionError, match="sampling"):
        settings(sampling=0.0)
    with pytest.raises(OptionError, match="unknown reconstruction 'mean'"):
        initialize_autoencoder(3, 3, reconstruction="mean")


# ---- corruption --------------------------------------------------------------------------------------


def test_corruptions_do_what_they_say() -> None:
    x = np.where(np.random.default_rng(0).random((200, 400)) < 0.4, 0.5, 0.0)
    ids = np.arange(200)

    def corrupted(kind: str, level: Any) -> Any:
        return Corruption(kind, level).apply(x, ids, layer=0, epoch=1, seed=9)

    masked = corrupted("masking", 0.25)
    assert set(np.unique(masked)) == {0.0, 0.5}
    assert (masked[x > 0] == 0).mean() == pytest.approx(0.25, abs=0.01)
    salted = corrupted("salt-and-pepper", (0.8, 0.05))
    assert (salted[x > 0] == 0).mean() == pytest.approx(0.8, abs=0.01)
    assert (salted[x == 0] == 1).mean() == pytest.approx(0.05, abs=0.01)
    assert not (salted[x > 0] == 1).any()  # ones only where the clean input is 0
    noise = corrupted("gaussian", 0.3) - x
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(0.3, abs=0.01)
    assert np.corrcoef(noise[:, 0::2].ravel(), noise[:, 1::2].ravel())[0, 1] == pytest.approx(0, abs=0.02)


def test_every_draw_has_its_address() -> None:
    x, noise = np.ones((3, 40)), Corruption("masking", 0.5)

    def draw(ids: Any = (5, 6, 7), **where: int) -> Any:
        return noise.apply(x, np.asarray(ids), **{"layer": 0, "epoch": 1, "seed": 2, **where})

    different = [draw(), draw(layer=1), draw(epoch=2), draw(seed=3), draw(ids=(8, 9, 10))]
    assert all((a != b).any() for a, b in itertools.combinations(different, 2))
    np.testing.assert_array_equal(draw()[1:], draw(ids=(6, 7, 11))[:2])


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        ("masking", -0.1), ("masking", 1.1), ("masking", (0.1, 0.2)), ("masking", "much"), ("masking", float("nan")),
        ("salt-and-pepper", (0.5, 1.5)), ("salt-and-pepper", (0.1, 0.1, 0.1)), ("gaussian", -1.0),
        ("gaussian", float("inf")), ("masking", True),
    ],
)  # fmt: skip
def test_noise_out_of_range(kind: str, level: Any) -> None:
    with pytest.raises(OptionError, match=f"corruption_level of {kind}"):
        Corruption(kind, level)


def test_one_level_of_salt_and_pepper_is_split() -> None:
    assert (Corruption("salt-and-pepper", 0.2).zeros, Corruption("salt-and-pepper", 0.2).ones) == (0.1, 0.1)
    with pytest.raises(OptionError, match="unknown corruption 'rain'"):
        Corruption("rain", 0.1)
