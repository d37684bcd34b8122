"""The four reconstruction strategies of section 3.2, side by side."""

from __future__ import annotations

from typing import Any

from truezero.datasets import Dataset
from truezero.studies.arms import Arm, Trials
from truezero.studies.illustration import Arrays, illustrate
from truezero.studies.table1 import SCALES

STRATEGIES = (
    ("1", "softplus units, quadratic cost", "softplus-quadratic", "after"),
    ("2", "sigmoid units, cross-entropy", "sigmoid-cross-entropy", "after"),
    ("3", "linear units, quadratic cost, target after the rectifier", "linear-quadratic", "after"),
    ("3", "linear units, quadratic cost, target before it", "linear-quadratic", "before"),
    ("4", "rectifier units, quadratic cost", "rectifier-quadratic", "after"),
)

CHOICES = (
    "Rectifier networks with a sign mask; all labels. Everything else is as in Table 1.",
    "Reconstruction errors of different strategies are different costs and cannot be compared; test "
    "errors can, and the squared error of rows reconstructed from the top code.",
    "Stuck is the share of targets other than 0 that are reconstructed by an exact 0: there the rectifier "
    "unit lets no gradient through (footnote 2).",
    "The paper found strategy 1 best on images and strategy 2 best on text; it gives no numbers.",
)


def reproduce(dataset: Dataset, **options: Any) -> tuple[dict[str, Any], Arrays | None]:
    """Run the study.

    Parameters
    ----------
    dataset : Dataset
        With validation and test rows.
    **options
        Of `Trials`: `scale`, `store`, `n_threads`, `on_run`, `on_epoch`.

    Returns
    -------
    dict
        As JSON holds it: one row per strategy, and one without pre-training.
    dict of ndarray or None
        Pictures of strategy 1; see `illustrate`.

    Raises
    ------
    OptionError
        If the scale is unknown.
    DataError
        If the data set lacks a part or has features below 0, or the store cannot be written.
    """
    trials = Trials(dataset, scales=SCALES, study="strategies", **options)
    rows = []
    for number, described, reconstruction, target in STRATEGIES:
        row = trials.row(Arm("rectifier", reconstruction, target))
        rows.append({**row, "strategy": number, "described": described})
    row = trials.row(Arm("rectifier"))
    rows.append({**row, "strategy": "—", "described": "without pre-training"})
    _, model, _ = trials.pretrained(Arm("rectifier", "softplus-quadratic"))[0]
    header = trials.header("strategies", "Reconstruction strategies", CHOICES)
    return {**header, "rows": rows}, illustrate(model, dataset)
