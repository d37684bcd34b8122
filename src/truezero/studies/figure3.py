"""Figure 3: error by sparsity, of networks trained with various L1 penalties; and what they cost."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np

from truezero.errors import DataError
from truezero.runs import Requests
from truezero.studies import paper, sentences
from truezero.studies.arms import Arm, Scale, deviation, fine_tuning_run, for_its_data, seconds_per_epoch
from truezero.studies.claims import AS_GOOD, all_of, apart, at_most, claimed, written
from truezero.studies.confused import confusions
from truezero.studies.figures import by_layer
from truezero.studies.result import Verdict
from truezero.studies.study import Claim, Column, Figure, Setting, Study, StudyResult, Table
from truezero.studies.tables import (
    LAYERS,
    SECONDS_PER_EPOCH,
    SPARSITY,
    facts,
    fewer_units,
    said_of,
    stand_ins_of,
)

# n_seeds is the number of networks.
SCALES = {
    "smoke": Scale((32, 32, 32), (0.1,), 12, 3, None, (), 0),
    "laptop": Scale((400, 400, 400), (0.1,), 200, 20, None, (), 0),
    "paper": Scale((1000, 1000, 1000), (0.1,), 200, 30, 12, (), 0),
}
LEAST, MOST = 1e-6, 1e-2
_WITHOUT = 20  # one network in so many has no penalty
# Zeros, as fractions: where rows of the table begin and end.
_EDGES = (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99, 1.0)
_ROBUST = (0.7, 0.85)

CHOICES = (
    f"λ = 0 for one network in {_WITHOUT}, and log-spaced from 1e-6 to 1e-2 for the others; every network "
    "has a seed of its own. The paper gives the ends, 0 and 0.01.",
    "Rectifiers with a sign mask, at a rate of 0.1; the best validation epoch is kept, and measured on the "
    "test rows.",
    "As good as λ = 0 is an error at most 0.2 points above the mean of its networks. Intervals are 95 % ones "
    "of Welch's test.",
)

_BESIDE = (
    "Not in the paper: what training and prediction cost. Seconds of an epoch are the processor's, all that "
    "a network's run took over its epochs; those of a prediction are the clock's, the median of a few of all "
    "test rows, measured when it had been trained, on a machine that may have had other work."
)

Row = dict[str, Any]


def penalties(n: int) -> list[float]:
    """λ of n networks, ascending."""
    without = max(n // _WITHOUT, min(2, n))
    spaced = np.logspace(np.log10(LEAST), np.log10(MOST), n - without)
    return [0.0] * without + [float(f"{value:.4g}") for value in spaced]


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: a point per network, and a row per range of sparsity."""
    setting = for_its_data(setting)
    rate = setting.scale.learning_rates[0]
    asked = [
        (l1, fine_tuning_run(setting, Arm("rectifier", settings={"l1_activation": l1}), rate, seed, []))
        for seed, l1 in enumerate(penalties(setting.scale.n_seeds))
    ]
    results = yield [run for _, run in asked]
    networks = [
        _network(setting, l1, run.key, result)
        for (l1, run), result in zip(asked, results, strict=True)
        if "diverged" not in result
    ]
    plain = [network for network in networks if network["l1_activation"] == 0]
    if not plain:
        raise DataError(f"{setting.title}: every network without a penalty diverged")
    rows = _ranges(networks, plain)
    stand_ins = stand_ins_of(setting, ("MNIST", ("mnist",)))
    named = said_of(stand_ins)
    n_diverged = len(results) - len(networks)
    note = f"{len(networks)} networks" + (f"; {n_diverged} more diverged" if n_diverged else "")
    best = _not_beaten(networks)
    return StudyResult(
        setting.study,
        setting.title,
        facts(setting),
        [
            Table("Test error by sparsity", _OF_RANGES, rows, f"{note}. Mean ± standard deviation.{named}"),
            Table(
                "Networks that no other beats in error, zeros and seconds of an epoch",
                _OF_NETWORKS,
                best,
                f"{len(best)} of {note}. It is test rows that tell which are the best here: their errors are "
                f"the least of many, and so too low.{named}",
            ),
        ],
        [
            _figure(setting, networks, named),
            *(
                replace(figure, caption=figure.caption + named)
                for figure in (
                    *by_layer(rows, lambda row: str(row["name"])),
                    *confusions(setting, [{"name": "rectifiers with every penalty", "runs": networks}]),
                )
            ),
        ],
        choices=list(CHOICES),
        departures=[*fewer_units(setting), _BESIDE],
        stand_ins=stand_ins,
        claims=_claims(setting, networks, plain, rows),
    )


def _network(setting: Setting, l1: float, key: str, result: Row) -> Row:
    """What a run found, without its history."""
    return {
        "key": key,
        "l1_activation": l1,
        "test_error": result["test_error"],
        "validation_error": result["validation_error"],
        "sparsity": result["sparsity"],
        "dead_units": result["dead_units"],
        "n_epochs": result["n_epochs"],
        "epoch_selected": result["epoch_selected"],
        "epoch": {"seconds": seconds_per_epoch(setting, [{"key": key, **result}])},
        "prediction": result.get("prediction"),
    }


def _ranges(networks: list[Row], plain: list[Row]) -> list[Row]:
    """One row for λ = 0, and one for each range of sparsity that has networks."""
    found = [_range("all networks with λ = 0", "without penalty", plain)]
    others = [network for network in networks if network["l1_activation"] > 0]
    for low, high in itertools.pairwise(_EDGES):
        within = _between(others, low, high if high < 1 else 2)
        if within:
            found.append(_range(f"{100 * low:g} to {100 * high:g} %", "zeros, with a penalty", within))
    return found


def _between(networks: list[Row], low: float, high: float) -> list[Row]:
    return [network for network in networks if low <= network["sparsity"]["overall"] < high]


def _range(name: str, section: str, networks: list[Row]) -> Row:
    errors = [network["test_error"] for network in networks]
    penalties = [network["l1_activation"] for network in networks]
    return {
        "name": name,
        "section": section,
        "n": len(networks),
        "test_error": float(np.mean(errors)),
        "test_error_deviation": deviation(errors),
        "least_error": min(errors),
        "sparsity": {
            "overall": float(np.mean([network["sparsity"]["overall"] for network in networks])),
            "layers": np.mean([network["sparsity"]["layers"] for network in networks], axis=0).tolist(),
        },
        "l1_activation": [min(penalties), max(penalties)],
        "epoch": {"seconds": _median([network["epoch"]["seconds"] for network in networks])},
        "prediction": {
            "seconds": _median(
                [of["seconds"] for of in (network["prediction"] for network in networks) if of]
            )
        },
        "runs": networks,
    }


def _median(seconds: list[float | None]) -> float | None:
    """Of those that are known."""
    known = [of for of in seconds if of is not None]
    return float(np.median(known)) if known else None


def _not_beaten(networks: list[Row]) -> list[Row]:
    """Networks than which no other has as little error, as many zeros and as cheap an epoch.

    The clock of a prediction, of some hundredths of a second, would tell of other work of the machine.
    """

    def costs(network: Row) -> tuple[float, float, float]:
        seconds = network["epoch"]["seconds"]
        return network["test_error"], -network["sparsity"]["overall"], np.inf if seconds is None else seconds

    def beaten(by: Row, network: Row) -> bool:
        a, b = costs(by), costs(network)
        return a != b and all(x <= y for x, y in zip(a, b, strict=True))

    kept = [network for network in networks if not any(beaten(other, network) for other in networks)]
    return sorted(kept, key=costs)


_COSTS = [
    SECONDS_PER_EPOCH,
    Column("prediction.seconds", "seconds for all test rows", "number", digits=3, about="By the clock."),
]
_ERROR = Column(
    "test_error", "test error, %", "error", deviation="test_error_deviation",
    about="Test rows that a network puts into the wrong class.",
)  # fmt: skip
_OF_RANGES = [
    Column("name", "range of zeros", about="Networks are put together by how sparse they came out."),
    Column("n", "networks", "count", about="In that range."),
    _ERROR,
    replace(SPARSITY, title="mean zeros, %"),
    *_COSTS,
    Column("least_error", "least, %", "error", detail=True, about="Test error of the best of them."),
    Column("l1_activation", "λ from · to", "number", detail=True, about="Penalties that led there."),
    LAYERS,
]
_OF_NETWORKS = [
    Column("l1_activation", "λ", "number", about="L1 penalty on the activations."),
    replace(_ERROR, deviation=None),
    SPARSITY,
    *_COSTS,
    LAYERS,
    Column("epoch_selected", "epoch", "count", detail=True, about="The best by validation error."),
]


def _figure(setting: Setting, networks: list[Row], named: str) -> Figure:
    groups = [
        ("λ = 0", 1, [network for network in networks if network["l1_activation"] == 0]),
        ("λ from 1e-6 to 1e-2", 0, [network for network in networks if network["l1_activation"] > 0]),
    ]
    n_test = setting.dataset.X_test.shape[0]

    def panel(title: str, x: str, log: str, value: Any, spans: list[Row]) -> Row:
        points = [
            {
                "name": name,
                "colour": colour,
                "x": [value(network) for network in of if value(network) is not None],
                "y": [100 * network["test_error"] for network in of if value(network) is not None],
            }
            for name, colour, of in groups
        ]
        return {"title": title, "x": x, "y": "test error, %", "log": log, "points": points, "spans": spans}

    def prediction(network: Row) -> float | None:
        timed = network["prediction"]
        return 1e6 * timed["seconds"] / n_test if timed else None

    low, high = paper.BRAIN
    brain = [{"name": "the brain: 95 to 99 % (section 2.1)", "from": 100 * low, "to": 100 * high}]
    return Figure(
        "scatter",
        "Error by sparsity, and by what it costs",
        "A point per network. Predictions are timed by the clock, other work of the machine included."
        + named,
        {
            "panels": [
                panel("Sparsity", "exact zeros, %", "y", lambda n: 100 * n["sparsity"]["overall"], brain),
                panel("Training", "processor seconds an epoch", "xy", lambda n: n["epoch"]["seconds"], []),
                panel("Prediction", "microseconds a row", "xy", prediction, []),
            ]
        },
    )


def _claims(setting: Setting, networks: list[Row], plain: list[Row], rows: list[Row]) -> list[Claim]:
    robust = _between([network for network in networks if network["l1_activation"] > 0], *_ROBUST)
    several = [row for row in rows[1:] if row["n"] > 1 and row["sparsity"]["overall"] < _ROBUST[1]]
    worse = (row for row in rows[1:] if _no_worse(row["runs"], plain) == "refuted")
    beyond = next(worse, None)
    of_plain = f"λ = 0 comes to {100 * _mean(plain, 'test_error'):.2f} % at {_zeros(plain):.1f} % zeros"
    first = (
        "no range of zeros is surely worse by more"
        if beyond is None
        else f"the first range that is surely worse by more is {beyond['name']} of zeros, with "
        f"{100 * beyond['test_error']:.2f} %"
    )
    return [
        claimed(
            setting,
            sentences.ROBUST,
            _no_worse(robust, plain),
            f"{len(robust)} networks with 70 to 85 % zeros against λ = 0: {_difference(robust, plain)}; "
            + of_plain,
        ),
        claimed(
            setting,
            sentences.UNTIL_85,
            all_of([_no_worse(row["runs"], plain) for row in several]) if several else "not decided",
            f"{of_plain}; "
            + "".join(f"{row['name']}: {_difference(row['runs'], plain)}; " for row in several)
            + first,
        ),
    ]


def _no_worse(networks: list[Row], plain: list[Row]) -> Verdict:
    """Whether networks err no more than those without penalty, or so little more that it does not matter."""
    if not networks:
        return "not decided"
    _, low, high = apart(_errors(networks), _errors(plain))
    return at_most(low, high, AS_GOOD)


def _difference(networks: list[Row], plain: list[Row]) -> str:
    return written(*apart(_errors(networks), _errors(plain))) if networks else "none there"


def _errors(networks: list[Row]) -> list[float]:
    return [network["test_error"] for network in networks]


def _mean(networks: list[Row], key: str) -> float:
    return float(np.mean([network[key] for network in networks]))


def _zeros(networks: list[Row]) -> float:
    return 100 * float(np.mean([network["sparsity"]["overall"] for network in networks]))


STUDY = Study(
    "figure3",
    "Figure 3",
    SCALES,
    begin,
    question="How many hidden units may be exactly 0 before rectifier networks get worse? Networks are "
    "trained with L1 penalties from none to strong, which make them sparser and sparser.",
)
