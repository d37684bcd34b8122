"""NISTP: characters distorted at random, as many as are wanted, none twice (Bengio et al. 2010).

A row is a character of a source and a number, its id. Seed and id say which character it is, and all that is
done to it, so any row can be made alone, at any time, on any machine, and is the same.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.rows import Examples, Features
from truezero.datasets.dataset import PARTS
from truezero.datasets.distortions import TRANSFORMATIONS, Transformation, distort, first_words
from truezero.datasets.distortions.draws import SIDE, below
from truezero.datasets.glyphs import Glyphs, Parts
from truezero.errors import DataError, OptionError

N_IDS = 2**32
"""Rows that there are for a seed."""
_TOGETHER = 256  # rows that are distorted at once: their images fit the second-level cache


@dataclass(frozen=True)
class Nistp:
    """Makes distorted characters, by their ids.

    Parameters
    ----------
    glyphs : Glyphs
        What is distorted. Characters that cover others are taken from here, too.
    seed : int, default=0
        64-bit seed.
    complexity : float, default=0.7
        From 0 to 1. Each transformation of each row has a complexity of its own, drawn from 0 to this.
    transformations : sequence of Transformation, default=TRANSFORMATIONS
        In the order they are applied in. `distortions.SHAPE` are those of the character's shape alone.
    part : int, default=0
        Rows of different parts have nothing in common; 0 for training, 1 and 2 for validation and test.

    Raises
    ------
    OptionError
        If a number is outside of its range.
    """

    glyphs: Glyphs
    seed: int = 0
    complexity: float = 0.7
    transformations: tuple[Transformation, ...] = TRANSFORMATIONS
    part: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.complexity <= 1:
            raise OptionError(f"complexity must be from 0 to 1, got {self.complexity!r}")
        for name, bits in (("seed", 64), ("part", 32)):
            if not (isinstance(getattr(self, name), int) and 0 <= getattr(self, name) < 2**bits):
                raise OptionError(
                    f"{name} must be a whole number from 0 to 2**{bits} - 1, got {getattr(self, name)!r}"
                )
        object.__setattr__(self, "transformations", tuple(self.transformations))

    def rows(self, ids: Any, which: Any = None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Make rows.

        Parameters
        ----------
        ids : array-like of int, shape (n,)
            0 <= id < 2**32.
        which : array-like of int, shape (n,), optional
            The characters that are distorted, as positions among the glyphs; None draws them.

        Returns
        -------
        X : ndarray of uint8, shape (n, 1024)
            Grey levels of 32 × 32 pixels.
        y : ndarray of int64, shape (n,)
            Class numbers.

        Raises
        ------
        DataError
            If an id or a position is outside of its range.
        """
        ids = _whole(ids, N_IDS, "ids of rows")
        which = None if which is None else _whole(which, len(self.glyphs), "positions of characters")
        if which is not None and len(which) != len(ids):
            raise DataError(f"there must be one character per row ({len(ids)}), got {len(which)}")
        X, y = np.empty((len(ids), SIDE * SIDE), np.uint8), np.empty(len(ids), np.int64)
        for start in range(0, len(ids), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            X[part], y[part] = self._some(ids[part], None if which is None else which[part])
        return X, y

    def _some(
        self, ids: NDArray[np.int64], which: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        drawn = first_words(self.seed, self.part, ids)
        if which is None:
            which = below(drawn[:, 0, 0], len(self.glyphs))
        images = distort(
            self.glyphs.images[which].astype(np.float32) / np.float32(255), drawn, ids, self.glyphs.images,
            seed=self.seed, part=self.part, complexity=self.complexity, transformations=self.transformations,
        )  # fmt: skip
        levels = np.clip(images, 0, 1) * np.float32(255) + np.float32(0.5)
        return levels.astype(np.uint8).reshape(len(ids), -1), self.glyphs.labels[which]

    def examples(self, ids: Any) -> Examples:
        """Make rows as a network is trained on them: pixels from 0 to 1, kept as uint8."""
        X, y = self.rows(ids)
        return examples(X, y, np.asarray(ids, np.int64))

    def description(self) -> dict[str, Any]:
        """All that the rows depend on, for JSON."""
        return {
            "glyphs": self.glyphs.fingerprint,
            "seed": self.seed,
            "complexity": self.complexity,
            "transformations": [transformation.name for transformation in self.transformations],
            "part": self.part,
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the description, as hexadecimal digits; for a `Checkpoint`."""
        return hashlib.sha256(json.dumps(self.description(), sort_keys=True).encode()).hexdigest()


def nistp_of(
    parts: Parts,
    seed: int = 0,
    complexity: float = 0.7,
    transformations: Sequence[Transformation] = TRANSFORMATIONS,
) -> tuple[Nistp, Nistp, Nistp]:
    """Generators of training, validation and test rows.

    Parameters
    ----------
    parts : dict
        Characters of the three parts.
    seed, complexity, transformations
        See `Nistp`.
    """
    train, validation, test = (
        Nistp(parts[name], seed, complexity, tuple(transformations), number)
        for number, name in enumerate(PARTS)
    )
    return train, validation, test


def examples(X: NDArray[np.uint8], y: NDArray[np.int64], ids: NDArray[np.int64]) -> Examples:
    """Rows of pixels as a network is trained on them."""
    return Examples(Features(X, 1 / 255), y, None, ids)


@dataclass(frozen=True)
class Layout:
    """Which rows are in which epoch of a run: none is in two.

    Parameters
    ----------
    n_rows : int
        Rows of an epoch.
    piece : int, default=5120
        Rows that are made at once. A multiple of the minibatch, or the last one of each piece is a small one.
    stop : int, default=2**32
        Rows of the run: ids are below it.

    Raises
    ------
    OptionError
        If a number is outside of its range.
    """

    n_rows: int
    piece: int = 5120
    stop: int = N_IDS

    def __post_init__(self) -> None:
        for name in ("n_rows", "piece", "stop"):
            value = getattr(self, name)
            if not (isinstance(value, int) and 1 <= value <= N_IDS):
                raise OptionError(f"{name} must be a whole number from 1 to 2**32, got {value!r}")

    def epoch(self, epoch: int) -> range:
        """Ids of an epoch; the first is 1.

        Raises
        ------
        DataError
            If no rows are left for it.
        """
        start = (epoch - 1) * self.n_rows
        if not 0 <= start < self.stop:
            raise DataError(
                f"epoch {epoch} has no rows: {self.stop} rows are enough for {-(-self.stop // self.n_rows)} "
                f"epochs of {self.n_rows}"
            )
        return range(start, min(start + self.n_rows, self.stop))

    def pieces(self, epoch: int) -> Iterator[range]:
        """Ids of the pieces of an epoch.

        Raises
        ------
        DataError
            If no rows are left for it.
        """
        ids = self.epoch(epoch)
        return itertools.takewhile(lambda piece: piece.start < ids.stop, self.onward(ids.start))

    def onward(self, start: int) -> Iterator[range]:
        """Ids of the piece that begins with an id, and of all that follow."""
        while start < self.stop:
            end = min((start // self.n_rows + 1) * self.n_rows, self.stop)
            piece = range(start, min(start + self.piece, end))
            yield piece
            start = piece.stop


def _whole(values: Any, n: int, what: str) -> NDArray[np.int64]:
    given = np.asarray(values)
    if (
        given.ndim != 1
        or given.dtype.kind not in "iu"
        or (len(given) and not 0 <= given.min() <= given.max() < n)
    ):
        raise DataError(f"{what} must be whole numbers from 0 to {n - 1}, one after the other")
    return given.astype(np.int64, copy=False)
