"""What `truezero train` makes of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import TYPE_CHECKING, Any

from truezero.datasets import TextDataset
from truezero.datasets.texts import WORD
from truezero.errors import DataError
from truezero.estimators import BagOfWords, DeepRectifierClassifier, DeepRectifierRegressor

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Busy = Callable[[str], AbstractContextManager[Any]]
"""Shows what is being done for as long as it takes."""


def fit_texts(
    data: TextDataset,
    further: Sequence[str],
    *,
    regression: bool,
    words: Mapping[str, Any],
    network: Mapping[str, Any],
    busy: Busy,
) -> Pipeline:
    """Make a model of texts and fit it: here is decided which.

    Parameters
    ----------
    data : TextDataset
        With targets. Training texts are learned from, validation texts select, those without targets
        pre-train.
    further : sequence of str
        More texts without targets.
    regression : bool
        Predict numbers, not classes.
    words, network : mapping
        Parameters of the `BagOfWords` and of the network that were given, callbacks among them.
    busy : callable
        See `Busy`.

    Returns
    -------
    Pipeline
        Of raw text: "words" and "network".

    Raises
    ------
    DataError
        If the targets are all the same, or no text has a word in it.
    """
    from sklearn.pipeline import Pipeline  # here, as it takes in half of scikit-learn

    assert data.y_train is not None
    if (data.y_train == data.y_train[0]).all():
        raise DataError(
            f"{data.name}: every text has the target {data.y_train[0]}, there is nothing to learn"
        )
    of_format = (
        {} if data.token_pattern == WORD else {"token_pattern": data.token_pattern, "lowercase": False}
    )
    bag = BagOfWords(**{**of_format, **words})
    unlabeled = [*data.unlabeled, *further]
    with busy("counting words"):
        bag.fit(chain(data.texts_train, unlabeled))
        X = bag.transform(data.texts_train)
        rows: dict[str, Any] = {}
        if unlabeled and network.get("pretraining") is not None:
            rows["X_unlabeled"] = [bag.transform(unlabeled)]
        if data.texts_validation is not None:
            rows |= {"X_val": bag.transform(data.texts_validation), "y_val": data.y_validation}
    kind = DeepRectifierRegressor if regression else DeepRectifierClassifier
    return Pipeline([("words", bag), ("network", kind(**network).fit(X, data.y_train, **rows))])
