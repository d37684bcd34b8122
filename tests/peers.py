"""Other libraries that tests compare with."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

TORCH = "2.13.0"  # as `.ci/run` installs it
REQUIRED = "TRUEZERO_REQUIRE_TORCH"


def require_torch() -> Any:
    """PyTorch, or the test is skipped, and says how it would run; where `.ci/run` installed it, it must."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        if os.environ.get(REQUIRED):
            raise
        why = f"NOT COMPARED WITH PYTORCH: python -m pip install torch=={TORCH}"
        pytest.skip(why, allow_module_level=True)
