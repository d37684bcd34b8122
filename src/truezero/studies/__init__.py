"""Studies: the paper's tables and figures, and more; generators that ask for runs and end in a result."""

from __future__ import annotations

from truezero.studies import (
    amazon,
    figure4,
    rectifiers_today,
    strategies,
    strategies_text,
    table1,
    table2,
    vocabulary,
)
from truezero.studies.reproduce import reproduce
from truezero.studies.study import Claim, Column, Figure, StandIn, Study, StudyResult, Table

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        table1.STUDY,
        table2.STUDY,
        amazon.STUDY,
        figure4.STUDY,
        strategies.STUDY,
        rectifiers_today.STUDY,
        strategies_text.STUDY,
        vocabulary.STUDY,
    )
}
"""What `truezero reproduce` can run."""

__all__ = ["STUDIES", "Claim", "Column", "Figure", "StandIn", "Study", "StudyResult", "Table", "reproduce"]
