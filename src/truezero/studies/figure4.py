"""Figure 4: what pre-training on all rows brings where only some of them have labels (section 4.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from truezero.presets import RATES
from truezero.runs import Requests, together
from truezero.studies import sentences, tables
from truezero.studies.arms import RECONSTRUCTIONS, Arm, Scale, fine_tuned, for_its_data
from truezero.studies.claims import alike, all_of, at_most, better, claimed, errors, gain, trend, written
from truezero.studies.figures import colour, reconstruction_curves
from truezero.studies.study import Claim, Column, Figure, Setting, Study, StudyResult
from truezero.studies.tables import ERROR, RATE, SPARSITY, departures_of, networks

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
ACTIVATIONS = ("rectifier", "tanh")
_FEW = 0.1  # up to this share labels are few

SCALES = {
    "smoke": Scale((32, 32, 32), (0.1,), 2, 3, None, (0.01,), 2),
    "laptop": Scale((200, 200, 200), (0.1, 0.01), 3, 100, 20, (0.1, 0.01), 15, choose_seeds=1),
    "paper": Scale(
        (1000, 1000, 1000), (0.1, 0.01), 3, 100, 20, RATES, 12,
        l1=1e-5, choose_seeds=1, of_norb=(4000, 2000),
    ),
}  # fmt: skip

CHOICES = (
    "Each network is pre-trained once per seed, and every share of the labels starts from it.",
    "A share is drawn class by class, at least one row of each, anew for every seed.",
    "The rate of fine-tuning is chosen per point on all validation rows: with few labels they are more than "
    "the training rows.",
    *tables.CHOICES,
)


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per network, with or without pre-training, and share of the labels."""
    setting = for_its_data(setting)
    arms = [
        Arm(activation, reconstruction, labels=share)
        for activation in ACTIVATIONS
        for reconstruction in (RECONSTRUCTIONS[activation], None)
        for share in SHARES
    ]
    rows = yield from together(*(fine_tuned(setting, arm) for arm in arms))
    for row in rows:
        row["section"] = f"{row['activation']}, {_start(row)}"
    columns = [
        Column("activation", "hidden units", about="Activation function of all hidden units."),
        Column(
            "labels",
            "labels, %",
            "fraction",
            about="Share of the training rows whose labels fine-tuning uses.",
        ),
        Column("n_labels", "labels", "count", detail=True, about="The same in rows."),
        ERROR,
        SPARSITY,
        RATE,
    ]
    return networks(
        setting,
        rows,
        table="Test error by share of the labels",
        columns=columns,
        figures=[
            _by_labels(rows),
            *reconstruction_curves(rows, _named),
        ],
        choices=CHOICES,
        claims=_claims(setting, rows),
        departures=departures_of(setting),
        name=_named,
        papers=("NORB", ("norb",)),
    )


def _named(row: dict[str, Any]) -> str:
    return f"{row['activation']}, {'pre-trained' if row['pretraining'] else 'not pre-trained'}"


def _start(row: dict[str, Any]) -> str:
    return "without pre-training" if row["pretraining"] is None else "with pre-training"


def _by_labels(rows: list[dict[str, Any]]) -> Figure:
    lines = []
    for section in dict.fromkeys(row["section"] for row in rows):
        curve = [row for row in rows if row["section"] == section]
        lines.append(
            {
                "name": section,
                "colour": colour(curve[0]),
                "dashed": curve[0]["pretraining"] is not None,
                "x": [100 * row["labels"] for row in curve],
                "y": [100 * row["test_error"] for row in curve],
                "deviation": [_per_cent(row["test_error_deviation"]) for row in curve],
            }
        )
    return Figure(
        "bands",
        "Test error by labels",
        "Mean over the seeds, and a band of one standard deviation. Both axes are logarithmic.",
        {"x": "share of the labels, %", "y": "test error, %", "lines": lines},
    )


def _per_cent(fraction: float | None) -> float | None:
    """One seed has no deviation, which is not one of 0: there is no band."""
    return None if fraction is None else 100 * fraction


def _claims(setting: Setting, rows: list[dict[str, Any]]) -> list[Claim]:
    of = {(row["activation"], row["pretraining"] is not None, row["labels"]): row for row in rows}
    few = [share for share in SHARES if share <= _FEW]

    def pairs(activation: str, shares: Any) -> list[tuple[float, Any, Any]]:
        return [(share, of[activation, True, share], of[activation, False, share]) for share in shares]

    def evidence(activation: str, shares: Any) -> str:
        return "with and without: " + "; ".join(
            f"{100 * share:g} % of the labels: {errors(a, b)}" for share, a, b in pairs(activation, shares)
        )

    shift, low, high = trend(np.log(SHARES).tolist(), _gaps(pairs("rectifier", SHARES)))
    alike_at_last = alike(of["rectifier", True, 1.0], of["rectifier", False, 1.0])
    helps = all_of([better(a, b) for _, a, b in pairs("rectifier", few)])
    return [
        claimed(
            setting,
            sentences.TANH_WANTS_PRETRAINING,
            all_of([better(a, b) for _, a, b in pairs("tanh", SHARES)]),
            evidence("tanh", SHARES),
        ),
        claimed(
            setting,
            sentences.PICTURE_CHANGES,
            all_of(
                [
                    better(of["tanh", True, 1.0], of["tanh", False, 1.0]),
                    better(*(gain(of[name, False, 1.0], of[name, True, 1.0]) for name in ACTIVATIONS)),
                ]
            ),
            f"all labels: rectifier {evidence('rectifier', (1.0,))}; tanh {evidence('tanh', (1.0,))}",
        ),
        claimed(setting, sentences.FEW_LABELS, helps, evidence("rectifier", few)),
        claimed(
            setting,
            sentences.CLOSER,
            at_most(low, high, 0.0),
            f"{evidence('rectifier', SHARES)}; by a straight line in the logarithm of the labels the two "
            f"come closer from {100 * SHARES[0]:g} to 100 % of them by {written(-shift, -high, -low)}",
        ),
        claimed(setting, sentences.IDENTICAL, alike_at_last, evidence("rectifier", (1.0,))),
        claimed(
            setting, sentences.EXPLOITED, all_of([helps, alike_at_last]), evidence("rectifier", (*few, 1.0))
        ),
    ]


def _gaps(pairs: list[tuple[float, Any, Any]]) -> list[dict[str, Any]]:
    """How far apart networks with and without pre-training are, share by share.

    In the direction of the mean over all: seed by seed without signs, noise would be a gap, too.
    """
    gaps = [gain(without, pretrained) for _, pretrained, without in pairs]
    direction = np.sign(np.mean([run["test_error"] for gap in gaps for run in gap["runs"]]))
    return [{"runs": [{"test_error": direction * run["test_error"]} for run in gap["runs"]]} for gap in gaps]


STUDY = Study(
    "figure4",
    "Figure 4",
    SCALES,
    begin,
    question="How much does unsupervised pre-training on all rows help rectifier and tanh networks where "
    "only some of the rows have labels, and does it still help where all have?",
)
