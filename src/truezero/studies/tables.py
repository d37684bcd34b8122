"""What studies of networks on one data set have in common: the columns of their table, and all around it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from truezero.models import load
from truezero.presets import RATES
from truezero.runs.recipes import MODEL
from truezero.studies.arms import Scale
from truezero.studies.confused import confusions
from truezero.studies.figures import Namer, by_layer, by_sparsity, named, pictures, without_histories
from truezero.studies.result import Kind
from truezero.studies.study import Claim, Column, Figure, Setting, StandIn, StudyResult, Table

ERROR = Column(
    "test_error", "test error, %", "error", deviation="test_error_deviation",
    about="Test rows that the network puts into the wrong class; mean ± standard deviation over the seeds.",
)  # fmt: skip
SPARSITY = Column(
    "sparsity.overall", "zeros, %", "sparsity",
    about="Sparsity: outputs of hidden units that are exactly 0, on the test rows, all layers together.",
)  # fmt: skip
RATE = Column(
    "learning_rate", "rate", "number", about="Learning rate of fine-tuning, chosen by validation error."
)
RMSE = Column(
    "test_rmse", "test RMSE", "rmse", deviation="test_rmse_deviation",
    about="Root mean squared error of the predicted stars on the test rows; mean ± standard deviation over "
    "the folds.",
)  # fmt: skip
SECONDS_PER_EPOCH = Column(
    "epoch.seconds", "seconds an epoch", "number", digits=2,
    about="Of the processor, all cores together, and all that the run's process did meanwhile: measuring, "
    "too, but not what else the machine did. Median of the runs.",
)  # fmt: skip
LAYERS = Column(
    "sparsity.layers", "zeros per layer, %", "sparsity", detail=True, digits=0,
    about="Sparsity of each hidden layer, the one next to the input first.",
)  # fmt: skip
_DETAILS = (
    LAYERS,
    Column(
        "pretraining.learning_rate", "rate of pre-training", "number", detail=True,
        about="Learning rate of pre-training, chosen by the reconstruction error of the first layer.",
    ),
    Column("n_seeds", "seeds", "count", detail=True, about="Networks that the means are of."),
    Column("seconds", "seconds", "seconds", detail=True, about="Fine-tuning of all seeds, on the clock."),
)  # fmt: skip
_NOTE = "Each network is measured at its best validation epoch."

# Where rows have the paper's numbers.
_PAPERS = {"test_error": "paper_test_error", "test_rmse": "paper_rmse", "sparsity": "paper_sparsity"}

CHOICES = (
    "The rate of fine-tuning is chosen per network by validation error, mean over the seeds it is tried on; "
    "the paper says no more than that validation error decides.",
    "The sign mask is the rectifier's alone: exactly half of the units of each layer.",
    "A new order of the rows in every epoch; the best validation epoch is kept and measured on the test "
    "rows.",
    "Sparsity is measured on the test rows, over all hidden layers together.",
)
"""What the paper leaves open of the networks of section 4.1, and how it is done here."""
PRETRAINING = (
    "Pre-training: one rate for all layers, that whose first layer reconstructs held-out rows best under one "
    "fixed draw of the noise, without L1: the costs of the layers above it cannot be compared, as their "
    "targets differ between rates. Of each layer the best epoch is kept.",
    "Decoders have weights of their own. Upper layers of tanh networks reconstruct targets that are mapped "
    "to [0, 1], as cross-entropy wants them.",
    "A masked layer's code is reconstructed without its signs.",
)
"""The same of pre-training."""


def of_paper(key: str, data: str | None, kind: Kind, *, digits: int | None = None) -> list[Column]:
    """Columns of the paper's numbers, and, if they are of the same data, of what ours have more.

    See `beside_paper`.

    Parameters
    ----------
    key : str
        Of ours: "test_error", "test_rmse" or "sparsity".
    data : str or None
        What the paper's are of, where it is not what ours are of.
    kind : str
        Of the paper's column.
    digits : int, optional
        Of the difference.
    """
    what = {"test_error": "error", "test_rmse": "RMSE", "sparsity": "zeros"}[key]
    papers = f"paper's {what}" + (f" ({data})" if data else "")
    beside = Column(
        _PAPERS[key], papers if kind == "rmse" else f"{papers}, %", kind, paper=True,
        about="As it stands in the paper." + (f" Of other data, {data}: no measure of ours." if data else ""),
    )  # fmt: skip
    if data is not None:
        return [beside]
    more = Column(
        f"over_paper.{key}",
        f"{what} − paper's" if kind == "rmse" else f"{what} − paper's, points",
        "difference" if kind == "rmse" else "points",
        digits=digits,
        about=f"The difference to the paper: our {what} less the paper's; below 0, ours has less {what}.",
    )
    return [beside, more]


def beside_paper(row: dict[str, Any], key: str, paper: float | None) -> None:
    """Set the paper's number into a row, and what ours is more; None where the paper has none.

    Parameters
    ----------
    row : dict
    key : str
        Of ours: "test_error", "test_rmse" or "sparsity", whose "overall" counts.
    paper : float or None
    """
    ours = row[key]["overall"] if key == "sparsity" else row[key]
    row[_PAPERS[key]] = paper
    row.setdefault("over_paper", {})[key] = None if paper is None else ours - paper


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
    name: Namer = named,
    by_row: bool = False,
    compared_with: str = "",
    departures: Sequence[str],
    papers: tuple[str, Collection[str]] | None = None,
) -> StudyResult:
    """Put the result of a study together whose rows are networks.

    Parameters
    ----------
    setting : Setting
    rows : list of dict
        As `arms.fine_tuned` gives them, with what the columns name besides. Of those that had all labels
        sparsity and confusion are shown, and pictures of the first that was pre-trained, if one was.
    table : str
        Title of the table.
    columns : sequence of Column
        Those that come before the details.
    figures, choices, claims, departures
        As in `StudyResult`; choices of pre-training are added where there is some.
    name : callable
        Of a row, in figures.
    by_row : bool
        Every row has a colour of its own there, not every kind of hidden units.
    compared_with : str
        Data of the paper's numbers in the rows.
    papers : (str, collection of str), optional
        The data that the paper had: for people, and names of data sets that are these.
    """
    stand_ins = stand_ins_of(setting, papers)
    said = said_of(stand_ins)
    whole = [{**row, "name": name(row)} for row in rows if row["labels"] == 1]
    shown = [
        *figures,
        by_sparsity(whole, name, by_row=by_row, paper=compared_with),
        *by_layer(whole, name),
        *confusions(setting, whole),
    ]
    before = next((row["pretraining"] for row in rows if row["pretraining"] is not None), None)
    if before is not None:
        first = before["layers"][0][-1]["key"]
        shown += pictures(load(setting.store.folder / first / MODEL), setting.dataset)
    return StudyResult(
        setting.study,
        setting.title,
        facts(setting),
        [Table(table, [*columns, *_DETAILS], without_histories(rows), _NOTE + said)],
        [replace(figure, caption=figure.caption + said) for figure in shown],
        [*choices, *([] if before is None else PRETRAINING), *chosen_on(setting)],
        list(departures),
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
        f"Rates are chosen on {seeds}{after}; all seeds are then trained at the chosen ones, for up to "
        f"{scale.max_iter} epochs."
    ]


def departures_of(setting: Setting, *, pretrained: bool = True) -> list[str]:
    """What image networks of a scale do otherwise than the paper says."""
    scale: Scale = setting.scale
    found = [*fewer_units(setting)]
    if set(scale.learning_rates) != set(RATES):
        found.append(f"Rates of fine-tuning tried: {_several(scale.learning_rates)}; {_GRID}")
    if pretrained and set(scale.pretraining_rates) != set(RATES):
        found.append(f"Rates of pre-training tried: {_several(scale.pretraining_rates)}; {_GRID}")
    values = f"λ = {_power(scale.l1)}"
    if pretrained:
        of_layers = f" and {_power(scale.pretraining_l1)}" if scale.pretraining_l1 != scale.l1 else " and"
        values += f" in fine-tuning{of_layers} in pre-training"
    found.append(
        f"{values}, on the activations of every network, one coefficient for all layers; the paper says "
        "0.001, which kills units for as long as training goes on."
    )
    if pretrained and setting.dataset.offset < 0:
        found.append(
            "Inputs reach below 0. There the paper's cross-entropy of tanh networks has no targets: their "
            "first layer has linear reconstruction units with quadratic cost. Nor can softplus units reach "
            "them; those of rectifier and softplus networks are trained all the same, as the paper's must "
            "have been."
        )
    return found


_GRID = f"the paper's are {', '.join(f'{rate:g}' for rate in RATES)}."


def fewer_units(setting: Setting) -> list[str]:
    """Sentence on the sizes of hidden layers, where the paper's are others; else none."""
    sizes, of_norb = tuple(setting.scale.hidden_layer_sizes), "NORB" in _data_of(setting)
    papers = (4000, 2000) if of_norb else (1000, 1000, 1000)
    if sizes == papers:
        return []
    return [
        f"Hidden layers of {_several(sizes)} units; the paper's have {_several(papers)}"
        + (" on NORB." if of_norb else ".")
    ]


def _data_of(setting: Setting) -> tuple[str, str | None]:
    return setting.dataset.name.upper(), setting.dataset.stand_in_for


def _several(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:,g}" if number < 1 else f"{number:,.0f}" for number in numbers)


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


def said_of(stand_ins: Sequence[StandIn]) -> str:
    """Write it below a table or figure."""
    return "".join(f" Data: {stand_in.ours}, in place of {stand_in.paper}." for stand_in in stand_ins)
