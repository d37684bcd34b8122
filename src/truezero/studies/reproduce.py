"""Carries a study out on a data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from truezero.datasets import Dataset
from truezero.runs import Executor, Progress, RunStore, carry_out, software
from truezero.studies.study import Study, StudyResult


def reproduce(
    study: Study,
    dataset: Dataset,
    store: RunStore,
    *,
    scale: str = "laptop",
    n_seeds: int | None = None,
    executor: Executor | None = None,
    n_threads: int | None = None,
    on_progress: Callable[[Progress], Any] = lambda progress: None,
) -> StudyResult:
    """Run a table or figure of the paper; finished runs are taken from the store.

    Parameters
    ----------
    study : Study
        One of `STUDIES`.
    dataset : Dataset
        With labels, validation and test rows.
    store : RunStore
    scale : {"smoke", "laptop", "paper"}
        How much of it is run.
    n_seeds : int, optional
        Instead of the scale's.
    executor : Executor, optional
        Where runs are done: `Serial` (the default), `Processes`, or a `Shard` of them.
    n_threads : int, optional
        Of each run.
    on_progress : callable
        Called with the `Progress` whenever it changes.

    Returns
    -------
    StudyResult

    Raises
    ------
    OptionError
        If the scale is unknown.
    DataError
        If the data set lacks a part, or the store cannot be written.
    IncompleteError
        If runs failed, or belong to other shards.
    """
    result = carry_out(
        study.on(dataset, scale, store, n_seeds=n_seeds), store, [dataset],
        executor=executor, n_threads=n_threads, on_progress=on_progress,
    )  # fmt: skip
    result.provenance = software()
    return result
