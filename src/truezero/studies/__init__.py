"""Studies: tables and figures of the paper, each a generator that asks for runs and ends in its result."""

from __future__ import annotations

from truezero.studies import amazon, figure4, figure5, strategies, table1, table2
from truezero.studies.reproduce import reproduce
from truezero.studies.study import (
    Claim,
    Column,
    Figure,
    Passage,
    Passages,
    StandIn,
    Study,
    StudyResult,
    Table,
)

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        table1.STUDY,
        table2.STUDY,
        figure5.STUDY,
        amazon.STUDY,
        figure4.STUDY,
        strategies.STUDY,
    )
}
"""What `truezero reproduce` can run."""

__all__ = [
    "STUDIES",
    "Claim",
    "Column",
    "Figure",
    "Passage",
    "Passages",
    "StandIn",
    "Study",
    "StudyResult",
    "Table",
    "reproduce",
]
