"""What runs find stays what it was, or `NUMERICS` is raised; finished runs of old stay valid by it."""

from __future__ import annotations

import json

import golden
import pytest

from truezero.runs import NUMERICS
from truezero.runs.run import RECIPES

RECORDED = json.loads(golden.FILE.read_text(encoding="utf-8"))
AFTER_RAISING = "record the new results: python tests/golden.py"


def test_numerics_is_that_of_the_record() -> None:
    assert RECORDED["numerics"] == NUMERICS, AFTER_RAISING


def test_results_have_not_moved() -> None:
    assert golden.moved(RECORDED["results"], golden.results()) == [], golden._MOVED


def test_defaults_have_not_moved() -> None:
    """A run leaves out what is at its default, so another default is another run of the same key."""
    assert golden.moved(RECORDED["defaults"], golden.defaults()) == [], golden._MOVED


def test_every_recipe_is_on_record() -> None:
    assert {run.recipe for run in golden.runs(golden.dataset()).values()} == set(RECIPES)


def test_a_move_is_seen() -> None:
    assert golden.moved({"a": [1.0, {"b": 2}]}, {"a": [1.0 + 1e-8, {"b": 2, "new": 3}]}) == [
        "/a/0: 1.0 was recorded, now it is 1.00000001"
    ]
    assert golden.moved({"a": 1}, {}) == ["/a is gone"]
    assert golden.moved({"a": 1.0, "c": None}, {"a": 1.0 + 1e-12, "c": None}) == []


def test_recording_over_a_move_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "defaults", lambda: {})
    monkeypatch.setattr(golden, "results", lambda: RECORDED["results"])
    with pytest.raises(SystemExit, match="raise NUMERICS"):
        golden.record()
