"""The native engine against the reference, on trainings drawn at random.

    TRUEZERO_DIFFERENTIAL_SECONDS=1800 python -m pytest -s tests/engines/test_differential.py

goes on for so many seconds with others than the few that are always run, from TRUEZERO_DIFFERENTIAL_FIRST on;
TRUEZERO_DIFFERENTIAL_SEED=N runs one.

A result may hang on rounding itself: where a unit's z is within rounding of a kink, two ways of adding up the
same numbers train it apart. Such a training is found by the reference alone, which then disagrees with itself
when all it starts from is moved by a rounding. Or it hardly moves at all, by some thousand roundings of the
weights, so that a few of them are more than the contract's part of that. Or it explodes, and gradients of a
million times the usual bring the last bit of a saturated unit into the weights. Such trainings are counted,
and there must be few.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from comparing import TOLERANCE, Trained, disagreement, parameters, same_bits, teams_of_any_size  # noqa: F401
from random_trainings import Training, draw_training

from truezero import Network
from truezero.engines import get_engine
from truezero.engines.native import instruction_levels, use_level

ALWAYS = 60  # trainings
# What was wrong once: an explosion, few moves, biases that lost bits row by row, a bias that moved by one bit,
# a step of many rows that hardly moved.
FOUND = (158, 229, 457, 2824, 7269)
NUDGES = 6  # how often the reference is asked whether it agrees with itself
MOST = {
    "float64 ill": 0.01, "float32 ill": 0.1, "float64 unmoved": 0.01, "float32 unmoved": 0.1,
    "float64 exploded": 0.01, "float32 exploded": 0.03, "diverged": 0.05,
}  # fmt: skip


def compare(seed: int) -> str:
    """Run one training on both engines; say how it went, in a word or two. Disagreement is an error."""
    training = draw_training(seed)
    levels = instruction_levels()
    use_level(levels[seed % len(levels)])
    with np.errstate(all="ignore"):
        expected, expected_tally = training.run(get_engine("reference"))
        if not all(np.isfinite(array).all() for array in parameters(expected)):
            return "diverged"
    native = get_engine("native")
    actual, tally = training.run(native)
    for n_threads in (2, 3, 5):
        other, other_tally = training.run(native, n_threads)
        assert same_bits(actual, other), (
            f"seed {seed}: other bits on {n_threads} threads: {training.description}"
        )
        assert other_tally == tally, (
            f"seed {seed}: another tally on {n_threads} threads: {training.description}"
        )
    dtype = str(parameters(expected)[0].dtype)
    apart = disagreement(expected, actual, training.start)
    precision = {"float64": 1e-9, "float32": 1e-3}[dtype]
    right = (
        apart <= TOLERANCE[dtype]
        and tally.loss == pytest.approx(expected_tally.loss, rel=precision, abs=precision * 1e-2)
        and tally.penalty == pytest.approx(expected_tally.penalty, rel=precision, abs=1e-9)
    )
    if not right and within_rounding(training, expected, actual):
        return f"{dtype} unmoved"
    if not right and exploded(training, expected):
        return f"{dtype} exploded"
    if not right:
        nudged = apart_from_itself(training, expected, seed)
        assert nudged > TOLERANCE[dtype] / 10, (
            f"seed {seed}: apart by {apart:.2g}, loss {tally.loss} and {expected_tally.loss}, where a rounding "
            f"makes {nudged:.2g}: {training.description}"
        )
        return f"{dtype} ill"
    predict(training, expected, seed)
    return dtype


def apart_from_itself(training: Training, expected: Trained, seed: int) -> float:
    """How far the reference is from itself, at the most, when its start is moved by a rounding."""
    random, worst = np.random.default_rng(seed), 0.0
    for _ in range(NUDGES):
        start = training.nudged(random)
        again, _ = training.run(get_engine("reference"), start=start)
        for x, y, a, b in zip(*map(parameters, (expected, training.start, again, start)), strict=True):
            moved = np.linalg.norm(np.float64(x) - y)
            if moved:
                worst = max(worst, float(np.linalg.norm((np.float64(x) - y) - (np.float64(a) - b)) / moved))
    return worst


def within_rounding(training: Training, expected: Trained, actual: Trained) -> bool:
    """Whether all that disagrees is the same but for roundings: of every step, to begin and to end.

    A step subtracts what each of its rows says, one after the other, and their roundings add up as the root of
    their number.
    """
    for x, y, z in zip(*map(parameters, (expected, actual, training.start)), strict=True):
        moved, apart = np.linalg.norm(np.float64(x) - z), np.linalg.norm(np.float64(x) - y)
        a_step = np.sqrt(max(training.features.n_samples / training.n_steps, 1) / 4)
        rounding = (training.n_steps * max(a_step, 1) + 2) * np.finfo(x.dtype).eps * np.linalg.norm(x)
        if apart > max(TOLERANCE[str(x.dtype)] * moved, rounding):
            return False
    return True


def exploded(training: Training, expected: Trained) -> bool:
    """Whether an array has become more than a hundred times what it was."""
    return any(
        np.linalg.norm(np.float64(x) - y) > 100 * np.linalg.norm(y) > 0
        for x, y in zip(parameters(expected), parameters(training.start), strict=True)
    )


def predict(training: Training, trained: Trained, seed: int) -> None:
    """What the trained network computes for the rows: of both engines, and for any number of threads."""
    network = trained if isinstance(trained, Network) else trained.network
    native, reference = get_engine("native"), get_engine("reference")
    network.freeze()
    expected = reference.forward(network, training.features, n_threads=1)
    first = native.evaluate(network, training.features, n_threads=1)
    tolerance = 1e-4 if network.dtype == np.float32 else 1e-11
    size = max(float(np.abs(expected).max(initial=0)), 1.0)
    assert np.abs(first.output - expected).max(initial=0) <= tolerance * size, f"seed {seed}: predictions"
    for n_threads in (2, 3, 5):
        again = native.evaluate(network, training.features, n_threads=n_threads)
        assert again.output.tobytes() == first.output.tobytes(), (
            f"seed {seed}: {n_threads} threads predict other bits"
        )
        assert again.zeros == first.zeros


@pytest.fixture
def level_left_as_it_was() -> Iterator[None]:
    yield
    use_level("")


@pytest.mark.usefixtures("level_left_as_it_was")
def test_native_trains_as_the_reference_whatever_is_trained() -> None:
    if "TRUEZERO_DIFFERENTIAL_SEED" in os.environ:
        print(compare(int(os.environ["TRUEZERO_DIFFERENTIAL_SEED"])))
        return
    seconds = float(os.environ.get("TRUEZERO_DIFFERENTIAL_SECONDS", 0))
    first = int(os.environ.get("TRUEZERO_DIFFERENTIAL_FIRST", 0))
    until, seed, outcomes = time.monotonic() + seconds, first, Counter[str]()
    for found in FOUND:
        compare(found)
    while seed < first + ALWAYS or time.monotonic() < until:
        outcomes[compare(seed)] += 1
        seed += 1
    n = seed - first
    print(f"{n} trainings: {dict(outcomes)}")
    for outcome, share in MOST.items():
        assert outcomes[outcome] <= share * n
    assert min(outcomes["float32"], outcomes["float64"]) > 0.3 * n
