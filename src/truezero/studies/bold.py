"""Which networks of a table differ significantly from the best, by what they predict of the test rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.analysis import mcnemar, paired_bootstrap
from truezero.core.tensors import read_tensors
from truezero.runs.recipes import PREDICTIONS
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
    truth = _class_numbers(setting)
    wrong = [_wrong(setting, row, truth) for row in rows]
    best = min(range(n_candidates), key=lambda number: rows[number]["test_error"])
    selected = [_selected(row) for row in rows]
    for number, row in enumerate(rows):
        difference = paired_bootstrap(wrong[number], wrong[best])
        row["against_best"] = {
            **vars(difference),
            "mcnemar": mcnemar(wrong[number][selected[number]], wrong[best][selected[best]]),
        }
        row["bold"] = difference.p_value > LEVEL


def _class_numbers(setting: Setting) -> NDArray[np.int64]:
    """Of the test rows, as predictions are saved: classes are known of training and validation rows."""
    dataset = setting.dataset
    classes = np.union1d(np.asarray(dataset.y_train), np.asarray(dataset.y_validation))
    return np.searchsorted(classes, np.asarray(dataset.y_test))


def _wrong(setting: Setting, row: Row, truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each of a row's networks, one per seed, has each test row wrong."""
    found = []
    for run in row["runs"]:
        tensors, _ = read_tensors(setting.store.folder / run["key"] / PREDICTIONS, kind="predictions")
        found.append(tensors["predicted"] != truth)
    return np.array(found)


def _selected(row: Row) -> int:
    """Place of the seed with the least validation error."""
    runs = row["runs"]
    return min(range(len(runs)), key=lambda seed: runs[seed]["validation_error"])
