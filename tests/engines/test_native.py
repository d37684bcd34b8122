"""The native engine beside the reference: training, its instruction levels, threads and products."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from comparing import TOLERANCE, disagreement, parameters, same_bits, teams_of_any_size  # noqa: F401
from scipy import sparse
from small_networks import BUILT_IN, make, run, settings
from threadpoolctl import ThreadpoolController

from truezero import Network
from truezero.core.initial import initialize
from truezero.engines import Examples, Features, StepSettings, get_engine

VARIATIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "no hidden layer": ({"sizes": (19, 5)}, {}),
    "one unit everywhere": ({"sizes": (1, 1, 1, 2)}, {}),
    "several tiles": ({"sizes": (40, 300, 600, 3), "n": 23}, {"learning_rate": 0.01}),
    "several tiles, scaled": (
        {"sizes": (40, 300, 600, 3), "n": 23},
        {"learning_rate": 0.01, "max_norm": 0.9, "weight_decay": 0.3, "dropout": 0.4},
    ),
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
@pytest.mark.parametrize(
    "name", ["plain", "several tiles", "several tiles, scaled", "max norm", "everything"]
)
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
@pytest.mark.parametrize("changes", [{}, {"dropout": 0.4, "input_dropout": 0.2}, {"batch_size": 80}])
def test_calls_of_few_rows_train_to_the_bits_of_one_call(
    changes: dict[str, Any], dtype: str, level: str
) -> None:
    # The former leave weights where they lie, but for tiles that end within a vector; the latter packs all.
    network, examples = make((48, 512, 300, 3), n=240, dtype=dtype)
    steps, order = settings(network, learning_rate=0.02, **changes), np.arange(240)
    native, trained = get_engine("native"), [network.copy(), network.copy()]
    for together, of in zip((240, 80), trained, strict=True):
        for rows in order.reshape(-1, together):
            native.train(of, examples, rows, steps, epoch=1, seed=5, n_threads=2)
    assert same_bits(*trained)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("changes", [{}, {"dropout": 0.4, "input_dropout": 0.2}])
def test_a_row_too_many_to_stay_in_place_decays_the_weights_once_more(
    changes: dict[str, Any], dtype: str, level: str
) -> None:
    # Of weight 0, in a minibatch of its own; the decay of a step is exactly one half.
    network, examples = make((48, 512, 304, 3), n=101, dtype=dtype)
    examples = replace(examples, weight=np.append(np.ones(100), 0.0))
    steps = settings(
        network, learning_rate=1 / 64, weight_decay=32.0, batch_size=10, l1=(0.0, 0.0), **changes
    )
    native, trained = get_engine("native"), [network.copy(), network.copy()]
    for n, of in zip((100, 101), trained, strict=True):
        native.train(of, examples, np.arange(n), steps, epoch=1, seed=5, n_threads=2)
    for in_place, packed in zip(trained[0].weights, trained[1].weights, strict=True):
        np.testing.assert_array_equal(in_place * in_place.dtype.type(0.5), packed)


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
@pytest.mark.parametrize("n", [57, 157])
def test_threads_do_not_change_bits(
    options: dict[str, Any], dtype: str, crowd: dict[str, Any], n: int
) -> None:
    network, examples = make((120, 300, 600, 11), n=n, dtype=dtype, weighted=True)  # above one thread's size
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
