"""What results show of names from outside, and of what was not measured."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from truezero.plots.curves import bands
from truezero.report import study_tables, write_report
from truezero.report.numbers import cell
from truezero.studies import Column, StudyResult, Table
from truezero.studies.arms import _mean_or_none
from truezero.studies.figure4 import _by_labels

NAME = "<script>alert(1)</script>[bold]\x1b[31m{0}"


def result(name: str) -> StudyResult:
    columns = [Column("name", name), Column("error", "error", "error", deviation="deviation")]
    rows: list[dict[str, Any]] = [
        {"name": name, "error": None, "section": name},
        {"name": name, "error": 0.0, "deviation": 0.0},
    ]
    return StudyResult(
        "s", name, {"data": name, "scale": name}, [Table(name, columns, rows, name)], choices=[name]
    )


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
    assert report.count("<td><strong>1.00</strong></td><td>1.00</td>") == 1
    assert report.count("<td>2.00</td><td>2.00</td>") == 1
    (table,) = study_tables(result)
    styles = [str(cell.style) for cell in table.columns[0]._cells]  # type: ignore[union-attr]
    assert styles == ["bold", "", ""]
