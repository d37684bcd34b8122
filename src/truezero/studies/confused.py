"""What networks take test rows for, from the predictions that their runs have left: no network is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.tensors import read_tensors
from truezero.datasets import Dataset
from truezero.runs.recipes import PREDICTIONS
from truezero.studies.study import Figure, Setting

Row = dict[str, Any]

_N_SHOWN = 18


def class_numbers(setting: Setting) -> NDArray[np.int64]:
    """Of the test rows, as predictions are saved: classes are known of training and validation rows."""
    dataset = setting.dataset
    return np.searchsorted(_classes(dataset), np.asarray(dataset.y_test))


def predicted(setting: Setting, row: Row) -> NDArray[Any]:
    """Class numbers that the networks of a row, one per seed, predict; shape (n_networks, n_test_rows)."""
    found = [
        read_tensors(setting.store.folder / run["key"] / PREDICTIONS, kind="predictions")[0]["predicted"]
        for run in row["runs"]
    ]
    return np.array(found)


def confusions(setting: Setting, rows: Sequence[Row]) -> list[Figure]:
    """Draw which class is taken for which and, where the data are images, what most networks have wrong.

    Parameters
    ----------
    setting : Setting
    rows : sequence of dict
        With "name", "runs" and their "validation_error"; all are trained on the same labels.
    """
    dataset, truth = setting.dataset, class_numbers(setting)
    names = [str(label) for label in _classes(dataset)]
    by_row = [predicted(setting, row) for row in rows]
    best = min(range(len(rows)), key=lambda number: _validation_error(rows[number]))
    counts = np.zeros((len(names), len(names)), np.int64)
    for of_network in by_row[best]:
        np.add.at(counts, (truth, of_network), 1)
    n, of = len(by_row[best]), f"“{rows[best]['name']}”"
    chosen = f"{of}, which has the least validation error here" if len(rows) > 1 else of
    found = [
        Figure(
            "heatmap",
            "Confusion",
            f"Test rows by their class and by the one that is predicted, summed over {n} "
            f"network{'s' * (n > 1)}: {chosen}. The stronger the colour, the larger the share of the row; "
            "all off the diagonal is wrong.",
            {
                "counts": counts.tolist(),
                "rows": names,
                "columns": names,
                "x": "predicted class",
                "y": "true class",
            },
        )
    ]
    if dataset.image_shape is not None:
        found += _examples(dataset, truth, np.concatenate(by_row), names)
    return found


def _examples(
    dataset: Dataset, truth: NDArray[np.int64], guesses: NDArray[Any], names: Sequence[str]
) -> list[Figure]:
    """Those test images that most networks have wrong, if any has one wrong."""
    wrong = (guesses != truth).mean(axis=0)
    chosen = np.argsort(-wrong, kind="stable")[:_N_SHOWN]
    chosen = chosen[wrong[chosen] > 0]
    if not len(chosen):
        return []
    labels = []
    for row in chosen.tolist():
        others = guesses[:, row][guesses[:, row] != truth[row]]
        guess = int(np.bincount(others).argmax())
        labels.append(f"{names[truth[row]]} → {names[guess]}\n{100 * wrong[row]:.0f} %")
    return [
        Figure(
            "gallery",
            "Most confused examples",
            f"The test images that most of the {len(guesses)} networks of this study get wrong: the true "
            "class, what it is most often taken for, and the share of networks that get it wrong.",
            {"images": as_images(dataset, take(dataset, "test", chosen)), "labels": labels},
        )
    ]


def take(dataset: Dataset, part: Any, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Values of some rows of a part, dense."""
    values = dataset.features(part).take(rows).values("float32")
    return np.asarray(values.toarray() if sparse.issparse(values) else values)


def as_images(dataset: Dataset, rows: NDArray[Any]) -> NDArray[Any]:
    """First channel of rows of images, shape (n, height, width)."""
    assert dataset.image_shape is not None
    return rows.reshape(len(rows), -1, *dataset.image_shape[-2:])[:, 0]


def _classes(dataset: Dataset) -> NDArray[Any]:
    return np.union1d(np.asarray(dataset.y_train), np.asarray(dataset.y_validation))


def _validation_error(row: Row) -> float:
    return float(np.mean([run["validation_error"] for run in row["runs"]]))
