"""What a supervised estimator is given, and how validation rows are split off."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.draws import Purpose, permutation
from truezero.core.rows import Features

_FEWEST_ROWS_TO_SPLIT = 20


@dataclass(frozen=True)
class Given:
    """Rows with their raw targets, as they were given; ids only where those were given, too."""

    rows: Features
    target: NDArray[Any]
    weight: NDArray[np.float64] | None
    ids: NDArray[np.int64] | None = None

    def take(self, rows: NDArray[Any]) -> Given:
        """Some of them."""
        weight, ids = (None if of is None else of[rows] for of in (self.weight, self.ids))
        return Given(self.rows.take(rows), self.target[rows], weight, ids)

    def variance(self) -> float:
        """Weighted variance of targets that are numbers, the mean over the outputs."""
        mean = np.average(self.target, axis=0, weights=self.weight)
        return float(np.average((self.target - mean) ** 2, axis=0, weights=self.weight).mean())

    def weighted(self, by: NDArray[np.float64] | None) -> Given:
        """With weights times those given."""
        if by is None:
            return self
        return replace(self, weight=by if self.weight is None else self.weight * by)


def why_whole(given: Given, strata: NDArray[np.int64] | None) -> str | None:
    """Why no validation rows can be split off; None if they can.

    Parameters
    ----------
    given : Given
    strata : ndarray of shape (n_samples,), int64, or None
        Class number of every row.
    """
    if given.rows.n_samples < _FEWEST_ROWS_TO_SPLIT:
        return f"{given.rows.n_samples} rows are too few to split"
    if strata is not None and np.bincount(strata).max() < 2:
        return "no class has more than a single row"
    return None


def split(given: Given, strata: NDArray[np.int64] | None, fraction: float, seed: int) -> tuple[Given, Given]:
    """Rows kept for training, and rows held out: of every class its share, and at least one row in each.

    A class with a single row stays in training.

    Parameters
    ----------
    given : Given
    strata : ndarray of shape (n_samples,), int64, or None
        Class number of every row.
    fraction : float
        To hold out.
    seed : int
    """
    n = given.rows.n_samples
    order = permutation(seed, Purpose.SPLIT, np.arange(n))
    groups = [order] if strata is None else [order[strata[order] == c] for c in range(strata.max() + 1)]
    out = []
    for group in groups:
        share = min(max(round(fraction * len(group)), 1), len(group) - 1)
        out.append(group[: max(share, 0)])
    held_out = np.sort(np.concatenate(out))
    return given.take(np.setdiff1d(np.arange(n), held_out)), given.take(held_out)
