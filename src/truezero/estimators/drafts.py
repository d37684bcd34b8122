"""What an estimator learns becomes its own at once, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Model = TypeVar("Model")


@contextmanager
def at_once(model: Model) -> Iterator[Model]:
    """Give a draft of an estimator to fit; if the block ends well, what that has learned is the estimator's.

    Where it ends by an exception, Ctrl-C say, the estimator is left as it was: its network, classes, number
    of features and history are of one training, never of two.
    """
    begun = dict(vars(model))
    draft = object.__new__(type(model))
    vars(draft).update(begun)
    yield draft
    nothing, found = object(), vars(draft)
    learned = {name: value for name, value in found.items() if begun.get(name, nothing) is not value}
    # Not what is the same as before: a callback may have set a parameter of the estimator meanwhile.
    kept = {name: value for name, value in vars(model).items() if name in found or name not in begun}
    model.__dict__ = kept | learned  # one assignment, so that no other thread sees a half of it
