"""What results show of names from outside, and of what was not measured."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from truezero.plots.curves import bands
from truezero.report import study_tables, study_texts, write_report
from truezero.report.numbers import cell
from truezero.studies import Column, Passage, Passages, StudyResult, Table
from truezero.studies.arms import _mean_or_none
from truezero.studies.figure4 import _by_labels

NAME = "<script>alert(1)</script>[bold]\x1b[31m{0}"


def result(name: str) -> StudyResult:
    columns = [Column("name", name), Column("error", "error", "error", deviation="deviation")]
    rows: list[dict[str, Any]] = [
        {"name": name, "error": None, "section": name},
        {"name": name, "error": 0.0, "deviation": 0.0},
    ]
    passage = Passage(name, [(name, 0.5), (name, None), ("Bad", -1.0)], {name: 0.25}, name)
    return StudyResult(
        "s", name, {"data": name, "scale": name}, [Table(name, columns, rows, name)], choices=[name],
        texts=[Passages(name, name, name, [passage])],
    )  # fmt: skip


def test_the_report_escapes_names(tmp_path: Path) -> None:
    write_report(result(NAME), tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") >= 8


def test_tables_show_names_as_they_are() -> None:
    file = io.StringIO()
    console = Console(file=file, width=400, color_system=None)
    for table in study_tables(result(NAME)):
        console.print(table)
    shown = file.getvalue()
    assert "<script>alert(1)</script>[bold]" in shown
    assert "\x1b" not in shown


def test_texts_are_shown_with_what_their_words_did(tmp_path: Path) -> None:
    write_report(result("so"), tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert (
        '<mark class="up" style="--w:0.500" title="+0.500">so<span class="unseen"> (+0.500)</span></mark>'
        'so<mark class="down" style="--w:1.000" title="−1.000">Bad<span class="unseen"> (−1.000)</span></mark>'
    ) in text
    assert 'title="so: 25.0 %"' in text
    first, paragraph = study_texts(result("so"))
    assert first.plain == "so, with so"
    assert paragraph.plain == "so\nso (so: 25 %)\n“sosoBad”\nbad −1.000, so +0.500"
    held = json.loads(json.dumps(result("so").to_json()))["texts"][0]["passages"][0]
    assert held["pieces"][1:] == [{"text": "so", "weight": None}, {"text": "Bad", "weight": -1.0}]
    assert held["shares"] == {"so": 0.25}


def test_texts_in_a_terminal_are_as_they_are() -> None:
    shown = "".join(paragraph.plain for paragraph in study_texts(result(NAME)))
    assert shown.count("<script>alert(1)</script>[bold]") == 8
    assert "\x1b" not in shown


def test_nothing_is_not_zero() -> None:
    column = Column("error", "error", "error", deviation="deviation")
    assert cell({"error": None, "deviation": None}, column) == "—"
    assert cell({"error": 0.0, "deviation": None}, column) == "0.00"
    assert cell({"error": 0.0, "deviation": 0.0}, column) == "0.00 ± 0.00"
    assert _mean_or_none([{"e": None}, {"e": 0.0}], "e") is None
    assert _mean_or_none([{"e": 0.0}, {"e": 0.0}], "e") == 0.0
    assert _mean_or_none([{"e": 0.0}, {"diverged": "so"}], "e") is None


def test_one_seed_has_no_band() -> None:
    row = {"activation": "tanh", "pretraining": None, "labels": 0.5, "test_error": 0.1, "section": "s"}
    rows = [{**row, "test_error_deviation": None}, {**row, "labels": 1.0, "test_error_deviation": 0.0}]
    (line,) = _by_labels(rows).data["lines"]
    assert line["deviation"] == [None, 0.0]
    bands("x", "y", [line]).canvas.draw()


def test_cells_that_stand_out_are_bold(tmp_path: Path) -> None:
    columns = [Column("error", "error, %", "error", bold="best"), Column("error", "again", "error")]
    rows = [{"error": 0.01, "best": True}, {"error": 0.02, "best": False}, {"error": 0.03}]
    result = StudyResult("s", "S", {"data": "d"}, [Table("T", columns, rows)])
    write_report(result, tmp_path / "r.html")
    report = (tmp_path / "r.html").read_text()
    assert report.count("<strong>1.00</strong></td>") == 1
    assert report.count(">1.00</td>") == 1
    assert report.count(">2.00</td>") == 2
    (table,) = study_tables(result)
    styles = [str(cell.style) for cell in table.columns[0]._cells]  # type: ignore[union-attr]
    assert styles == ["bold", "", ""]
