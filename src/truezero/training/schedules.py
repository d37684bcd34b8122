"""Schedules: the rate of every epoch, from what came of those before it and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

SCHEDULES = ("constant", "adaptive", "linear")

# As in scikit-learn.
_DIVISOR = 5
_LEAST = 1e-6


def rate_after(
    costs: Sequence[float], schedule: str, first: float, *, max_epochs: int, patience: int | None, tol: float
) -> float | None:
    """Rate of the epoch after some; None if by the schedule there is none.

    It is a function of the epochs before, so a training that is resumed goes on with the rate it had.

    Parameters
    ----------
    costs : sequence of float
        What is to fall, after each epoch so far: the validation rows' measure, else the training loss.
    schedule : {"constant", "adaptive", "linear"}
        "linear" falls by the same amount after every epoch, and would be 0 after the last of `max_epochs`.
        "adaptive" is divided by 5 after `patience` epochs in a row none of which has brought the least
        cost so far down by `tol`, and there is no further epoch once that is so at 1e-6 or less.
    first : float
        Rate of the first epoch.
    max_epochs : int
    patience : int or None
    tol : float
    """
    if schedule == "linear":
        return first * (1 - len(costs) / max_epochs)
    rate, least, waited = first, math.inf, 0
    for cost in costs if schedule == "adaptive" else ():
        waited = waited + 1 if cost > least - tol else 0
        least = min(least, cost)
        if waited == patience:
            if rate <= _LEAST:
                return None
            rate, waited = rate / _DIVISOR, 0
    return rate
