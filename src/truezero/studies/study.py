"""What a study is; what it ends in is in `truezero.studies.result`, and can be had here, too."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from truezero.datasets import Dataset, Part, load_dataset
from truezero.errors import DataError, OptionError
from truezero.runs import Requests, RunStore
from truezero.studies.result import (
    Claim,
    Column,
    Figure,
    Passage,
    Passages,
    StandIn,
    StudyResult,
    Table,
)

__all__ = [
    "Claim",
    "Column",
    "Figure",
    "Passage",
    "Passages",
    "Setting",
    "StandIn",
    "Study",
    "StudyResult",
    "Table",
]


@dataclass(frozen=True)
class Setting:
    """What a study is begun with.

    Attributes
    ----------
    study, title : str
    datasets : tuple of Dataset
    scale_name : str
    scale : object
        How much is run, as the study counts it.
    store : RunStore
        Has the models that finished runs left.
    """

    study: str
    title: str
    datasets: tuple[Dataset, ...]
    scale_name: str
    scale: Any
    store: RunStore

    @property
    def dataset(self) -> Dataset:
        """The data of a study that has but one."""
        return self.datasets[0]


@dataclass(frozen=True)
class Study:
    """A table or figure of the paper.

    Attributes
    ----------
    name, title : str
    scales : mapping of str to object
        How much of it is run, by the name of the scale; None where nothing is.
    begin : callable
        ``(setting) -> generator`` that ends in a `StudyResult`; see `Setting`.
    data : tuple of str
        Names of the data sets it is run on where none is named. Empty: it needs no data, and takes none.
    needs : tuple of str
        Parts that each must have with labels, beside the training rows.
    load : callable
        ``(name, data_dir=None) -> Dataset``, or several of one name, as the study wants them.
    of_own_texts : bool
        `load` takes files of texts too, and text, target, unlabeled and encoding as `load_rated` does.
    question : str
        What it asks, in a sentence or two for somebody who does not have the paper at hand.
    """

    name: str
    title: str
    scales: Mapping[str, Any]
    begin: Callable[..., Requests[StudyResult]]
    data: tuple[str, ...] = ("digits",)
    needs: tuple[Part, ...] = ("validation", "test")
    load: Callable[..., Dataset | Sequence[Dataset]] = load_dataset
    of_own_texts: bool = False
    question: str = ""

    def load_all(
        self, names: Sequence[str], *, data_dir: str | os.PathLike[str] | None = None, **of_texts: str
    ) -> list[Dataset]:
        """Load data sets for the study.

        Parameters
        ----------
        names : sequence of str
        data_dir : path-like, optional
            Folder of the named data sets.
        **of_texts : str
            Columns and files of texts, for a study that takes one's own; see `load_rated`.

        Raises
        ------
        DataError
            If one cannot be read.
        OptionError
            If the study takes no texts, or no data.
        """
        if names and not self.data:
            raise OptionError(f"{self.name} needs no data and takes none: leave --data out")
        if of_texts and not self.of_own_texts:
            option = next(iter(of_texts))
            raise OptionError(
                f"--{option} is for studies of rated texts of one's own; {self.name} takes none"
            )
        found = [self.load(name, data_dir=data_dir, **of_texts) for name in names]
        return [one for some in found for one in ([some] if isinstance(some, Dataset) else some)]

    def on(
        self,
        datasets: Dataset | Sequence[Dataset],
        scale: str,
        store: RunStore,
        *,
        n_seeds: int | None = None,
    ) -> Requests[StudyResult]:
        """Begin the study.

        Parameters
        ----------
        datasets : Dataset or sequence of Dataset
            With labels, and the parts that it needs.
        scale : str
            A key of `scales`.
        store : RunStore
            Where the models that its runs leave will lie.
        n_seeds : int, optional
            Instead of the scale's.

        Raises
        ------
        OptionError
            If the scale is unknown, or there are no seeds to choose.
        DataError
            If the data set lacks a part.
        """
        if scale not in self.scales:
            raise OptionError(f"unknown scale {scale!r}; known: {', '.join(self.scales)}")
        several = (datasets,) if isinstance(datasets, Dataset) else tuple(datasets)
        for dataset in several:
            for part in self.needs:
                if any(rows is None for rows in dataset.part(part)):
                    lacks = f"{part} rows with labels, which {dataset.name} does not have"
                    raise DataError(f"{self.name} needs {lacks}; use a named data set")
            if dataset.y_train is None:
                raise DataError(f"{self.name} needs labels, which {dataset.name} does not have")
        if n_seeds is not None and n_seeds < 1:
            raise OptionError(f"n_seeds must be at least 1, got {n_seeds}")
        chosen = self.scales[scale]
        if n_seeds is not None and chosen is None:
            raise OptionError(f"{self.name} trains no networks: leave --n-seeds out")
        chosen = chosen if n_seeds is None else replace(chosen, n_seeds=n_seeds)
        return self.begin(Setting(self.name, self.title, several, scale, chosen, store))
