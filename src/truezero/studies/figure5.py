"""Figure 5: examples of reviews, and what a network of ratings makes of them (section 4.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from truezero.analysis import ActiveUnits, active_units, explain, weighted_words
from truezero.core.draws import Purpose, permutation
from truezero.datasets import Dataset
from truezero.datasets.texts import WORD
from truezero.errors import DataError
from truezero.models import load
from truezero.runs import Data, Requests
from truezero.runs.recipes import MODEL
from truezero.studies import paper, table2
from truezero.studies.claims import claim
from truezero.studies.figures import without_histories
from truezero.studies.rated import N_FOLDS, load_rated_texts, n_of_parts, rated_rows, said_of_test
from truezero.studies.stars import confusion, measured_rows
from truezero.studies.study import (
    Claim,
    Column,
    Figure,
    Passage,
    Passages,
    Setting,
    Study,
    StudyResult,
    Table,
)
from truezero.studies.tables import LAYERS, RMSE, beside_paper, facts, of_paper, said_of, stand_ins_of
from truezero.studies.text_arms import RATINGS, TextArm, kept, trained

ARM = TextArm(n_layers=3)

N_EXAMPLES = 2  # of each rating
# Reviews that are shown have at most so many words, and at least so many of those that the network knows.
_MOST_WORDS, _FEWEST_KNOWN = 60, 5
_MOST_STARS = 10  # that are drawn, and not written as a number
_N_CELLS, _FEWEST_FOR_A_MEDIAN = 30, 5

CHOICES = (
    "The network is that of Table 2 with three pre-trained layers, on the same rows and folds, at the rate "
    "that is chosen there; what is shown of single reviews is of the first fold's.",
    f"Which reviews are shown was settled before any network was trained: of each rating the first "
    f"{N_EXAMPLES}, in a random order drawn with seed 0, of those test reviews that have at most "
    f"{_MOST_WORDS} words, {_FEWEST_KNOWN} or more of them among those that the network knows; where a "
    "rating has too few, its shortest beside them. Whether the network is right plays no part.",
)
_BESIDE = (
    "Not in the paper, whose figure shows reviews and their stars: what a word does. The network is linear "
    "by parts, so that what goes into the softmax is, exactly, a sum over the review's words and a constant "
    "(section 3.1); through the softmax it is told to first order, in stars. A word that a review has twice "
    "counts once, as in the bag.",
    "Not in the paper: numbers of active units. Active are those that are not exactly 0, without noise. They "
    "are compared with what their number would vary by if each unit were as often active, but by itself.",
)


@dataclass(frozen=True)
class Reviews(Dataset):
    """A bag of words with the texts that it was made of.

    Attributes
    ----------
    texts : tuple of str
        Of the test rows; of the training rows where there are none.
    token_pattern : str
        Regular expression of a word.
    """

    texts: tuple[str, ...] = ()
    token_pattern: str = WORD


_OF_COUNTS = (
    Column("name", "non-zeros", about="Different words of a review, or units that are active for it."),
    Column("size", "of", "count", detail=True, about="How many there are."),
    Column("mean", "mean", "number", digits=1, about="Of a review."),
    Column("low", "5 %", "number", digits=0, about="Five reviews in a hundred have fewer."),
    Column("high", "95 %", "number", digits=0, about="Five reviews in a hundred have more."),
    Column("deviation", "deviation", "number", digits=1, about="Standard deviation."),
    Column(
        "independent", "if by itself", "number", digits=1,
        about="What that would be if each unit were as often active, but by itself.",
    ),
    Column(
        "correlation", "rank corr.", "number", digits=2,
        about="Rank correlation (Spearman) with the number of words.",
    ),
)  # fmt: skip


def load_reviews(name: str, **given: Any) -> Reviews:
    """Load texts with ratings, as the words that are in them and as they are.

    Parameters
    ----------
    name : str
        Of a data set of texts, or of a file.
    **given
        As `load_rated_texts` takes them.
    """
    data = load_rated_texts(name, **given)
    bag = data.bag()
    same = {field.name: getattr(bag, field.name) for field in fields(bag)}
    return Reviews(**same, texts=tuple(data.texts_to_measure()[0]), token_pattern=data.token_pattern)


def begin(setting: Setting) -> Requests[StudyResult]:
    """Begin the study.

    Raises
    ------
    DataError
        If the data have no texts.
    """
    if not isinstance(setting.dataset, Reviews):
        raise DataError(f"{setting.study} needs texts, which {setting.dataset.name} does not have")
    return _begun(setting, setting.dataset)


def _begun(setting: Setting, data: Reviews) -> Requests[StudyResult]:
    rated = rated_rows(setting, data, setting.scale.n_labels)
    below, folds = rated.below, rated.folds
    row = yield from trained(setting, RATINGS, ARM, below, folds)
    rmse, zeros = paper.rating(ARM.activation, ARM.n_layers, ARM.pretrained)
    beside_paper(row, "test_rmse", rmse)
    beside_paper(row, "sparsity", zeros)
    shown = kept(setting, RATINGS, ARM, below, folds[0], row["learning_rate"])
    yield [shown]
    model = load(setting.store.folder / shown.key / MODEL)
    rows, texts = measured_reviews(data, folds[0])
    units = active_units(model, rows.features("test"))
    words = np.diff(rows.X_test.indptr)
    stand_ins = stand_ins_of(setting, ("OpenTable", ("opentable",)))
    named = said_of(stand_ins)
    varied = _variation(units, words, rows.X_test.shape[1])
    return StudyResult(
        setting.study,
        setting.title,
        {**facts(setting), **n_of_parts(setting, data), "n_labels": setting.scale.n_labels},
        [
            Table(
                "The network",
                _of_the_network(stand_ins[0].paper if stand_ins else None),
                without_histories([{**row, "shown": {"key": shown.key, "fold": 0}}]),
                f"Mean ± standard deviation over {len(folds)} of {N_FOLDS} folds, at the best validation "
                "epoch of each." + named,
            ),
            Table(
                "Non-zeros per review",
                list(_OF_COUNTS),
                varied,
                "Over the test reviews, of the first fold's network." + named,
            ),
        ],
        [confusion(setting, row, folds[0], named), _clouds(units, words, varied, named)],
        choices=[*CHOICES, *said_of_test(setting, data)],
        departures=[*table2.departures(setting), *_BESIDE],
        stand_ins=stand_ins,
        claims=[_claim(setting, varied)],
        texts=[_passages(rows, texts, data.token_pattern, model, named)],
    )  # fmt: skip


def _of_the_network(other: str | None) -> list[Column]:
    zeros = Column(
        "sparsity.overall", "zeros, %", "sparsity", about="Outputs of hidden units that are exactly 0."
    )
    return [
        Column("name", "network"), RMSE, *of_paper("test_rmse", other, "rmse"), zeros,
        *of_paper("sparsity", other, "sparsity", digits=1), LAYERS,
    ]  # fmt: skip


def measured_reviews(data: Reviews, of: Data) -> tuple[Dataset, list[str]]:
    """Give the data the test rows that a run measures; and the texts of these."""
    rows = measured_rows(data, of)
    if of.test is None:
        return rows, list(data.texts)
    numbers = np.arange(len(data.texts), dtype=np.float64)[:, np.newaxis]
    held_out = measured_rows(Dataset("numbers of rows", numbers, data.y_train), of).X_test[:, 0]
    return rows, [data.texts[int(number)] for number in held_out]


def chosen(rows: Dataset, texts: Sequence[str], token_pattern: str) -> list[tuple[float, list[int]]]:
    """Choose test reviews of each rating that are shown, by their lengths and a random order alone."""
    y, known = np.asarray(rows.y_test), np.diff(rows.X_test.indptr)
    word = re.compile(token_pattern)
    lengths = np.array([sum(1 for _ in word.finditer(text)) for text in texts])
    place = np.empty(len(y), np.int64)
    place[permutation(0, Purpose.SPLIT, np.arange(len(y)))] = np.arange(len(y))
    found = []
    for rating in np.unique(y):
        of_it = np.flatnonzero((y == rating) & (known >= _FEWEST_KNOWN))
        order = np.lexsort((place[of_it], np.maximum(lengths[of_it], _MOST_WORDS)))
        found.append((float(rating), of_it[order[:N_EXAMPLES]].tolist()))
    return found


def _passages(rows: Dataset, texts: Sequence[str], token_pattern: str, model: Any, named: str) -> Passages:
    assert rows.columns is not None  # a bag has the names of its words
    passages = []
    for rating, some in chosen(rows, texts, token_pattern):
        for row in some:
            x = rows.X_test[[row]]
            found = explain(model, x)
            pulls = {
                rows.columns[term]: pull
                for term, pull in zip(found.inputs.tolist(), found.pulls.tolist(), strict=True)
                if pull != 0
            }
            predicted, (probabilities,) = float(found.prediction), model.predict_proba(x).tolist()
            passages.append(
                Passage(
                    f"predicted {predicted:.2f}",
                    weighted_words(texts[row].strip(), pulls, token_pattern),
                    {f"{of:g}": p for of, p in zip(model.classes_.tolist(), probabilities, strict=True)},
                    _stars(rating),
                    {"row": row, "rating": rating, "predicted": predicted},
                )
            )
    return Passages(
        "Examples of reviews",
        "Test reviews with their true stars, the expected value that the network predicts, and the "
        f"probability of each rating in per cent; {N_EXAMPLES} of each, chosen by length and a random "
        f"order.{named}",
        "what the word does to the expected rating, in stars",
        passages,
    )


def _stars(rating: float) -> str:
    drawn = f"{'★' * int(rating)} " if rating == int(rating) and 1 <= rating <= _MOST_STARS else ""
    return f"{drawn}{rating:g}"


def _variation(units: ActiveUnits, words: NDArray[Any], n_terms: int) -> list[dict[str, Any]]:
    """How the numbers of words and of active units vary over the reviews."""

    def row(name: str, size: int, counts: NDArray[Any], independent: float | None) -> dict[str, Any]:
        low, high = np.percentile(counts, (5, 95))
        return {
            "name": name, "size": size, "mean": float(counts.mean()), "low": float(low), "high": float(high),
            "deviation": float(counts.std()), "independent": independent,
            "correlation": _correlation(words, counts) if independent is not None else None,
        }  # fmt: skip

    return [
        row("words", n_terms, words, None),
        *(
            row(
                f"layer {layer + 1}",
                len(often),
                units.counts[:, layer],
                units.independent_deviation(layer),
            )
            for layer, often in enumerate(units.often)
        ),
    ]


def _correlation(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    """Rank correlation; None where one of them is always the same."""
    return float(stats.spearmanr(a, b).statistic) if np.ptp(a) and np.ptp(b) else None


def _claim(setting: Setting, rows: list[dict[str, Any]]) -> Claim:
    words, *layers = rows
    more = [layer["deviation"] > layer["independent"] for layer in layers]

    def said(row: dict[str, Any]) -> str:
        return f"{row['low']:.0f} to {row['high']:.0f}"

    of_layers = ", ".join(
        f"{said(layer)} of {layer['size']:,} units (deviation {layer['deviation']:.1f}; "
        f"{layer['independent']:.1f} if each went by itself)"
        for layer in layers
    )
    return claim(
        setting,
        "The raw input is very sparse and varies in its number of non-zeros. The latter can also be achieved "
        "with sparse internal representations, not with dense ones.",
        "4.2",
        "confirmed" if all(more) else "not decided" if any(more) else "refuted",
        f"between the 5th and 95th percentile test reviews have {said(words)} words, and layer by layer "
        f"{of_layers} that are active; units of tanh are never 0",
    )


def _clouds(units: ActiveUnits, words: NDArray[Any], rows: list[dict[str, Any]], named: str) -> Figure:
    there = words > 0  # the axis is logarithmic
    x = words[there]
    between = np.geomspace(x.min(), x.max() + 1, _N_CELLS + 1)
    x_edges = np.unique(np.round(between)) - 0.5  # between whole numbers
    cell = np.digitize(x, x_edges) - 1
    panels, said = [], []
    for layer, row in enumerate(rows[1:]):
        y = units.counts[there, layer]
        low, high = int(y.min()), int(y.max()) + 1
        y_edges = np.arange(low, high + (width := -(-(high - low) // _N_CELLS)), width) - 0.5
        counts, _, _ = np.histogram2d(x, y, (x_edges, y_edges))
        panels.append(
            {
                "title": f"layer {layer + 1}, {row['size']:,} units",
                "x_edges": x_edges.tolist(),
                "y_edges": y_edges.tolist(),
                "counts": counts.astype(int).tolist(),
                "medians": [
                    float(np.median(y[cell == of])) if (cell == of).sum() >= _FEWEST_FOR_A_MEDIAN else None
                    for of in range(len(x_edges) - 1)
                ],
            }
        )
        r = row["correlation"]
        said.append("none" if r is None else f"{r:+.2f}".replace("-", "−"))
    return Figure(
        "clouds",
        "Active units by words",
        "Units that are active for a test review by the number of different words that it has of those that "
        f"the network knows; the line is the median where there are {_FEWEST_FOR_A_MEDIAN} or more. Rank "
        f"correlation (Spearman), layer by layer: {', '.join(said)}.{named}",
        {"panels": panels, "x": "words of the review", "y": "active units"},
    )


STUDY = Study(
    "figure5", "Figure 5", table2.SCALES, begin, data=("imdb",), needs=(), load=load_reviews,
    of_own_texts=True,
    question="What does a review look like to the network, what does each of its words do to the stars that "
    "are predicted, and do numbers of active units vary with the number of words?",
)  # fmt: skip
