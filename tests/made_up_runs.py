"""Runs that note that they were asked for, and small real ones."""

from __future__ import annotations

from typing import Any

from golden import dataset as golden_dataset

from truezero.errors import DivergenceError
from truezero.runs import (
    Data,
    Requests,
    Run,
)
from truezero.runs.run import Result, Work

DATASET = golden_dataset()
DATA = Data(DATASET.name, DATASET.fingerprint)


class Counted:
    """A recipe that notes what it was asked to do: `n` is its number, `fail` how it ends."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def settings(self, parameters: Any) -> tuple[dict[str, Any], str]:
        return dict(parameters), "none"

    def perform(self, work: Work) -> Result:
        self.done.append(work.run.parameters["n"])
        match work.run.parameters.get("fail"):
            case "diverges":
                raise DivergenceError("it diverged")
            case "breaks":
                raise OSError("no such luck")
        return {"n": work.run.parameters["n"], "needs": [path.name for path in work.needs]}


def number(n: int, *needs: Run, **parameters: Any) -> Run:
    return Run("counted", {"n": n, **parameters}, DATA, needs)


def baseline(n: int) -> Run:
    """A run that other processes know too."""
    return Run(
        "baseline", {"estimator": "LogisticRegression", "parameters": {"C": n, "random_state": 0}}, DATA
    )


def study(*batches: list[Run]) -> Requests[list[Any]]:
    """Ask for one batch after the other; return all results."""
    found: list[Any] = []
    for batch in batches:
        found.append((yield batch))
    return found


def fine_tuning(**parameters: Any) -> Run:
    return Run("fine-tune", {"hidden_layer_sizes": [10], "random_state": 0, **parameters}, DATA)
