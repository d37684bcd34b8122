"""Rows with a scale and an offset, for every engine: as rows that hold the values, without a copy of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from comparing import TOLERANCE, disagreement, same_bits, teams_of_any_size  # noqa: F401
from scipy import sparse

from truezero import Network
from truezero.core.autoencoder import Autoencoder, initialize_autoencoder
from truezero.core.corruption import Corruption
from truezero.core.initial import initialize
from truezero.engines import (
    AutoencoderSettings,
    Engine,
    Examples,
    Features,
    StepSettings,
    Tally,
    Unlabeled,
    _native,
    get_engine,
)
from truezero.engines.native import use_level

NUMBERS = ("uint8", "float32", "float64")
# Scale and offset, and whether the rows are CSR.
ROWS = [("one", False), ("each", False), ("one, offset", False), ("each, each offset", False)]
ROWS += [("one", True), ("each", True)]
N_IN, N = 130, 57


@pytest.fixture(params=["reference", *_native.available_levels()])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """The native engine once at every instruction level."""
    if request.param == "reference":
        yield get_engine("reference")
        return
    use_level(request.param)
    yield get_engine("native")
    use_level("")


def scaled(form: str, numbers: str, dtype: str, *, as_csr: bool = False) -> tuple[Features, Features]:
    """Rows of small whole numbers with many zeros, and rows that hold their values.

    Some offsets make values 0 of numbers that are not, and the other way round.
    """
    random = np.random.default_rng(5)
    X = np.where(random.random((N, N_IN)) < 0.5, 0, random.integers(0, 9, (N, N_IN))).astype(numbers)
    if numbers != "uint8":
        X *= np.where(random.random(X.shape) < 0.5, -1, 1).astype(numbers)  # −0.0 too
    scale, offset = form.split(", ")[0], (form + ", none").split(", ")[1]
    of_each = np.where(np.arange(N_IN) % 2, 0.25, random.random(N_IN) / 3)
    options: dict[str, Any] = {"one": 1 / 3, "each": of_each, "none": 0.0, "offset": -1.0}
    options["each offset"] = np.where(np.arange(N_IN) % 3, -3 * of_each, 0)
    features = Features(X, options[scale], options[offset])
    wide = np.result_type(numbers, dtype)
    values = X.astype(wide) * np.asarray(features.scale, wide) + np.asarray(features.offset, wide)
    plain = Features(values.astype(dtype))
    if as_csr:
        return Features(sparse.csr_array(X), features.scale), Features(sparse.csr_array(plain.X))
    return features, plain


def learn(
    engine: Engine, network: Network, features: Features, n_threads: int = 1, **changes: Any
) -> tuple[Network, Tally]:
    trained, n = network.copy(), features.n_samples
    random = np.random.default_rng(0)
    examples = Examples(features, random.integers(0, 5, n), None, np.arange(n))
    order, whole = random.permutation(n).astype(np.int64), changes.pop("whole", False)
    steps = StepSettings(**{"learning_rate": 0.05, "batch_size": 10, "l1": (1e-3,), **changes})
    density = (1.0 if whole else 0.2,) * 2
    where: dict[str, Any] = {"epoch": 1, "seed": 7, "n_threads": n_threads, "density": density}
    return trained, engine.train(trained, examples, order, steps, **where)


def denoise(
    engine: Engine, autoencoder: Autoencoder, features: Features, n_threads: int = 1, **changes: Any
) -> tuple[Autoencoder, Tally]:
    trained, n = autoencoder.copy(), features.n_samples
    noise = Corruption("salt-and-pepper", (0.3, 0.1))  # ones where the value is 0
    given = {"learning_rate": 0.01, "batch_size": 10, "l1": 1e-3, "corruption": noise, **changes}
    where: dict[str, Any] = {"layer": 0, "epoch": 1, "seed": 7, "density": (0.2, 0.2)}
    order = np.random.default_rng(0).permutation(n).astype(np.int64)
    steps = AutoencoderSettings(**given)
    examples = Unlabeled(features, np.arange(n))
    return trained, engine.train_autoencoder(trained, examples, order, steps, n_threads=n_threads, **where)


def agree(
    train: Any, engine: Engine, start: Any, features: Features, plain: Features, **changes: Any
) -> None:
    """It trains as the reference does on the values, and to the bits that it makes of them itself."""
    expected, expected_tally = train(get_engine("reference"), start, plain, **changes)
    trained, tally = train(engine, start, features, **changes)
    dtype = expected.dtype.name
    assert disagreement(expected, trained, start) <= TOLERANCE[dtype]
    precision = {"float64": 1e-9, "float32": 1e-4}[dtype]
    assert tally.loss == pytest.approx(expected_tally.loss, rel=precision)
    assert tally.penalty == pytest.approx(expected_tally.penalty, rel=precision)
    assert same_bits(trained, train(engine, start, plain, **changes)[0])
    for n_threads in (2, 3, 5) if engine.name == "native" else ():
        assert same_bits(trained, train(engine, start, features, n_threads, **changes)[0])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize(("form", "as_csr"), ROWS)
def test_training(engine: Engine, form: str, as_csr: bool, numbers: str, dtype: str) -> None:
    network = initialize((N_IN, 400, 5), dtype=dtype, seed=3)  # above one thread's size
    agree(learn, engine, network, *scaled(form, numbers, dtype, as_csr=as_csr), input_dropout=0.2)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("batch_size", [10, 70])
@pytest.mark.parametrize("form", ["each", "each, each offset"])
def test_training_with_rows_taken_whole(
    form: str, batch_size: int, numbers: str, dtype: str, level: str
) -> None:
    engine, network = get_engine("native"), initialize((N_IN, 400, 5), dtype=dtype, seed=3)
    features, plain = (
        Features(np.tile(rows.X, (2, 1)), rows.scale, rows.offset) for rows in scaled(form, numbers, dtype)
    )
    agree(learn, engine, network, features, plain, batch_size=batch_size, whole=True)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize(("form", "as_csr"), ROWS)
def test_autoencoder_training(engine: Engine, form: str, as_csr: bool, numbers: str, dtype: str) -> None:
    options: dict[str, Any] = {"reconstruction": "linear-quadratic", "dtype": dtype, "seed": 3}
    autoencoder = initialize_autoencoder(N_IN, 400, **options)
    agree(denoise, engine, autoencoder, *scaled(form, numbers, dtype, as_csr=as_csr))


@pytest.mark.parametrize(
    ("tied", "changes"),
    [(True, {}), (True, {"sampling": 0.3}), (False, {"sampling": 0.3}),
     (False, {"corruption": Corruption("gaussian", 0.2)})],
)  # fmt: skip
@pytest.mark.parametrize("name", ["reference", "native"])
@pytest.mark.parametrize(("form", "as_csr"), ROWS)
def test_every_kind_of_autoencoder(
    form: str, as_csr: bool, name: str, tied: bool, changes: dict[str, Any]
) -> None:
    options: dict[str, Any] = {
        "reconstruction": "softplus-quadratic",
        "tied": tied,
        "dtype": "float32",
        "seed": 3,
    }
    autoencoder = initialize_autoencoder(N_IN, 400, **options)
    rows = scaled(form, "uint8", "float32", as_csr=as_csr)
    agree(denoise, get_engine(name), autoencoder, *rows, **changes)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize(("form", "as_csr"), ROWS)
def test_forward_evaluate_and_encode(
    engine: Engine, form: str, as_csr: bool, numbers: str, dtype: str
) -> None:
    network = initialize((N_IN, 300, 150, 5), dtype=dtype, seed=3)
    all_rows = scaled(form, numbers, dtype, as_csr=as_csr)
    near: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-10}
    for n in (1, 5, N):
        features, plain = (rows.take(slice(n)) for rows in all_rows)
        expected = get_engine("reference").evaluate(network, plain, n_threads=1)
        of_values = engine.encode(network, plain, 1, n_threads=1)
        own = engine.evaluate(network, plain, n_threads=1)
        for n_threads in (1, 2, 3, 5) if engine.name == "native" else (1,):
            evaluation = engine.evaluate(network, features, n_threads=n_threads)
            np.testing.assert_allclose(evaluation.output, expected.output, **near)
            assert evaluation.output.tobytes() == own.output.tobytes()
            assert evaluation.zeros == own.zeros
            output = engine.forward(network, features, n_threads=n_threads)
            assert output.tobytes() == evaluation.output.tobytes()
            code = engine.encode(network, features, 1, n_threads=n_threads)
            for part in ("data", "indices", "indptr"):
                assert getattr(code, part).tobytes() == getattr(of_values, part).tobytes()


def test_values_of_0_are_skipped_and_others_are_not(engine: Engine) -> None:
    """0 is what comes out, not what is kept: weights that meet nothing else stay as they are."""
    network = initialize((3, 300, 5), dtype="float32", seed=3)
    X = np.tile(np.array([[0, 2, 255]], np.uint8), (20, 1))
    for scale, offset, still in (
        (0.5, -1.0, [False, True, False]),
        (
            1 / 255,
            -1.0,
            [False, False, True],
        ),  # 255 · (1 ⁄ 255) is rounded to 1, and must be before −1 is added
        (np.array([1.0, 0.0, 1.0]), np.array([0.0, 0.0, -255.0]), [True, True, True]),
    ):
        trained, _ = learn(engine, network, Features(X, scale, offset))
        moved = (trained.weights[0] != network.weights[0]).any(axis=1)
        assert (~moved).tolist() == still


def test_negative_zeros_are_zeros(engine: Engine) -> None:
    network = initialize((N_IN, 40, 5), dtype="float32", seed=3)
    X = scaled("one", "float32", "float32")[0].X
    X[X < 0] = 0
    negative = np.where(X == 0, np.float32(-0.0), X)
    for scale in (1.0, 0.5, -0.5, np.linspace(-1, 1, N_IN)):
        for offset in (0.0, -0.0, 1.0, np.linspace(-1, 0, N_IN)):
            expected, _ = learn(engine, network, Features(X, scale, offset))
            assert same_bits(expected, learn(engine, network, Features(negative, scale, offset))[0])


def test_values_are_computed_in_the_wider_of_both_types(engine: Engine) -> None:
    network = initialize((2, 40, 5), dtype="float32", seed=3)
    large = Features(np.array([[1e300, 2e300], [3e300, 0]]), 1e-300, 0.5)
    small = Features(np.array([[1.5, 2.5], [3.5, 0.5]], np.float32))
    expected = engine.forward(network, small, n_threads=1)
    np.testing.assert_allclose(engine.forward(network, large, n_threads=1), expected, rtol=1e-6)
    csr = Features(sparse.csr_array(large.X), np.array([1e-300, 2e-300]))
    expected = engine.forward(network, Features(np.array([[1, 4], [3, 0]], np.float32)), n_threads=1)
    np.testing.assert_allclose(engine.forward(network, csr, n_threads=1), expected, rtol=1e-6)


def test_read_only_and_memory_mapped_uint8(engine: Engine, tmp_path: Any) -> None:
    network = initialize((N_IN, 40, 5), dtype="float32", seed=3)
    features, plain = scaled("each, each offset", "uint8", "float32")
    np.save(tmp_path / "pixels.npy", features.X)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    for array in (features.scale, features.offset):
        array.setflags(write=False)  # type: ignore[union-attr]
    trained, _ = learn(engine, network, Features(mapped, features.scale, features.offset))
    assert same_bits(trained, learn(engine, network, plain)[0])


def test_arrays_of_any_layout(engine: Engine) -> None:
    """Scales and offsets as a column of something, in another type, and CSR in every second place."""
    network = initialize((N_IN, 40, 5), dtype="float32", seed=3)
    features, _ = scaled("each, each offset", "uint8", "float32")
    scale, offset = (
        np.repeat(np.asarray(array).astype(">f4"), 2)[::2] for array in (features.scale, features.offset)
    )
    expected, _ = learn(engine, network, features)
    trained, _ = learn(engine, network, Features(features.X, scale, offset))
    assert disagreement(expected, trained, network) <= 1e-5
    X = sparse.csr_array(features.X)
    apart = sparse.csr_array(
        (np.repeat(X.data, 2)[::2], np.repeat(X.indices, 2)[::2], X.indptr), shape=X.shape
    )
    assert apart.data.strides != X.data.strides
    expected, _ = learn(engine, network, Features(X, features.scale))
    assert same_bits(expected, learn(engine, network, Features(apart, features.scale))[0])


@pytest.mark.parametrize("whole", [True, False])
def test_forged_scales_are_refused(whole: bool) -> None:
    network = initialize((4, 3, 2), dtype="float32")
    output = np.empty((2, 2), np.float32)
    X: Any = np.ones((2, 4), np.uint8)
    each = np.ones(4, np.float32)
    if not whole:
        X = (X.ravel(), np.tile(np.arange(4), 2), np.array([0, 4, 8]), 4)
    arrays = (list(network.weights), list(network.biases), [0], [None], 1.0, True, True)
    predictor = _native.PredictorFloat32(arrays)

    def predict(scale: Any, offset: Any) -> None:
        predictor.evaluate((X, scale, offset), output, _native.Products.automatic, False, 1)

    predict(each, 0.0)
    for wrong in (
        each[:3],
        np.append(each, each),
        np.array([1, 2, np.nan, 4], "f4"),
        np.inf,
        1e300,
        each * np.inf,
    ):
        with pytest.raises(ValueError, match="column|finite"):
            predict(wrong, 0.0)
        with pytest.raises(ValueError, match="column|finite"):
            predict(1.0, wrong)
    with pytest.raises(ValueError, match="per column must be a C-contiguous array of float32"):
        predict(each.astype("f8"), 0.0)
    for offset in (1.0, each):
        if whole:
            predict(1.0, offset)
        else:
            with pytest.raises(ValueError, match="CSR has no offset"):
                predict(1.0, offset)


@pytest.mark.parametrize("name", ["reference", "native"])
@pytest.mark.parametrize("numbers", ["uint8", "float32", "csr of uint8"])
def test_no_copy_of_the_rows_is_made(name: str, numbers: str) -> None:
    """40 MB of rows go through all that an engine does with them in less than half as much."""
    code = f"""
import resource, sys
import numpy as np
from scipy import sparse
from truezero.core.autoencoder import initialize_autoencoder
from truezero.core.initial import initialize
from truezero.engines import AutoencoderSettings, Examples, Features, StepSettings, Unlabeled, get_engine

n_in, size, numbers = 800, 40_000_000, {numbers!r}
random, engine = np.random.default_rng(0), get_engine({name!r})
stored = size // (5 if numbers.startswith("csr") else np.dtype(numbers).itemsize)
X = np.empty(stored, np.uint8 if numbers.startswith("csr") else numbers)
for start in range(0, stored, 10**5):  # no more at a time, as the peak is measured
    X[start : start + 10**5] = random.integers(1, 255, len(X[start : start + 10**5]))
scale, offset = 1 / random.integers(200, 300, n_in), -random.random(n_in)
if numbers.startswith("csr"):
    indices = np.empty(stored, np.int32)
    indices.reshape(-1, 100)[:] = np.arange(0, n_in, 8, dtype=np.int32)
    X, offset = sparse.csr_array((X, indices, np.arange(0, stored + 1, 100)), shape=(stored // 100, n_in)), 0.0
else:
    X = X.reshape(-1, n_in)

def work(n):
    features = Features(X, scale, offset)
    if n < X.shape[0]:  # a slice of CSR is a copy
        features = features.take(slice(n))
    order = random.permutation(n)[: n if engine.name == "native" else 2000]  # the reference is slow
    network = initialize((n_in, 16, 2))
    examples = Examples(features, np.zeros(n, np.int64), None, np.arange(n))
    engine.train(network, examples, order, StepSettings(learning_rate=0.1, batch_size=100, l1=(0.0,)),
                 epoch=0, seed=0, n_threads=2)
    for tied in (False, True):
        autoencoder = initialize_autoencoder(n_in, 16, tied=tied)
        steps = AutoencoderSettings(learning_rate=0.001, batch_size=100, l1=0.0)
        engine.train_autoencoder(autoencoder, Unlabeled(features, np.arange(n)), order, steps, layer=0,
                                 epoch=0, seed=0, n_threads=2)
    engine.evaluate(network, features, n_threads=2)
    network = initialize((n_in, 1, 2))
    engine.encode(network, features, 0, n_threads=2)

work(2000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
work(X.shape[0])
growth = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
print(growth)
sys.exit(growth > size / 2 and f"{{growth}} bytes more for {{size}} of rows")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
