"""Which reading of the L1 penalty and the sign mask gives the paper's zeros at its error (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from truezero.presets import RATES
from truezero.runs import Requests
from truezero.studies import paper, sentences
from truezero.studies.arms import Arm, Scale, fine_tuning_run, for_its_data
from truezero.studies.claims import claimed
from truezero.studies.confused import confusions
from truezero.studies.result import Verdict
from truezero.studies.study import Claim, Column, Figure, Setting, Study, StudyResult, Table
from truezero.studies.tables import LAYERS, facts, fewer_units, said_of, stand_ins_of

# Nothing is stopped early: what a fixed number of epochs gives is a reading, too.
SCALES = {
    "smoke": Scale((32, 32, 32), (0.1, 0.01), 1, 3, None, (), 0),
    "laptop": Scale((300, 300, 300), (0.1, 0.01), 1, 30, None, (), 0),
    "paper": Scale((1000, 1000, 1000), (0.1, 0.01), 1, 50, None, (), 0),
}
COEFFICIENT = 1e-3
"""The paper's, of the L1 penalty on the activations."""
_BATCH = 10
# As far off as this is still the same: of the error, relative, and of the zeros.
_ERROR, _ZEROS = 0.07, 0.02

Row = dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What the coefficient may stand before.

    Attributes
    ----------
    name : str
    l1 : callable
        Widths of the hidden layers -> our λ of each: before the sum over units, mean over rows.
    """

    name: str
    l1: Callable[[tuple[int, ...]], tuple[float, ...]]


def _each(value: float) -> Callable[[tuple[int, ...]], tuple[float, ...]]:
    return lambda sizes: (value,) * len(sizes)


READINGS = (
    Reading("sum over units", _each(COEFFICIENT)),
    Reading("sum over units and over the batch", _each(COEFFICIENT * _BATCH)),
    Reading("sum over units, mean over layers", lambda sizes: (COEFFICIENT / len(sizes),) * len(sizes)),
    Reading("sum over units of the first layer", lambda sizes: (COEFFICIENT, *(0.0,) * (len(sizes) - 1))),
    Reading("sum over units of the last layer", lambda sizes: (*(0.0,) * (len(sizes) - 1), COEFFICIENT)),
    Reading("mean over units", lambda sizes: tuple(COEFFICIENT / n for n in sizes)),
    Reading(
        "mean over units, sum over the batch", lambda sizes: tuple(COEFFICIENT * _BATCH / n for n in sizes)
    ),
    Reading("a tenth of the sum over units (ours)", _each(COEFFICIENT / 10)),
)
MASKS = {"half": "half of the units", "random": "each unit by a coin", None: "none"}

CHOICES = (
    "The penalty is of |h|, after the sign mask. Without the bars a masked unit is paid for growing, "
    "and at the paper's coefficient training diverges (benchmarks/signed_l1.py). Two of the masks differ by "
    "a draw alone; a mask of all units is the same as none, up to the next layer's signs.",
    "Every network is trained for the same number of epochs at each rate, without pre-training. Stopped at "
    "the best validation epoch, it is measured on the test rows; after the last epoch, and at whichever "
    "epoch comes closest, on the validation rows, as test rows are measured once.",
)


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per reading, mask and rate."""
    setting = for_its_data(setting)
    scale: Scale = setting.scale
    tried = [(reading, mask, rate) for reading in READINGS for mask in MASKS for rate in scale.learning_rates]
    asked = [
        [
            fine_tuning_run(
                setting,
                Arm(
                    "rectifier",
                    settings={"sign_mask": mask, "l1_activation": reading.l1(scale.hidden_layer_sizes)},
                ),
                rate,
                seed,
                [],
            )
            for seed in range(scale.n_seeds)
        ]
        for reading, mask, rate in tried
    ]
    found = iter((yield [run for runs in asked for run in runs]))
    target = _target(setting)
    rows = []
    for (reading, mask, rate), runs in zip(tried, asked, strict=True):
        results = [{"key": run.key, **next(found)} for run in runs]
        if not any("diverged" in result for result in results):
            rows.append(_row(setting, reading, mask, rate, results, target))
    for reading in READINGS:  # the rate that validation rows choose stands out
        for mask in MASKS.values():
            same = [row for row in rows if (row["section"], row["mask"]) == (reading.name, mask)]
            for row in same:
                row["chosen"] = row["validation_error"] == min(other["validation_error"] for other in same)
    stand_ins = stand_ins_of(setting, ("MNIST, CIFAR-10, NISTP and NORB", paper.DATA))
    named = said_of(stand_ins)
    note = "Bold: the rate with the least validation error." + named
    if target is not None:
        note = f"The paper: {100 * target[0]:.2f} % at {100 * target[1]:.1f} % zeros. {note}"
    return StudyResult(
        setting.study,
        setting.title,
        facts(setting),
        [Table("Error and zeros by reading", _COLUMNS, rows, note)],
        [
            _figure(rows, target, named),
            *(
                replace(figure, caption=figure.caption + named)
                for figure in confusions(
                    setting, [{**row, "name": f"{row['section']}, mask: {row['mask']}"} for row in rows]
                )
            ),
        ],
        choices=list(CHOICES),
        departures=_departures(setting),
        stand_ins=stand_ins,
        claims=[_claim(setting, rows, target)],
    )


_DISTANCE = (
    "From the paper's pair of error and zeros: the greater of how far the error is off, in units of 7 % of "
    "it, and the zeros, in units of 2 points. At most 1 is the same pair."
)
_COLUMNS = [
    Column("mask", "sign mask", about="Hidden units whose outputs are multiplied by −1."),
    Column("learning_rate", "rate", "number", about="Learning rate."),
    Column(
        "test_error", "error, %", "error", bold="chosen",
        about="Test rows in the wrong class, at the best validation epoch.",
    ),
    Column(
        "sparsity.overall", "zeros, %", "sparsity",
        about="Outputs of hidden units that are exactly 0, on the test rows.",
    ),
    Column("distance", "distance", "number", digits=1, about=_DISTANCE),
    Column("last.validation_error", "last epoch's error, %", "error", about="Of validation rows."),
    Column("last.zeros", "its zeros, %", "sparsity", about="Of validation rows."),
    Column("last.distance", "its distance", "number", digits=1, about="As above, after the last epoch."),
    LAYERS,
    Column("l1_activation", "λ per layer", "number", detail=True, about="Before the sum over units, mean "
    "over rows."),
    Column("epoch_selected", "best epoch", "number", detail=True, about="By validation error."),
    Column("closest.epoch", "closest epoch", "count", detail=True, about="That of the least distance."),
    Column("closest.distance", "its distance", "number", detail=True, digits=1),
    Column("dead_units", "dead units per layer", "number", detail=True, about="Units that are 0 on all "
    "rows."),
]  # fmt: skip

Target = tuple[float, float]


def _departures(setting: Setting) -> list[str]:
    rates = ", ".join(f"{rate:g}" for rate in setting.scale.learning_rates)
    return [
        *fewer_units(setting),
        f"Rates tried: {rates}; the paper's are {', '.join(f'{rate:g}' for rate in RATES)}.",
    ]


def _target(setting: Setting) -> Target | None:
    """The paper's error and zeros on these data."""
    name = setting.dataset.name
    error = paper.test_error("rectifier", name, pretrained=False)
    zeros = paper.sparsity("rectifier", name, pretrained=False)
    return None if error is None or zeros is None else (error, zeros)


def _distance(error: float, zeros: float, target: Target | None) -> float | None:
    if target is None:
        return None
    return max(abs(error - target[0]) / (_ERROR * target[0]), abs(zeros - target[1]) / _ZEROS)


def _row(
    setting: Setting,
    reading: Reading,
    mask: str | None,
    rate: float,
    results: list[Row],
    target: Target | None,
) -> Row:
    def mean(values: list[float]) -> float:
        return float(np.mean(values))

    sizes = setting.scale.hidden_layer_sizes
    error = mean([result["test_error"] for result in results])
    zeros = mean([result["sparsity"]["overall"] for result in results])
    epochs = [
        {
            "epoch": epoch[0]["epoch"],
            "validation_error": mean([record["validation_error"] for record in epoch]),
            "zeros": mean([float(np.average(record["sparsity"], weights=sizes)) for record in epoch]),
        }
        for epoch in zip(*(result["history"] for result in results), strict=True)
    ]
    for epoch in epochs:
        epoch["distance"] = _distance(epoch["validation_error"], epoch["zeros"], target)
    return {
        "section": reading.name,
        "mask": MASKS[mask],
        "learning_rate": rate,
        "l1_activation": list(reading.l1(sizes)),
        "test_error": error,
        "sparsity": {
            "overall": zeros,
            "layers": np.mean([result["sparsity"]["layers"] for result in results], axis=0).tolist(),
        },
        "distance": _distance(error, zeros, target),
        "validation_error": mean([result["validation_error"] for result in results]),
        "epoch_selected": mean([result["epoch_selected"] for result in results]),
        "last": epochs[-1],
        "closest": None if target is None else min(epochs, key=lambda epoch: epoch["distance"]),
        "dead_units": [mean(list(layer)) for layer in zip(*(r["dead_units"] for r in results), strict=True)],
        "n_seeds": len(results),
        "runs": [{n: v for n, v in result.items() if n != "history"} for result in results],
    }


def _figure(rows: list[Row], target: Target | None, named: str) -> Figure:
    points = [
        {
            "name": reading.name,
            "colour": number,
            "hollow": number == len(READINGS) - 1,  # there are more readings than colours
            "x": [100 * row["sparsity"]["overall"] for row in rows if row["section"] == reading.name],
            "y": [100 * row["test_error"] for row in rows if row["section"] == reading.name],
        }
        for number, reading in enumerate(READINGS)
    ]
    if target is not None:
        of_paper = {"name": "the paper", "colour": 3, "star": True}
        points.append({**of_paper, "x": [100 * target[1]], "y": [100 * target[0]]})
    panel = {
        "title": "Best validation epoch", "x": "exact zeros, %", "y": "test error, %", "log": "y",
        "points": points, "spans": [],
    }  # fmt: skip
    return Figure(
        "scatter", "Error and zeros by reading", "A point per mask and rate." + named, {"panels": [panel]}
    )


def _claim(setting: Setting, rows: list[Row], target: Target | None) -> Claim:
    plain = [row for row in rows if row["section"] == READINGS[0].name and row["mask"] == MASKS["half"]]
    if target is None or not plain:
        ours = "; ".join(_described(row) for row in plain)
        return claimed(setting, sentences.AVERAGE_SPARSITY, "not decided", f"as the paper reads: {ours}")
    chosen = min(plain, key=lambda row: row["validation_error"])
    stopped = [(row["distance"], f"at its best epoch {_described(row)}") for row in rows]
    stopped += [
        (
            row["last"]["distance"],
            f"after the last epoch {_named(row)}: {100 * row['last']['validation_error']:.2f} % at "
            f"{100 * row['last']['zeros']:.1f} % zeros of the validation rows",
        )
        for row in rows
    ]
    distance, closest = min(stopped, key=lambda found: found[0])
    within = sum(found <= 1 for found, _ in stopped)
    verdict: Verdict = "confirmed" if chosen["distance"] <= 1 else "not decided" if within else "refuted"
    nearest = min(rows, key=lambda row: row["closest"]["distance"])
    return claimed(
        setting,
        sentences.AVERAGE_SPARSITY,
        verdict,
        f"as the paper reads: {_described(chosen)}, distance {chosen['distance']:.1f}; of {len(stopped)} "
        f"readings {within} give the paper's pair, {100 * target[0]:.2f} % at {100 * target[1]:.1f} % zeros; "
        f"closest, at {distance:.1f}: {closest}; stopped at whichever epoch comes closest, at "
        f"{nearest['closest']['distance']:.1f} in epoch {nearest['closest']['epoch']}: {_named(nearest)}",
    )


def _named(row: Row) -> str:
    return f"({row['section']}, mask: {row['mask']}, rate {row['learning_rate']:g})"


def _described(row: Row) -> str:
    return f"{_named(row)}: {100 * row['test_error']:.2f} % at {100 * row['sparsity']['overall']:.1f} % zeros"


STUDY = Study(
    "readings",
    "Readings of the L1 penalty",
    SCALES,
    begin,
    question="The paper says that its L1 penalty has a coefficient of 0.001, and not of what: a sum or a "
    "mean, over units, rows or layers. Which reading gives its error and its share of zeros together?",
)
