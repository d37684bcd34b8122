"""Table 2: ratings of reviews, by networks with no, one and three hidden layers (section 4.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from truezero.runs import Requests, together
from truezero.studies import paper
from truezero.studies.claims import all_of, better, claim, errors
from truezero.studies.figures import by_layer, by_sparsity, without_histories
from truezero.studies.rated import (
    N_FOLDS,
    load_rated,
    n_of_parts,
    numbers_of_labels,
    rated_rows,
    said_of_test,
)
from truezero.studies.stars import confusion
from truezero.studies.study import Claim, Column, Figure, Setting, Study, StudyResult, Table
from truezero.studies.tables import LAYERS, RATE, RMSE, beside_paper, facts, of_paper, said_of, stand_ins_of
from truezero.studies.text_arms import (
    COSTS,
    COSTS_SAID,
    RATINGS,
    WITH_DROPOUT,
    Baseline,
    Marginalised,
    TextArm,
    TextScale,
    marginalised,
    measured,
    other_than_text,
    trained,
)

SCALES = {
    "smoke": TextScale(
        32, 200, 2, (0.01,), 3, 3, pretraining_epochs=(1, 1, 1), msda_levels=(0.5,), msda_layers=1,
    ),
    "laptop": TextScale(1000, 10_000, 10, (0.01, 0.003), 30, 6, msda_layers=1),
    "paper": TextScale(
        5000, 10_000, 10, (0.1, 0.01, 0.003, 0.001), 100, 15, pretraining_epochs=(120, 120, 20),
        pretraining_rates=(0.005, 0.001, 0.001), pretraining_l1=(1e-4, 0.0, 0.0), sampling=None,
        msda_levels=(0.5, 0.6, 0.7, 0.8, 0.9), msda_layers=5,
    ),
}  # fmt: skip

ARMS = (
    TextArm(n_layers=0, pretrained=False),
    TextArm(n_layers=1),
    TextArm(n_layers=3),
    TextArm("tanh", 3),
    TextArm(n_layers=1, pretrained=False),
    TextArm(n_layers=3, pretrained=False),
)

# Numbers of labels beside the scale's, with what is compared on them.
LABELS = (100, 300, 1000, 3000)
BY_LABELS = (TextArm(n_layers=3), TextArm(n_layers=3, pretrained=False))

_STRENGTHS = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
_LOGISTIC = {"Cs": _STRENGTHS, "cv": 3, "scoring": "neg_log_loss", "max_iter": 1000, "random_state": 0}
_RIDGE = {"alphas": [3.0, 10.0, 30.0, 100.0, 300.0, 1000.0], "cv": 3}
_TF_IDF = {"Cs": [0.1, 0.3, 1.0, 3.0, 10.0, 30.0]}
BASELINES = (
    Baseline("logistic regression", "LogisticRegressionCV", _LOGISTIC),
    Baseline("logistic regression on TF-IDF", "LogisticRegressionCV", {**_LOGISTIC, **_TF_IDF}, "tf-idf"),
    Baseline("ridge regression", "RidgeCV", _RIDGE),
    Baseline(
        "ridge regression on TF-IDF",
        "RidgeCV",
        {**_RIDGE, "alphas": [0.1, 0.3, 1.0, 3.0, 10.0, 30.0]},
        "tf-idf",
    ),
)
MSDA = Marginalised((3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0), 3)

CHOICES = (
    "Of the training rows 10,000 are labelled, drawn by rating. Layers are pre-trained once, and every fold "
    "starts from them. Epochs are selected by RMSE on the tenth of the labelled rows that the fold leaves "
    "out. All test rows are measured; ± is over folds.",
    "Levels of the noise: salt and pepper (.8, .005) below, masking of .5 and .3 above.",
    "The rate of fine-tuning is chosen by validation error, mean over the folds.",
    "Sparsity is measured on the test rows; without hidden layer, it is the input's.",
)
_SELECTED = (
    "Noise, rates, epochs and λ of pre-training are given by the scale, after the first author's own runs; "
    "the paper selects the noise by classification performance, everything else by reconstruction error."
)
_BESIDE = (
    "Not in the paper: networks with dropout; the table by number of labels, in which everything else stays "
    "the same, the layers that networks start from too; and the baselines. Their regularisation is chosen by "
    "threefold cross-validation within the nine folds; logistic regression predicts the expected rating, as "
    "the networks do.",
    "Not in the paper: mSDA (Chen, Xu, Weinberger, Sha, 2012), denoising in closed form: layers of as many "
    "units as there are words, made of the rows that the networks are pre-trained on; ridge regression on "
    "the words and all layers' outputs. The probability of masking is chosen as the networks' rate is.",
)

_SPARSITY = Column(
    "sparsity.overall", "zeros, %", "sparsity",
    about="Sparsity: outputs of hidden units that are exactly 0, on the test rows, all layers together; "
    "without hidden layer, words that a review does not have.",
)  # fmt: skip


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per network, and one per baseline."""
    rated = rated_rows(setting, setting.dataset, setting.scale.n_labels)
    below, folds = rated.below, rated.folds
    few = numbers_of_labels(setting, LABELS)
    rows = yield from together(
        *(trained(setting, RATINGS, arm, below, folds) for arm in (*ARMS, *WITH_DROPOUT)),
        *(measured(setting, baseline, folds, ratings=True) for baseline in BASELINES),
        marginalised(setting, MSDA, below, folds, ratings=True),
        *(
            job
            for n in few
            for of_n in (rated_rows(setting, setting.dataset, n).folds,)
            for job in (
                *(trained(setting, RATINGS, arm, below, of_n) for arm in BY_LABELS),
                measured(setting, BASELINES[0], of_n, ratings=True),
            )
        ),
    )
    n_networks = len(ARMS) + len(WITH_DROPOUT)
    n_rows = n_networks + len(BASELINES) + 1
    rows, by_labels = rows[:n_rows], rows[n_rows:]
    for arm, row in zip(ARMS, rows, strict=False):
        row["section"] = "networks"
        rmse, zeros = paper.rating(arm.activation, arm.n_layers, arm.pretrained)
        beside_paper(row, "test_rmse", rmse)
        beside_paper(row, "sparsity", zeros)
    networks, dropped = rows[: len(ARMS)], rows[len(ARMS) : n_networks]
    baselines, msda = rows[n_networks:-1], rows[-1]
    for row in dropped:
        row["section"] = "not in the paper: dropout in fine-tuning"
    for row in (*baselines, msda):
        row["section"] = "baselines, on the same folds"
    compared = (networks[2], networks[-1], baselines[0])
    curve = [
        {
            **row,
            "section": row["name"],
            "n_labels": row["runs"][0]["n_train"] + row["runs"][0]["n_validation"],
        }
        for place, last in enumerate(compared)
        for row in (*by_labels[place::3], last)
    ]
    best = min(networks, key=lambda row: row["test_rmse"])
    stand_ins = stand_ins_of(setting, ("OpenTable", ("opentable",)))
    named = said_of(stand_ins)
    of_other = stand_ins[0].paper if stand_ins else None
    columns = [
        Column("name", "network"), RMSE, *of_paper("test_rmse", of_other, "rmse"),
        _SPARSITY, *of_paper("sparsity", of_other, "sparsity", digits=1),
        replace(RATE, detail=True), LAYERS, *COSTS,
    ]  # fmt: skip
    note = (
        f"Mean ± standard deviation over {len(folds)} of {N_FOLDS} folds, at the best validation epoch of "
        "each. " + COSTS_SAID + named
    )
    return StudyResult(
        setting.study,
        setting.title,
        {**facts(setting), **n_of_parts(setting, setting.dataset), "n_labels": setting.scale.n_labels},
        [
            Table("Test RMSE and sparsity", columns, without_histories(rows), note),
            Table(
                "Test RMSE by number of labels",
                [Column("n_labels", "labels", "count", about="Labelled reviews."), *columns[:2]],
                without_histories(curve),
                note,
            ),
        ],
        [
            _by_labels(curve, named),
            *(
                replace(figure, caption=figure.caption + named)
                for figure in (
                    by_sparsity(networks, _name, by_row=True, measure="test_rmse", paper=of_other or ""),
                    *by_layer(networks[1:], _name),
                )
            ),
            confusion(setting, best, folds[0], named),
        ],
        choices=[*CHOICES, *said_of_test(setting, setting.dataset)],
        departures=[*departures(setting), *_BESIDE],
        stand_ins=stand_ins,
        claims=_claims(setting, networks, dropped, baselines, msda),
    )


def _name(row: dict[str, Any]) -> str:
    return str(row["name"])


def _by_labels(rows: list[dict[str, Any]], named: str) -> Figure:
    lines = []
    for number, name in enumerate(dict.fromkeys(row["section"] for row in rows)):
        curve = [row for row in rows if row["section"] == name]
        lines.append(
            {
                "name": name,
                "colour": number,
                "dashed": curve[0]["pretraining"] is not None,
                "x": [row["n_labels"] for row in curve],
                "y": [row["test_rmse"] for row in curve],
                "deviation": [row["test_rmse_deviation"] for row in curve],
            }
        )
    return Figure(
        "bands",
        "Test RMSE by labels",
        "Mean over the folds, and a band of one standard deviation. Both axes are logarithmic." + named,
        {"x": "labelled reviews", "y": "test RMSE", "lines": lines},
    )


def departures(setting: Setting) -> list[str]:
    """What a scale does otherwise than the paper."""
    return [_SELECTED, *other_than_text(setting.scale)]


def _claims(
    setting: Setting,
    networks: list[dict[str, Any]],
    dropped: list[dict[str, Any]],
    baselines: list[dict[str, Any]],
    msda: dict[str, Any],
) -> list[Claim]:
    none, one, three, tanh, _, plain = networks
    best = min(baselines, key=lambda row: row["test_rmse"])
    return [
        claim(
            setting,
            "The RMSE significantly decreases as we add hidden layers to the rectifier neural net.",
            "4.2",
            all_of([better(one, none), better(three, one)]),
            f"one layer and none: {errors(one, none)}; three and one: {errors(three, one)}",
        ),
        claim(
            setting,
            "Rectifier networks improve after an unsupervised pre-training phase in a semi-supervised "
            "setting.",
            "4.2",
            better(three, plain),
            f"three layers, with and without: {errors(three, plain)}",
        ),
        claim(
            setting,
            "The 3-layers network can still attain an overall sparsity of more than 50%.",
            "4.2",
            "confirmed" if three["sparsity"]["overall"] > 0.5 else "refuted",
            f"{100 * three['sparsity']['overall']:.1f} % exact zeros",
        ),
        claim(
            setting,
            "The 3-layers network with tanh activation function (which has been learnt with the exact same "
            "pre-training+fine-tuning setup) is clearly outperformed.",
            "4.2",
            better(three, tanh),
            f"rectifier and tanh: {errors(three, tanh)}",
        ),
        claim(
            setting,
            "(Not the paper's:) three pre-trained layers predict ratings better than any linear model of the "
            "words.",
            "4.2",
            better(three, best),
            f"against {best['name']}: {errors(three, best)}, "
            f"{three['test_rmse'] / best['test_rmse']:.3f} of its RMSE; with dropout in fine-tuning "
            f"{dropped[-1]['test_rmse'] / best['test_rmse']:.3f}",
        ),
        claim(
            setting,
            "(Not the paper's:) with dropout in fine-tuning, too, three layers are better for pre-training "
            "than one that is not pre-trained.",
            "4.2",
            better(dropped[-1], dropped[0]),
            f"with and without pre-training: {errors(dropped[-1], dropped[0])}",
        ),
        claim(
            setting,
            "(Not the paper's:) three pre-trained layers predict ratings better than mSDA.",
            "4.2",
            better(three, msda),
            f"against {msda['name']}: {errors(three, msda)}; seconds of pre-training: "
            f"{three['pretraining']['seconds']:.0f} and {msda['pretraining']['seconds']:.0f}",
        ),
    ]


STUDY = Study(
    "table2", "Table 2", SCALES, begin, data=("imdb",), needs=(), load=load_rated, of_own_texts=True,
    question="How well do rectifier networks with no, one and three hidden layers, pre-trained on reviews "
    "without ratings, predict the stars of a review from the words in it, and how sparse are they?",
)  # fmt: skip
