"""Error by size of the vocabulary (footnote 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from truezero.datasets import Dataset
from truezero.errors import OptionError
from truezero.runs import Requests, together
from truezero.studies import table2
from truezero.studies.claims import claim, errors, interval
from truezero.studies.figures import without_histories
from truezero.studies.rated import load_rated_texts, n_of_parts, rated_rows, said_of_test
from truezero.studies.study import Claim, Column, Figure, Setting, Study, StudyResult, Table
from truezero.studies.tables import RATE, RMSE, SPARSITY, facts, said_of, stand_ins_of
from truezero.studies.text_arms import COSTS, COSTS_SAID, RATINGS, TextArm, trained

SIZES = (1000, 2000, 5000, 10_000)
_PAPERS = 5000
# What counts as marked: by how much of the RMSE it changes.
_MARKED = 0.02

# Those of Table 2, so that its runs with 5,000 words are these; fewer folds on a laptop.
SCALES = {
    name: replace(scale, n_seeds=5) if name == "laptop" else scale for name, scale in table2.SCALES.items()
}

ARMS = (TextArm(n_layers=0, pretrained=False), TextArm(n_layers=1))

CHOICES = (
    "Networks, rows, folds and rates are those of Table 2; only the words differ: the most frequent ones of "
    "all training texts, with and without ratings.",
    "The paper says no more than that larger vocabularies than 5,000 did not markedly change results. Here: "
    f"that the RMSE of one hidden layer changes by less than {100 * _MARKED:g} % from 5,000 words to 10,000, "
    "with all of the 95 % interval.",
)


def load_vocabularies(name: str, **of_texts: Any) -> list[Dataset]:
    """Load the words of rated texts in every size, the smallest first.

    Parameters
    ----------
    name : str
        A set or file of texts.
    **of_texts
        As `load_rated` takes them.

    Returns
    -------
    list of Dataset
        Each as `TextDataset.bag` makes it. Texts with fewer words than a size have all of them in the last.

    Raises
    ------
    DataError
        If it cannot be read, or holds no rated texts.
    OptionError
        If there are no more words than the smallest size has.
    """
    largest = load_rated_texts(name, **of_texts).bag(SIZES[-1])
    n_terms = largest.X_train.shape[1]
    if n_terms <= SIZES[0]:
        raise OptionError(
            f"{name} has {n_terms:,} different words: sizes of vocabularies begin at {SIZES[0]:,}"
        )
    return [_most_frequent(largest, size) for size in SIZES if size < n_terms] + [largest]


def _most_frequent(bag: Dataset, n_terms: int) -> Dataset:
    """Keep the words that are in the most texts; of equals the first by alphabet, as columns are sorted."""
    counts = bag.rows_to_pretrain().X.sum(axis=0)
    kept = np.sort(np.argsort(-counts, kind="stable")[:n_terms])
    rows = {
        part: getattr(bag, part)[:, kept]
        for part in ("X_train", "X_validation", "X_test", "X_unlabeled")
        if getattr(bag, part) is not None
    }
    assert bag.columns is not None  # words have names
    return replace(bag, **rows, columns=tuple(bag.columns[place] for place in kept))


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study: one row per size and network."""
    n_labels = setting.scale.n_labels
    rated = [rated_rows(setting, dataset, n_labels) for dataset in setting.datasets]
    sizes = [int(dataset.X_train.shape[1]) for dataset in setting.datasets]
    rows = yield from together(
        *(trained(setting, RATINGS, arm, of.below, of.folds) for arm in ARMS for of in rated)
    )
    for number, row in enumerate(rows):
        row["n_terms"], row["section"] = sizes[number % len(sizes)], row["name"]
    stand_ins = stand_ins_of(setting, ("OpenTable", ("opentable",)))
    named = said_of(stand_ins)
    columns = [
        Column(
            "n_terms", "words", "count", about="The most frequent ones, which are all that a network sees."
        ),
        RMSE,
        SPARSITY,
        replace(RATE, detail=True),
        *COSTS,
    ]
    return StudyResult(
        setting.study,
        setting.title,
        {
            **{name: fact for name, fact in facts(setting).items() if name != "data_fingerprint"},
            **n_of_parts(setting, setting.dataset),
            "network": [
                f"{sizes[0]} to {sizes[-1]}",
                setting.scale.width,
                len(np.unique(np.asarray(setting.dataset.y_train))),
            ],
            "n_labels": n_labels,
        },
        [
            Table(
                "Test RMSE by words",
                columns,
                without_histories(rows),
                "Mean ± standard deviation over the folds, at the best validation epoch of each. "
                + COSTS_SAID
                + named,
            )
        ],
        [_figure(rows, named)],
        choices=[*CHOICES, *said_of_test(setting, setting.dataset)],
        departures=table2.departures(setting),
        stand_ins=stand_ins,
        claims=_claims(setting, rows),
    )


def _figure(rows: list[dict[str, Any]], named: str) -> Figure:
    lines = []
    for number, arm in enumerate(ARMS):
        curve = [row for row in rows if row["section"] == arm.described]
        lines.append(
            {
                "name": arm.described,
                "colour": number,
                "dashed": arm.pretrained,
                "x": [row["n_terms"] for row in curve],
                "y": [row["test_rmse"] for row in curve],
                "deviation": [row["test_rmse_deviation"] for row in curve],
            }
        )
    return Figure(
        "bands",
        "Test RMSE by words",
        "Mean over the folds, and a band of one standard deviation. Both axes are logarithmic." + named,
        {"x": "most frequent words", "y": "test RMSE", "lines": lines},
    )


def _claims(setting: Setting, rows: Sequence[dict[str, Any]]) -> list[Claim]:
    """The footnote's, where there are more words than the paper had."""
    of_size = {row["n_terms"]: row for row in rows if row["n_layers"]}
    most = max(of_size)
    if _PAPERS not in of_size or most == _PAPERS:
        return []
    paper, more = of_size[_PAPERS], of_size[most]
    mean, low, high = interval(more, paper)
    bound = _MARKED * paper["test_rmse"]
    if max(abs(low), abs(high)) < bound:
        verdict: Any = "confirmed"
    else:
        verdict = "refuted" if low > bound or high < -bound else "not decided"
    return [
        claim(
            setting,
            "Preliminary experiments suggested that larger vocabulary sizes did not markedly change results.",
            "4.2, footnote 5",
            verdict,
            f"{most:,} and 5,000 words: {errors(more, paper)}, {100 * mean / paper['test_rmse']:+.1f} % of "
            "the RMSE",
        )
    ]


STUDY = Study(
    "vocabulary", "Vocabulary", SCALES, begin, data=("imdb",), needs=(), load=load_vocabularies,
    of_own_texts=True,
    question="Do ratings of reviews get better if a network sees more words than the paper's 5,000?",
)  # fmt: skip
