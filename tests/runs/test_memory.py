"""What a run's process held is known run by run, and stands in its provenance, which is no part of its key."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero.datasets import Dataset
from truezero.runs import Data, Run, RunStore, carry_out
from truezero.runs.memory import PeakMemory
from truezero.runs.provenance import PEAK_MEMORY

pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the system does not tell")


def held(megabytes: int) -> int:
    peak = PeakMemory()
    np.ones(megabytes * 125_000).sum()
    found = peak.end()
    assert found is not None
    return found


def test_a_peak_is_that_of_its_own_time() -> None:
    gc.collect()  # what other tests left, freed in between, would be in the peak of the time before it
    little, much, little_again = held(1), held(200), held(1)
    assert 150e6 < much - little < 250e6
    assert abs(little_again - little) < 50e6


def test_two_at_once_are_not_told_apart() -> None:
    first = PeakMemory()
    second = PeakMemory()
    assert second.end() is None
    assert first.end() is None
    assert held(1) > 0


def test_a_run_says_it(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    dataset = Dataset("mine", random.random((40, 3), np.float32), random.integers(0, 2, 40))
    baseline: dict[str, Any] = {"estimator": "DummyClassifier", "parameters": {"random_state": 0}}
    run, store = Run("baseline", baseline, Data("mine", dataset.fingerprint)), RunStore(tmp_path)

    def one() -> Any:
        return (yield [run])

    carry_out(one(), store, [dataset], n_threads=1)
    assert 20e6 < store.provenance(run.key)[PEAK_MEMORY] < 20e9
