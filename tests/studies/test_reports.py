"""What a report says, and how it is laid out; what figures are written; what a narrow terminal leaves out."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from truezero.errors import DataError
from truezero.plots.style import INK
from truezero.report import pictures, study_claims, study_tables, write_figures, write_report
from truezero.report.numbers import cell, duration, facts_of, ran_by
from truezero.studies import Claim, Column, Figure, StudyResult, Table

COLUMNS = [
    Column("name", "network", about="What it is made of."),
    Column("e", "test error, %", "error", deviation="d", about="Share of wrong rows."),
    Column("p", "paper (MNIST), %", "error", paper=True, about="The paper's."),
    Column("over", "ours − paper, points", "points", about="The difference."),
    Column("z", "zeros per layer, %", "sparsity", digits=0, detail=True, about="From below."),
    Column("rate", "rate of pre-training", "number", detail=True),
]
ROWS: list[dict[str, Any]] = [
    {"name": "rectifier network", "e": 0.0143, "d": 0.001, "p": 0.0157, "over": -0.0014, "z": [0.5, 0.25]},
    {"name": "softplus", "e": 0.02, "d": 0.002, "p": 0.0177, "over": 0.0023, "z": [0, 0], "rate": 0.1},
]
POINTS = {"name": "n", "colour": 0, "x": [1, 2], "y": [3, 4]}
PANEL = {"title": "T", "x": "x", "y": "y", "log": "", "points": [POINTS], "spans": []}
IMAGES = np.random.default_rng(0).random((3, 8, 8))
MADE_BY: dict[str, Any] = {
    "runs": [{"processor": "A Processor 9", "cores": 3, "python": "3.11.9", "numpy": "2", "n_runs": 7}],
    "engines": {"native": 7},
    "seeds": [0, 1, 2],
    "n_runs": 7,
    "wall_seconds": 3725.0,
    "cpu_seconds": 61.0,
    "finished": ["2024-02-01T10:00:00+00:00", "2024-02-03T11:30:00+00:00"],
    "command": "truezero reproduce this --data 'my file.csv' --scale laptop",
}
RESULT = StudyResult(
    "this", "This Study",
    {"data": "d", "network": [64, 2000, 10], "scale": "laptop", "n_train": 1097, "n_validation": 5, "n_test": 350},
    [Table("Errors", COLUMNS, ROWS, "A note.")],
    [
        Figure("scatter", "Two panels", "So.", {"panels": [PANEL, PANEL]}),
        Figure("filters", "Weights", "Also.", {"one": IMAGES, "two": IMAGES}),
        Figure("scatter", "Two panels", "Again.", {"panels": [PANEL]}),
    ],
    ["a choice"], ["a departure"],
    claims=[
        Claim("First.", "4.1", "confirmed", "it is"), Claim("Second.", "4.1", "refuted", "it is not"),
        Claim("Third.", "4.2", "not decided", "who knows"), Claim("Fourth.", "4.2", "refuted", "no"),
    ],
    provenance=MADE_BY, question="Is it so?",
)  # fmt: skip


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "r.html"
    write_report(RESULT, path)
    return path.read_text(encoding="utf-8")


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


# ---- what it says -------------------------------------------------------------------------------------


def test_a_stranger_is_told_what_it_is(page: str) -> None:
    head = text_of(page.partition("</header>")[0])
    assert "Is it so?" in head
    assert "Deep Sparse Rectifier Neural Networks" in head
    assert "Glorot, Bordes, Bengio; AISTATS 2011" in head
    assert "64 – 2,000 – 10 (input, hidden layers, output)" in head
    said = text_of(page)
    for column in COLUMNS:
        assert column.about in said
    for word in ("sparsity", "sign mask", "pre-training", "L1 penalty", "seed", "stand-in", "engine"):
        assert word in text_of(page.partition("<h2>Words</h2>")[2])


def test_verdicts_stand_out_and_are_counted(page: str) -> None:
    counted = re.findall(r'<li><span class="verdict (\w+)">(.*?)</span>', page)
    assert [(of, text.split()) for of, text in counted] == [
        ("confirmed", ["✓", "1", "confirmed"]),
        ("refuted", ["✗", "2", "refuted"]),
        ("open", ["?", "1", "not", "decided"]),
    ]
    assert page.index("Second.") < page.index("<h2>Errors</h2>")  # before all numbers
    claims = re.findall(r'<div class="claim (\w+)">(.*?)</div>', page, re.DOTALL)
    assert [of for of, _ in claims] == ["confirmed", "refuted", "open", "refuted"]
    assert "✗" in claims[1][1]
    assert "it is not" in claims[1][1]
    counts = "claims of the paper: 1 confirmed, 1 not decided, 2 refuted"
    assert study_claims(RESULT).startswith(counts)
    assert study_claims(replace(RESULT, claims=[])) == ""


def test_it_says_what_ran_when_how_long_and_how_to_do_it_again(page: str) -> None:
    ran = text_of(page.partition("<h2>What ran</h2>")[2])
    for said in (
        MADE_BY["command"],
        "A Processor 9, 3 cores", "python 3.11.9", "seeds 0, 1, 2", "native (7 runs)",
        "1 h 02 min on the clock; CPU: 1 min 01 s", "2024-02-01 10:00 UTC to 2024-02-03 11:30 UTC",
    ):  # fmt: skip
        assert said in ran


def test_what_older_runs_did_not_record_is_not_made_up() -> None:
    made = {
        "n_runs": 2,
        "wall_seconds": 5.0,
        "cpu_seconds": None,
        "finished": None,
        "runs": [{"processor": "P"}],
    }
    found = dict(ran_by(replace(RESULT, provenance=made)))
    assert found["time of all runs"] == "5.0 s on the clock; CPU: not recorded by all runs"
    assert found["machine"] == "P"
    assert "done" not in found
    assert ran_by(replace(RESULT, provenance={})) == []


def test_facts() -> None:
    found = dict(facts_of({"data": "d", "n_train": 2000, "n_validation": 0, "n_test": 3, "n_labels": 100}))
    assert found == {"data": "d", "rows": "2,000 training, 3 test, 100 labelled"}
    assert [duration(s) for s in (0.04, 59.94, 61, 3599.7)] == ["0.0 s", "59.9 s", "1 min 01 s", "1 h 00 min"]


def test_choices_and_departures_are_two_lists(page: str) -> None:
    choices = page.partition("What the paper leaves open")[2].partition("</section>")[0]
    departures = page.partition("Other than in the paper")[2].partition("</section>")[0]
    assert ("a choice" in choices, "a departure" in choices) == (True, False)
    assert ("a choice" in departures, "a departure" in departures) == (False, True)


def test_differences_have_a_sign() -> None:
    points, difference = Column("a", "", "points"), Column("a", "", "difference")
    assert [cell({"a": a}, points) for a in (0.0012, -0.014, 0.0, None)] == ["+0.12", "−1.40", "+0.00", "—"]
    assert [cell({"a": a}, difference) for a in (0.0612, -0.0004)] == ["+0.061", "−0.000"]


# ---- how it is laid out -------------------------------------------------------------------------------


def test_details_are_a_table_of_their_own(page: str) -> None:
    tables = re.findall(r"<table>(.*?)</table>", page, re.DOTALL)
    assert len(tables) == 2
    headings = [re.findall(r"<th scope=.col.[^>]*>(.*?)</th>", table) for table in tables]
    assert headings[0] == [column.title for column in COLUMNS if not column.detail]
    assert headings[1] == ["network", "zeros per layer, %", "rate of pre-training"]
    assert "50 · 25" not in tables[0]
    assert "50 · 25" in tables[1]


def test_every_cell_names_its_column_for_narrow_screens(page: str) -> None:
    cells = re.findall(r"<td ([^>]*)>", page)
    assert len(cells) == 2 * (4 + 3)
    assert all(re.search(r'data-of="[^"]+"', cell) for cell in cells)


def test_nothing_is_wider_than_what_it_is_in() -> None:
    """Headings break, numbers do not; pictures shrink; on narrow screens a row is a list."""
    style = (Path(pictures.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
    assert "nowrap" in re.search(r"^td \{(.*?)\}", style, re.MULTILINE)[1]  # type: ignore[index]
    for rule in re.findall(r"^th[^{]*\{.*?\}|^thead[^{]*\{.*?\}", style, re.MULTILINE):
        assert "nowrap" not in rule
    assert "overflow-x" not in style  # nothing need be scrolled sideways
    assert "figure svg, figure img { display: block; width: 100%; height: auto; }" in style
    narrow = style.partition("@media (max-width: 48rem)")[2]
    assert "attr(data-of)" in narrow
    assert "prefers-color-scheme: dark" in style


def test_it_needs_nothing_else(page: str) -> None:
    for sign in ("http", "<script", "@import", "<link", 'src="/', "url(/"):
        assert sign not in page
    for source in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert source.startswith(("#", "data:image/png;base64,"))


# ---- pictures -----------------------------------------------------------------------------------------


def test_every_panel_is_a_picture_of_its_own(page: str) -> None:
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert [figure.count("<svg") for figure in figures] == [2, 2, 1]
    assert ["several" in figure.partition(">")[0] for figure in figures] == [True, True, False]


def test_pictures_take_the_colours_of_the_page(page: str) -> None:
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(svg)
        assert INK not in svg
        assert "currentColor" in svg
        assert "<style" not in svg  # it would be the whole page's
        assert not re.search(r"fill: #ffffff", svg)  # no ground of its own
        assert re.match(
            r'<svg role="img" aria-label="[^"]+" viewBox="0 0 [\d. ]+" style="max-width:\d+px">', svg
        )
    assert "var(--blue)" in page


def test_marks_of_pictures_do_not_meet(page: str) -> None:
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    used = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', page))
    assert used
    assert {a or b for a, b in used} <= set(names)


def test_what_is_large_is_png(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_LARGEST", 100)
    (picture,) = pictures.inside(Figure("scatter", "A & B", "<c>", {"panels": [PANEL]}), 0)
    assert picture.startswith('<img alt="A &amp; B: &lt;c&gt;" src="data:image/png;base64,')


def test_figures_are_files_too(tmp_path: Path) -> None:
    made = write_figures(RESULT, tmp_path / "figures")
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == sorted(path.name for path in made)
    assert names == sorted(
        f"{name}.{ending}" for name in ("two-panels", "weights", "two-panels-2") for ending in ("png", "svg")
    )
    for path in made:
        start = path.read_bytes()[:100]
        assert start.startswith(b"\x89PNG") if path.suffix == ".png" else b"<?xml" in start
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file"):
        write_figures(RESULT, tmp_path / "file")
    assert write_figures(replace(RESULT, figures=[]), tmp_path / "none") == []
    assert not (tmp_path / "none").exists()


# ---- terminals ----------------------------------------------------------------------------------------


def shown(result: StudyResult, width: int) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    for table in study_tables(result, width):
        console.print(table)
    return console.export_text()


def headings(columns: Sequence[Column]) -> set[str]:
    return {word for column in columns for word in column.title.split()}


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_heading_and_no_number_is_cut(width: int) -> None:
    text = shown(RESULT, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "1.43 ± 0.10" in text
    caption = " ".join(text.split()).partition("no room for ")[2]
    left_out = [column for column in COLUMNS if f"“{column.title}”" in caption]
    for column in COLUMNS:
        if column not in left_out:
            assert headings([column]) <= set(re.split(r"[\s┃│]+", text))
    assert bool(left_out) == (width < 80)
    assert ("see the report" in caption) == bool(left_out)


def test_details_go_first_and_the_first_column_never() -> None:
    def left_out(width: int) -> list[str]:
        return re.findall("“(.*?)”", " ".join(shown(RESULT, width).split()).partition("no room")[2])

    details = ["zeros per layer, %", "rate of pre-training"]
    assert left_out(60) == details[1:]
    assert left_out(40)[-2:] == details
    assert len(left_out(40)) > 2
    assert "rectifier" in shown(RESULT, 20)


def test_headings_of_sections_are_not_cut() -> None:
    columns = [Column("n", "labels", "count"), Column("name", "net"), Column("e", "RMSE", "rmse")]
    rows = [{"n": 100, "name": "a", "e": 1.0, "section": "rectifier, not pre-trained"}]
    text = shown(replace(RESULT, tables=[Table("T", columns, rows)]), 40)
    assert {"rectifier,", "pre-trained"} <= set(text.split())
    only = [Column("n", "n", "count"), Column("e", "RMSE", "rmse")]
    text = shown(replace(RESULT, tables=[Table("T", only, rows)]), 40)
    assert {"rectifier,", "pre-trained"} <= set(text.split())


def test_where_there_is_room_headings_stand_in_one_line() -> None:
    assert "ours − paper, points" in shown(RESULT, 200)
    assert "ours − paper, points" not in shown(RESULT, 60)
