"""The rescaled softplus, from the softplus (α = 1) to the rectifier (α = ∞; section 4.1)."""

from __future__ import annotations

from typing import Any

from truezero.runs import Requests, together
from truezero.studies import paper, sentences, table1, tables
from truezero.studies.arms import Arm, fine_tuned, for_its_data, seconds_per_epoch
from truezero.studies.claims import all_of, at_most, claimed, errors, no_worse, trend, written
from truezero.studies.figures import learning_curves
from truezero.studies.result import Verdict
from truezero.studies.study import Claim, Column, Figure, Setting, Study, StudyResult
from truezero.studies.tables import (
    ERROR,
    RATE,
    SECONDS_PER_EPOCH,
    SPARSITY,
    beside_paper,
    departures_of,
    facts,
    networks,
    of_paper,
)

SCALES = table1.SCALES
_SAME_COST = 0.05  # seconds that differ by less tell of the machine

CHOICES = (
    "Both ends are Table 1's networks without pre-training, so the rectifier has a sign mask and the "
    "softplus has none.",
    *tables.CHOICES,
)
_BESIDE = (
    "The last row is not in the paper: a rectifier without a sign mask, to tell the mask's part from α's.",
)


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per α, with the paper's error on NORB beside it."""
    setting = for_its_data(setting)
    alphas = list(paper.SOFTPLUS)
    arms = [
        Arm("rectifier") if alpha is None else Arm("softplus", settings={"softplus_scale": alpha})
        for alpha in alphas
    ]
    rows = yield from together(
        *(fine_tuned(setting, arm) for arm in (*arms, Arm("rectifier", settings={"sign_mask": None})))
    )
    for row, alpha in zip(rows, [*alphas, None], strict=True):
        row["alpha"], row["name"] = alpha, "∞ (rectifier)" if alpha is None else f"{alpha:g}"
        beside_paper(row, "test_error", paper.SOFTPLUS[alpha])
        row["epoch"] = {"seconds": seconds_per_epoch(setting, row["runs"])}
    rows[-1]["name"] = "∞, no sign mask"
    beside_paper(rows[-1], "test_error", None)
    columns = [
        Column("name", "α", about="Of hidden units log(1 + exp(αx)) / α; the larger, the closer to max(0, "
        "x)."),
        ERROR, *of_paper("test_error", None if setting.dataset.name == "norb" else "NORB", "error"), SPARSITY,
        RATE, SECONDS_PER_EPOCH,
    ]  # fmt: skip
    return networks(
        setting,
        rows,
        table="Test error by α",
        columns=columns,
        figures=[
            _by_alpha(rows[: len(alphas)], setting.dataset.name),
            *learning_curves(rows, facts(setting)["network"], _named, by_row=True),
        ],
        choices=CHOICES,
        claims=_claims(setting, rows[: len(alphas)]),
        departures=[*departures_of(setting, pretrained=False), *_BESIDE],
        name=_named,
        by_row=True,
        papers=("NORB", ("norb",)),
    )


def _named(row: dict[str, Any]) -> str:
    return f"α = {row['name']}"


def _by_alpha(rows: list[dict[str, Any]], data: str) -> Figure:
    """Error by 1/α, on which ∞ has a place: 0."""
    ours = [(_inverse(row), 100 * run["test_error"]) for row in rows for run in row["runs"]]
    means = [(_inverse(row), 100 * row["test_error"]) for row in rows]
    papers = [(_inverse(row), 100 * row["paper_test_error"]) for row in rows]
    drawn = {
        f"ours, on {data}": [_points("of one seed", 0, ours, hollow=True), _points("mean", 0, means)],
        "the paper's, on NORB": [_points("the paper's", 1, papers)],
    }
    panels = [
        {"title": title, "x": "1 / α", "y": "test error, %", "log": "", "points": points, "spans": []}
        for title, points in drawn.items()
    ]
    return Figure(
        "scatter",
        "Error by α",
        "From the rectifier (0) to the softplus (1). Each side has an axis of its own.",
        {"panels": panels},
    )


def _inverse(row: dict[str, Any]) -> float:
    return 0.0 if row["alpha"] is None else 1 / row["alpha"]


def _points(name: str, number: int, of: list[tuple[float, float]], *, hollow: bool = False) -> dict[str, Any]:
    x, y = zip(*of, strict=True)
    return {"name": name, "colour": number, "hollow": hollow, "x": list(x), "y": list(y)}


def _claims(setting: Setting, rows: list[dict[str, Any]]) -> list[Claim]:
    rectifier, others = rows[-1], rows[:-1]
    rise, low, high = trend([_inverse(row) for row in rows], rows)
    ours = ", ".join(f"{row['name']}/{100 * row['test_error']:.2f} %" for row in rows)
    return [
        claimed(
            setting,
            sentences.RESCALED_SOFTPLUS,
            at_most(-high, -low, 0.0),
            f"what can be compared is that the error falls from α = 1 to ∞: {ours}; by a straight line in "
            f"1/α the softplus is off the rectifier by {written(rise, low, high)}",
        ),
        claimed(
            setting,
            sentences.NO_TRADE_OFF,
            all_of([no_worse(rectifier, row) for row in others]),
            "; ".join(f"rectifier and α = {row['name']}: {errors(rectifier, row)}" for row in others),
        ),
        claimed(
            setting,
            sentences.EFFICIENT,
            *_cheapest(rectifier, others),
        ),
    ]


def _cheapest(rectifier: dict[str, Any], others: list[dict[str, Any]]) -> tuple[Verdict, str]:
    """Whether the rectifier's epochs take clearly the least of the processor, and what they take."""
    seconds = {row["name"]: row["epoch"]["seconds"] for row in (rectifier, *others)}
    if None in seconds.values():
        return "not decided", "not all runs say what they took of the processor"
    ours, least = seconds[rectifier["name"]], min(seconds[row["name"]] for row in others)
    verdict: Verdict = "not decided"
    if abs(ours - least) > _SAME_COST * least:
        verdict = "confirmed" if ours < least else "refuted"
    of_each = ", ".join(f"{name} {value:.2f}" for name, value in seconds.items())
    return verdict, f"the processor's seconds an epoch, median of the runs, by α: {of_each}"


STUDY = Study(
    "softplus-scaling",
    "Rescaled softplus",
    SCALES,
    begin,
    question="Is there a best point between the softplus, log(1 + exp(x)), and its hard limit, the "
    "rectifier? A factor α leads from the one (α = 1) to the other (α = ∞).",
)
