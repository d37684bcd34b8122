"""Figures 1 and 2: a neuron's law, and what inputs send through a network of rectifiers."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import succeeded, truezero
from explained import is_explained

from truezero import initialize
from truezero.analysis import local_map
from truezero.core.activations import get_activation
from truezero.datasets import Dataset, load_dataset
from truezero.plots import draw
from truezero.plots.style import PALETTE
from truezero.report import study_tables, write_report
from truezero.runs import RunStore
from truezero.studies import STUDIES, StudyResult, figure1, figure2, reproduce, sentences
from truezero.studies.figures import colour
from truezero.studies.study import Setting


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def of_digits(store: RunStore) -> StudyResult:
    return reproduce(STUDIES["figure2"], load_dataset("digits"), store, scale="smoke", n_threads=1)


def stated(study: str) -> list[str]:
    return [sentence.text for sentence in sentences.UNITS if study in sentence.studies]


# ---- Figure 1 -------------------------------------------------------------------------------------------


def test_the_neurons_law_is_the_papers() -> None:
    neuron = figure1.Membrane(10e-3, 1e-3, 5e6, -70e-3, -60e-3, -50e-3)
    for current in (3e-9, 4.0e-9, 4.1e-9, 5e-9, 1e-8, 1.0):
        driven = -70e-3 + 5e6 * current
        if driven <= -50e-3:
            expected = 0.0
        else:
            expected = 1 / (10e-3 * math.log((driven + 60e-3) / (driven + 50e-3)) + 1e-3)
        assert float(neuron.rate(current)) == pytest.approx(expected, rel=1e-9), current
    assert neuron.least_current == pytest.approx(4e-9)
    assert float(neuron.rate(1e9)) == pytest.approx(1000)  # the refractory period alone is left


def test_the_rescaled_unit_is_the_law_at_the_current_that_its_input_stands_for() -> None:
    neuron, x = figure1.Membrane(), np.array([-1, 0.01, 0.3, 1, 7])
    of_unit = get_activation("lif").value(x, 1.0)
    np.testing.assert_allclose(neuron.rate(neuron.current(x)) * neuron.refractory_period, of_unit, rtol=1e-9)
    np.testing.assert_allclose(neuron.rate_of_input(x), neuron.rate(neuron.current(x)), rtol=1e-9)


def test_figure1_needs_no_data_and_no_runs(tmp_path: Path) -> None:
    result = succeeded("reproduce", "figure1", "--out", "o", folder=tmp_path)
    assert json.loads((tmp_path / "o" / "results.json").read_text()) == result
    parameters, units = result["tables"]
    given = {row["symbol"]: row["paper"] for row in parameters["rows"]}
    assert {given[name] for name in ("τ", "t_ref", "R", "E")} == {"left open"}
    assert {row["unit"] for row in parameters["rows"]} == {"ms", "mV", "MΩ", "nA", "Hz"}
    assert [row["rate"] == 0 for row in units["rows"]] == [row["x"] <= 0 for row in units["rows"]]
    for row in units["rows"]:
        assert row["rate"] == pytest.approx(row["lif_rate"], rel=1e-9)
        assert row["rectifier"] == max(row["x"], 0)
    assert [claim["sentence"] for claim in result["claims"]] == stated("figure1")
    assert {claim["verdict"] for claim in result["claims"]} == {"confirmed"}
    assert not list((tmp_path / "o" / "runs").glob("*"))
    assert "Figure 1" in (tmp_path / "o" / "report.html").read_text()


def test_the_picture_of_figure1() -> None:
    result = reproduce(STUDIES["figure1"], [], RunStore(Path("nowhere")))
    is_explained(result, *figure1._BESIDE)
    (figure,) = result.figures
    panels = draw(figure.kind, figure.data).axes
    assert [panel.get_xlabel() for panel in panels] == ["input current I, nA", "z", "z"]
    rate = panels[0].lines[0]
    x, y = np.asarray(rate.get_xdata()), np.asarray(rate.get_ydata())
    assert (y[x <= 1.5] == 0).all()
    assert (y[x > 1.5] > 0).all()
    colours = {line.get_label(): line.get_color() for panel in panels for line in panel.lines}
    assert colours["tanh"] == PALETTE[colour({"activation": "tanh"})]  # as in all figures
    assert colours["leaky integrate-and-fire"] == colours["rescaled neuron (footnote 3)"]
    assert len(study_tables(result)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--data", "digits"), "figure1 needs no data"), (("--n-seeds", "3"), "figure1 trains no networks")],
)
def test_what_figure1_does_not_take(options: tuple[str, str], message: str, tmp_path: Path) -> None:
    ended = truezero("reproduce", "figure1", *options, folder=tmp_path)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert not list(tmp_path.iterdir())


# ---- Figure 2 -------------------------------------------------------------------------------------------


def test_figure2(of_digits: StudyResult, tmp_path: Path) -> None:
    is_explained(of_digits, *figure2._BESIDE)
    inputs, networks = (table.rows for table in of_digits.tables)
    assert len(networks) == 1
    (network,) = networks
    assert network["deviation"] < 1e-12
    assert network["deviation_near"] < 1e-12
    assert 0 < network["kept_far"] < network["n_near"] <= network["n_compared"] == 350
    assert 1 < network["n_regions"] <= 350
    first, second = inputs
    assert first["name"].split()[-1] != second["name"].split()[-1]  # of different classes
    for row in inputs:
        assert row["n_active_paths"] == math.prod(row["active"])
        assert row["n_paths"] == 64 * 12 * 12
        assert row["predicted"] == row["name"].split()[-1]  # it gets them right
    assert [claim.sentence for claim in of_digits.claims] == [
        sentence.text
        for sentence in (
            sentences.SUBSET, sentences.LINEAR_ON_SUBSET, sentences.DISCRETE_CHANGE,
            sentences.MANY_LINEAR_MODELS, sentences.SMOOTH_VERSION,
        )
    ]  # fmt: skip
    assert {claim.sentence for claim in of_digits.claims} == set(stated("figure2"))
    write_report(of_digits, tmp_path / "report.html")
    assert "20 of 64 inputs are drawn" in (tmp_path / "report.html").read_text()


def test_what_is_drawn_is_what_the_network_computes(of_digits: StudyResult, store: RunStore) -> None:
    propagation, curves = of_digits.figures
    from truezero.models import load
    from truezero.runs.recipes import MODEL

    (row,) = of_digits.tables[1].rows
    network = load(store.folder / row["key"] / MODEL).network_
    rows = load_dataset("digits").features("test").values("float64")
    seen = []
    for panel, about in zip(propagation.data["panels"], of_digits.tables[0].rows, strict=True):
        x = rows[about["row"]]
        first = np.maximum(x @ network.weights[0] + network.biases[0], 0)
        second = np.maximum(first @ network.weights[1] + network.biases[1], 0)
        layers = panel["layers"]
        assert [layer["active"] for layer in layers[1:3]] == [
            np.flatnonzero(h).tolist() for h in (first, second)
        ]
        drawn = layers[0]["units"]
        np.testing.assert_allclose(panel["carried"][0], x[drawn, np.newaxis] * network.weights[0][drawn])
        np.testing.assert_allclose(panel["carried"][2], second[:, np.newaxis] * network.weights[2])
        np.testing.assert_array_equal(panel["image"], x.reshape(8, 8))
        seen.append(layers[1]["active"] + layers[2]["active"])
    assert seen[0] != seen[1]
    rectifier, *softplus = curves.data["panels"][0]["lines"]
    assert [line["name"].split()[-1] for line in softplus] == ["1", "1.3", "2", "3", "6"]
    assert all(min(np.subtract(line["y"], rectifier["y"])) >= 0 for line in softplus)


def test_the_inputs_that_are_drawn_do_most(of_digits: StudyResult) -> None:
    network = initialize((40, 5, 3), "rectifier", seed=0, dtype="float64")
    x = np.random.default_rng(0).random(40)
    output = 1
    drawn = figure2._inputs_drawn(network, [x], [output])
    does = np.abs(local_map(network, x).contributions[:, output])
    assert len(drawn) == 20
    assert does[drawn].min() >= np.delete(does, drawn).max()


def test_a_deviation_is_seen() -> None:
    network = initialize((6, 5, 3), "rectifier", seed=0, dtype="float64")
    x = np.random.default_rng(1).random(6)
    of = local_map(network, x)
    assert figure2._deviation(of, network, x) < 1e-14
    moved = network.copy()
    moved.biases[-1][:] += 1e-6
    assert figure2._deviation(of, moved, x) > 1e-7


def test_claims_follow_the_figures(of_digits: StudyResult) -> None:
    setting = Setting(
        "figure2", "Figure 2", (load_dataset("digits"),), "laptop", None, RunStore(Path("nowhere"))
    )
    (network,) = of_digits.tables[1].rows

    def verdicts(**changes: Any) -> list[str]:
        return [claim.verdict for claim in figure2._claims(setting, [{**network, **changes}], 24)]

    assert verdicts(most_active=23) == ["confirmed", "confirmed", "confirmed", "not decided", "confirmed"]
    assert verdicts(most_active=24)[0] == "refuted"
    assert verdicts(deviation=1e-3)[1] == "refuted"
    assert verdicts(deviation_near=1e-3)[1] == "refuted"
    assert verdicts(deviation_near=None)[1] == "confirmed"
    assert verdicts(kept_far=network["n_near"])[2] == "not decided"
    assert {claim.verdict for claim in of_digits.claims} == {"not decided"}  # at scale smoke


class _Wrong:
    """Predicts 1 whatever comes."""

    def predict(self, rows: Any) -> Any:
        return np.ones(rows.n_samples, int)


def test_rows_that_are_got_right_come_first() -> None:
    y = np.array([0, 0, 1, 2, 1])
    rows = load_dataset("digits").features("test").take(np.arange(5))
    assert figure2._two_rows(_Wrong(), rows, y) == [2, 0]


def test_data_of_others_are_named(store: RunStore) -> None:
    digits = load_dataset("digits")
    stand_in: Dataset = dataclasses.replace(digits, name="mine", stand_in_for="NORB")
    result = reproduce(STUDIES["figure2"], stand_in, store, scale="smoke", n_threads=1)
    assert all("Data: mine, in place of NORB." in table.note for table in result.tables)
