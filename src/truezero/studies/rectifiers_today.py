"""The paper's network with what came after it: dropout, a falling rate, a bound on the norms of weights."""

from __future__ import annotations

from typing import Any

from truezero.presets import RATES
from truezero.runs import Requests, together
from truezero.studies import paper
from truezero.studies.arms import RECONSTRUCTIONS, Arm, Scale, fine_tuned
from truezero.studies.claims import claim, errors, no_worse
from truezero.studies.figures import learning_curves, reconstruction_curves
from truezero.studies.study import Claim, Column, Setting, Study, StudyResult, Table
from truezero.studies.tables import ERROR, RATE, SPARSITY, facts, fewer_units, networks

_PLAIN: dict[str, Any] = {"l1_activation": 0.0}
# Half of the units is too much of layers that are sparse as they are: 2.1 % after ten epochs, not 1.5 %.
_DROPOUT = {**_PLAIN, "dropout": 0.25, "input_dropout": 0.2}
_LINEAR = {**_DROPOUT, "learning_rate": "linear"}
# Pre-trained units of table 1 have norms of 0.9 to 3.7.
_BOUNDED = {**_LINEAR, "max_norm": 3.0}

# What each arm adds to the one before, and its training.
ARMS = (
    ("plain", Arm("rectifier", settings=_PLAIN)),
    ("+ dropout", Arm("rectifier", settings=_DROPOUT)),
    ("+ falling rate", Arm("rectifier", settings=_LINEAR)),
    ("+ pre-training", Arm("rectifier", RECONSTRUCTIONS["rectifier"], settings=_LINEAR)),
    ("+ max-norm", Arm("rectifier", RECONSTRUCTIONS["rectifier"], settings=_BOUNDED)),
)

# Test errors on MNIST that others published, of networks that know nothing of the image's geometry.
OTHERS = (
    ("rectifier, 3 × 1000 (Glorot et al. 2011)", paper.test_error("rectifier", "mnist", pretrained=False)),
    ("the same, pre-trained (Glorot et al. 2011)", paper.test_error("rectifier", "mnist", pretrained=True)),
    ("rectifier with dropout, 3 × 1024 (Srivastava et al. 2014)", 0.0125),
    ("the same with max-norm (Srivastava et al. 2014)", 0.0106),
    ("the same, 2 × 8192 (Srivastava et al. 2014)", 0.0095),
    ("maxout with dropout (Goodfellow et al. 2013)", 0.0094),
)

_OF_OTHERS = (
    "Published test errors of networks that, as ours, know nothing of the image's geometry and are trained "
    "on no distorted rows."
)

SCALES = {
    "smoke": Scale((32, 32, 32), (0.1,), 2, 3, None, (0.01,), 2),
    "laptop": Scale((200, 200, 200), (0.1, 0.03), 3, 100, None, (0.1, 0.01), 15, choose_seeds=1),
    # Pre-training is Table 1's, whose runs serve here, too.
    "paper": Scale(
        (1000, 1000, 1000), (0.1, 0.03), 3, 50, None, RATES, 12, choose_seeds=1, choose_epochs=10
    ),
}  # fmt: skip

CHOICES = (
    "The network and its sign mask are Table 1's, and at scale paper its pre-training. Each row adds to the "
    "row above.",
    "Rates are chosen by validation error. All networks train for all epochs; the best validation epoch is "
    "kept and measured on the test rows. Validation rows are never trained on.",
)
DEPARTURES = (
    "Rates of fine-tuning tried: 0.1 and 0.03; the paper's are 0.1, 0.01, 0.001 and 0.0001.",
    "Not in the paper: dropout of 0.25 on hidden units and of 0.2 on inputs; a rate that falls linearly, "
    "epoch by epoch, and would be 0 after the last; max-norm: after every step, incoming weights of a hidden "
    "unit have a norm of 3 at most.",
    "No L1 on the activations in fine-tuning: dropout takes its place, and L1 goes on killing units for as "
    "long as training goes on. In pre-training λ = 1e-4; the paper says 0.001.",
)


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per arm, and what others have published below."""
    rows = yield from together(*(fine_tuned(setting, arm) for _, arm in ARMS))
    for (name, arm), row in zip(ARMS, rows, strict=True):
        row["name"], row["settings"] = name, dict(arm.settings)
    result = networks(
        setting,
        rows,
        table="Test error",
        columns=[
            Column("name", "training", about="Each row has all of the rows above it, too."),
            ERROR,
            SPARSITY,
            RATE,
        ],
        figures=[
            *learning_curves(rows, facts(setting)["network"], _name, by_row=True),
            *reconstruction_curves(rows, _name),
        ],
        choices=CHOICES,
        claims=_claims(setting, rows),
        papers=("MNIST", ("mnist",)),
        departures=[*DEPARTURES, *fewer_units(setting)],
        name=_name,
        by_row=True,
    )
    columns = [Column("name", "network"), Column("test_error", "test error, %", "error", paper=True)]
    others = [{"name": name, "test_error": error} for name, error in OTHERS]
    result.tables.append(Table("Others on MNIST, without its geometry", columns, others, _OF_OTHERS))
    return result


def _name(row: dict[str, Any]) -> str:
    return str(row["name"])


def _claims(setting: Setting, rows: list[dict[str, Any]]) -> list[Claim]:
    plain, pretrained = rows[2:4]
    return [
        claim(
            setting,
            "(Not the paper's:) with dropout and a falling rate, too, there is almost no improvement when "
            "using unsupervised pre-training with rectifier activations.",
            "4.1",
            no_worse(plain, pretrained),
            f"not pre-trained and pre-trained: {errors(plain, pretrained)}",
        ),
    ]


STUDY = Study(
    "rectifiers-today",
    "Rectifiers today",
    SCALES,
    begin,
    question="What do dropout, a falling rate and max-norm, which came after the paper, add to its rectifier "
    "network, and does pre-training still help then?",
)
