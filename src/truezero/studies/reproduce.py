"""Carries a study out on a data set."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from truezero.datasets import Dataset
from truezero.runs import (
    Executor,
    IncompleteError,
    Progress,
    Requests,
    Run,
    RunStore,
    Shard,
    carry_out,
    software,
)
from truezero.runs.provenance import CPU, FINISHED, PEAK_MEMORY, WALL
from truezero.studies.study import Study, StudyResult

# Of a run's provenance: what is no more than how it was done once.
_OF_A_RUN = ("n_threads", PEAK_MEMORY, FINISHED, WALL, CPU)


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
    asked: dict[str, Run] = {}
    result = carry_out(
        _asking(study.on(several, scale, store, n_seeds=n_seeds), asked), store, several,
        executor=executor, shard=shard, n_threads=n_threads, on_progress=on_progress,
    )  # fmt: skip
    result.question = study.question
    result.provenance = _made_by(list(asked.values()), store)
    return result


def _asking(study: Requests[StudyResult], asked: dict[str, Run]) -> Requests[StudyResult]:
    """A study that notes by their keys all runs that it asks for, and those that they need."""

    def note(run: Run) -> None:
        asked[run.key] = run
        for need in run.needs:
            note(need)

    step: Callable[[], list[Run]] = functools.partial(next, study)
    while True:
        try:
            runs = step()
        except StopIteration as finished:
            found: StudyResult = finished.value
            return found
        for run in runs:
            note(run)
        try:
            step = functools.partial(study.send, (yield runs))
        except IncompleteError as error:
            step = functools.partial(study.throw, error)


def _made_by(runs: Sequence[Run], store: RunStore) -> dict[str, Any]:
    """What the runs of a study ran on, each once; with what engines and seeds, when, and how long."""
    environments: dict[str, dict[str, Any]] = {}
    engines: Counter[str] = Counter()
    seeds: set[int] = set()
    finished: list[str] = []
    wall, cpu = [], []
    for run in runs:
        made = store.provenance(run.key)
        of_all = {name: value for name, value in made.items() if name not in _OF_A_RUN}
        here = environments.setdefault(json.dumps(of_all, sort_keys=True), {**of_all, "n_runs": 0})
        here["n_runs"] += 1
        engines[run.identity["engine"]] += 1
        seed = run.parameters.get("random_state")
        seeds |= set() if seed is None else {int(seed)}
        result = store.find(run) or {}
        wall.append(float(made[WALL] if WALL in made else result.get("seconds", 0.0)))
        cpu += [float(made[CPU])] if CPU in made else []
        finished += [made[FINISHED]] if FINISHED in made else []
    return {
        "runs": list(environments.values()),
        "engines": dict(engines),
        "seeds": sorted(seeds),
        "n_runs": len(runs),
        "wall_seconds": sum(wall),
        "cpu_seconds": sum(cpu) if len(cpu) == len(runs) else None,
        "finished": [min(finished), max(finished)] if finished else None,
        "put together by": software()["truezero"],
    }
