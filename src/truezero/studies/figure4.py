"""Figure 4: what pre-training on all rows brings where only some of them have labels (section 4.1)."""

from __future__ import annotations

from typing import Any

from truezero.datasets import Dataset
from truezero.studies.arms import RECONSTRUCTIONS, Arm, Scale, Trials
from truezero.studies.illustration import Arrays, illustrate

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
ACTIVATIONS = ("rectifier", "tanh")

SCALES = {
    "smoke": Scale((32, 32, 32), (0.1,), 2, 3, None, (0.01,), 2),
    "laptop": Scale((200, 200, 200), (0.1, 0.01), 3, 100, 20, (0.1, 0.01), 15),
    "paper": Scale((1000, 1000, 1000), (0.1, 0.01, 0.001), 5, 300, 50, (0.1, 0.01, 0.001), 50),
}

CHOICES = (
    "Each network is pre-trained once per seed, on all training rows without their labels; every share of "
    "the labels starts from it.",
    "A share is drawn class by class, at least one row of each, anew for every seed.",
    "The rate of fine-tuning is chosen per point by validation error, mean over the seeds, on all "
    "validation rows, as in the paper: with few labels they are more than the training rows.",
    "The paper ran this on NORB; everything else is as in Table 1.",
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
        As JSON holds it: one row per network, with or without pre-training, and share of the labels.
    dict of ndarray or None
        Pictures of the rectifier network's pre-training; see `illustrate`.

    Raises
    ------
    OptionError
        If the scale is unknown.
    DataError
        If the data set lacks a part, or the store cannot be written.
    """
    trials = Trials(dataset, scales=SCALES, study="figure4", **options)
    rows = []
    for activation in ACTIVATIONS:
        for reconstruction in (RECONSTRUCTIONS[activation], None):
            for share in SHARES:
                row = trials.row(Arm(activation, reconstruction, labels=share))
                row["half"] = "without pre-training" if reconstruction is None else "with pre-training"
                rows.append(row)
    _, model, _ = trials.pretrained(Arm("rectifier", RECONSTRUCTIONS["rectifier"]))[0]
    return {**trials.header("figure4", "Figure 4", CHOICES), "rows": rows}, illustrate(model, dataset)
