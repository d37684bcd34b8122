"""Studies of text at scale smoke, on made-up reviews."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from explained import is_explained
from reviews import reviews
from scipy import sparse

from truezero import load
from truezero.analysis import explain
from truezero.core.tensors import read_tensors
from truezero.datasets import Dataset, TextDataset, load_texts
from truezero.errors import DataError, DivergenceError
from truezero.report import write_report
from truezero.runs import Data, RunStore
from truezero.studies import STUDIES, figure5, reproduce, strategies_text, table2, vocabulary
from truezero.studies.figure5 import Reviews
from truezero.studies.rated import RatedRows, rated_rows
from truezero.studies.study import Setting
from truezero.studies.text_arms import RATINGS, TextArm, trained

WIDTH = "Hidden layers of 32 units; the paper's have 5,000."


@pytest.fixture(scope="module")
def rated() -> Dataset:
    X, y = reviews()
    return Dataset("rated", X[:700], y[:700], None, None, X[700:], y[700:])


def test_table2(rated: Dataset, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    result = reproduce(STUDIES["table2"], rated, store, scale="smoke", n_threads=1)
    is_explained(result, WIDTH)
    rows, by_labels = (table.rows for table in result.tables)
    assert [row["name"] for row in rows[:3]] == [
        "no hidden layer",
        "rectifier, 1 layer",
        "rectifier, 3 layers",
    ]
    none, one, three = rows[:3]
    assert (three["paper_rmse"], three["paper_sparsity"]) == (0.746, 0.539)
    assert three["over_paper"]["test_rmse"] == pytest.approx(three["test_rmse"] - 0.746)
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
    assert [figure.title for figure in result.figures] == [
        "Test RMSE by labels", "Error against sparsity", "Sparsity per layer", "Confusion of stars",
    ]  # fmt: skip
    assert all(figure.caption.endswith("in place of OpenTable.") for figure in result.figures)
    confusion = result.figures[-1]
    best = min(rows[:6], key=lambda row: row["test_rmse"])
    assert f"“{best['name']}”" in confusion.caption
    assert np.sum(confusion.data["counts"]) == 200 * len(best["runs"])
    write_report(result, tmp_path / "report.html")
    assert "in place of OpenTable" in (tmp_path / "report.html").read_text()


def written(X: Any) -> tuple[str, ...]:
    """Texts with the words of bags, of which every other has many more that no vocabulary knows."""
    return tuple(
        " ".join(f"W{term:03}" for term in X[[row]].indices) + " <i>unheard</i>" * (60 * (row % 2))
        for row in range(X.shape[0])
    )


def test_figure5(rated: Dataset, tmp_path: Path) -> None:
    columns = tuple(f"w{term:03}" for term in range(rated.X_train.shape[1]))
    rows = {field.name: getattr(rated, field.name) for field in fields(rated)} | {"columns": columns}
    data = Reviews(**rows, texts=written(rated.X_test))
    store = RunStore(tmp_path / "runs")
    result = reproduce(STUDIES["figure5"], data, store, scale="smoke", n_threads=1)
    is_explained(result, WIDTH)
    (network,), (words, *layers) = (table.rows for table in result.tables)
    shown = load(store.folder / network["shown"]["key"] / "model.safetensors")

    # The network is one of Table 2, whose runs it shares.
    setting = Setting("table2", "", (data,), "smoke", table2.SCALES["smoke"], store)
    of = rated_rows(setting, data, 200)
    of_table2 = {run.key for run in next(trained(setting, RATINGS, table2.ARMS[2], of.below, of.folds))}
    known = {key for key, _, _ in store}
    assert known == of_table2 | {network["shown"]["key"]}
    assert network["runs"][0]["test_error"] == pytest.approx(
        np.mean((shown.predict(rated.X_test) - rated.y_test) ** 2)
    )

    (texts,), stars = result.texts, np.asarray(rated.y_test)
    assert [passage.section for passage in texts.passages] == [
        f"{'★' * n} {n}" for n in (1, 1, 2, 2, 3, 3, 4, 4, 5, 5)
    ]
    for passage in texts.passages:
        row = passage.facts["row"]
        assert passage.facts["rating"] == stars[row]
        assert row % 2 == 0  # the others have more than 60 words
        assert "".join(piece for piece, _ in passage.pieces) == data.texts[row]
        (predicted,) = shown.predict(rated.X_test[[row]])
        assert (
            passage.facts["predicted"]
            == predicted
            == pytest.approx(sum(float(n) * p for n, p in passage.shares.items()))
        )
        found = explain(shown, rated.X_test[[row]])
        assert passage.words == {
            columns[at]: pull for at, pull in zip(found.inputs, found.pulls, strict=True)
        }

    confusion, clouds = result.figures
    counts = np.array(confusion.data["counts"])
    np.testing.assert_array_equal(counts.sum(axis=1), 2 * np.unique(stars, return_counts=True)[1])
    nearest = sum(
        np.bincount(np.rint(np.clip(of, 1, 5)).astype(int), minlength=6)[1:]
        for of in predictions(store, network)
    )
    np.testing.assert_array_equal(counts.sum(axis=0), nearest)
    for panel, layer in zip(clouds.data["panels"], layers, strict=True):
        assert np.sum(panel["counts"]) == 200
        assert (np.array(panel["counts"]) >= 0).all()
        assert layer["low"] <= layer["mean"] <= layer["high"] <= layer["size"] == 32
    assert words["mean"] == pytest.approx(rated.X_test.nnz / 200)
    write_report(result, tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text()
    assert "<i>" not in report
    json.dumps(result.to_json(), allow_nan=False)


def predictions(store: RunStore, row: Any) -> Any:
    for run in row["runs"]:
        arrays, _ = read_tensors(store.folder / run["key"] / "predictions.safetensors", kind="predictions")
        yield arrays["predicted"]


def test_reviews_are_shown_whatever_the_network_says() -> None:
    """The shortest stand in where there are too few short ones, and those of few known words do not."""
    long, y = " ".join(["word"] * 100), np.array([1, 1, 1, 2, 2, 2])
    X = sparse.csr_array(np.ones((6, 8), np.float32))
    X = sparse.vstack([X[:2], sparse.csr_array((1, 8), dtype=np.float32), X[3:]]).tocsr()
    rows = Dataset("d", X, y, X_test=X, y_test=y)
    first, second = figure5.chosen(rows, (f"{long} more", long, "short", "a b", long, "one two"), r"\w+")
    assert first == (1.0, [1, 0])
    assert (second[0], sorted(second[1])) == (2.0, [3, 5])
    alike = replace(rows, X_test=sparse.csr_array(np.ones((50, 8), np.float32)), y_test=np.ones(50))
    short = ["a " * n for n in range(1, 51)]
    ((_, drawn),) = figure5.chosen(alike, short, r"\w+")
    assert drawn != [0, 1]
    assert figure5.chosen(alike, short, r"\w+") == [(1.0, drawn)]


def test_texts_of_rows_that_are_held_out(rated: Dataset) -> None:
    X, y = rated.X_train, rated.y_train
    data = Reviews("d", X, y, texts=tuple(map(str, range(700))))
    fold = Data("d", data.fingerprint, labels=0.5, fold=(0, 10), test=(1, 4))
    rows, texts = figure5.measured_reviews(data, fold)
    assert rows.X_train.shape[0] + len(texts) == 700
    np.testing.assert_array_equal(rows.X_test.toarray(), X[[int(text) for text in texts]].toarray())
    np.testing.assert_array_equal(fold.of(data).y_test, rows.y_test)


def test_figure5_needs_texts(rated: Dataset, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="figure5 needs texts, which rated does not have"):
        STUDIES["figure5"].on(rated, "smoke", RunStore(tmp_path))


def test_texts_are_kept_beside_their_bag(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for number, (side, stars) in enumerate((("neg", 1), ("pos", 9))):
            place = tmp_path / "films" / part / side
            place.mkdir(parents=True)
            (place / f"{number}_{stars}.txt").write_text(f"{part} {side} film")
    data = figure5.load_reviews(str(tmp_path / "films"))
    assert data.fingerprint == load_texts(tmp_path / "films").bag().fingerprint
    assert data.texts == ("test neg film", "test pos film")


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
