from __future__ import annotations

import os
from pathlib import Path

import matplotlib
import pytest

matplotlib.use("Agg")


@pytest.fixture
def real_data() -> Path:
    """Folder with the official files, where there is one."""
    if "TRUEZERO_DATA" not in os.environ:
        pytest.skip("TRUEZERO_DATA is not set")
    return Path(os.environ["TRUEZERO_DATA"])
