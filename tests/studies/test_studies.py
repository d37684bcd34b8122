"""Studies, their results, and how these are shown."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explained import SMALL, is_explained
from rich.console import Console
from scipy import stats

from truezero.datasets import Dataset, load_dataset
from truezero.errors import DataError, DivergenceError, OptionError
from truezero.plots import KINDS
from truezero.report import percent, study_tables, write_report
from truezero.report.numbers import cell
from truezero.runs import RunStore, carry_out
from truezero.runs.run import RECIPES
from truezero.studies import (
    STUDIES,
    Claim,
    Column,
    Figure,
    StandIn,
    StudyResult,
    Table,
    claims,
    paper,
    reproduce,
)
from truezero.studies.arms import Arm, Scale, fine_tuned
from truezero.studies.study import Setting


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """One store for all: studies share the layers that they have in common."""
    return RunStore(tmp_path_factory.mktemp("runs"))


def smoke(name: str, store: RunStore) -> tuple[StudyResult, list[dict[str, Any]]]:
    result = reproduce(STUDIES[name], load_dataset("digits"), store, scale="smoke", n_threads=1)
    is_explained(result, SMALL)
    return result, result.tables[0].rows


def store_parameters(store: RunStore, row: dict[str, Any]) -> dict[str, Any]:
    """Parameters of a row's first run."""
    (about,) = [about for key, about, _ in store if key == row["runs"][0]["key"]]
    return dict(about["parameters"])


def text_of(result: StudyResult) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    for table in study_tables(result):
        console.print(table)
    return console.export_text()


def test_table1(store: RunStore, tmp_path: Path) -> None:
    result, rows = smoke("table1", store)
    assert [(row["section"], row["activation"]) for row in rows] == [
        (f"{half} unsupervised pre-training", name)
        for half in ("with", "without")
        for name in ("rectifier", "tanh", "softplus")
    ] + [
        ("without unsupervised pre-training: other neurons", name)
        for name in ("lif", "rectified-tanh", "abs-tanh", "tanh")
    ]
    pretrained, rectifier, tanh = (rows[number] for number in (0, 3, 4))
    assert rectifier["sparsity"]["overall"] > 0.2
    assert tanh["sparsity"]["overall"] == 0
    assert len(rectifier["runs"]) == 2
    assert rectifier["pretraining"] is None
    assert pretrained["pretraining"]["reconstruction"] == "softplus-quadratic"
    assert [len(stack) for stack in pretrained["pretraining"]["layers"]] == [3, 3]
    keys = {run["key"] for row in rows for run in row["runs"]}
    layers = {
        layer["key"]
        for row in rows
        if row["pretraining"]
        for stack in row["pretraining"]["layers"]
        for layer in stack
    }
    assert len(keys) == 20
    assert len(layers) == 3 * 2 * 3  # one pre-training per network and seed
    assert {key for key, _, _ in store} == keys | layers
    assert {claim.verdict for claim in result.claims} == {"not decided"}
    assert result.stand_ins[0].ours == "digits"
    assert rows[9]["name"] == "tanh, 50 % of the units"
    assert store_parameters(store, rows[9])["hidden_layer_sizes"] == [16, 16, 16]
    best = min(rows[:6], key=lambda row: row["test_error"])
    assert best["bold"]
    for row in rows:  # what the tests compare are the networks of the table
        difference = row["test_error"] - best["test_error"]
        assert row["against_best"]["mean"] == pytest.approx(difference, abs=1e-12)
    write_report(result, tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text()
    assert percent(rectifier["test_error"]) in report
    assert "http" not in report  # it needs nothing else
    figures = (
        "Learning curves", "Sparsity while learning", "Pre-training", "Error against sparsity", "Sparsity per layer",
        "Confusion", "Most confused examples", "Filters of the first layer", "Reconstructions of corrupted examples",
    )  # fmt: skip
    assert tuple(figure.title for figure in result.figures) == figures
    for figure in figures:
        assert f"<h3>{figure}</h3>" in report
    curves = result.figures[0].data["panels"]
    assert [panel["title"] for panel in curves] == ["rectifier", "tanh", "softplus"]  # small multiples
    assert all(len(panel["lines"]) == 2 for panel in curves)
    assert "max(0, x)" in result.question
    assert (rectifier["paper_test_error"], rectifier["paper_sparsity"]) == (0.0143, 0.834)  # of MNIST
    assert rectifier["over_paper"]["test_error"] == pytest.approx(rectifier["test_error"] - 0.0143)
    assert rectifier["over_paper"]["sparsity"] == pytest.approx(rectifier["sparsity"]["overall"] - 0.834)
    assert "paper&#39;s error (MNIST), %" in report
    assert "− paper&#39;s, points" not in report  # which would compare other data
    assert "|tanh|" in result.departures[-1]
    made = result.provenance
    assert made["n_runs"] == len(keys | layers)
    assert made["seeds"] == [0, 1]
    assert sum(made["engines"].values()) == sum(of["n_runs"] for of in made["runs"]) == made["n_runs"]
    results = [found for _, _, found in store]
    assert made["wall_seconds"] >= sum(found["seconds"] for found in results)
    assert made["cpu_seconds"] > 0
    assert made["runs"][0]["cores"] >= 1
    assert len(made["finished"]) == 2
    assert max(map(len, text_of(result).splitlines())) <= 80
    json.dumps(result.to_json(), allow_nan=False)
    times = [path.stat().st_mtime_ns for path in store.folder.rglob("result.json")]
    again, _ = smoke("table1", store)
    assert again.to_json() == result.to_json()
    assert [path.stat().st_mtime_ns for path in store.folder.rglob("result.json")] == times


def test_figure4(store: RunStore) -> None:
    smoke("table1", store)
    _, rows = smoke("figure4", store)
    assert len(rows) == 2 * 2 * 7
    few, *_, all_of_them = [row for row in rows if row["activation"] == "tanh" and row["pretraining"]]
    assert few["n_labels"] < 30
    assert all_of_them["n_labels"] == 1097
    assert all_of_them["test_error"] < few["test_error"]
    layers = [about for _, about, _ in store if about["recipe"] == "pretrain-layer"]
    assert len(layers) == 3 * 2 * 3  # it shares Table 1's, whatever the share of labels


def test_strategies(store: RunStore) -> None:
    smoke("table1", store)
    before = len(list(store))
    result, rows = smoke("strategies", store)
    assert len(result.figures[0].data["panels"]) == 6  # a panel a row
    assert [row["strategy"] for row in rows] == ["1", "2", "3", "3", "4", "—"]
    stuck = [row["pretraining"]["stuck"] for row in rows if row["pretraining"]]
    assert all(share == 0 for shares in stuck[:4] for share in shares)
    assert max(stuck[4]) > 0
    # Strategy 1 and the network that is not pre-trained are Table 1's; the two strategies 3 share a first layer.
    assert len(list(store)) - before == 2 * (4 + 3 + 3 + 2 + 3)


def test_rectifiers_today(store: RunStore) -> None:
    smoke("table1", store)
    before = len(list(store))
    result, rows = smoke("rectifiers-today", store)
    assert [row["name"] for row in rows] == [
        "plain", "+ dropout", "+ falling rate", "+ pre-training", "+ max-norm"
    ]  # fmt: skip
    assert [row["pretraining"] is not None for row in rows] == [False] * 3 + [True] * 2
    assert len(list(store)) - before == 5 * 2  # layers are Table 1's
    kept = {
        key: (about["parameters"], result["history"]) for key, about, result in store if "history" in result
    }
    given, histories = zip(*(kept[row["runs"][0]["key"]] for row in rows), strict=True)
    assert [of.get("dropout", 0) for of in given] == [0] + [0.25] * 4
    assert [of.get("learning_rate") for of in given] == [None, None, *["linear"] * 3]
    assert [of.get("max_norm") for of in given] == [None] * 4 + [3]
    rates = [[record["learning_rate"] for record in history] for history in histories]
    assert rates[1] == [0.1] * 3
    assert rates[2] == pytest.approx([0.1, 0.2 / 3, 0.1 / 3])
    others = result.tables[1].rows
    assert [row["test_error"] for row in others[:3]] == [0.0143, 0.0120, 0.0125]
    assert max(map(len, text_of(result).splitlines())) <= 80


def test_a_study_wants_all_parts(store: RunStore) -> None:
    X, y = np.ones((30, 4), dtype=np.float32), np.arange(30) % 2
    for dataset, message in (
        (Dataset("d", X, y), "needs validation rows with labels, which d does not have"),
        (Dataset("d", X, y, X, y, X), "needs test rows with labels"),
        (Dataset("d", X, None, X, y, X, y), "needs labels, which d does not have"),
    ):
        with pytest.raises(DataError, match=message):
            reproduce(STUDIES["table1"], dataset, store, scale="smoke")
    for options, text in (
        ({"scale": "huge"}, "unknown scale 'huge'"),
        ({"n_seeds": 0}, "n_seeds must be at least 1"),
    ):
        with pytest.raises(OptionError, match=text):
            reproduce(STUDIES["table1"], load_dataset("digits"), store, **options)


# ---- rates --------------------------------------------------------------------------------------------


class Pretended:
    """Instead of a recipe: results by the rate alone."""

    def __init__(self, by_rate: dict[float, dict[str, Any]]) -> None:
        self.by_rate, self.asked = by_rate, 0

    def settings(self, parameters: Any) -> tuple[dict[str, Any], str]:
        return {k: v for k, v in parameters.items() if v is not None}, "none"

    def perform(self, work: Any) -> dict[str, Any]:
        self.asked += 1
        rate, layer = work.run.parameters["learning_rate_init"], len(work.needs)
        found = self.by_rate[rate]
        if found.get("diverges_in_layer") == layer:
            raise DivergenceError(f"too fast at {rate:g}")
        return {"score": -1.0, "sparsity": 0.5, "stuck": 0.0, "seconds": 0.0, "history": [], **found}


def setting(store: RunStore, **scale: Any) -> Setting:
    whole = Scale((8, 8), (0.1, 0.01), 2, 5, None, (0.2, 0.02, 0.002), 3)
    changed = Scale(**{**vars(whole), **scale})
    return Setting("table1", "Table 1", (load_dataset("digits"),), "laptop", changed, store)


def test_rates_are_chosen_by_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = {"sparsity": {"overall": 0.5, "layers": [0.5, 0.5]}, "n_train": 10, "engine": {}}
    layer = Pretended(
        {
            0.2: {"diverges_in_layer": 0},
            0.02: {"reconstruction_error": 1.0, "diverges_in_layer": 1},
            0.002: {"reconstruction_error": 2.0},
        }
    )
    tuned = Pretended(
        {
            0.1: {**network, "validation_error": 0.3, "test_error": 0.4},
            0.01: {**network, "validation_error": 0.2, "test_error": 0.5},
        }
    )
    monkeypatch.setitem(RECIPES, "pretrain-layer", layer)
    monkeypatch.setitem(RECIPES, "fine-tune", tuned)
    of = setting(RunStore(tmp_path))
    row = carry_out(fine_tuned(of, Arm("rectifier", "softplus-quadratic")), of.store, [of.dataset])
    before = row["pretraining"]
    assert before["learning_rate"] == 0.002  # .02 reconstructs better, and diverges further up
    assert before["reconstruction_error_by_rate"] == {"0.2": None, "0.02": 1.0, "0.002": 2.0}
    assert row["learning_rate"] == 0.01
    assert row["validation_error_by_rate"] == {"0.1": 0.3, "0.01": 0.2}
    assert row["test_error"] == 0.5
    assert layer.asked == 3 * 2 + 2 + 2  # first layers at three rates, second ones at two, two seeds each
    tuned.by_rate[0.01]["diverges_in_layer"] = 0
    other = setting(RunStore(tmp_path / "other"))
    row = carry_out(fine_tuned(other, Arm("rectifier")), other.store, [other.dataset])
    assert row["validation_error_by_rate"] == {"0.1": 0.3, "0.01": None}
    tuned.by_rate[0.1]["diverges_in_layer"] = 0
    last = setting(RunStore(tmp_path / "last"))
    with pytest.raises(DivergenceError, match="rectifier diverges at every rate"):
        carry_out(fine_tuned(last, Arm("rectifier")), last.store, [last.dataset])


def test_rates_are_chosen_on_one_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = {"sparsity": {"overall": 0.5, "layers": [0.5, 0.5]}, "n_train": 10, "engine": {}}
    layer = Pretended({rate: {"reconstruction_error": rate} for rate in (0.2, 0.02, 0.002)})
    tuned = Pretended(
        {
            0.1: {**network, "validation_error": 0.3, "test_error": 0.4},
            0.01: {**network, "validation_error": 0.2, "test_error": 0.5},
        }
    )
    monkeypatch.setitem(RECIPES, "pretrain-layer", layer)
    monkeypatch.setitem(RECIPES, "fine-tune", tuned)
    of = setting(RunStore(tmp_path), n_seeds=3, choose_seeds=1)
    asked = fine_tuned(of, Arm("rectifier", "softplus-quadratic"))
    row = carry_out(asked, of.store, [of.dataset])
    assert (row["learning_rate"], row["n_seeds"], len(row["runs"])) == (0.01, 3, 3)
    assert row["validation_error_by_rate"] == {"0.1": 0.3, "0.01": 0.2}
    assert row["pretraining"]["learning_rate"] == 0.002
    by_rate = row["pretraining"]["reconstruction_error_by_rate"]
    assert by_rate == {"0.2": 0.2, "0.02": 0.02, "0.002": 0.002}
    assert tuned.asked == 2 + 2  # both rates with one seed, the better one with the two others
    assert layer.asked == 3 + 1 + 2 * 2


# ---- the paper ----------------------------------------------------------------------------------------


def test_the_papers_numbers() -> None:
    assert paper.test_error("tanh", "norb", pretrained=False) == 0.1929
    assert paper.test_error("rectifier", "mnist", pretrained=True) == 0.0120
    assert paper.test_error("tanh", "digits", pretrained=True) is None
    assert paper.sparsity("rectifier", "nistp", pretrained=False) == 0.68
    assert paper.sparsity("rectifier", "nistp", pretrained=True) is None
    assert paper.data_of("cifar10", None) == "cifar10"
    assert paper.data_of("norb-toys", "NORB") == "norb"
    assert paper.data_of("synthetic", "the paper's images") is None
    assert paper.data_of("digits", None) is None
    assert paper.compared_with("digits", None) == "mnist"
    assert paper.compared_with("norb-toys", "NORB") == "norb"
    assert paper.compared_with("mine", None) is None


def row(*errors: float) -> dict[str, Any]:
    return {"test_error": float(np.mean(errors)), "runs": [{"test_error": error} for error in errors]}


def test_verdicts() -> None:
    a, b, noisy = row(0.010, 0.011, 0.012), row(0.020, 0.0211, 0.022), row(0.001, 0.03, 0.02)
    assert claims.better(a, b) == "confirmed"
    assert claims.better(b, a) == "refuted"
    assert claims.better(a, noisy) == "not decided"
    assert claims.better(row(0.01), row(0.02)) == "not decided"  # one seed decides nothing
    assert claims.no_worse(a, row(0.0101, 0.0111, 0.0119)) == "confirmed"
    assert claims.no_worse(b, a) == "refuted"
    assert claims.alike(a, row(0.0101, 0.0111, 0.0119)) == "confirmed"
    assert claims.alike(a, b) == "refuted"
    assert claims.alike(a, noisy) == "not decided"
    assert claims.all_of(["confirmed", "not decided"]) == "not decided"
    assert claims.all_of(["confirmed", "not decided", "refuted"]) == "refuted"
    assert claims.all_of(["confirmed"]) == "confirmed"
    assert claims.alike(row(0.55, 0.551, 0.552), row(0.5, 0.501, 0.502)) == "refuted"
    assert claims.errors(a, b).startswith("1.10\u00a0% and 2.10\u00a0% (−1.00 points, 95\u00a0% interval")


def test_a_trend_is_that_of_straight_lines_through_each_seed() -> None:
    rows = [row(0.010, 0.02), row(0.012, 0.026), row(0.014, 0.032)]
    expected = stats.ttest_1samp([0.004, 0.012], 0).confidence_interval()
    assert claims.trend([0.0, 0.5, 1.0], rows) == pytest.approx((0.008, *expected))
    assert claims.trend([0.0, 1.0], [row(0.1), row(0.3)])[1:] == (-np.inf, np.inf)


# ---- what is shown ------------------------------------------------------------------------------------

MADE_UP = StudyResult(
    "no-such-study",
    "A study & nothing <more>",
    {"data": "d", "network": [3, 2], "scale": "laptop", "n_train": 1000, "n_validation": 2, "n_test": 3, "data_fingerprint": "f" * 64},
    [
        Table(
            "First",
            [
                Column("name"  , "network"),
                Column("e.test", "error, %", "error", deviation="spread"),
                Column("ours.rmse", "RMSE", "rmse"),
                Column("n", "rows", "count", detail=True),
            ],
            [{"name": "[a]", "e": {"test": 0.1234}, "spread": 0.01, "ours": {"rmse": 0.8}, "n": 12345, "section": "s"},
             {"name": "b", "e": {}, "ours": None, "section": "t"}],
            "A note.",
        ),
        Table("Second", [Column("layers", "zeros", "sparsity", digits=0), Column("r", "rate", "number")], [{"layers": [0.5, None], "r": 2e-5}]),
    ],
    [Figure("bands", "B", "below", {"x": "x", "y": "y", "lines": [{"name": "n", "colour": 9, "dashed": True, "x": [1, 10], "y": [2, 3], "deviation": [0.1, 0]}]}),
     Figure("filters", "F", "below", {"one": np.ones((3, 2, 2)), "two": np.zeros((3, 2, 2))})],
    ["a choice"],
    ["a departure"],
    [StandIn("NORB", "d", "it cannot be had")],
    [Claim("All is well.", "4.1", "refuted", "figures")],
    {"python": "3"},
)  # fmt: skip


def test_any_result_is_rendered(tmp_path: Path) -> None:
    write_report(MADE_UP, tmp_path / "r.html")
    report = (tmp_path / "r.html").read_text()
    for part in (
        "A study &amp; nothing &lt;more&gt;", "12.34 ± 1.00", "0.800", "12,345", "50 · —", "2e-05", "—",
        "<strong>d stands in for NORB:</strong> it cannot be had", "“All is well.”", "section 4.1", "refuted",
        "Other than in the paper", "a departure", "A note.", "[a]",
    ):  # fmt: skip
        assert part in report
    assert report.count("<svg") == 1 + 2
    text = text_of(MADE_UP)
    assert "12.34 ± 1.00" in text
    assert "12,345" in text  # a detail, for which there is room
    assert "[a]" in text
    record = MADE_UP.to_json()
    assert json.loads(json.dumps(record))["figures"][1]["data"] == {}
    assert record["tables"][0]["rows"] == MADE_UP.tables[0].rows


def test_nothing_above_studies_knows_a_name() -> None:
    """Report, terminal, plots and the command line render any study."""
    root = Path(reproduce.__code__.co_filename).parents[1]
    names = re.compile(r"""["'](table1|table2|figure\d|strategies|softplus-scaling)["']""")
    for package in ("report", "plots", "cli", "runs"):
        for path in (root / package).rglob("*.*"):
            if path.suffix in (".py", ".html"):
                assert not names.search(path.read_text(encoding="utf-8")), path


def test_cells() -> None:
    assert cell({"a": 0.5}, Column("a", "", "fraction")) == "50"
    assert cell({"a": 12.345}, Column("a", "", "seconds")) == "12.3"
    assert cell({}, Column("a", "")) == "—"
    assert cell({"a": 0}, Column("a", "", "error")) == "0.00"
    assert set(KINDS) == {
        "curves", "bands", "filters", "examples", "gallery", "pairs", "scatter", "dots", "heatmap", "clouds",
        "lines", "histograms", "paths", "functions", "propagation",
    }  # fmt: skip
