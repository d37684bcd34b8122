"""What `truezero train` makes of texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from truezero.datasets import TextDataset
from truezero.datasets.texts import WORD
from truezero.errors import DataError, OptionError
from truezero.estimators import (
    BagOfWords,
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    RatingPredictor,
    choose_settings,
)

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Busy = Callable[[str], AbstractContextManager[Any]]
"""Shows what is being done for as long as it takes."""


EstimatorKind = type[DeepRectifierClassifier] | type[DeepRectifierRegressor] | type[RatingPredictor]

_FEWEST_RATINGS = 3  # two are classes


def estimator_kind(y: Any, *, regression: bool, ratings: bool | None, of_texts: bool) -> EstimatorKind:
    """Choose what predicts targets: classes, ratings or numbers.

    Parameters
    ----------
    y : ndarray
        Of the training rows.
    regression : bool
        Predict numbers.
    ratings : bool or None
        Predict the expected rating. None: where texts have three different numbers or more.
    of_texts : bool
        Whether rows are texts.

    Raises
    ------
    OptionError
        If both are asked for, or ratings of what are no numbers.
    """
    if regression and ratings:
        raise OptionError("--regression and --ratings: give one of them")
    if regression:
        return DeepRectifierRegressor
    numbers = y.dtype.kind in "iuf" and y.ndim == 1
    if ratings and not numbers:
        raise OptionError("--ratings needs numbers as targets, one of each row")
    if ratings is None:
        ratings = of_texts and numbers and len(np.unique(y[np.isfinite(y)])) >= _FEWEST_RATINGS
    return RatingPredictor if ratings else DeepRectifierClassifier


def fit_texts(
    data: TextDataset,
    further: Sequence[str],
    *,
    kind: EstimatorKind,
    words: Mapping[str, Any],
    network: Mapping[str, Any],
    chosen: bool,
    busy: Busy,
    note: Callable[[str], Any],
) -> tuple[Pipeline, list[dict[str, Any]]]:
    """Make a model of texts and fit it.

    Parameters
    ----------
    data : TextDataset
        With targets. Training texts are learned from, validation texts select, those without targets
        pre-train.
    further : sequence of str
        More texts without targets.
    kind : type
        Of the network; see `estimator_kind`.
    words, network : mapping
        Parameters of the `BagOfWords` and of the network that were given, callbacks among them.
    chosen : bool
        What is not given is chosen on held-out rows: see `choose_settings`.
    busy : callable
        See `Busy`.
    note : callable
        Called with what is being done, in words, where that takes long.

    Returns
    -------
    Pipeline
        Of raw text: "words" and "network".
    list of dict
        What was tried, as `Choice.to_json` gives it.

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
        try:
            bag.fit(chain(data.texts_train, unlabeled))
        except DataError as error:
            raise DataError(f"{data.name}: {error}") from error
        X = bag.transform(data.texts_train)
        rows: dict[str, Any] = {}
        if data.texts_validation is not None:
            rows = {"X_val": bag.transform(data.texts_validation), "y_val": data.y_validation}
        without = bag.transform(unlabeled) if unlabeled else None
    model, tried = kind(**network), list[dict[str, Any]]()
    more: dict[str, Any] = {} if without is None else {"X_unlabeled": without}
    if chosen and not isinstance(model, DeepRectifierRegressor):
        callbacks, verbose = model.callbacks, model.verbose
        model.set_params(callbacks=None, verbose=False)
        choice = choose_settings(model, X, data.y_train, **more, **rows, note=note)
        model, tried = choice.estimator, choice.to_json()
        model.set_params(callbacks=callbacks, verbose=verbose)
        more = {}  # what learns from them has done so
    elif model.pretraining is None:
        more = {}
    model.fit(X, data.y_train, **more, **rows)
    return Pipeline([("words", bag), ("network", model)]), tried
