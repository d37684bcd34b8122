"""Rated reviews as studies take them: words of texts, and which rows are labelled, left out and measured."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.datasets import Dataset, TextDataset, are_texts, column_names, load_dataset, load_texts
from truezero.datasets.formats.tables import listed
from truezero.errors import DataError, OptionError
from truezero.estimators.rating import MOST_RATINGS
from truezero.runs import Data
from truezero.studies.study import Setting

N_FOLDS = 10
_N_TEST = 10_000  # rows that are held out where there are none to measure by, as many as the paper had
_SMALLEST = 5  # one of so many parts is held out of few rows
# Labelled rows that every rating must have: so that folds, and folds of their rest, hold it.
_FEWEST = 5


@dataclass(frozen=True)
class RatedRows:
    """Rows of a data set that a study is on.

    Attributes
    ----------
    below : Data
        Rows of pre-training: all but those that are measured.
    folds : list of Data
        Labelled rows, a tenth of which each fold leaves out to select by.
    """

    below: Data
    folds: list[Data]


def load_rated(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    text: str | None = None,
    target: str | None = None,
    unlabeled: str | None = None,
    encoding: str | None = None,
) -> Dataset:
    """Load rated rows: the 5,000 most frequent words of texts (section 4.2), or rows of numbers as they are.

    Parameters
    ----------
    name : str
        A data set's name or a file.
    data_dir : path-like, optional
    text, target, encoding : str, optional
        As `load_texts` takes them, which reads the file if it is one of texts or `text` is given.
    unlabeled : str, optional
        A set or file of further texts, without ratings; the column of the texts is called alike.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If it cannot be read, or its targets are no ratings.
    OptionError
        If a column is not named, or texts are given to add to what are none.
    """
    if text is not None or are_texts(name):
        texts = load_rated_texts(
            name, data_dir=data_dir, text=text, target=target, unlabeled=unlabeled, encoding=encoding
        )
        return texts.bag()
    if unlabeled is not None:
        raise OptionError(f"--unlabeled is for texts: say with --text which column of {name} they are in")
    dataset = load_dataset(name, data_dir=data_dir, target=target, encoding=encoding)
    if dataset.y_train is None:
        raise _no_targets(name, encoding)
    _check_ratings(dataset.name, dataset.y_train)
    return dataset


def load_rated_texts(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    text: str | None = None,
    target: str | None = None,
    unlabeled: str | None = None,
    encoding: str | None = None,
) -> TextDataset:
    """Load rated texts, with those that have no rating; see `load_rated`."""
    data = load_texts(name, data_dir=data_dir, text=text, target=target, encoding=encoding)
    if data.y_train is None:
        raise _no_targets(name, encoding)
    _check_ratings(data.name, data.y_train)
    if unlabeled is None:
        return data
    further = load_texts(
        unlabeled,
        data_dir=data_dir,
        text=text if os.path.isfile(unlabeled) else None,
        encoding=encoding if os.path.exists(unlabeled) else None,
        labelled=False,
    )
    return replace(data, unlabeled=[*data.unlabeled, *further.texts_train, *further.unlabeled])


def _no_targets(name: str, encoding: str | None) -> OptionError:
    columns = column_names(name, encoding)
    named = f": name one of its columns with --target: {listed(columns)}" if columns else ""
    return OptionError(f"{name} has no ratings to learn{named}")


def _check_ratings(name: str, y: NDArray[Any]) -> None:
    """Refuse targets that are not a few different numbers."""
    if y.dtype.kind not in "iuf" or y.ndim != 1 or not np.isfinite(y).all():
        raise DataError(f"{name}: ratings must be numbers, one of each row, from 1 to 5 say")
    n = len(np.unique(y))
    if not 2 <= n <= MOST_RATINGS:
        raise DataError(f"{name}: ratings must be from 2 to {MOST_RATINGS} different numbers, there are {n}")


def rated_rows(setting: Setting, dataset: Dataset, n_labels: int) -> RatedRows:
    """Divide the rows of a data set; where it has no test rows with ratings, some of the others are held out.

    Parameters
    ----------
    setting : Setting
        Whose scale says how many labels there are in all, which sets the size of the part that is held out,
        and how many folds are done.
    dataset : Dataset
    n_labels : int
        Training rows whose labels are used, about, drawn by rating.

    Raises
    ------
    DataError
        If the targets are no ratings, or too few of the labelled rows have one of them.
    """
    y = np.asarray(dataset.y_train)
    _check_ratings(dataset.name, y)
    test = held_out(setting, dataset)
    n_train = n_of_parts(setting, dataset)["n_train"]
    share = min(n_labels / n_train, 1.0)
    ratings, numbers = np.unique(y, return_counts=True)
    rarest = int(numbers.argmin())
    labelled = share * n_train * numbers[rarest] / len(y)
    if labelled < _FEWEST:
        raise DataError(
            f"{dataset.name}: about {labelled:.0f} labelled rows would have the rating {ratings[rarest]:g}; "
            f"{_FEWEST} are needed to fold them: leave it out, or join it to the next one"
        )
    folds = [
        Data(dataset.name, dataset.fingerprint, labels=share, fold=(k, N_FOLDS), test=test)
        for k in range(min(setting.scale.n_seeds, N_FOLDS))
    ]
    return RatedRows(Data(dataset.name, dataset.fingerprint, test=test), folds)


def numbers_of_labels(setting: Setting, wanted: Sequence[int]) -> list[int]:
    """Those of some numbers of labels that are below the scale's, and leave every rating rows to fold."""
    dataset = setting.dataset
    n_train = n_of_parts(setting, dataset)["n_train"]
    _, numbers = np.unique(np.asarray(dataset.y_train), return_counts=True)
    rarest = numbers.min() / numbers.sum()
    return [n for n in wanted if n < min(setting.scale.n_labels, n_train) and n * rarest >= _FEWEST]


def held_out(setting: Setting, dataset: Dataset) -> tuple[int, int] | None:
    """Part of the training rows that is measured, (0, n) for the first of n; None where there are test rows.

    10,000 rows as in the paper or, where they do not leave as many as shall be labelled, the largest part
    that does; a fifth of fewer rows.
    """
    if dataset.y_test is not None:
        return None
    n_rows, n_labels = dataset.X_train.shape[0], setting.scale.n_labels
    for n in range(2, _SMALLEST):
        if n_rows / n <= _N_TEST and n_rows - n_rows / n >= n_labels:
            return 0, n
    return 0, max(_SMALLEST, math.ceil(n_rows / _N_TEST))


def n_of_parts(setting: Setting, dataset: Dataset) -> dict[str, int]:
    """Numbers of rows that are trained on, labelled or not, and measured: "n_train" and "n_test"."""
    n_rows, test = int(dataset.X_train.shape[0]), held_out(setting, dataset)
    if test is None:
        return {"n_train": n_rows, "n_test": int(dataset.X_test.shape[0])}
    _, numbers = np.unique(np.asarray(dataset.y_train), return_counts=True)
    n_test = int(np.ceil(numbers / test[1]).sum())  # the first of the parts takes what is left of a rating
    return {"n_train": n_rows - n_test, "n_test": n_test}


def said_of_test(setting: Setting, dataset: Dataset) -> list[str]:
    """Sentence on the rows that are measured, where the data set does not say which; else none."""
    test = held_out(setting, dataset)
    if test is None:
        return []
    return [
        f"{dataset.name} has no test rows: one row in {test[1]}, {n_of_parts(setting, dataset)['n_test']:,} "
        "in all, drawn by rating, is held out for measuring, and seen by no pre-training."
    ]
