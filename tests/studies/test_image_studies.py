"""The studies of section 4.1 beside Table 1: Figure 3, the rescaled softplus, readings, few labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from truezero.datasets import load_dataset
from truezero.plots import draw
from truezero.report import write_report
from truezero.runs import RunStore
from truezero.studies import STUDIES, StudyResult, claims, figure3, reproduce, sentences


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """One store for all: studies share the networks that they have in common."""
    return RunStore(tmp_path_factory.mktemp("runs"))


def smoke(name: str, store: RunStore, **options: Any) -> StudyResult:
    result = reproduce(STUDIES[name], load_dataset("digits"), store, scale="smoke", n_threads=1, **options)
    stated = {of.text for of in sentences.IMAGES if name in of.studies}
    assert {claim.sentence for claim in result.claims} == stated
    return result


def test_figure3(store: RunStore, tmp_path: Path) -> None:
    result = smoke("figure3", store)
    rows, best = (table.rows for table in result.tables)
    networks = [network for row in rows for network in row["runs"]]
    assert sorted(network["l1_activation"] for network in networks) == figure3.penalties(12)
    abouts = {key: about["parameters"] for key, about, _ in store if about["recipe"] == "fine-tune"}
    assert {abouts[network["key"]]["random_state"] for network in networks} == set(range(12))
    for row in rows[1:]:
        assert len(row["runs"]) == row["n"]
        low, high = (float(part) / 100 for part in row["name"].rstrip(" %").split(" to "))
        assert all(low <= network["sparsity"]["overall"] <= high for network in row["runs"])
    assert all(network["prediction"]["seconds"] > 0 for network in networks)
    assert 0 < len(best) <= 12
    least = min(networks, key=lambda network: network["test_error"])
    assert best[0]["test_error"] == least["test_error"]
    (figure,) = result.figures
    panels = draw(figure.kind, figure.data).axes
    assert [len(panel.lines) for panel in panels] == [2, 2, 2]
    assert panels[0].patches  # the brain
    write_report(result, tmp_path / "report.html")


def test_networks_that_none_beats() -> None:
    def network(error: float, zeros: float, seconds: float) -> dict[str, Any]:
        return {"test_error": error, "sparsity": {"overall": zeros}, "prediction": {"seconds": seconds}}

    best, sparse, fast = network(0.1, 0.5, 1.0), network(0.2, 0.9, 1.0), network(0.3, 0.4, 0.5)
    beaten = [network(0.1, 0.5, 1.1), network(0.3, 0.8, 1.0)]
    assert figure3._not_beaten([beaten[0], fast, sparse, beaten[1], best]) == [best, sparse, fast]


def test_penalties_reach_from_none_to_the_papers_most() -> None:
    found = figure3.penalties(200)
    assert found.count(0.0) == 10
    assert (found[10], found[-1], len(found)) == (1e-6, 1e-2, 200)
    assert found == sorted(found)
    assert figure3.penalties(1) == [0.0]


def test_a_penalty_that_costs_nothing_is_told_from_one_that_does() -> None:
    def rows(*errors: float) -> list[dict[str, Any]]:
        return [{"test_error": error} for error in errors]

    plain = rows(0.014, 0.0141, 0.0139)
    assert figure3._no_worse(rows(0.0145, 0.0146, 0.0144), plain) == "confirmed"
    assert figure3._no_worse(rows(0.018, 0.0181, 0.0179), plain) == "refuted"
    assert figure3._no_worse(rows(0.0145), plain) == "not decided"
    assert figure3._no_worse([], plain) == "not decided"


def test_welch() -> None:
    a, b = [0.1, 0.3, 0.2], [0.5, 0.9, 0.4, 0.3]
    expected = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
    assert claims.apart(a, b) == pytest.approx((np.mean(a) - np.mean(b), *expected))
    assert claims.apart([0.1], b)[1:] == (-np.inf, np.inf)
    assert claims.apart([0.1, 0.1], [0.2, 0.2]) == pytest.approx((-0.1, -0.1, -0.1))


def test_softplus_scaling(store: RunStore) -> None:
    result = smoke("softplus-scaling", store)
    rows = result.tables[0].rows
    assert [row["name"] for row in rows] == ["1", "1.3", "2", "3", "6", "∞ (rectifier)", "∞, no sign mask"]
    assert [row["paper_test_error"] for row in rows[:2]] == [0.1768, 0.1753]
    abouts = {key: about["parameters"] for key, about, _ in store}
    asked = [abouts[row["runs"][0]["key"]] for row in rows]
    assert [of.get("softplus_scale") for of in asked] == [None, 1.3, 2, 3, 6, None, None]
    assert [of.get("sign_mask") for of in asked] == [None] * 5 + ["half", None]
    assert all(row["pretraining"] is None for row in rows)
    # The ends are Table 1's, so they are not done again.
    before = len(list(store))
    reproduce(STUDIES["table1"], load_dataset("digits"), store, scale="smoke", n_threads=1)
    assert len(list(store)) - before == 2 * (3 * 4 + 1 + 4)
