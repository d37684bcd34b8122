"""Figures that studies share: what is taken for what, error against sparsity, sparsity per layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero.core.tensors import write_tensors
from truezero.datasets import Dataset
from truezero.runs import RunStore
from truezero.runs.recipes import PREDICTIONS
from truezero.studies.confused import confusions
from truezero.studies.figures import by_layer, by_sparsity, learning_curves, named
from truezero.studies.study import Setting

LABELS = np.array(["a", "b", "c"])
TRUTH = [0, 1, 2, 2]


def setting(tmp_path: Path, shape: tuple[int, int, int] | None) -> Setting:
    rows = np.arange(4 * 6, dtype=np.float32).reshape(4, 6)
    data = Dataset("d", rows, LABELS[TRUTH], rows, LABELS[TRUTH], rows, LABELS[TRUTH], image_shape=shape)
    return Setting("s", "S", (data,), "laptop", None, RunStore(tmp_path))


def row(of: Setting, name: str, validation_error: float, *guesses: list[int]) -> dict[str, Any]:
    """A row of a network for each list of guesses, whose runs have left them."""
    runs = []
    for number, guess in enumerate(guesses):
        key = f"{name}{number}"
        (of.store.folder / key).mkdir()
        predicted = np.array(guess, np.uint8)
        write_tensors(of.store.folder / key / PREDICTIONS, {"predicted": predicted}, {}, kind="predictions")
        runs.append({"key": key, "validation_error": validation_error})
    return {"name": name, "runs": runs}


def test_what_is_taken_for_what_by_the_best_of_validation(tmp_path: Path) -> None:
    of = setting(tmp_path, None)
    rows = [row(of, "poor", 0.5, [0, 0, 0, 0]), row(of, "good", 0.1, [0, 1, 2, 1], [0, 2, 2, 2])]
    (figure,) = confusions(of, rows)  # rows are no images
    assert figure.data["counts"] == [[2, 0, 0], [0, 1, 1], [0, 1, 3]]
    assert (figure.data["rows"], figure.data["columns"]) == (["a", "b", "c"],) * 2
    assert "summed over 2 networks: “good”, which has the least validation error here" in figure.caption


def test_what_most_networks_have_wrong_comes_first(tmp_path: Path) -> None:
    of = setting(tmp_path, (1, 2, 3))
    rows = [row(of, "x", 0.2, [0, 1, 0, 1]), row(of, "y", 0.1, [0, 2, 0, 2], [0, 2, 1, 2], [0, 2, 0, 2])]
    _, examples = confusions(of, rows)
    assert examples.data["labels"] == [
        "c → a\n100 %",
        "b → c\n75 %",
        "c → b\n25 %",
    ]  # the first is never wrong
    np.testing.assert_array_equal(examples.data["images"], np.arange(24).reshape(4, 2, 3)[[2, 1, 3]])
    assert "most of the 4 networks" in examples.caption
    assert len(confusions(of, [row(of, "z", 0.0, TRUTH)])) == 1  # nothing is wrong


def network(activation: str, zeros: list[float], pretraining: Any = None, **more: Any) -> dict[str, Any]:
    sparsity = {"overall": float(np.mean(zeros)), "layers": zeros}
    runs = [{"test_error": 0.1, "test_rmse": 0.9, "sparsity": sparsity}] * 2
    return {"activation": activation, "pretraining": pretraining, "sparsity": sparsity, "runs": runs, **more}


def test_a_mark_per_network_and_seed_and_the_papers_beside_it() -> None:
    rows = [
        network("rectifier", [0.5, 0.7], {}, paper_test_error=0.02, paper_sparsity=None),
        network("rectifier", [0.5, 0.7], None, paper_test_error=0.014, paper_sparsity=0.834),
        network("tanh", [0, 0]),
        network("tanh", [0, 0], name="half"),
    ]
    rows[0]["pretraining"] = {"of": 1}
    figure = by_sparsity(rows, lambda row: row.get("name", named(row)), paper="MNIST")
    first, second, tanh, half, star = figure.data["panels"][0]["points"]
    assert first["x"] == pytest.approx([60, 60])
    assert first["y"] == [10, 10]
    assert [of["hollow"] for of in (first, second, tanh, half)] == [False, True, True, True]
    assert first["colour"] == second["colour"] != tanh["colour"] != half["colour"]
    assert star["star"]
    assert star["name"] == "the paper (MNIST), rectifier"
    assert (*star["x"], *star["y"]) == pytest.approx((83.4, 1.4))
    assert by_sparsity(rows, named).data["panels"][0]["points"][-1]["name"] == "the paper, rectifier"
    figure = by_sparsity(rows, named, measure="test_rmse")
    assert figure.data["panels"][0]["points"][0]["y"] == [0.9, 0.9]


def test_layers_of_networks_that_have_zeros() -> None:
    rows = [network("rectifier", [0.5, 0.25]), network("tanh", [0, 0])]
    (figure,) = by_layer(rows, named)
    assert figure.data["rows"] == [{"name": "rectifier", "values": [50, 25]}]
    assert figure.data["series"] == ["layer 1", "layer 2"]
    assert "Never exactly 0 is an output of: tanh." in figure.caption
    assert by_layer(rows[1:], named) == []


def test_a_panel_for_each_kind_of_units_or_for_each_row() -> None:
    history = [{"validation_error": 0.5, "sparsity": [0.2, 0.8]}]
    rows = [
        {"activation": activation, "pretraining": before, "runs": [{"history": history}]}
        for activation in ("rectifier", "tanh")
        for before in (None, {"of": 1})
    ]
    errors, zeros = learning_curves(rows, [9, 30, 10, 2], named)
    assert [panel["title"] for panel in errors.data["panels"]] == ["rectifier", "tanh"]
    assert [line["dashed"] for line in errors.data["panels"][0]["lines"]] == [False, True]
    assert zeros.data["panels"][0]["lines"][0]["runs"] == [
        [pytest.approx(35)]
    ]  # weighed by the layers' units
    assert errors.data["shared"]
    errors, _ = learning_curves(rows, [9, 30, 10, 2], named, by_row=True)
    assert [len(panel["lines"]) for panel in errors.data["panels"]] == [1] * 4
