"""That an installed truezero works: this file needs nothing but the package and pytest, not even the rest of the tests.

pytest test_minimal.py
"""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

import truezero

pytestmark = pytest.mark.filterwarnings("ignore:max_iter=")


@pytest.fixture(scope="module", name="digits")
def _digits() -> tuple[Any, Any]:
    X, y = load_digits(return_X_y=True)
    return X[:900] / 16, y[:900]


def levels() -> list[str]:
    """The instruction sets of this machine; none if the compiled core is missing, of which a test tells."""
    try:
        from truezero.engines import native
    except ImportError:
        return []
    return native.instruction_levels()


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="nobody says what the processor can do")
def test_instruction_sets_are_those_of_the_processor() -> None:
    found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    flags = set(found[1].split()) if found and platform.machine() == "x86_64" else set()
    expected = ["baseline"]
    if flags >= {"avx2", "fma"}:
        expected.append("avx2")
        if flags >= {"avx512f", "avx512dq", "avx512vl", "avx512bw"}:
            expected.append("avx512")
    assert levels() == expected


def test_info() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "truezero", "info", "--json"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["truezero"] == truezero.__version__
    assert said["engines"] == {"reference": "available", "native": "available"}
    assert said["instruction_set"] in said["instruction_sets"] == levels()


def test_classifier(digits: tuple[Any, Any], tmp_path: Path) -> None:
    X, y = digits
    model = truezero.DeepRectifierClassifier((64, 64), max_iter=15, engine="native", random_state=0)
    model.fit(X[:700], y[:700])
    assert model.score(X[700:], y[700:]) > 0.85
    assert all(0.1 < sparsity < 1 for sparsity in model.sparsity_)
    truezero.save(model, tmp_path / "digits.safetensors")
    loaded = truezero.load(tmp_path / "digits.safetensors")
    assert type(loaded) is truezero.DeepRectifierClassifier
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_regressor(digits: tuple[Any, Any]) -> None:
    X, y = digits
    model = truezero.DeepRectifierRegressor((64,), max_iter=15, engine="native", random_state=0)
    assert model.fit(X[:700], y[:700].astype(float)).score(X[700:], y[700:]) > 0.5


@pytest.mark.parametrize("level", levels())
def test_native_equals_reference(
    digits: tuple[Any, Any], level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEZERO_ISA", level)
    X, y = digits

    def trained(engine: str, epochs: int) -> Any:
        model = truezero.DeepRectifierClassifier(
            (64, 64), max_iter=epochs, early_stopping=False, engine=engine, dtype="float64", random_state=0
        )
        return model.fit(X, y)

    native, reference, before = trained("native", 3), trained("reference", 3), trained("reference", 1)
    for ours, expected, earlier in zip(native.coefs_, reference.coefs_, before.coefs_, strict=True):
        assert np.linalg.norm(ours - expected) <= 1e-9 * np.linalg.norm(expected - earlier)
    np.testing.assert_allclose(native.predict_proba(X), reference.predict_proba(X), rtol=0, atol=1e-9)
