"""Table 1: rectifier, tanh and softplus networks with and without pre-training (section 4.1)."""

from __future__ import annotations

from typing import Any

from truezero.runs import Requests, together
from truezero.studies import paper
from truezero.studies.arms import RECONSTRUCTIONS, Arm, Scale, fine_tuned
from truezero.studies.claims import alike, all_of, better, claim, errors, no_worse, on_one_of_several
from truezero.studies.figures import (
    learning_curves,
    named,
    reconstruction_curves,
)
from truezero.studies.study import Claim, Column, Setting, Study, StudyResult
from truezero.studies.tables import ERROR, RATE, SPARSITY, facts, networks

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
    "Batches of 10, constant rate, a new order every epoch; the best validation epoch is kept and "
    "measured on the test rows.",
    "Sparsity is the fraction of exact zeros among all hidden activations on the test rows.",
)


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per network, with the paper's number beside it."""
    arms = [Arm(activation, RECONSTRUCTIONS[activation]) for activation in ACTIVATIONS]
    arms += [Arm(activation) for activation in ACTIVATIONS]
    rows = yield from together(*(fine_tuned(setting, arm) for arm in arms))
    data = setting.dataset.name
    for row in rows:
        pretrained = row["pretraining"] is not None
        row["section"] = f"{'with' if pretrained else 'without'} unsupervised pre-training"
        row["paper_test_error"] = paper.test_error(row["activation"], data, pretrained=pretrained)
        row["paper_sparsity"] = paper.sparsity(row["activation"], data, pretrained=pretrained)
    columns = [Column("activation", "hidden units"), ERROR, SPARSITY, RATE]
    if data in paper.DATA:
        columns[2:2] = [Column("paper_test_error", "paper, %", "error", paper=True)]
        columns[4:4] = [Column("paper_sparsity", "paper, %", "sparsity", paper=True)]
    return networks(
        setting,
        rows,
        table="Test error and sparsity",
        columns=columns,
        figures=[
            learning_curves(rows, facts(setting)["network"], named),
            *reconstruction_curves(rows, named),
        ],
        choices=CHOICES,
        claims=_claims(setting, rows),
        papers=("MNIST, CIFAR-10, NISTP and NORB", paper.DATA),
    )


def _claims(setting: Setting, rows: list[dict[str, Any]]) -> list[Claim]:
    of = {(row["activation"], row["pretraining"] is not None): row for row in rows}
    plain = {name: of[name, False] for name in ACTIVATIONS}
    before = {name: of[name, True] for name in ACTIVATIONS}
    rectifier = plain["rectifier"]
    return [
        claim(
            setting,
            "Despite the hard threshold at 0, networks trained with the rectifier activation function can "
            "find local minima of greater or equal quality than those obtained with its smooth counterpart, "
            "the softplus.",
            "4.1",
            no_worse(rectifier, plain["softplus"]),
            f"rectifier and softplus, neither pre-trained: {errors(rectifier, plain['softplus'])}",
        ),
        claim(
            setting,
            "There is almost no improvement when using unsupervised pre-training with rectifier activations, "
            "contrary to what is experienced using tanh or softplus.",
            "4.1",
            all_of(
                [
                    alike(rectifier, before["rectifier"]),
                    better(before["tanh"], plain["tanh"]),
                    better(before["softplus"], plain["softplus"]),
                ]
            ),
            "; ".join(
                f"{name} with and without: {errors(before[name], plain[name])}" for name in ACTIVATIONS
            ),
        ),
        claim(
            setting,
            "Purely supervised rectifier networks remain competitive on all 4 datasets, even against the "
            "pretrained tanh or softplus models.",
            "4.1",
            on_one_of_several(
                all_of([no_worse(rectifier, before["tanh"]), no_worse(rectifier, before["softplus"])])
            ),
            f"against pre-trained tanh: {errors(rectifier, before['tanh'])}; "
            f"softplus: {errors(rectifier, before['softplus'])}",
        ),
        claim(
            setting,
            "Rectifier networks are truly deep sparse networks.",
            "4.1",
            "confirmed" if rectifier["sparsity"]["overall"] >= 0.5 else "refuted",
            f"{100 * rectifier['sparsity']['overall']:.1f} % exact zeros; section 5 speaks of 50 to 80 %",
        ),
    ]


STUDY = Study("table1", "Table 1", SCALES, begin)
