"""A run: one piece of work, and what identifies it."""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from truezero.core.draws import Purpose, permutation
from truezero.datasets import Dataset, Part
from truezero.errors import OptionError

NUMERICS = 2
"""Raised by a developer when the results of runs move beyond rounding: finished runs of an older number are
not used again. `tests/runs/test_golden.py` fails when it should have been raised."""

Result = dict[str, Any]
"""What a run found, as JSON holds it. One that diverged has the reason under "diverged", and nothing else."""


@dataclass(frozen=True)
class Data:
    """What of a data set a run uses.

    Where training rows are new in every epoch, shares and parts are drawn of those of the first, and stay.

    Attributes
    ----------
    name : str
        For people; two names of the same rows are the same data.
    fingerprint : str
        Of the whole data set.
    labels : float
        Share of the training rows of each class whose labels are used, at least one row of each; the others
        are left out.
    fold : (int, int) or None
        (k, n): of these rows, cut into n parts of equal shares of each class, part k, 0 .. n − 1, takes the
        place of the validation rows.
    test : (int, int) or None
        (k, n): before all that, of the training rows, cut likewise, part k takes the place of the test rows.
    seed : int
        Draws the share and the parts.
    """

    name: str
    fingerprint: str
    labels: float = 1.0
    fold: tuple[int, int] | None = None
    test: tuple[int, int] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.labels <= 1:
            raise OptionError(f"a share of the labels must be above 0 and at most 1, got {self.labels!r}")
        for part in (self.fold, self.test):
            if part is not None and not 0 <= part[0] < part[1]:
                raise OptionError(f"a fold is (k, n) with 0 <= k < n, got {part!r}")

    @property
    def identity(self) -> dict[str, Any]:
        """What a result depends on."""
        drawn: dict[str, Any] = {} if self.labels == 1 else {"labels": self.labels}
        drawn |= {n: list(p) for n, p in (("fold", self.fold), ("test", self.test)) if p is not None}
        return {"fingerprint": self.fingerprint, **(drawn | {"seed": self.seed} if drawn else {})}

    def of(self, dataset: Dataset) -> Dataset:
        """The rows of a data set that are used; where all are, they are not copied."""
        if self.test is not None:
            dataset = self._with_part(dataset, "test", self.test)
        if self.labels < 1:
            y, place = _of(dataset), self._places(dataset)
            sizes = {label: max(round(self.labels * int((y == label).sum())), 1) for label in np.unique(y)}
            kept = np.flatnonzero(place < np.array([sizes[label] for label in y]))
            dataset = replace(dataset, X_train=dataset.X_train[kept], y_train=y[kept], endless=None)
        return dataset if self.fold is None else self._with_part(dataset, "validation", self.fold)

    def _with_part(self, dataset: Dataset, part: Part, fold: tuple[int, int]) -> Dataset:
        """Some of the training rows in the place of another part's."""
        k, n = fold
        y, place = _of(dataset), self._places(dataset)
        out, kept = np.flatnonzero(place % n == k), np.flatnonzero(place % n != k)
        rows = {
            "X_train": dataset.X_train[kept], "y_train": y[kept],
            f"X_{part}": dataset.X_train[out], f"y_{part}": y[out],
            "endless": None,
        }  # fmt: skip
        return replace(dataset, **rows)

    def _places(self, dataset: Dataset) -> NDArray[np.int64]:
        """Of every training row: how many of its class come before it in a random order."""
        y = _of(dataset)
        order = permutation(self.seed, Purpose.SPLIT, np.arange(len(y)))
        place = np.empty(len(y), dtype=np.int64)
        for label in np.unique(y):
            rows = order[y[order] == label]
            place[rows] = np.arange(len(rows))
        return place


def _of(dataset: Dataset) -> NDArray[Any]:
    if dataset.y_train is None:
        raise OptionError(f"{dataset.name} has no labels, so no share or fold of them can be drawn")
    return np.asarray(dataset.y_train)


@dataclass(frozen=True)
class Work:
    """What a recipe is given to carry out a run.

    Attributes
    ----------
    run : Run
    data : Dataset
        The rows it uses.
    folder : path
        Where it may leave files; they stay with its result.
    needs : list of path
        Folders of the runs that it starts from, in their order, as they left them.
    checkpoint : callable
        Callback that an estimator which can resume is given.
    n_threads : int or None
        The result does not depend on it.
    callbacks : list of callable
        Called after every epoch.
    """

    run: Run
    data: Dataset
    folder: Path
    needs: list[Path]
    checkpoint: Any
    n_threads: int | None
    callbacks: list[Callable[[Any], Any]]


class Recipe(Protocol):
    """What a run does. An attribute `found` may say the schema of its results, for files without digests."""

    def settings(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Canonical parameters, and the engine that they lead to.

        Two sets of parameters which mean the same must come out the same. A parameter that is at its default
        is left out, so that one which is added later changes no key; a default that is changed asks for
        another `NUMERICS`.
        """
        ...

    def perform(self, work: Work) -> Result:
        """Do it."""
        ...


RECIPES: dict[str, Recipe] = {}
"""By their names; `truezero.runs.recipes` fills it."""


@dataclass(frozen=True)
class Run:
    """One piece of work.

    Attributes
    ----------
    recipe : str
        What is done: a name in `RECIPES`.
    parameters : dict
        Of the recipe.
    data : Data
    needs : tuple of Run
        What it starts from.
    """

    recipe: str
    parameters: Mapping[str, Any]
    data: Data
    needs: tuple[Run, ...] = ()

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that the result depends on, as JSON holds it."""
        parameters, engine = RECIPES[self.recipe].settings(self.parameters)
        return {
            "recipe": self.recipe,
            "parameters": parameters,
            "data": self.data.identity,
            "needs": [run.key for run in self.needs],
            "engine": engine,
            "numerics": NUMERICS,
        }

    @cached_property
    def key(self) -> str:
        """Hash of the identity, 20 hexadecimal digits."""
        canonical = json.dumps(self.identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:20]


def not_default(
    made: Callable[..., Any], parameters: Mapping[str, Any], left_out: Collection[str]
) -> dict[str, Any]:
    """Canonical form of the parameters of a class or function that are not at their defaults.

    Parameters
    ----------
    made : callable
        Whose signature has the defaults.
    parameters : mapping
    left_out : collection of str
        Those that change no result.

    Raises
    ------
    OptionError
        If it has no such parameter.
    """
    defaults = {n: p.default for n, p in inspect.signature(made).parameters.items()}
    unknown = next((name for name in parameters if name not in defaults), None)
    if unknown is not None:
        raise OptionError(f"{made.__name__} has no parameter {unknown!r}")
    given = {n: canonical(v) for n, v in parameters.items() if n not in left_out}
    return {n: v for n, v in given.items() if v != canonical(defaults[n])}


def canonical(value: Any) -> Any:
    """Write a value as JSON holds it: the same however its numbers and sequences came.

    Raises
    ------
    OptionError
        If it is nothing that JSON can hold.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real) and math.isfinite(number := float(value)):
        return int(number) if number.is_integer() else number
    if isinstance(value, (list, tuple, np.ndarray)):
        return [canonical(part) for part in value]
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: canonical(part) for name, part in value.items()}
    raise OptionError(f"a run's parameters must be numbers, names, lists of them or None, got {value!r}")
