"""What there is without the compiled core, which these processes cannot import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from truezero.engines import _native

BLOCKED = """
import importlib.abc, sys
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "truezero.engines._native":
            raise ImportError("blocked", name=name)
sys.meta_path.insert(0, Blocked())
"""


def said(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + program], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_core_is_there_otherwise() -> None:
    assert _native.available_levels()


def test_auto_is_the_reference_and_native_says_why_not() -> None:
    shown = said("""
import truezero
from truezero.engines import get_engine
print(truezero.available_engines())
print(get_engine("auto").name)
try: get_engine("native")
except truezero.EngineUnavailableError as error: print(error)
assert "truezero.engines._native" not in sys.modules
""")
    engines, auto, why = shown.splitlines()
    assert "blocked" in engines
    assert auto == "reference"
    assert "native" in why


def test_everything_trains_and_predicts() -> None:
    shown = said("""
import numpy as np
from truezero import DeepRectifierClassifier, StackedDenoisingAutoencoder
X = np.random.default_rng(0).random((60, 5), dtype=np.float32)
y = X[:, 0] > 0.5
model = DeepRectifierClassifier((8,), max_iter=3, random_state=0,
    pretraining=StackedDenoisingAutoencoder(max_iter=1)).fit(X, y)
print(model.engine_["name"], model.predict(X).shape, model.network_(X).shape)
""")
    assert shown == "reference (60,) (60, 2)\n"


@pytest.mark.parametrize(
    "verb", [("info",), ("data", "list"), ("train", "digits", "--max-iter", "1", "--out", "/dev/null")]
)
def test_the_command_line(verb: tuple[str, ...]) -> None:
    said(f"from truezero.cli.app import run\nassert run({verb!r}) == 0")
