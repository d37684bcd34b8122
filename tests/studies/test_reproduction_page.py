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
        "study": "figure3", "data": "mnist", "scale": scale, "claims": [claim], "stand_ins": [], "choices": ["Rates are chosen; all seeds for up to 9 epochs.", "Else."],
        "provenance": {"runs": [{"processor": "P"}, {"processor": "P"}], "command": "c", "cpu_seconds": 120.0},
        "n_seeds": 3,
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
        found = {**result("paper", verdict), "data": str(number)}
        (tmp_path / str(number) / "results.json").write_text(json.dumps(found))
    assert f"We conclude: {concluded}." in reproduction.page(reproduction.results(tmp_path))


def test_the_largest_scale_counts_and_four_data_sets_are_four(tmp_path: Path) -> None:
    def of(data: str, scale: str, verdict: str) -> dict[str, Any]:
        found = {**result(scale, verdict), "study": "table1", "data": data}
        found["claims"][0]["sentence"] = sentences.COMPETITIVE.text
        return found

    def concluded(*found: dict[str, Any]) -> str:
        for number, one in enumerate(found):
            (tmp_path / str(number)).mkdir(exist_ok=True)
            (tmp_path / str(number) / "results.json").write_text(json.dumps(one))
        page: str = reproduction.page(reproduction.results(tmp_path))
        assert page.count("refuted, but a larger scale counts (`table1`, scale laptop)") == 1
        return page.partition(sentences.COMPETITIVE.text)[2].partition("We conclude: ")[2].partition("\n")[0]

    found = [of("mnist", "laptop", "refuted"), of("mnist", "paper", "confirmed")]
    assert concluded(*found) == "**not decided** (confirmed 1×)."
    found += [of(data, "laptop", "confirmed") for data in ("cifar10", "nistp")]
    toys = {**of("toys", "laptop", "confirmed"), "stand_ins": [{"paper": "NORB", "ours": "toys", "why": "w"}]}
    assert concluded(*found, toys) == "**confirmed** (confirmed 4×)."
    assert concluded(*found, of("digits", "laptop", "confirmed")) == "**not decided** (confirmed 4×)."
    eth80 = {**toys, "data": "eth80", "claims": of("", "", "refuted")["claims"]}
    assert concluded(*found, toys, eth80) == "**refuted** (confirmed 4×, refuted 1×)."


def test_studies_of_text_stand_below_those_of_images(tmp_path: Path) -> None:
    text = {**result("laptop", "refuted"), "study": "table2"}
    text["claims"][0] |= {"sentence": "Text is hard.", "evidence": "on imdb: y"}
    made = {"reports": [tmp_path / "text" / "report.html"], "drawn": []}
    assert (
        "`c`, 3 seeds, 2 minutes of the processor, P. Rates are chosen; all seeds for up to 9 epochs. "
        "[Report](../results/text/report.html).\n"
    ) in reproduction.page([text | made])
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
