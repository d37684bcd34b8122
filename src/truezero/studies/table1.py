"""Table 1: rectifier, tanh and softplus networks with and without pre-training (section 4.1)."""

from __future__ import annotations

from typing import Any

from truezero.datasets import Dataset
from truezero.studies.arms import RECONSTRUCTIONS, Arm, Scale, Trials
from truezero.studies.illustration import Arrays, illustrate

# Test errors of the paper, and sparsity where it gives it. Fractions.
PAPER_ERROR = {
    "with pre-training": {
        "mnist": {"rectifier": 0.0120, "tanh": 0.0116, "softplus": 0.0117},
        "cifar10": {"rectifier": 0.4996, "tanh": 0.5079, "softplus": 0.4952},
    },
    "without pre-training": {
        "mnist": {"rectifier": 0.0143, "tanh": 0.0157, "softplus": 0.0177},
        "cifar10": {"rectifier": 0.5086, "tanh": 0.5262, "softplus": 0.5320},
    },
}
PAPER_SPARSITY = {"mnist": {"rectifier": 0.834}, "cifar10": {"rectifier": 0.720}}
ACTIVATIONS = ("rectifier", "tanh", "softplus")

SCALES = {
    "smoke": Scale((32, 32, 32), (0.1,), 2, 3, None, (0.01,), 2),
    "laptop": Scale((200, 200, 200), (0.1, 0.01), 3, 40, 10, (0.1, 0.01), 15),
    "paper": Scale(
        (1000, 1000, 1000), (0.1, 0.01, 0.001, 0.0001), 5, 150, 40, (0.1, 0.01, 0.001, 0.0001), 50
    ),
}

CHOICES = (
    "The rate of fine-tuning is chosen per network by validation error, mean over the seeds (the paper "
    "gives the grid alone).",
    "Pre-training: masking noise of 0.25; one rate for all layers, that whose first layer reconstructs "
    "held-out rows best under one fixed draw of the noise, without L1: the costs of the layers above it "
    "cannot be compared, as their targets differ between rates. Of each layer the best epoch is kept.",
    "Decoders have weights of their own; rectifier and softplus networks have softplus reconstruction "
    "units with quadratic cost, tanh networks cross-entropy (upper layers' targets mapped to [0, 1]).",
    "The sign mask is the rectifier's alone: exactly half of the units of each layer, as the paper says; "
    "a masked layer's code is reconstructed without its signs.",
    "λ = 1e-4 on the activations of every network, one coefficient for all layers, in pre-training and "
    "fine-tuning (the paper says 0.001 for both, which kills units as long as it runs).",
    "Batches of 10, constant rate, a new order every epoch; the best validation epoch is kept and "
    "measured on the test rows.",
    "Sparsity is the fraction of exact zeros among all hidden activations on the test rows.",
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
        As JSON holds it: one row per network with mean and standard deviation over the seeds, the
        paper's number, and the histories of its runs. Errors are fractions.
    dict of ndarray or None
        Pictures of the rectifier network's pre-training; see `illustrate`.

    Raises
    ------
    OptionError
        If the scale is unknown.
    DataError
        If the data set lacks a part, or the store cannot be written.
    """
    trials = Trials(dataset, scales=SCALES, study="table1", **options)
    rows = []
    for half, pretrained in (("with pre-training", True), ("without pre-training", False)):
        for activation in ACTIVATIONS:
            arm = Arm(activation, RECONSTRUCTIONS[activation] if pretrained else None)
            row = trials.row(arm)
            row["half"] = half
            row["paper_test_error"] = PAPER_ERROR[half].get(dataset.name, {}).get(activation)
            row["paper_sparsity"] = (
                None if pretrained else PAPER_SPARSITY.get(dataset.name, {}).get(activation)
            )
            rows.append(row)
    _, model, _ = trials.pretrained(Arm("rectifier", RECONSTRUCTIONS["rectifier"]))[0]
    return {**trials.header("table1", "Table 1", CHOICES), "rows": rows}, illustrate(model, dataset)
