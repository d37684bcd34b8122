"""Whether two models err differently on the same rows: McNemar's test, and a paired bootstrap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from truezero.errors import DataError


@dataclass(frozen=True)
class Difference:
    """Error of one model less that of another, on the same rows.

    Attributes
    ----------
    mean : float
        Fraction of rows, over all seeds.
    low, high : float
        Bounds of its 95 % interval.
    p_value : float
        Two-sided, under the hypothesis that both err alike.
    """

    mean: float
    low: float
    high: float
    p_value: float


def mcnemar(wrong_a: ArrayLike, wrong_b: ArrayLike) -> float:
    """Exact McNemar test of two models on the same rows.

    Of the rows that only one of them has wrong, each is as likely to be either's if both err alike.

    Parameters
    ----------
    wrong_a, wrong_b : array-like of bool of shape (n_rows,)
        Whether each has a row wrong.

    Returns
    -------
    float
        Two-sided p-value; 1 where they never differ.

    Raises
    ------
    DataError
        If they are not about the same rows.

    Examples
    --------
    >>> from truezero.analysis import mcnemar
    >>> round(mcnemar([True] * 9 + [False], [False] * 9 + [True]), 4)
    0.0215
    """
    a, b = _of_the_same_rows(wrong_a, wrong_b, 1)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    if only_a + only_b == 0:
        return 1.0
    return float(stats.binomtest(only_a, only_a + only_b).pvalue)


def paired_bootstrap(
    wrong_a: ArrayLike, wrong_b: ArrayLike, *, n_draws: int = 10_000, random_state: int = 0
) -> Difference:
    """Bootstrap over rows and seeds of the difference between two models' errors.

    Each draw takes rows with replacement, and seeds with replacement, the same for both models.

    Parameters
    ----------
    wrong_a, wrong_b : array-like of bool of shape (n_seeds, n_rows)
        Whether each has a row wrong, for every seed it was trained with; the seeds are paired.
    n_draws : int, default=10000
    random_state : int, default=0

    Returns
    -------
    Difference
        Its p-value is twice the share of draws on the less frequent side of 0, at most 1.

    Raises
    ------
    DataError
        If they are not about the same rows and seeds.
    """
    a, b = _of_the_same_rows(wrong_a, wrong_b, 2)
    difference = a.astype(np.int8) - b.astype(np.int8)
    n_seeds, n_rows = difference.shape
    # Rows on which all seeds differ alike are interchangeable: how often each kind is drawn is multinomial.
    kinds, counts = np.unique(difference, axis=1, return_counts=True)
    draws = np.random.default_rng(random_state)
    of_seeds = draws.multinomial(n_rows, counts / n_rows, size=n_draws) @ kinds.T.astype(np.int64)
    weights = draws.multinomial(n_seeds, np.full(n_seeds, 1 / n_seeds), size=n_draws)
    drawn = (of_seeds * weights).sum(axis=1) / (n_seeds * n_rows)
    less = (min(int((drawn <= 0).sum()), int((drawn >= 0).sum())) + 1) / (n_draws + 1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Difference(float(difference.mean()), float(low), float(high), min(1.0, 2 * less))


def _of_the_same_rows(a: ArrayLike, b: ArrayLike, n_axes: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    first, second = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    if first.shape != second.shape or first.ndim != n_axes or first.size == 0:
        raise DataError(
            f"two models are compared on the same rows, got shapes {first.shape} and {second.shape}"
        )
    return first, second
