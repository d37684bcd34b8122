from __future__ import annotations

import pytest

from truezero.analysis import rows
from truezero.engines import available_engines, select


@pytest.fixture(params=["native", "reference"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Networks that are called run on this engine."""
    name: str = request.param
    if available_engines()[name] is not None:
        pytest.skip("the compiled core is not there")
    if name == "reference":
        monkeypatch.delitem(select._engines, "native", raising=False)
    return name


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are gone through 16 at a time."""
    monkeypatch.setattr(rows, "N_ROWS", 16)
