"""What networks of ratings say of the test reviews, from the predictions that their runs have left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from truezero.core.tensors import read_tensors
from truezero.datasets import Dataset
from truezero.runs import Data
from truezero.runs.recipes import PREDICTIONS
from truezero.studies.study import Figure, Setting


def measured_rows(dataset: Dataset, of: Data) -> Dataset:
    """Give a data set the test rows that a run measures, be they its own or held out."""
    return replace(of, labels=1.0, fold=None).of(dataset)


def confusion(setting: Setting, row: dict[str, Any], of: Data, named: str = "") -> Figure:
    """Draw which rating is taken for which: the nearest one to the expected value, of all folds' networks.

    Parameters
    ----------
    setting : Setting
    row : dict
        As `text_arms.trained` gives it for ratings.
    of : Data
        One of the folds that it was trained on; all of them measure the same rows.
    named : str
        What the data stand in for, a sentence.
    """
    dataset = measured_rows(setting.dataset, of)
    true, of_test = np.unique(np.asarray(dataset.y_test), return_inverse=True)
    ratings = np.unique(np.asarray(dataset.y_train))
    counts = np.zeros((len(true), len(ratings)), np.int64)
    for run in row["runs"]:
        left, _ = read_tensors(setting.store.folder / run["key"] / PREDICTIONS, kind="predictions")
        nearest = np.abs(left["predicted"][:, np.newaxis] - ratings).argmin(axis=1)
        np.add.at(counts, (of_test, nearest), 1)
    return Figure(
        "heatmap",
        "Confusion of stars",
        f"Test reviews by their rating and by the rating that is nearest to the expected value, of the "
        f"network “{row['name']}”. Summed over the networks of {len(row['runs'])} folds, each of which rates "
        f"every test review. The stronger the colour, the larger the share of the row.{named}",
        {
            "counts": counts.tolist(),
            "rows": [f"{rating:g}" for rating in true],
            "columns": [f"{rating:g}" for rating in ratings],
            "x": "predicted stars, rounded to a rating",
            "y": "true stars",
        },
    )
