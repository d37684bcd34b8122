"""What pre-training on all rows brings where few of them have labels, beside all of them (section 4.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from truezero.errors import DivergenceError
from truezero.runs import Data, Requests, Result, Run, together
from truezero.studies import sentences
from truezero.studies.arms import data_of, deviation
from truezero.studies.claims import alike, better, claimed, errors
from truezero.studies.confused import confusions
from truezero.studies.figures import by_layer
from truezero.studies.study import Column, Setting, Study, StudyResult, Table
from truezero.studies.tables import ERROR, LAYERS, SPARSITY, facts, fewer_units, said_of, stand_ins_of
from truezero.training.history import rank_by_validation


@dataclass(frozen=True)
class FewLabels:
    """How much of the study is run.

    Attributes
    ----------
    hidden_layer_sizes : tuple of int
    n_labels : int
        Drawn by class; a fifth of them selects rate and epoch.
    n_seeds : int
        Draws of labels.
    n_stacks : int
        Pre-trainings, with which the draws take turns.
    pretraining_epochs : int
        Of each layer.
    max_iter, max_iter_of_all : int
        Of few labels and of all.
    n_seeds_of_all : int
        Networks that learn from all labels.
    """

    hidden_layer_sizes: tuple[int, ...]
    n_labels: int
    n_seeds: int
    n_stacks: int
    pretraining_epochs: int
    max_iter: int
    max_iter_of_all: int
    n_seeds_of_all: int


SCALES = {
    "smoke": FewLabels((32, 32, 32), 100, 2, 1, 2, 5, 2, 2),
    "laptop": FewLabels((200, 200, 200), 100, 10, 2, 15, 300, 40, 3),
    "paper": FewLabels((1000, 1000, 1000), 500, 10, 2, 30, 100, 40, 3),
}
_UNITS = {"activation": "rectifier", "sign_mask": "half", "batch_size": 10}
_PRETRAINING = {
    "reconstruction": "softplus-quadratic", "corruption": "masking", "corruption_level": 0.5,
    "l1_activation": 1e-3, "learning_rate_init": 0.02,
}  # fmt: skip
_RATES, _RATES_OF_ALL = (0.1, 0.03, 0.01, 0.001), (0.1, 0.03)

CHOICES = (
    "Rectifier networks with a sign mask. Layers are pre-trained by strategy 1 on all training rows without "
    "their labels.",
    "Both networks of a draw have the same labels, drawn by class. The draws take turns with a few "
    "pre-trainings, so that intervals tell of the labels and hardly of pre-training.",
)
_DEPARTURES = (
    "The paper's Figure 4 selects by all validation rows, with few labels too; here labels are few for "
    "whatever they are used: a fifth of them selects rate and epoch, as whoever has few labels has no others "
    "to select by. With all labels the data set's own validation rows select.",
    "Pre-training with masking noise of 0.5 and a rate of 0.02; the paper has noise of 0.25, and chooses "
    "among 0.1, 0.01, 0.001 and 0.0001. λ = 1e-3, as in the paper.",
    "Fine-tuning at rates of 0.1, 0.03, 0.01 and 0.001, with all labels 0.1 and 0.03, and λ = 1e-4, with all "
    "labels 1e-5; the paper has rates of 0.1, 0.01, 0.001 and 0.0001, and λ = 1e-3.",
)

_COLUMNS = [
    Column("name", "network"), ERROR, SPARSITY,
    Column("n_seeds", "draws", "count", about="Of the labels, at random; with all labels, of initial "
    "weights."),
    LAYERS,
    Column("rates", "rates chosen", detail=True, about="How often each was the best by validation error."),
    Column("seconds", "seconds a draw", "seconds", detail=True, about="Fine-tuning at the chosen rate."),
]  # fmt: skip

Row = dict[str, Any]


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per network, few labels and all."""
    scale: FewLabels = setting.scale
    stacks = [_stack(setting, seed) for seed in range(scale.n_stacks)]
    rows = yield from together(
        *(
            _arm(setting, stacks if pretrained else [], few=few)
            for few in (True, False)
            for pretrained in (True, False)
        )
    )
    with_few, without_few, with_all, without_all = rows
    for row in rows:
        row["section"] = f"{row['n_labels']:,} labels"
    stand_ins = stand_ins_of(setting, ("NORB", ("norb",)))
    named = said_of(stand_ins)
    less = 1 - with_few["test_error"] / without_few["test_error"] if without_few["test_error"] else 0.0
    return StudyResult(
        setting.study,
        setting.title,
        {**facts(setting), "n_labels": with_few["n_labels"]},
        [
            Table(
                "Test error with few labels and with all",
                _COLUMNS,
                rows,
                "Mean ± standard deviation over the draws of labels; with all labels, over the seeds."
                + named,
            )
        ],
        figures=[
            replace(figure, caption=figure.caption + named)
            for figure in (
                *by_layer(rows, lambda row: f"{row['name']}, {row['section']}"),
                *confusions(
                    setting, [{**row, "name": f"{row['name']}, {row['section']}"} for row in rows[2:]]
                ),
            )
        ],
        choices=list(CHOICES),
        departures=[*fewer_units(setting), *_DEPARTURES],
        stand_ins=stand_ins,
        claims=[
            claimed(
                setting,
                sentences.FEW_LABELS,
                better(with_few, without_few),
                f"{with_few['n_labels']} labels, with and without: {errors(with_few, without_few)}, "
                f"{100 * less:.0f} % of the errors less",
            ),
            claimed(
                setting,
                sentences.IDENTICAL,
                alike(with_all, without_all),
                f"all labels, with and without: {errors(with_all, without_all)}",
            ),
        ],
    )


def _stack(setting: Setting, seed: int) -> list[Run]:
    """Runs of its layers, from the bottom."""
    runs: list[Run] = []
    for n_units in setting.scale.hidden_layer_sizes:
        parameters = {
            **_UNITS, **_PRETRAINING, "hidden_layer_sizes": n_units,
            "max_iter": setting.scale.pretraining_epochs, "random_state": seed,
        }  # fmt: skip
        runs.append(Run("pretrain-layer", parameters, data_of(setting), tuple(runs[-1:])))
    return runs


def _arm(setting: Setting, stacks: list[list[Run]], *, few: bool) -> Requests[Row]:
    """Fine-tune from stacks, or from random weights, at every rate; of each draw the best by its own rows."""
    scale: FewLabels = setting.scale
    share = min(scale.n_labels / setting.dataset.X_train.shape[0], 1.0)
    rates, n = (_RATES, scale.n_seeds) if few else (_RATES_OF_ALL, scale.n_seeds_of_all)
    how: Row = {"l1_activation": 1e-4, "max_iter": scale.max_iter, "n_iter_no_change": 25}
    if not few:
        how = {"l1_activation": 1e-5, "max_iter": scale.max_iter_of_all, "n_iter_no_change": 10}

    def run(rate: float, seed: int) -> Run:
        data: Data = data_of(setting, share, seed, (0, 5)) if few else data_of(setting)
        parameters = {
            **_UNITS, **how, "hidden_layer_sizes": list(scale.hidden_layer_sizes), "learning_rate_init": rate,
            "random_state": seed,
        }  # fmt: skip
        return Run("fine-tune", parameters, data, tuple(stacks[seed % len(stacks)][-1:]) if stacks else ())

    asked = [(rate, run(rate, seed)) for seed in range(n) for rate in rates]
    found = yield [run for _, run in asked]
    results = [{"key": run.key, "rate": rate, **of} for (rate, run), of in zip(asked, found, strict=True)]
    best = [_best(results[start : start + len(rates)]) for start in range(0, len(results), len(rates))]
    test_errors = [of["test_error"] for of in best]
    return {
        "name": "pre-trained" if stacks else "from random weights",
        "test_error": float(np.mean(test_errors)),
        "test_error_deviation": deviation(test_errors),
        "sparsity": {
            "overall": float(np.mean([of["sparsity"]["overall"] for of in best])),
            "layers": np.mean([of["sparsity"]["layers"] for of in best], axis=0).tolist(),
        },
        "n_labels": best[0]["n_train"] + (best[0]["n_validation"] if few else 0),
        "n_seeds": n,
        "rates": ", ".join(f"{rate:g}: {sum(of['rate'] == rate for of in best)}" for rate in rates),
        "seconds": float(np.mean([of["seconds"] for of in best])),
        "stacks": [[{"key": layer.key} for layer in stack] for stack in stacks],
        "runs": [{name: value for name, value in of.items() if name != "history"} for of in best],
    }


def _best(results: list[Result]) -> Result:
    """That of the least validation error at its best epoch; its cost breaks ties."""
    usable = [result for result in results if "diverged" not in result]
    if not usable:
        raise DivergenceError(f"no rate gives a network: {results[0]['diverged']}")

    def rank(result: Result) -> tuple[float, ...]:
        return rank_by_validation(result["history"][result["epoch_selected"] - 1]) or (0.0,)

    return min(usable, key=rank)


STUDY = Study(
    "few-labels",
    "Few labels",
    SCALES,
    begin,
    question="What does unsupervised pre-training on all rows bring a rectifier network where few rows have "
    "labels and these few must select, too; and what where all rows have labels?",
)
