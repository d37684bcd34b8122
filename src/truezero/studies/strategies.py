"""The four reconstruction strategies of section 3.2, side by side."""

from __future__ import annotations

from typing import Any

from truezero.runs import Requests, together
from truezero.studies import paper, sentences, table1, tables
from truezero.studies.arms import Arm, Scale, fine_tuned, for_its_data
from truezero.studies.claims import all_of, better, claimed, errors
from truezero.studies.figures import learning_curves, reconstruction_curves
from truezero.studies.study import Column, Setting, Study, StudyResult
from truezero.studies.tables import ERROR, RATE, SPARSITY, departures_of, facts, networks

STRATEGIES = (
    ("1", "softplus units, quadratic cost", "softplus-quadratic", "after"),
    ("2", "sigmoid units, cross-entropy", "sigmoid-cross-entropy", "after"),
    ("3", "linear units, quadratic cost, target after the rectifier", "linear-quadratic", "after"),
    ("3", "linear units, quadratic cost, target before it", "linear-quadratic", "before"),
    ("4", "rectifier units, quadratic cost", "rectifier-quadratic", "after"),
)

SCALES = {
    **table1.SCALES,
    "laptop": Scale((200, 200, 200), (0.1, 0.01), 3, 40, 10, (0.1, 0.01), 15),
}

CHOICES = (
    "Rectifier networks with a sign mask; all labels. The paper gives no numbers: it says that strategy 1 "
    "was best on images and strategy 2 on text.",
    *tables.CHOICES,
)


STRATEGY = (Column("name", "strategy", about="The paper's number of it, reconstruction units and cost."),)
STUCK = Column(
    "pretraining.stuck", "stuck, %", "sparsity",
    about="Layer by layer: targets other than 0 that are reconstructed by an exact 0, where a rectifier unit "
    "lets no gradient through (footnote 2).",
)  # fmt: skip
OF_PRETRAINING = (
    Column("described", "reconstruction", detail=True, about="What the decoder's units are, and their cost."),
    Column(
        "pretraining.squared_error", "squared error from the top code", "number", detail=True,
        about="Of rows that are reconstructed from the top layer's code: it can be compared, which costs of "
        "different kinds cannot.",
    ),
)  # fmt: skip


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per strategy, and one without pre-training."""
    setting = for_its_data(setting)
    arms = [Arm("rectifier", reconstruction, target) for _, _, reconstruction, target in STRATEGIES]
    rows = yield from together(*(fine_tuned(setting, arm) for arm in (*arms, Arm("rectifier"))))
    known = [(number, described) for number, described, _, _ in STRATEGIES]
    for row, (number, described) in zip(rows, (*known, ("—", "without pre-training")), strict=True):
        row["strategy"], row["described"] = number, described
        row["name"] = strategy_name(row)
    columns = [
        *STRATEGY,
        ERROR,
        SPARSITY,
        STUCK,
        RATE,
        *OF_PRETRAINING,
    ]
    others = rows[1 : len(STRATEGIES)]
    against = "; ".join(f"{strategy_name(row)}: {errors(rows[0], row)}" for row in others)
    best = claimed(
        setting,
        sentences.FIRST_STRATEGY,
        all_of([better(rows[0], row) for row in others]),
        f"strategy 1 against {against}",
    )
    return networks(
        setting,
        rows,
        table="Test error by strategy",
        columns=columns,
        figures=[
            *learning_curves(rows, facts(setting)["network"], strategy_name, by_row=True),
            *reconstruction_curves(rows, strategy_name),
        ],
        choices=CHOICES,
        claims=[best],
        departures=departures_of(setting),
        name=strategy_name,
        by_row=True,
        papers=("the paper's image data sets", paper.DATA),
    )


def strategy_name(row: dict[str, Any]) -> str:
    """Write a strategy's number and reconstruction, briefly."""
    of = row["pretraining"]
    if not of:
        return "none: not pre-trained"
    return f"{row['strategy']}: {of['reconstruction']}" + (", before" if of["target"] == "before" else "")


STUDY = Study(
    "strategies",
    "Reconstruction strategies",
    SCALES,
    begin,
    question="A rectifier is 0 or unbounded, which suits no usual auto-encoder: which of the paper's four "
    "ways to reconstruct its values in pre-training gives the least test error?",
)
