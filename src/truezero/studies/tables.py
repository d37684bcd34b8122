"""What studies of networks on one data set have in common: the columns of their table, and all around it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from truezero.models import load
from truezero.runs.recipes import MODEL
from truezero.studies.arms import Scale
from truezero.studies.figures import pictures, without_histories
from truezero.studies.study import Claim, Column, Figure, Setting, StandIn, StudyResult, Table

ERROR = Column("test_error", "test error, %", "error", deviation="test_error_deviation")
SPARSITY = Column("sparsity.overall", "zeros, %", "sparsity")
RATE = Column("learning_rate", "rate", "number")
_DETAILS = (
    Column("sparsity.layers", "zeros per layer, %", "sparsity", detail=True, digits=0),
    Column("pretraining.learning_rate", "rate of pre-training", "number", detail=True),
    Column("n_seeds", "seeds", "count", detail=True),
    Column("seconds", "seconds", "seconds", detail=True),
)
_NOTE = (
    "Mean ± standard deviation over the seeds, at the best validation epoch of each run. Rate and seconds "
    "are those of fine-tuning."
)


def facts(setting: Setting) -> dict[str, Any]:
    """Data, network, scale, and numbers of rows and seeds, as JSON holds them."""
    dataset, classes = setting.dataset, np.unique(np.asarray(setting.dataset.y_train))
    return {
        "data": dataset.name,
        "data_fingerprint": dataset.fingerprint,
        "scale": setting.scale_name,
        "network": [dataset.X_train.shape[1], *setting.scale.hidden_layer_sizes, len(classes)],
        "n_seeds": setting.scale.n_seeds,
        "n_train": dataset.X_train.shape[0],
        "n_validation": 0 if dataset.X_validation is None else dataset.X_validation.shape[0],
        "n_test": 0 if dataset.X_test is None else dataset.X_test.shape[0],
    }


def networks(
    setting: Setting,
    rows: list[dict[str, Any]],
    *,
    table: str,
    columns: Sequence[Column],
    figures: Sequence[Figure],
    choices: Sequence[str],
    claims: Sequence[Claim],
    papers: tuple[str, Collection[str]] | None = None,
    departures: Sequence[str] | None = None,
) -> StudyResult:
    """Put the result of a study together whose rows are networks.

    Parameters
    ----------
    setting : Setting
    rows : list of dict
        As `arms.fine_tuned` gives them, with what the columns name besides. Of the first that was
        pre-trained, if one was, pictures are shown.
    table : str
        Title of the table.
    columns : sequence of Column
        Those that come before the details.
    figures, choices, claims
        As in `StudyResult`.
    papers : (str, collection of str), optional
        The data that the paper had: for people, and names of data sets that are these.
    departures : sequence of str, optional
        As in `StudyResult`; those of the scale where none are given.
    """
    stand_ins = stand_ins_of(setting, papers)
    named = "".join(f" Data: {stand_in.ours}, in place of {stand_in.paper}." for stand_in in stand_ins)
    shown = list(figures)
    before = next((row["pretraining"] for row in rows if row["pretraining"] is not None), None)
    if before is not None:
        first = before["layers"][0][-1]["key"]
        shown += pictures(load(setting.store.folder / first / MODEL), setting.dataset)
    return StudyResult(
        setting.study,
        setting.title,
        facts(setting),
        [Table(table, [*columns, *_DETAILS], without_histories(rows), _NOTE + named)],
        [replace(figure, caption=figure.caption + named) for figure in shown],
        [*choices, *chosen_on(setting)],
        departures_of(setting) if departures is None else list(departures),
        stand_ins,
        list(claims),
    )


def chosen_on(setting: Setting) -> list[str]:
    """Where rates are chosen on fewer seeds or epochs than the results are of."""
    scale: Scale = setting.scale
    if scale.choose_seeds is None and scale.choose_epochs is None:
        return []
    seeds = "all seeds" if scale.choose_seeds is None else f"{scale.choose_seeds} of the seeds"
    after = "" if scale.choose_epochs is None else f", that of fine-tuning after {scale.choose_epochs} epochs"
    return [
        f"Both rates are chosen on {seeds}{after}; all seeds are then trained at the chosen ones, for up to "
        f"{scale.max_iter} epochs."
    ]


def departures_of(setting: Setting) -> list[str]:
    """What image networks of a scale do otherwise than the paper says."""
    scale: Scale = setting.scale
    values = f"λ = {_power(scale.l1)}"
    both = "in pre-training and fine-tuning"
    if scale.pretraining_l1 != scale.l1:
        values, both = f"{values} in fine-tuning and {_power(scale.pretraining_l1)} in pre-training", "there"
    found = [
        f"{values} on the activations of every network, one coefficient for all layers, {both}; the paper "
        "says 0.001 for both, which kills units for as long as training goes on."
    ]
    if scale.of_norb is not None and setting.dataset.stand_in_for == "NORB":
        found.append("Half as many hidden units as the paper has on NORB.")
    return found


def _power(value: float) -> str:
    """Write a small number without zeros in front of its exponent."""
    mantissa, exponent = f"{value:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}" if value else "0"


def stand_ins_of(setting: Setting, papers: tuple[str, Collection[str]] | None) -> list[StandIn]:
    """What the data stand in for: what they say themselves, else what the paper had."""
    dataset = setting.dataset
    others = papers[0] if papers is not None and dataset.name not in papers[1] else None
    paper = dataset.stand_in_for or others
    if paper is None:
        return []
    why = "errors and sparsity cannot be compared with the paper's numbers"
    return [StandIn(paper, dataset.name, why)]
