"""Carries a study out on a data set."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from truezero.datasets import Dataset
from truezero.runs import Executor, Progress, RunStore, Shard, carry_out, software
from truezero.runs.provenance import PEAK_MEMORY
from truezero.studies.study import Study, StudyResult

# Of a run's provenance: what is no more than how it was done once.
_OF_A_RUN = ("n_threads", PEAK_MEMORY)


def reproduce(
    study: Study,
    datasets: Dataset | Sequence[Dataset],
    store: RunStore,
    *,
    scale: str = "laptop",
    n_seeds: int | None = None,
    executor: Executor | None = None,
    shard: Shard | None = None,
    n_threads: int | None = None,
    on_progress: Callable[[Progress], Any] = lambda progress: None,
) -> StudyResult:
    """Run a table or figure of the paper; finished runs are taken from the store.

    Parameters
    ----------
    study : Study
        One of `STUDIES`.
    datasets : Dataset or sequence of Dataset
        With labels, and the parts that the study needs.
    store : RunStore
    scale : {"smoke", "laptop", "paper"}
        How much of it is run.
    n_seeds : int, optional
        Instead of the scale's.
    executor : Executor, optional
        Where runs are done: `Serial` (the default) or `Processes`.
    shard : Shard, optional
        Do its share of the runs alone.
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
    several = [datasets] if isinstance(datasets, Dataset) else list(datasets)
    result = carry_out(
        study.on(several, scale, store, n_seeds=n_seeds), store, several,
        executor=executor, shard=shard, n_threads=n_threads, on_progress=on_progress,
    )  # fmt: skip
    result.provenance = {"runs": _made_by(result, store), "put together by": software()["truezero"]}
    return result


def _made_by(result: StudyResult, store: RunStore) -> list[dict[str, Any]]:
    """What the runs of a study's tables ran on, each once."""
    found: dict[str, dict[str, Any]] = {}
    for key in sorted(set(_keys([table.rows for table in result.tables]))):
        made = {name: value for name, value in store.provenance(key).items() if name not in _OF_A_RUN}
        found[json.dumps(made, sort_keys=True)] = made
    return list(found.values())


def _keys(value: Any) -> Iterator[str]:
    """Keys of runs, wherever they stand in rows."""
    if isinstance(value, dict):
        if isinstance(value.get("key"), str):
            yield value["key"]
        for part in value.values():
            yield from _keys(part)
    elif isinstance(value, list):
        for part in value:
            yield from _keys(part)
