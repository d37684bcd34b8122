"""The four reconstruction strategies of section 3.2 on rated texts, side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from truezero.errors import DivergenceError
from truezero.runs import Requests, together
from truezero.studies import table2
from truezero.studies.claims import all_of, better, claim, errors
from truezero.studies.figures import by_layer, by_sparsity, reconstruction_curves, without_histories
from truezero.studies.rated import RatedRows, load_rated, n_of_parts, rated_rows, said_of_test
from truezero.studies.strategies import OF_PRETRAINING, STRATEGIES, STRATEGY, STUCK, strategy_name
from truezero.studies.study import Column, Setting, Study, StudyResult, Table
from truezero.studies.tables import LAYERS, RATE, RMSE, SPARSITY, facts, said_of, stand_ins_of
from truezero.studies.text_arms import COSTS, COSTS_SAID, RATINGS, TextArm, trained

# Those of Table 2, so that its runs are those of strategy 2; fewer folds on a laptop.
SCALES = {
    name: replace(scale, n_seeds=5) if name == "laptop" else scale for name, scale in table2.SCALES.items()
}

# Costs differ in size by far: each is tried at the rates that suit the second, and at a tenth of them.
_SLOWER = (1.0, 0.1)

CHOICES = (
    "Three hidden layers of rectifiers; rows, folds, noise, epochs and λ are those of Table 2, rates of "
    "pre-training those or a tenth of them: what gives the lower validation error, mean over the folds.",
    "The paper gives no numbers: it says that strategy 1 was best on images and strategy 2 on text.",
)


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per strategy, and one without pre-training."""
    rated = rated_rows(setting, setting.dataset, setting.scale.n_labels)
    arms = [TextArm(strategy=reconstruction, target=target) for _, _, reconstruction, target in STRATEGIES]
    rows = yield from together(
        *(_at_the_better_rate(setting, arm, rated) for arm in arms),
        trained(setting, RATINGS, TextArm(pretrained=False), rated.below, rated.folds),
    )
    known = [(number, described) for number, described, _, _ in STRATEGIES]
    for row, (number, described) in zip(rows, (*known, ("—", "without pre-training")), strict=True):
        row["strategy"], row["described"] = number, described
        row["name"] = strategy_name(row)
    stand_ins = stand_ins_of(setting, ("OpenTable", ("opentable",)))
    named = said_of(stand_ins)
    columns = [
        *STRATEGY,
        RMSE,
        SPARSITY,
        STUCK,
        RATE,
        *OF_PRETRAINING,
        Column("pretraining.slower", "factor of the rates of pre-training", "number", detail=True),
        LAYERS,
        *COSTS,
    ]
    second = next(row for row in rows if row["strategy"] == "2")
    others = [row for row in rows[: len(STRATEGIES)] if row is not second]
    against = "; ".join(f"{strategy_name(row)}: {errors(second, row)}" for row in others)
    best = claim(
        setting,
        "The first strategy has proven to yield better generalization on image data and the second one on "
        "text data.",
        "3.2",
        all_of([better(second, row) for row in others]),
        f"strategy 2 against {against}",
    )
    note = (
        "Mean ± standard deviation over the folds, at the best validation epoch of each. "
        + COSTS_SAID
        + named
    )
    return StudyResult(
        setting.study,
        setting.title,
        {**facts(setting), **n_of_parts(setting, setting.dataset), "n_labels": setting.scale.n_labels},
        [Table("Test RMSE by strategy", columns, without_histories(rows), note)],
        [
            replace(figure, caption=figure.caption + named)
            for figure in (
                *reconstruction_curves(rows, strategy_name),
                by_sparsity(rows, strategy_name, by_row=True, measure="test_rmse"),
                *by_layer(rows, strategy_name),
            )
        ],
        choices=[*CHOICES, *said_of_test(setting, setting.dataset)],
        departures=table2.departures(setting),
        stand_ins=stand_ins,
        claims=[best],
    )


def _at_the_better_rate(setting: Setting, arm: TextArm, rated: RatedRows) -> Requests[dict[str, Any]]:
    """Train an arm at every factor of the rates of pre-training; what came of it at the best.

    Raises
    ------
    DivergenceError
        If it diverges at all of them.
    """
    tried: list[dict[str, Any]] = []
    for slower in _SLOWER:
        try:
            tried.append(
                (yield from trained(setting, RATINGS, replace(arm, slower=slower), rated.below, rated.folds))
            )
        except DivergenceError:
            continue
    if not tried:
        raise DivergenceError(f"pre-training with {arm.strategy} diverges at every rate")
    return min(tried, key=lambda row: float(row["validation_error"]))


STUDY = Study(
    "strategies-text", "Reconstruction strategies on text", SCALES, begin, data=("imdb",), needs=(),
    load=load_rated, of_own_texts=True,
    question="Which of the paper's four ways to reconstruct rectifier units in pre-training predicts the "
    "stars of reviews best?",
)  # fmt: skip
