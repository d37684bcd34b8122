"""Table 1: rectifier, tanh and softplus networks with and without pre-training (section 4.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from truezero.presets import RATES
from truezero.runs import Requests, together
from truezero.studies import paper, sentences, tables
from truezero.studies.arms import (
    RECONSTRUCTIONS,
    Arm,
    Scale,
    fine_tuned,
    for_its_data,
    seconds_per_epoch,
)
from truezero.studies.bold import LEVEL, against_the_best
from truezero.studies.claims import (
    alike,
    all_of,
    around_mean,
    at_most,
    better,
    claimed,
    errors,
    gain,
    no_worse,
)
from truezero.studies.figures import (
    learning_curves,
    named,
    reconstruction_curves,
)
from truezero.studies.result import Verdict
from truezero.studies.study import Claim, Column, Setting, Study, StudyResult
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

ACTIVATIONS = ("rectifier", "tanh", "softplus")
_TRULY_SPARSE = 0.5  # section 5 speaks of 50 to 80 % zeros
# Neurons of footnotes 1 and 3, and half as many units of an antisymmetric one (section 3.1).
OTHERS = (Arm("lif"), Arm("rectified-tanh"), Arm("abs-tanh"), Arm("tanh", units=0.5))

SCALES = {
    "smoke": Scale((32, 32, 32), (0.1,), 2, 3, None, (0.01,), 2),
    "laptop": Scale((200, 200, 200), RATES, 3, 40, 10, RATES, 15, choose_seeds=1, choose_epochs=10),
    "paper": Scale(
        (1000, 1000, 1000), RATES, 3, 30, 20, RATES, 12,
        l1=1e-5, choose_seeds=1, choose_epochs=10, of_norb=(4000, 2000),
    ),
}  # fmt: skip

CHOICES = (
    *tables.CHOICES,
    f"Bold: no significant difference (p = {LEVEL:g}) from the best of the paper's six networks. The paired "
    "bootstrap over test rows and seeds decides; McNemar's exact test, of the seeds with the least "
    "validation error on each side, stands beside it. The paper does not say which pairwise test it used.",
)
_BESIDE = (
    "Four networks are not in the paper's table: neurons that it tried and did not report (footnote 3), "
    "|tanh| (footnote 1), and tanh with half as many units (section 3.1: rectifiers need twice as many). "
    "They are without pre-training.",
)


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per network, with the paper's number beside it."""
    setting = for_its_data(setting)
    arms = [Arm(activation, RECONSTRUCTIONS[activation]) for activation in ACTIVATIONS]
    arms += [Arm(activation) for activation in ACTIVATIONS]
    rows = yield from together(*(fine_tuned(setting, arm) for arm in (*arms, *OTHERS)))
    dataset, n = setting.dataset, len(arms)
    data = paper.compared_with(dataset.name, dataset.stand_in_for)
    for number, row in enumerate(rows):
        pretrained = row["pretraining"] is not None
        row["name"] = OTHERS[number - n].described if number >= n else row["activation"]
        row["section"] = f"{'with' if pretrained else 'without'} unsupervised pre-training"
        if number < n and data is not None:
            beside_paper(row, "test_error", paper.test_error(row["activation"], data, pretrained=pretrained))
            beside_paper(row, "sparsity", paper.sparsity(row["activation"], data, pretrained=pretrained))
        if number >= n:
            row["section"] += ": other neurons"
        row["epoch"] = {"seconds": seconds_per_epoch(setting, row["runs"])}
    against_the_best(setting, rows, n)
    columns = [
        Column("name", "hidden units", about="Activation function of all hidden units."),
        ERROR_OR_BOLD, SPARSITY, RATE,
        Column(
            "against_best.p_value", "p, bootstrap", "number", detail=True, digits=3,
            about="Of the difference from the best of the paper's six networks, by the paired bootstrap.",
        ),
        Column(
            "against_best.mcnemar", "p, McNemar", "number", detail=True, digits=3,
            about="The same by McNemar's exact test.",
        ),
        replace(SECONDS_PER_EPOCH, detail=True),
    ]  # fmt: skip
    other = None
    if data is not None:
        other = None if dataset.name == data else paper.TITLES[data]
        columns[3:3] = of_paper("sparsity", other, "sparsity", digits=1)
        columns[2:2] = of_paper("test_error", other, "error")
    return networks(
        setting,
        rows,
        table="Test error and sparsity",
        columns=columns,
        figures=[
            *learning_curves(rows[:n], facts(setting)["network"], named),
            *reconstruction_curves(rows[:n], named),
        ],
        choices=CHOICES,
        departures=[*departures_of(setting), *_BESIDE],
        name=_name,
        compared_with=other or "",
        claims=_claims(setting, rows),
        papers=("MNIST, CIFAR-10, NISTP and NORB", paper.DATA),
    )


ERROR_OR_BOLD = replace(
    ERROR, bold="bold", about=f"{ERROR.about} Bold: not significantly worse than the best."
)


def _name(row: dict[str, Any]) -> str:
    """Name a network in figures; of those beside the paper's, what their row says."""
    return named(row) if row["name"] == row["activation"] else str(row["name"])


def _claims(setting: Setting, rows: list[dict[str, Any]]) -> list[Claim]:
    before = dict(zip(ACTIVATIONS, rows[:3], strict=True))
    plain = dict(zip(ACTIVATIONS, rows[3:6], strict=True))
    others = rows[6:8]
    rectifier = plain["rectifier"]
    mean, low, high = around_mean([run["sparsity"]["overall"] for run in rectifier["runs"]])
    sparse = at_most(-high, -low, -_TRULY_SPARSE)
    of_zeros = f"95\u00a0% interval {100 * low:.1f} to {100 * high:.1f}" if low > -np.inf else "one seed"
    zeros = f"{100 * mean:.1f} % exact zeros ({of_zeros})"
    gains = "; ".join(f"{name} with and without: {errors(before[name], plain[name])}" for name in ACTIVATIONS)
    found = [
        claimed(
            setting,
            sentences.AS_GOOD_AS_SOFTPLUS,
            no_worse(rectifier, plain["softplus"]),
            f"rectifier and softplus, neither pre-trained: {errors(rectifier, plain['softplus'])}",
        ),
        claimed(
            setting,
            sentences.NO_NEED_OF_PRETRAINING,
            all_of(
                [
                    no_worse(rectifier, before["rectifier"]),
                    better(before["tanh"], plain["tanh"]),
                    better(before["softplus"], plain["softplus"]),
                ]
            ),
            gains,
        ),
        claimed(
            setting,
            sentences.COMPETITIVE,
            all_of([no_worse(rectifier, before["tanh"]), no_worse(rectifier, before["softplus"])]),
            f"against pre-trained tanh: {errors(rectifier, before['tanh'])}; "
            f"softplus: {errors(rectifier, before['softplus'])}",
        ),
        claimed(
            setting,
            sentences.OTHER_NEURONS,
            all_of([better(row, other) for other in others for row in plain.values()]),
            "none pre-trained: "
            + "; ".join(
                f"{name} and {other['name']}: {errors(row, other)}"
                for other in others
                for name, row in plain.items()
            ),
        ),
        claimed(setting, sentences.TRULY_SPARSE, sparse, f"{zeros}; section 5 speaks of 50 to 80 %"),
        claimed(
            setting,
            sentences.ATTRACTIVE,
            all_of(
                [
                    _gains_less(rectifier, before["rectifier"], plain[o], before[o])
                    for o in ("tanh", "softplus")
                ]
                + [sparse]
            ),
            f"{gains}; {zeros}",
        ),
        claimed(
            setting,
            sentences.IDENTICAL,
            alike(rectifier, before["rectifier"]),
            f"all labels, without and with: {errors(rectifier, before['rectifier'])}",
        ),
    ]
    if paper.data_of(setting.dataset.name, setting.dataset.stand_in_for) == "norb":
        found.append(
            claimed(
                setting,
                sentences.NORB_OF_OTHERS,
                better(rectifier, plain["softplus"]),
                f"rectifier and softplus, which is as good there as Nair and Hinton's model: "
                f"{errors(rectifier, plain['softplus'])}",
            )
        )
    return found


def _gains_less(a: Any, a_pretrained: Any, b: Any, b_pretrained: Any) -> Verdict:
    """Whether pre-training takes less from the error of a than from that of b."""
    return better(gain(a, a_pretrained), gain(b, b_pretrained))


STUDY = Study(
    "table1",
    "Table 1",
    SCALES,
    begin,
    question="Do deep networks of rectifiers, max(0, x), classify images as well as networks of tanh or "
    "softplus units, with and without unsupervised pre-training, and how many of their hidden units are "
    "exactly 0?",
)
