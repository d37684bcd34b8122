from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from sklearn.datasets import load_digits

matplotlib.use("Agg")

# The same examples everywhere and always, however busy the machine is.
settings.register_profile(
    "tests",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tests")


@pytest.fixture
def real_data() -> Path:
    """Folder with the official files, where there is one."""
    if "TRUEZERO_DATA" not in os.environ:
        pytest.skip("TRUEZERO_DATA is not set")
    return Path(os.environ["TRUEZERO_DATA"])


@pytest.fixture(scope="module", name="X")
def digits() -> Any:
    return (load_digits().data / 16).astype(np.float32)[:400]


@pytest.fixture(scope="module", name="y")
def classes() -> Any:
    return load_digits().target[:400]
