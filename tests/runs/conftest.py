"""A recipe that counts."""

from __future__ import annotations

import pytest
from made_up_runs import Counted

from truezero.runs.run import RECIPES


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    recipe = Counted()
    monkeypatch.setitem(RECIPES, "counted", recipe)
    return recipe
