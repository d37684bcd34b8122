from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from sklearn.datasets import load_digits

matplotlib.use("Agg")


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
