"""What a study ends in. Report and terminal render a `StudyResult` and know no study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

Kind = Literal[
    "name", "error", "fraction", "sparsity", "points", "rmse", "difference", "count", "number", "seconds"
]
"""What a column holds: errors, shares, sparsity and points are fractions, shown in per cent; points and
differences have a sign."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    key : str
        Where a row has its value; dots lead into dicts. A value may be a list, one per layer.
    title : str
    kind : str
        See `Kind`.
    deviation : str or None
        Where a row has the standard deviation that belongs to it.
    paper : bool
        It holds the paper's numbers.
    detail : bool
        It stands in a table of its own in the report, and in a terminal only if that is wide.
    digits : int or None
        After the point; None leaves it to the kind.
    bold : str or None
        Where a row has whether its cell stands out.
    about : str
        What it is, for somebody who does not have the paper at hand.
    """

    key: str
    title: str
    kind: Kind = "name"
    deviation: str | None = None
    paper: bool = False
    detail: bool = False
    digits: int | None = None
    bold: str | None = None
    about: str = ""

    def is_bold(self, row: Mapping[str, Any]) -> bool:
        """Whether a row's cell stands out."""
        return self.bold is not None and bool(self.value(row, self.bold))

    def value(self, row: Mapping[str, Any], key: str | None = None) -> Any:
        """What a row holds here; None where it holds nothing."""
        found: Any = row
        for part in (self.key if key is None else key).split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


@dataclass(frozen=True)
class Table:
    """A table of results.

    Attributes
    ----------
    title : str
    columns : list of Column
    rows : list of dict
        As JSON holds them; they may hold more than the columns show. Rows with the same "section" stand
        below one heading.
    note : str
        The sentences below it.
    """

    title: str
    columns: list[Column]
    rows: list[dict[str, Any]]
    note: str = ""


@dataclass(frozen=True)
class Figure:
    """A figure, as what is drawn.

    Attributes
    ----------
    kind : str
        A name in `truezero.plots.KINDS`, whose arguments are `data`.
    title, caption : str
    data : dict
        Numbers, and arrays of images; the latter are not kept in JSON.
    """

    kind: str
    title: str
    caption: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Passage:
    """A text, with what its words did.

    Attributes
    ----------
    heading : str
    pieces : list of (str, float or None)
        All of the text in its order, with what each piece did, up or down; None of what did nothing.
    shares : dict of str to float
        Fractions that sum to 1, probabilities say, by what they are of.
    section : str
        Those with the same one stand below one heading.
    facts : dict
        What JSON holds besides.
    """

    heading: str
    pieces: list[tuple[str, float | None]]
    shares: dict[str, float] = field(default_factory=dict)
    section: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def strongest(self) -> float:
        """The greatest of what its pieces did, up or down; 0 if none did anything."""
        return max((abs(weight) for _, weight in self.pieces if weight is not None), default=0.0)

    @property
    def words(self) -> dict[str, float]:
        """Pieces that did something, in lower case, the strongest first."""
        found = {piece.lower(): weight for piece, weight in self.pieces if weight is not None}
        return dict(sorted(found.items(), key=lambda item: -abs(item[1])))


@dataclass(frozen=True)
class Passages:
    """Texts, in which is seen what their words did.

    Attributes
    ----------
    title, caption : str
    of : str
        What it is that pieces did.
    passages : list of Passage
    """

    title: str
    caption: str
    of: str
    passages: list[Passage]

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            **vars(self),
            "passages": [
                {
                    **vars(passage),
                    "pieces": [{"text": text, "weight": weight} for text, weight in passage.pieces],
                }
                for passage in self.passages
            ],
        }


Verdict = Literal["confirmed", "refuted", "not decided"]


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper that states a result, and what was found.

    Attributes
    ----------
    sentence, section : str
    verdict : {"confirmed", "refuted", "not decided"}
    evidence : str
        The figures that decide.
    """

    sentence: str
    section: str
    verdict: Verdict
    evidence: str


@dataclass(frozen=True)
class StandIn:
    """Data used where the paper's are not.

    Attributes
    ----------
    paper, ours, why : str
    """

    paper: str
    ours: str
    why: str


@dataclass
class StudyResult:
    """What a study has found.

    Attributes
    ----------
    study, title : str
    facts : dict
        Data, network, scale, and numbers of rows and seeds.
    tables : list of Table
    figures : list of Figure
    choices : list of str
        How it was done where the paper leaves it open.
    departures : list of str
        What was done otherwise than the paper says.
    stand_ins : list of StandIn
    claims : list of Claim
    provenance : dict
        Code, versions and machine; added by whoever has the study carried out.
    texts : list of Passages
    question : str
        What the study asks, in a sentence or two.
    """

    study: str
    title: str
    facts: dict[str, Any]
    tables: list[Table]
    figures: list[Figure] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    departures: list[str] = field(default_factory=list)
    stand_ins: list[StandIn] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    texts: list[Passages] = field(default_factory=list)
    question: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it; arrays of images are left out."""
        return {
            "study": self.study,
            "title": self.title,
            "question": self.question,
            **self.facts,
            "tables": [
                {
                    "title": table.title,
                    "columns": [vars(column) for column in table.columns],
                    "rows": table.rows,
                    "note": table.note,
                }
                for table in self.tables
            ],
            "figures": [{**vars(figure), "data": _without_arrays(figure.data)} for figure in self.figures],
            "texts": [passages.to_json() for passages in self.texts],
            "choices": self.choices,
            "departures": self.departures,
            "stand_ins": [vars(stand_in) for stand_in in self.stand_ins],
            "claims": [vars(claim) for claim in self.claims],
            "provenance": self.provenance,
        }


def _without_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_arrays(v) for k, v in value.items() if not isinstance(v, np.ndarray)}
    if isinstance(value, (list, tuple)):
        return [_without_arrays(v) for v in value if not isinstance(v, np.ndarray)]
    return value
