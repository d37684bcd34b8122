"""The factored decoder makes the steps of the dense one."""

from __future__ import annotations

import _thread
import dataclasses
from typing import Any

import numpy as np
import pytest
from comparing import TOLERANCE, disagreement, parameters, same_bits
from scipy import sparse

from truezero.core.autoencoder import Autoencoder, initialize_autoencoder
from truezero.core.corruption import CORRUPTIONS, Corruption
from truezero.core.draws import Purpose, words, words_at
from truezero.engines import AutoencoderSettings, Features, Unlabeled, get_engine, native
from truezero.engines import factored as factored_decoder

LEVELS: dict[str, Any] = {"masking": 0.3, "salt-and-pepper": (0.3, 0.02), "gaussian": 0.3}


def make(
    n_in: int = 203,
    n_units: int = 17,
    *,
    n: int = 157,
    dtype: str = "float64",
    density: float = 0.04,
    seed: int = 3,
    **options: Any,
) -> tuple[Autoencoder, Unlabeled]:
    """An auto-encoder of wide input with a few numbers in [0, 1] a row."""
    random = np.random.default_rng(seed)
    options = {"reconstruction": "linear-quadratic", **options}
    autoencoder = initialize_autoencoder(n_in, n_units, dtype=dtype, seed=seed, **options)
    if autoencoder.network.use_biases:
        for biases in autoencoder.network.biases:
            biases[:] = random.normal(0, 0.1, biases.shape)
    X = np.where(random.random((n, n_in)) < density, random.random((n, n_in)), 0).astype(dtype)
    if options.get("target") == "magnitude":
        X *= np.where(random.random(X.shape) < 0.5, -1, 1).astype(dtype)
    ids = random.permutation(1000)[:n].astype(np.int64)
    return autoencoder, Unlabeled(Features(sparse.csr_array(X)), ids)


def settings(**changes: Any) -> AutoencoderSettings:
    given: dict[str, Any] = {"learning_rate": 0.05, "batch_size": 10, "l1": 1e-3, **changes}
    return AutoencoderSettings(**given)


def train(
    autoencoder: Autoencoder,
    examples: Unlabeled,
    steps: AutoencoderSettings,
    *,
    factored: bool = True,
    epochs: int = 2,
) -> tuple[Autoencoder, float, float]:
    """The trained one, and the last epoch's mean cost and penalty."""
    trained, n = autoencoder.copy(), examples.features.n_samples
    order = np.random.default_rng(0).permutation(n).astype(np.int64)
    loss = penalty = 0.0
    for epoch in range(1, epochs + 1):
        if factored:
            sums = factored_decoder.train(trained, examples, order, steps, layer=1, epoch=epoch, seed=77)
            loss, penalty = sums[0] / n, sums[1] / n
        else:
            tally = get_engine("reference").train_autoencoder(
                trained, examples, order, steps, layer=1, epoch=epoch, seed=77, n_threads=1
            )
            loss, penalty = tally.loss, tally.penalty
    return trained, loss, penalty


def agree(autoencoder: Autoencoder, examples: Unlabeled, steps: AutoencoderSettings, **options: Any) -> None:
    dtype = autoencoder.dtype.name
    expected, loss, penalty = train(autoencoder, examples, steps, factored=False, **options)
    actual, actual_loss, actual_penalty = train(autoencoder, examples, steps, **options)
    assert disagreement(expected, actual, autoencoder) <= TOLERANCE[dtype]
    precision = {"float64": 1e-9, "float32": 1e-4}[dtype]
    assert actual_loss == pytest.approx(loss, rel=precision)
    assert actual_penalty == pytest.approx(penalty, rel=precision, abs=1e-12)


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Calls of one of the decoder's methods from now on."""
    calls: list[int] = []
    method = getattr(factored_decoder._Decoder, name)

    def counting(self: Any, *arguments: Any) -> Any:
        calls.append(1)
        return method(self, *arguments)

    monkeypatch.setattr(factored_decoder._Decoder, name, counting)
    return calls


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("use_biases", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7, 10, 57])
@pytest.mark.parametrize("corruption", CORRUPTIONS)
def test_trains_as_the_reference(corruption: str, batch_size: int, use_biases: bool, dtype: str) -> None:
    autoencoder, examples = make(dtype=dtype, use_biases=use_biases)
    noise = Corruption(corruption, LEVELS[corruption])
    agree(autoencoder, examples, settings(batch_size=batch_size, corruption=noise))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("activation", ["rectifier", "softplus", "tanh", "sigmoid", "lif", "linear"])
def test_every_activation(activation: str, dtype: str) -> None:
    autoencoder, examples = make(dtype=dtype, activation=activation, softplus_scale=2.0)
    agree(autoencoder, examples, settings(learning_rate=0.02))


VARIATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "magnitude": ({"target": "magnitude"}, {}),
    "no noise": ({}, {"corruption": Corruption("masking", 0.0)}),
    "everything masked": ({}, {"corruption": Corruption("masking", 1.0)}),
    "salt alone": ({}, {"corruption": Corruption("salt-and-pepper", (0.3, 0.0))}),
    "much pepper": ({}, {"corruption": Corruption("salt-and-pepper", (0.3, 0.5))}),
    "no l1": ({}, {"l1": 0.0}),
    "one unit": ({"n_units": 1}, {}),
    "one unit, no biases": ({"n_units": 1, "use_biases": False}, {}),
    "batch larger than data": ({}, {"batch_size": 1000}),
    "several blocks": ({"n_in": 2500, "n_units": 3, "density": 0.01}, {}),
    "full rows": ({"density": 1.0}, {"learning_rate": 0.001}),
    "empty rows": ({"density": 0.0}, {}),
    "rate 0": ({}, {"learning_rate": 0.0}),
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", VARIATIONS)
def test_every_variation(name: str, dtype: str) -> None:
    options, changes = VARIATIONS[name]
    autoencoder, examples = make(dtype=dtype, **options)
    agree(autoencoder, examples, settings(**changes))


def test_rows_as_they_come() -> None:
    """Pixels with a scale; explicit zeros, duplicates and unsorted indices."""
    autoencoder, examples = make()
    X = examples.features.X
    pixels = sparse.csr_array((np.ceil(X.data * 255).astype(np.uint8), X.indices, X.indptr), shape=X.shape)
    agree(autoencoder, Unlabeled(Features(pixels, 1 / 255), examples.ids), settings())
    untidy = sparse.csr_array(
        (
            np.r_[X.data[::-1], [0.0, 0.5, 0.25]],
            np.r_[X.indices[::-1], [7, 11, 11]],
            np.r_[X.indptr, X.nnz + 3],
        ),
        shape=(len(examples.ids) + 1, X.shape[1]),
    )
    before = untidy.copy()
    agree(autoencoder, Unlabeled(Features(untidy), np.arange(len(examples.ids) + 1)), settings())
    assert np.array_equal(untidy.indices, before.indices)
    assert np.array_equal(untidy.data, before.data)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("numbers", ["uint8", "float32", "float64"])
def test_every_feature_s_own_scale(numbers: str, dtype: str) -> None:
    """Salt and pepper too: what comes to 0 by its scale may become 1."""
    autoencoder, examples = make(dtype=dtype)
    X = examples.features.X
    X = sparse.csr_array((np.ceil(X.data * 9).astype(numbers), X.indices, X.indptr), shape=X.shape)
    scale = np.random.default_rng(1).random(X.shape[1]) / 9
    scale[::5] = 0
    steps = settings(corruption=Corruption("salt-and-pepper", (0.3, 0.02)))
    rows, before = Unlabeled(Features(X, scale), examples.ids), X.copy()
    assert factored_decoder.applies(autoencoder, rows, steps, rows.features.n_samples, None)
    agree(autoencoder, rows, steps)
    for part in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(X, part), getattr(before, part))


@pytest.mark.parametrize("batch_size", [1, 5, 40])
def test_one_step_is_the_dense_gradient(batch_size: int) -> None:
    autoencoder, examples = make(n=batch_size)
    network, rate = autoencoder.network, 0.05
    after, _, _ = train(
        autoencoder,
        examples,
        settings(learning_rate=rate, batch_size=batch_size, l1=0.0, corruption=Corruption("masking", 0.0)),
        epochs=1,
    )
    t = examples.features.X.toarray()
    h = np.maximum(t @ network.weights[0] + network.biases[0], 0)
    d_r = 2 * (h @ network.weights[1] + network.biases[1] - t) / batch_size
    d_z = (d_r @ network.weights[1].T) * (h > 0)
    gradients = (t.T @ d_z, h.T @ d_r, d_z.sum(axis=0), d_r.sum(axis=0))
    for start, end, gradient in zip(parameters(autoencoder), parameters(after), gradients, strict=True):
        np.testing.assert_allclose((start - end) / rate, gradient, rtol=1e-9, atol=1e-12)


# ---- conditioning -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("batch_size", [1, 5])
def test_mended_where_it_shrinks(batch_size: int, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mended = counted(monkeypatch, "_mend")
    autoencoder, examples = make(dtype=dtype, n=400)
    agree(autoencoder, examples, settings(learning_rate=0.15, batch_size=batch_size))
    assert len(mended) >= 3


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("n_units", [5, 40, 120])
def test_mended_all_the_time(n_units: int, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("f4", "f8"):
        monkeypatch.setitem(factored_decoder._STRETCH, np.dtype(name), 2.0)
    mended, taken = counted(monkeypatch, "_mend"), counted(monkeypatch, "_take_factor")
    autoencoder, examples = make(10 * n_units, n_units, dtype=dtype)
    agree(autoencoder, examples, settings(learning_rate=0.1, batch_size=3))
    assert len(mended) > 10
    assert (len(taken) > 0) == (n_units == 5)  # so few that all are taken at once


def test_unmended_it_would_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(factored_decoder._STRETCH, np.dtype("f4"), 1e6)
    autoencoder, examples = make(dtype="float32", n=400, density=0.1)
    steps = settings(learning_rate=0.1, batch_size=1)
    expected, actual = (train(autoencoder, examples, steps, factored=f)[0] for f in (False, True))
    assert disagreement(expected, actual, autoencoder) > TOLERANCE["float32"]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("factor", [1.0, 1 + 1e-6, 0.95, 2.5])
def test_a_direction_crushed_in_one_step(factor: float, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that multiplies V along h by 1 − factor, which nothing undoes when it is 0."""
    autoencoder, examples = make(dtype=dtype, n=30, activation="sigmoid", density=0.02)
    for array in (autoencoder.network.weights[0], autoencoder.network.biases[0]):
        array[:] = 0
    rate = factor / (2 * (17 / 4 + 1))  # every unit is at 1/2, and the biases' row at 1
    added = counted(monkeypatch, "_add")
    steps = settings(learning_rate=rate, batch_size=1, l1=0.0)
    agree(autoencoder, Unlabeled(Features(examples.features.X[:2]), examples.ids[:2]), steps, epochs=1)
    assert added
    if factor < 2:
        agree(autoencoder, examples, steps)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_q_that_lost_its_digits_is_computed_anew(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = counted(monkeypatch, "_measure")
    autoencoder, examples = make(n_units=3, dtype=dtype, activation="sigmoid", use_biases=False)
    autoencoder.network.weights[0][:] = 0
    autoencoder.network.weights[1][:] = 1e4  # 3 equal rows, of which little will be left
    agree(autoencoder, examples, settings(learning_rate=0.5, batch_size=1), epochs=1)
    assert len(measured) >= 2


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("rate", [3.0, 1e3, 1e30])
@pytest.mark.parametrize("batch_size", [1, 10])
def test_divergence_is_not_an_exception(batch_size: int, rate: float, dtype: str) -> None:
    autoencoder, examples = make(dtype=dtype, activation="linear")
    after, loss, _ = train(autoencoder, examples, settings(learning_rate=rate, batch_size=batch_size))
    assert not loss < 1e6
    assert not after.network.all_finite()


# ---- the rest of the contract -----------------------------------------------------------------------


def test_where_it_applies() -> None:
    autoencoder, examples = make()
    steps = settings()

    def applies(autoencoder: Autoencoder, examples: Unlabeled, steps: AutoencoderSettings) -> bool:
        return factored_decoder.applies(autoencoder, examples, steps, examples.features.n_samples, None)

    assert applies(autoencoder, examples, steps)
    assert applies(make(target="magnitude")[0], examples, steps)
    X = examples.features.X
    for other in (
        make(reconstruction="softplus-quadratic")[0],
        make(target="two-sided")[0],
        make(target="squashed")[0],
        make(tied=True)[0],
        make(n_units=21)[0],  # of 203 inputs
    ):
        assert not applies(other, examples, steps)
    for changed in (
        dataclasses.replace(examples, features=Features(X.toarray())),
        dataclasses.replace(examples, target=X.toarray()),
        dataclasses.replace(examples, features=Features(X[:16]), ids=examples.ids[:16]),
        make(density=0.2)[1],
    ):
        assert not applies(autoencoder, changed, steps)
    assert not applies(autoencoder, examples, settings(sampling=0.5))
    assert not applies(autoencoder, examples, settings(batch_size=57))
    assert not factored_decoder.applies(autoencoder, examples, steps, 16, None)  # a short part of them
    assert not factored_decoder.applies(
        autoencoder, examples, steps, 60, (0.2,)
    )  # a sparse part of denser rows


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_interrupted_between_two_minibatches(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    autoencoder, examples = make(dtype=dtype, n=300)
    order, steps, at = np.arange(300), settings(batch_size=1), dict(layer=1, epoch=1, seed=77)
    whole = Corruption.apply_csr
    seen: list[int] = []

    def interrupted(self: Corruption, x: Any, ids: Any, **where: Any) -> Any:
        seen.append(1)
        if len(seen) == 20:
            _thread.interrupt_main()
        return whole(self, x, ids, **where)

    monkeypatch.setattr(Corruption, "apply_csr", interrupted)
    partly = autoencoder.copy()
    with pytest.raises(KeyboardInterrupt):
        factored_decoder.train(partly, examples, order, steps, **at)
    monkeypatch.undo()
    assert 20 <= len(seen) < 300
    prefix = autoencoder.copy()
    factored_decoder.train(prefix, examples, order[: len(seen)], steps, **at)
    assert disagreement(prefix, partly, autoencoder) < TOLERANCE[dtype] / 100


def test_an_exception_leaves_the_steps_made(monkeypatch: pytest.MonkeyPatch) -> None:
    autoencoder, examples = make()
    order, at = np.arange(50), dict(layer=1, epoch=1, seed=77)
    step, seen = factored_decoder._step, []

    def failing(*arguments: Any) -> Any:
        seen.append(1)
        if len(seen) == 3:
            raise MemoryError
        return step(*arguments)

    monkeypatch.setattr(factored_decoder, "_step", failing)
    partly = autoencoder.copy()
    with pytest.raises(MemoryError):
        factored_decoder.train(partly, examples, order, settings(), **at)
    monkeypatch.undo()
    prefix = autoencoder.copy()
    factored_decoder.train(prefix, examples, order[:20], settings(), **at)
    assert disagreement(prefix, partly, autoencoder) < 1e-12


def test_no_rows_change_nothing() -> None:
    autoencoder, examples = make()
    after = autoencoder.copy()
    nothing = np.empty(0, dtype=np.int64)
    assert factored_decoder.train(after, examples, nothing, settings(), layer=0, epoch=1, seed=1) == (0, 0)
    assert same_bits(after, autoencoder)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_same_bits_run_after_run(dtype: str) -> None:
    autoencoder, examples = make(1500, 120, dtype=dtype, density=0.02)
    runs: list[Any] = []
    for _ in range(3):
        trained = autoencoder.copy()
        tally = native.NativeEngine().train_autoencoder(
            trained, examples, np.arange(157), settings(), layer=0, epoch=1, seed=1, n_threads=len(runs) + 1
        )
        assert tally.products == ("sparse", "factored")
        runs.append((trained, tally))
    for other, tally in runs[1:]:
        assert same_bits(runs[0][0], other)
        assert tally == runs[0][1]


# ---- sparse corruption ------------------------------------------------------------------------------


def test_some_words_are_those_of_all() -> None:
    ids = np.array([5, 900, 2**32 - 1])
    drawn = words(2**40 + 7, Purpose.PEPPER, layer=3, epoch=9, examples=ids, n_units=103)
    rows, units = np.nonzero(np.random.default_rng(0).random(drawn.shape) < 0.3)
    some = words_at(2**40 + 7, Purpose.PEPPER, layer=3, epoch=9, examples=ids[rows], units=units)
    np.testing.assert_array_equal(some, drawn[rows, units])


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_sparse_rows_are_corrupted_alike(kind: str, level: float) -> None:
    x = make()[1].features.X
    ids, noise = np.arange(x.shape[0]), Corruption(kind, level)
    before = x.copy()
    expected = noise.apply(x.toarray(), ids, layer=1, epoch=2, seed=3)
    actual = noise.apply_csr(x, ids, layer=1, epoch=2, seed=3)
    if sparse.issparse(actual):
        assert actual.has_canonical_format
        assert (actual.data != 0).all()
        actual = actual.toarray()
    np.testing.assert_array_equal(actual, expected)
    assert (before != x).nnz == 0
