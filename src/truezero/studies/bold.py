"""Which networks of a table differ significantly from the best, by what they predict of the test rows."""

from __future__ import annotations

from typing import Any

from truezero.analysis import mcnemar, paired_bootstrap
from truezero.studies.confused import class_numbers, predicted
from truezero.studies.study import Setting

LEVEL = 0.05
"""The paper's p of the pairwise test (Table 1)."""

Row = dict[str, Any]


def against_the_best(setting: Setting, rows: list[Row], n_candidates: int) -> None:
    """Compare all rows with the one of least test error among the first, and say so in them.

    Adds "against_best" (difference, its interval, "p_value" of the bootstrap, "mcnemar") and "bold".

    Parameters
    ----------
    setting : Setting
    rows : list of dict
        As `arms.fine_tuned` gives them.
    n_candidates : int
        So many of the rows the best one is looked for among.
    """
    truth = class_numbers(setting)
    wrong = [predicted(setting, row) != truth for row in rows]
    best = min(range(n_candidates), key=lambda number: rows[number]["test_error"])
    selected = [_selected(row) for row in rows]
    for number, row in enumerate(rows):
        difference = paired_bootstrap(wrong[number], wrong[best])
        row["against_best"] = {
            **vars(difference),
            "mcnemar": mcnemar(wrong[number][selected[number]], wrong[best][selected[best]]),
        }
        row["bold"] = difference.p_value > LEVEL


def _selected(row: Row) -> int:
    """Place of the seed with the least validation error."""
    runs = row["runs"]
    return min(range(len(runs)), key=lambda seed: runs[seed]["validation_error"])
