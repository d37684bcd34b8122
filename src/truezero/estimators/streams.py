"""A `Stream` of rows as an estimator takes it, piece by piece, and what cannot be had beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from truezero.core.rows import Examples, Features, Unlabeled
from truezero.errors import DataError, OptionError
from truezero.estimators.given import Given
from truezero.estimators.seen import Seen
from truezero.training import Stream


def refuse_with_stream(model: Any, y: Any, X_val: Any, **given: Any) -> None:
    """Refuse what a fit on a stream has no use for, or needs and has not.

    Parameters
    ----------
    model : DeepRectifierClassifier or DeepRectifierRegressor
    y, X_val
        As `fit` was given them.
    **given
        What else it was given that is for arrays alone; None where it was not.

    Raises
    ------
    OptionError
        Naming the first.
    """
    if y is not None:
        raise OptionError("y must be None where X is a Stream: its pieces have their targets with them")
    given["class_weight"] = getattr(model, "class_weight", None)
    for name, value in given.items():
        if value is not None:
            raise OptionError(f"{name} is for arrays, and X is a Stream: leave it out")
    if X_val is None and model.early_stopping:
        raise OptionError(
            "no validation rows can be split off a Stream: give X_val and y_val, or set early_stopping=False"
        )


def given_piece(
    model: Any, piece: Examples | Unlabeled, *, reset: bool = False
) -> tuple[Given, list[Features]]:
    """Rows of a piece that have a label, with what belongs to them, and those that have none.

    Raises
    ------
    DataError
        If it has no targets, or has weights, or its rows are none that the model can learn from.
    """
    if not isinstance(piece, Examples):
        raise DataError("it has no targets; give Examples, or fit a StackedDenoisingAutoencoder")
    if piece.weight is not None:
        raise DataError("it has weights, which are for arrays; give Examples whose weight is None")
    given: tuple[Given, list[Features]] = model._given(
        piece.features, piece.target, None, reset=reset, ids=piece.ids
    )
    return given


def as_trained_on(model: Any, stream: Stream[Any]) -> Stream[Examples]:
    """Return the stream of examples as the engines take them; rows are weighed within their piece."""

    def examples(piece: Examples | Unlabeled) -> Examples:
        given, _ = given_piece(model, piece)
        by_row = model._input_scale.row_weights(given.rows, np.dtype(model.dtype))
        _, weight = Seen().weigh(by_row, given.rows.n_samples)
        made: Examples = model._examples(given, weight)
        return made

    return with_each(stream, examples)


def with_each(stream: Stream[Any], take: Callable[[Any], Any]) -> Stream[Any]:
    """Return the stream of what is made of each piece, with errors that name it."""

    def made(piece: Any) -> Any:
        with naming(piece):
            return take(piece)

    return stream.mapped(made)


@contextmanager
def naming(piece: Examples | Unlabeled) -> Iterator[None]:
    """Let errors say which piece they are of."""
    try:
        yield
    except DataError as error:
        raise DataError(f"a piece of the stream, ids from {piece.ids[0]} on: {error}") from error
