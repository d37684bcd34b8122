"""Studies: the paper's tables and figures, and more; generators that ask for runs and end in a result."""

from __future__ import annotations

from truezero.studies import (
    amazon,
    few_labels,
    figure1,
    figure2,
    figure3,
    figure4,
    figure5,
    readings,
    rectifiers_today,
    softplus_scaling,
    strategies,
    strategies_text,
    table1,
    table2,
    vocabulary,
)
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

_MODULES = (
    table1,
    table2,
    figure5,
    amazon,
    figure1,
    figure2,
    figure3,
    figure4,
    softplus_scaling,
    strategies,
    readings,
    few_labels,
    rectifiers_today,
    strategies_text,
    vocabulary,
)
STUDIES: dict[str, Study] = {module.STUDY.name: module.STUDY for module in _MODULES}
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
