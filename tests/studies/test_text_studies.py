"""Studies of text at scale smoke, on made-up reviews."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reviews import reviews

from truezero.datasets import Dataset, TextDataset
from truezero.errors import DivergenceError
from truezero.report import write_report
from truezero.runs import Data, RunStore
from truezero.studies import STUDIES, reproduce, strategies_text, vocabulary
from truezero.studies.rated import RatedRows
from truezero.studies.study import Setting
from truezero.studies.text_arms import TextArm


@pytest.fixture(scope="module")
def rated() -> Dataset:
    X, y = reviews()
    return Dataset("rated", X[:700], y[:700], None, None, X[700:], y[700:])


def test_table2(rated: Dataset, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    result = reproduce(STUDIES["table2"], rated, store, scale="smoke", n_threads=1)
    rows, by_labels = (table.rows for table in result.tables)
    assert [row["name"] for row in rows[:3]] == [
        "no hidden layer",
        "rectifier, 1 layer",
        "rectifier, 3 layers",
    ]
    none, one, three = rows[:3]
    assert (three["paper_rmse"], three["paper_sparsity"]) == (0.746, 0.539)
    assert none["sparsity"]["overall"] == pytest.approx(np.mean(rated.X_test.toarray() == 0))
    for row in rows:
        errors = [run["test_error"] for run in row["runs"]]
        assert row["test_rmse"] == pytest.approx(np.mean(np.sqrt(errors)))
        for run in row["runs"]:  # a tenth of 200 labelled rows of 700 is left out, class by class
            assert abs(run["n_train"] + run["n_validation"] - 200) <= 2
            assert abs(run["n_validation"] - 20) <= 5
    layers = three["pretraining"]["layers"][0]
    assert [layer["n_train"] for layer in layers] == [700] * 3  # without labels; the layers are shared
    assert one["pretraining"]["layers"][0][0]["key"] == layers[0]["key"]
    msda = rows[-1]
    assert msda["name"] == "mSDA of 1 layer, ridge regression"
    assert [layer["n_train"] for layer in msda["pretraining"]["layers"][0]] == [700]
    assert msda["test_rmse"] < np.std(np.asarray(rated.y_test))
    if msda["peak_megabytes"] is not None:  # the system tells
        held = [store.provenance(run["key"])["peak_memory"] for run in msda["runs"]]
        assert msda["peak_megabytes"] == round(max(held) / 1e6)
        assert three["pretraining"]["peak_megabytes"] > 20
    assert len(by_labels) == 3 * 2
    assert sorted({round(row["n_labels"], -1) for row in by_labels}) == [100, 200]
    assert result.stand_ins[0].paper == "OpenTable"
    assert all(claim.verdict == "not decided" for claim in result.claims)
    write_report(result, tmp_path / "report.html")
    assert "in place of OpenTable" in (tmp_path / "report.html").read_text()


def test_amazon(tmp_path: Path) -> None:
    X, y = reviews(2000, 40)
    kinds = [
        Dataset(f"amazon-{kind}-polarity", X[half::2], (y[half::2] > 3).astype(np.int64), X_unlabeled=X[:50])
        for half, kind in enumerate(("books", "kitchen"))
    ]
    store = RunStore(tmp_path / "runs")
    result = reproduce(STUDIES["amazon"], kinds, store, scale="smoke", n_seeds=1, n_threads=1)
    few, folds = (table.rows for table in result.tables)
    assert [row["name"] for row in few] == [row["name"] for row in folds]
    for row in few:
        for run in row["runs"]:  # half is measured on, a tenth of the other half has labels
            assert abs(run["n_test"] - 500) <= 1
            assert abs(run["n_train"] + run["n_validation"] - 50) <= 1
    for row in folds:
        for run in row["runs"]:
            assert abs(run["n_test"] - 100) <= 1
            assert run["n_train"] + run["n_validation"] + run["n_test"] == 1000
        assert set(row["of"]) == {"books", "kitchen"}
        of_kinds = [of["test_error"] for of in row["of"].values()]
        assert row["test_error"] == pytest.approx(np.mean(of_kinds))
    msda = folds[-1]
    assert msda["name"] == "mSDA of 1 layer, linear SVM"
    for of in msda["of"].values():
        assert [layer["n_train"] for layer in of["pretraining"]["layers"][0]] == [1050]
        assert of["test_error"] < 0.3
    three = few[2]["of"]["books"]["pretraining"]["layers"][0]
    assert [layer["n_train"] for layer in three] == [1050] * 3
    assert len(result.claims) == 2
    write_report(result, tmp_path / "report.html")


def test_strategies_on_text(rated: Dataset, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    result = reproduce(STUDIES["strategies-text"], rated, store, scale="smoke", n_seeds=1, n_threads=1)
    rows = result.tables[0].rows
    assert [row["strategy"] for row in rows] == ["1", "2", "3", "3", "4", "—"]
    second = rows[1]["pretraining"]["layers"][0]
    of_table2 = next(STUDIES["table2"].on(rated, "smoke", store, n_seeds=1))
    if rows[1]["pretraining"]["slower"] == 1:
        assert {layer["key"] for layer in second} <= {run.key for run in of_table2}
    assert rows[3]["pretraining"]["target"] == "before"
    made = [about["parameters"] for _, about, _ in store if about["recipe"] == "pretrain-layer"]
    assert len(made) == (5 * 3 - 1) * 2  # two of them share the first layer, and there are two rates
    assert {round(of.get("learning_rate_init", 0.01), 9) for of in made} == {0.01, 0.001}
    write_report(result, tmp_path / "report.html")


def test_a_strategy_that_diverges_is_tried_slower(rated: Dataset) -> None:
    rows = RatedRows(Data("rated", "0" * 40), [Data("rated", "0" * 40, fold=(0, 10))])
    setting = Setting("", "", (rated,), "smoke", STUDIES["strategies-text"].scales["smoke"], None)  # type: ignore[arg-type]
    trying = strategies_text._at_the_better_rate(setting, TextArm(strategy="linear-quadratic"), rows)
    asked = next(trying)
    slower = trying.send([{"diverged": "its weights"}] * len(asked))
    assert [run.parameters["learning_rate_init"] for run in slower[:3]] == pytest.approx([0.001] * 3)
    with pytest.raises(DivergenceError, match="linear-quadratic diverges at every rate"):
        trying.send([{"diverged": "its weights"}] * len(slower))


def test_vocabulary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    X, y = reviews(600, 200)
    words = np.array([f"w{place:03d}" for place in random.permutation(200)])
    texts = [" ".join(words[row.indices]) for row in (X[[i]] for i in range(600))]
    data = TextDataset("texts", texts[:400], y[:400], None, None, texts[500:], y[500:], texts[400:500])
    monkeypatch.setattr(vocabulary, "load_rated_texts", lambda name, **of: data)
    monkeypatch.setattr(vocabulary, "SIZES", (50, 80, 150, 1000))
    monkeypatch.setattr(vocabulary, "_PAPERS", 80)
    bags = vocabulary.load_vocabularies("texts")
    for bag, n in zip(bags, (50, 80, 150, 200), strict=True):
        assert bag.columns == data.bag(n).columns
        assert bag.fingerprint == data.bag(n).fingerprint  # so that runs are shared with other studies
    result = reproduce(STUDIES["vocabulary"], bags, RunStore(tmp_path), scale="smoke", n_threads=1)
    rows = result.tables[0].rows
    assert [(row["n_layers"], row["n_terms"]) for row in rows] == [
        (layers, n) for layers in (0, 1) for n in (50, 80, 150, 200)
    ]
    for row in rows[4:]:
        assert row["pretraining"]["layers"][0][0]["n_train"] == 500
    assert len({row["runs"][0]["test_error"] for row in rows}) == 8
    (found,) = result.claims
    assert "200 and 5,000 words" in found.evidence
    write_report(result, tmp_path / "report.html")
