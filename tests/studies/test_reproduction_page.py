"""The page of section 4.1's sentences is made of what studies found."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from truezero.studies import STUDIES, sentences

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("reproduction", ROOT / "benchmarks" / "reproduction.py")
assert _spec is not None
assert _spec.loader is not None
reproduction: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reproduction)


def result(scale: str, verdict: str) -> dict[str, Any]:
    claim = {
        "sentence": sentences.ROBUST.text,
        "section": "4.1",
        "verdict": verdict,
        "evidence": "on mnist: x",
    }
    column = {
        "key": "e",
        "title": "error",
        "kind": "error",
        "deviation": None,
        "paper": False,
        "detail": False,
    }
    return {
        "study": "figure3", "data": "mnist", "scale": scale, "claims": [claim], "stand_ins": [],
        "departures": ["Fewer units."],
        "tables": [
            {
                "title": "T",
                "columns": [{**column, "bold": "b"}, {**column, "title": "hidden", "detail": True}],
                "rows": [{"e": 0.0123, "b": True, "section": "s"}, {"e": 0.5, "b": False, "section": "s"}],
            }
        ],
    }  # fmt: skip


def test_the_page_repeats_verdicts_and_tables(tmp_path: Path) -> None:
    for scale, verdict in (("paper", "refuted"), ("smoke", "confirmed")):
        (tmp_path / scale).mkdir()
        (tmp_path / scale / "results.json").write_text(json.dumps(result(scale, verdict)))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "results.json").write_text(json.dumps({"study": "train", "scale": "paper"}))
    (tmp_path / "paper" / "figures").mkdir()
    (tmp_path / "paper" / "figures" / "error-by-zeros.png").touch()
    page = reproduction.page(reproduction.results(tmp_path))
    assert "![error by zeros](../results/paper/figures/error-by-zeros.png)\n" in page
    assert "- **refuted** (`figure3`, scale paper): on mnist: x" in page
    assert "**confirmed**" not in page
    assert "   We conclude: **refuted** (refuted 1×).\n" in page
    assert "What differed from the paper:\n\n- Fewer units.\n" in page
    assert "| error |\n| --- |\n| *s* |\n| **1.23** |\n| 50.00 |\n" in page
    assert page.count("Ours: not run yet.") == sum(bool(of.studies) for of in sentences.IMAGES) - 1
    for sentence in sentences.IMAGES:
        assert sentence.text in page


@pytest.mark.parametrize(
    ("verdicts", "concluded"),
    [
        (["confirmed", "not decided"], "**confirmed** (confirmed 1×, not decided 1×)"),
        (["refuted", "confirmed", "refuted"], "**not decided** (confirmed 1×, refuted 2×)"),
        (["not decided"], "**not decided** (not decided 1×)"),
    ],
)
def test_what_is_concluded_of_several_verdicts(verdicts: list[str], concluded: str, tmp_path: Path) -> None:
    for number, verdict in enumerate(verdicts):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "results.json").write_text(json.dumps(result("paper", verdict)))
    assert f"We conclude: {concluded}." in reproduction.page(reproduction.results(tmp_path))


def test_studies_of_text_stand_below_those_of_images(tmp_path: Path) -> None:
    text = {**result("laptop", "refuted"), "study": "table2"}
    text["claims"][0] |= {"sentence": "Text is hard.", "evidence": "on imdb: y"}
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "results.json").write_text(json.dumps(text))
    images, _, below = reproduction.page(reproduction.results(tmp_path)).partition("## Text (section 4.2)")
    assert "table2" not in images.partition("## Images: the tables")[2]
    assert "- “Text is hard.” **refuted**: on imdb: y" in below
    assert "| **1.23** |" in below


def test_the_page_is_what_is_made_of_the_results() -> None:
    """After a study was run into results/: python benchmarks/reproduction.py."""
    assert reproduction.PAGE.read_text(encoding="utf-8") == reproduction.page(
        reproduction.results(ROOT / "results")
    )


def test_studies_that_check_sentences_are_there() -> None:
    assert {name for of in sentences.IMAGES for name in of.studies} <= set(STUDIES)
