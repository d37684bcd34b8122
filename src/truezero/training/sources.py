"""Where the rows of an epoch come from: arrays, or a stream that may never repeat one.

Codes of finished layers are a source too; see `codes`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from truezero.core.activations import Array
from truezero.core.draws import Purpose, permutation
from truezero.core.rows import Examples, Features, Unlabeled
from truezero.errors import DataError

# Numbers of one block where rows are gone through, which bounds the memory of it.
_BLOCK = 4_000_000
# Weight of a row that one step takes. As all weights are 1 on average, the further visits of heavier rows are
# an eighth of all rows at most.
_HEAVIEST = 8.0

Rows = TypeVar("Rows", Examples, Unlabeled)


@dataclass(frozen=True)
class Ordering:
    """How the rows of an epoch are ordered.

    Attributes
    ----------
    seed : int
    layer : int
        Each has an order of its own; fine-tuning's is 0, pre-training's are 1 and more.
    shuffled : bool
        Else they come as they lie.
    """

    seed: int
    layer: int = 0
    shuffled: bool = True

    def of(self, ids: NDArray[np.int64], epoch: int) -> NDArray[np.int64]:
        """Order of the rows with these ids in an epoch, as positions."""
        if self.shuffled:
            return permutation(self.seed, Purpose.ORDER, ids, layer=self.layer, epoch=epoch)
        return np.arange(len(ids), dtype=np.int64)


@dataclass(frozen=True)
class Piece(Generic[Rows]):
    """Rows that are in memory at once, to be trained on in one call of an engine.

    Attributes
    ----------
    rows : Examples or Unlabeled
    order : ndarray of int64
        Positions of those to be trained on, in their order. No minibatch crosses two pieces.
    density : float
        Fraction of non-zeros among all rows that they are a part of; an engine chooses by it how it
        multiplies.
    """

    rows: Rows
    order: NDArray[np.int64]
    density: float


class Source(ABC, Generic[Rows]):
    """Rows to train on, epoch after epoch.

    Attributes
    ----------
    visits : float
        How often a row is trained on in an epoch, on average.
    """

    visits: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows, 0 where it is not known, and of features."""
        return 0, self.first(0).features.n_features

    @abstractmethod
    def pieces(self, ordering: Ordering, epoch: int) -> Iterator[Piece[Rows]]:
        """Rows of an epoch in the order they are trained in, piece by piece."""

    @abstractmethod
    def blocks(self) -> Iterator[Rows]:
        """All rows as they lie, few at a time to take little memory; a stream's are its first epoch's."""

    @abstractmethod
    def first(self, n: int) -> Rows:
        """The first n rows, or all where there are fewer; of a stream, of its first piece."""

    def least(self) -> float:
        """Least value."""
        return min(block.features.least() for block in self.blocks())

    def largest(self) -> NDArray[np.float64]:
        """Largest absolute value of every feature, shape (n_features,)."""
        largest = np.zeros(self.shape[1])
        for block in self.blocks():
            np.maximum(largest, block.features.largest(), out=largest)
        return largest


class Arrays(Source[Rows]):
    """Rows in memory (or mapped into it): an epoch is one piece.

    A row of great weight is trained on several times in an epoch, each time with a part of its weight: the
    sum of all steps is the same, but none is so large that training diverges.

    Parameters
    ----------
    rows : Examples or Unlabeled
    """

    rows: Rows

    def __init__(self, rows: Rows) -> None:
        self.rows, self._again = rows, np.zeros(0, dtype=np.int64)
        self._density = rows.features.density()
        if isinstance(rows, Examples) and rows.weight is not None and rows.weight.max(initial=0) > _HEAVIEST:
            visits = np.maximum(np.ceil(rows.weight / _HEAVIEST), 1).astype(np.int64)
            self.rows = replace(rows, weight=rows.weight / visits)
            self._again = np.repeat(np.arange(len(visits)), visits - 1)
            self.visits = float(visits.mean())

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and features."""
        return self.rows.features.n_samples, self.rows.features.n_features

    def pieces(self, ordering: Ordering, epoch: int) -> Iterator[Piece[Rows]]:
        """All rows, in one piece."""
        ids = self.rows.ids
        if len(self._again):
            last = 2**32 - 1  # further visits have a place in the order by ids that no rows have
            ids = np.concatenate([ids, last - np.arange(len(self._again))])
        order = ordering.of(ids, epoch)
        if len(self._again):
            order = np.concatenate([np.arange(len(self.rows.ids)), self._again])[order]
        yield Piece(self.rows, order, self._density)

    def blocks(self) -> Iterator[Rows]:
        """All rows as they lie, a block at a time."""
        return (self.rows.take(part) for part in blocks_of(self.shape))

    def first(self, n: int) -> Rows:
        """The first n rows, or all where there are fewer."""
        return self.rows.take(slice(n))


class Stream(Source[Rows]):
    """Rows that are made or read as they are needed; one piece is in memory at a time.

    Each piece is trained in an order of its own. What is computed once and for all, the evaluation rows
    where none are held out, or what cross-entropy divides by, comes from the first epoch.

    Parameters
    ----------
    rows : callable
        Given the number of an epoch, the first is 1, all pieces of it, `Examples` or `Unlabeled`, one or
        more. For the same epoch it gives the same rows whenever it is asked, or a training that is resumed
        would be another one. Rows that are new in every epoch have ids of their own: with the same ids
        they still get noise and an order of their own in every epoch.

    Raises
    ------
    DataError
        If it cannot be called.
    """

    _rows: Callable[[int], Iterable[Rows]]

    def __init__(self, rows: Callable[[int], Iterable[Rows]]) -> None:
        if not callable(rows):
            raise DataError(
                f"a Stream is made of a function that gives an epoch's pieces, got a {type(rows).__name__}: "
                "Stream(lambda epoch: pieces), if they are the same in every epoch"
            )
        self._rows = rows
        self._n_features: int | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """0, and the number of features."""
        return 0, self.first_piece().features.n_features if self._n_features is None else self._n_features

    def pieces(self, ordering: Ordering, epoch: int) -> Iterator[Piece[Rows]]:
        """Pieces of an epoch as they come.

        Raises
        ------
        DataError
            If there are none, or one has another number of features than the first.
        """
        for rows in self._pieces(epoch):
            yield Piece(rows, ordering.of(rows.ids, epoch), rows.features.density())

    def blocks(self) -> Iterator[Rows]:
        """All rows of the first epoch as they come, a block at a time."""
        return (rows.take(part) for rows in self._pieces(1) for part in blocks_of(rows.features.X.shape))

    def first(self, n: int) -> Rows:
        """The first n rows of the first piece, or all where there are fewer."""
        return self.first_piece().take(slice(n))

    def first_piece(self) -> Rows:
        """The first piece of the first epoch, made anew.

        Raises
        ------
        DataError
            If there is none.
        """
        return next(self._pieces(1))

    def mapped(self, change: Callable[[Rows], Rows]) -> Stream[Rows]:
        """Return the stream of what is made of each piece."""
        return Stream(lambda epoch: map(change, filter(_has_rows, self._rows(epoch))))

    def _pieces(self, epoch: int) -> Iterator[Rows]:
        empty = True
        for rows in filter(_has_rows, self._rows(epoch)):
            n, empty = rows.features.n_features, False
            known = self._n_features = self._n_features or n
            if n != known:
                raise DataError(f"a piece of the stream in epoch {epoch} has {n} features, the first {known}")
            yield rows
        if empty:
            raise DataError(f"the stream has no rows in epoch {epoch}")


def _has_rows(piece: Rows) -> bool:
    if not isinstance(piece, (Examples, Unlabeled)):
        raise DataError(
            f"pieces of a stream must be Examples or Unlabeled, got a {type(piece).__name__}: import them "
            "from truezero.engines"
        )
    if not isinstance(piece.features, Features):
        raise DataError(
            f"rows of a stream's piece must be Features, got a {type(piece.features).__name__}: wrap them, "
            "truezero.engines.Features(X)"
        )
    return piece.features.n_samples > 0


class Divided(Source[Unlabeled]):
    """Rows of another source with every feature divided by a number of its own.

    Parameters
    ----------
    source : Source of Unlabeled
    by : ndarray of shape (n_features,)
    """

    def __init__(self, source: Source[Unlabeled], by: Array) -> None:
        self._source, self._by = source, by

    def pieces(self, ordering: Ordering, epoch: int) -> Iterator[Piece[Unlabeled]]:
        """Pieces of the source, divided."""
        for piece in self._source.pieces(ordering, epoch):
            yield replace(piece, rows=self._divided(piece.rows))

    def blocks(self) -> Iterator[Unlabeled]:
        """Blocks of the source, divided."""
        return map(self._divided, self._source.blocks())

    def first(self, n: int) -> Unlabeled:
        """First rows of the source, divided."""
        return self._divided(self._source.first(n))

    def _divided(self, rows: Unlabeled) -> Unlabeled:
        return replace(rows, features=rows.features.divided(self._by))


def as_source(rows: Rows | Stream[Rows]) -> Arrays[Rows] | Stream[Rows]:
    """Rows as a source; a stream as it is."""
    return rows if isinstance(rows, Stream) else Arrays(rows)


def blocks_of(shape: tuple[int, int]) -> list[slice]:
    """Stretches of rows that together are all, one empty stretch at least."""
    n_samples, n_features = shape
    n = min(max(_BLOCK // max(n_features, 1), 16), 2048)
    return [slice(start, start + n) for start in range(0, max(n_samples, 1), n)]
