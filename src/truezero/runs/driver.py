"""Drives studies: looks each run up in the store, and has those that are missing done.

A study is a generator: ``results = yield [run, …]`` asks for runs, all of which may run at once, and gets
their results in that order; what it returns is what comes of it. `carry_out` drives it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from truezero.datasets import Dataset
from truezero.errors import TruezeroError
from truezero.runs.execute import Executor, Outcome, Serial, Shard, Task
from truezero.runs.run import Result, Run
from truezero.runs.store import RunStore
from truezero.training.standing import Standing

T = TypeVar("T")
Requests = Generator[list[Run], list[Any], T]
"""A study at work: it yields runs, gets their results, and returns what it has found."""


class IncompleteError(TruezeroError):
    """Some runs have no result: they are another shard's, or failed.

    Attributes
    ----------
    results : list of (dict or None)
        Of all that were asked for together; None where there is none.
    failures : list of exception
        Why runs failed; empty if all that is missing belongs to other shards.
    """

    def __init__(self, message: str, results: list[Result | None], failures: list[Exception]) -> None:
        super().__init__(message)
        self.results, self.failures = results, failures


@dataclass
class Progress:
    """How far it is, of the runs that were asked for until now.

    Attributes
    ----------
    found, done, running, left : int
        Runs that were finished before, that have been done now, that may be under way, and that are left,
        those under way among them.
    failed : int
        Of those done now, the ones that have no result.
    failure : str
        Why the last of them failed.
    finished : str
        Recipe and key of the run that was done last.
    current : Standing or None
        Where the training of the run under way stands, if there is one and it is in this process.
    """

    found: int = 0
    done: int = 0
    running: int = 0
    left: int = 0
    failed: int = 0
    failure: str = ""
    finished: str = ""
    current: Standing | None = None
    _known: set[str] = field(default_factory=set, repr=False)

    def ask(self, runs: Iterable[Run], *, missing: bool) -> None:
        """Count runs that are finished, or missing and to be done now; each once."""
        new = {run.key for run in runs} - self._known
        self._known |= new
        if missing:
            self.left += len(new)
        else:
            self.found += len(new)


def carry_out(
    study: Requests[T],
    store: RunStore,
    datasets: Iterable[Dataset],
    *,
    executor: Executor | None = None,
    shard: Shard | None = None,
    n_threads: int | None = None,
    on_progress: Callable[[Progress], Any] = lambda progress: None,
) -> T:
    """Drive a study: give it the results it asks for until it returns.

    Parameters
    ----------
    study : generator
        See `Requests`.
    store : RunStore
    datasets : iterable of Dataset
        All that its runs are on.
    executor : Executor, optional
        By default all runs are done in this process, one after the other.
    shard : Shard, optional
        Do its share of the runs alone.
    n_threads : int, optional
        Of each run; by default all, or 1 where several run at once.
    on_progress : callable
        Called with the `Progress` whenever it changes.

    Returns
    -------
    object
        What the study returns.

    Raises
    ------
    IncompleteError
        If it cannot go on: runs failed, or belong to another shard. All that could be done is done then.
    KeyboardInterrupt
        On Ctrl-C; nothing finished is lost.
    """
    chosen: Executor = Serial() if executor is None else executor
    if n_threads is None and chosen.n_workers > 1:
        n_threads = 1
    known = {dataset.fingerprint: dataset for dataset in datasets}
    progress = Progress()

    def on_epoch(state: Any) -> None:
        progress.current = state.progress
        on_progress(progress)

    task = Task(store, known, n_threads, [on_epoch] if chosen.n_workers == 1 else [])
    send: Callable[[], list[Run]] = functools.partial(next, study)
    while True:
        try:
            asked = send()
        except StopIteration as finished:
            result: T = finished.value
            return result
        results, failures = _results(asked, store, chosen, shard, task, progress, on_progress)
        if all(found is not None for found in results):
            send = functools.partial(study.send, results)
            continue
        missing = IncompleteError(_reason(results, failures), results, failures)
        send = functools.partial(study.throw, missing)


def _results(
    asked: Sequence[Run],
    store: RunStore,
    executor: Executor,
    shard: Shard | None,
    task: Task,
    progress: Progress,
    on_progress: Callable[[Progress], Any],
) -> tuple[list[Result | None], list[Exception]]:
    """Results of the runs, those missing done now with all that they need; and what went wrong."""
    mine = [run for run in asked if shard is None or shard.has(run)]
    outcomes: dict[str, Outcome] = {}
    levels = _missing(mine, store)
    progress.ask((run for run in asked if store.has(run)), missing=False)
    progress.ask((run for level in levels for run in level), missing=True)
    for level in levels:
        ready = [run for run in level if all(map(store.has, run.needs))]
        progress.running = min(executor.n_workers, len(ready))
        on_progress(progress)
        for run, outcome in executor(ready, task):
            outcomes[run.key] = outcome
            if outcome.failure is not None:
                progress.failed += 1
                progress.failure = f"{run.recipe} {run.key}: {outcome.failure}"
            progress.done, progress.left, progress.current = progress.done + 1, progress.left - 1, None
            progress.finished = f"{run.recipe} {run.key}"
            progress.running = min(executor.n_workers, progress.left)
            on_progress(progress)
    failures = [outcome.failure for outcome in outcomes.values() if outcome.failure is not None]
    return [store.find(run) for run in asked], failures


def _missing(runs: Iterable[Run], store: RunStore) -> list[list[Run]]:
    """Unfinished runs and what they need: each list needs only the ones before it."""
    levels: list[dict[str, Run]] = []

    def add(run: Run) -> int:
        """Depth of a run; −1 if it is finished."""
        if store.has(run):
            return -1
        depth = max((add(need) for need in run.needs), default=-1) + 1
        while len(levels) <= depth:
            levels.append({})
        levels[depth][run.key] = run
        return depth

    for run in runs:
        add(run)
    return [list(level.values()) for level in levels]


def _reason(results: list[Result | None], failures: list[Exception]) -> str:
    n_missing = sum(found is None for found in results)
    if failures:
        return f"{n_missing} of {len(results)} runs have no result; the first failure: {failures[0]}"
    return (
        f"this shard's runs are done; {n_missing} of {len(results)} belong to other shards: merge the stores "
        "with `truezero runs merge` and run it again"
    )


def together(*studies: Requests[Any]) -> Requests[list[Any]]:
    """Let several studies advance side by side; what all of them ask for may run at once.

    One that cannot go on, as runs are missing or it has found that there is no going on, leaves the others
    alone: its error comes at the end.

    Returns
    -------
    list
        What each returned.
    """
    values: list[Any] = [None] * len(studies)
    asked: dict[int, list[Run]] = {}
    errors: list[TruezeroError] = []

    def advance(number: int, step: Callable[[], list[Run]]) -> None:
        asked.pop(number, None)
        try:
            asked[number] = step()
        except StopIteration as finished:
            values[number] = finished.value
        except TruezeroError as error:
            errors.append(error)

    for number, study in enumerate(studies):
        advance(number, functools.partial(next, study))
    while asked:
        incomplete: IncompleteError | None = None
        try:
            results = yield [run for runs in asked.values() for run in runs]
        except IncompleteError as error:
            results, incomplete = error.results, error
        given = iter(results)
        for number, runs in list(asked.items()):
            own = [next(given) for _ in runs]
            step: Callable[[], list[Run]] = functools.partial(studies[number].send, own)
            if incomplete is not None and any(found is None for found in own):
                own_part = IncompleteError(str(incomplete), own, incomplete.failures)
                step = functools.partial(studies[number].throw, own_part)
            advance(number, step)
    if errors:
        raise _together(errors)
    return values


def _together(errors: Sequence[TruezeroError]) -> TruezeroError:
    """Of several errors one: what failed comes before what belongs to another shard."""
    if not all(isinstance(error, IncompleteError) for error in errors):
        return next(error for error in errors if not isinstance(error, IncompleteError))
    incomplete = [error for error in errors if isinstance(error, IncompleteError)]
    failures = list(dict.fromkeys(failure for error in incomplete for failure in error.failures))
    first = next((error for error in incomplete if error.failures), incomplete[0])
    return IncompleteError(str(first), [result for error in incomplete for result in error.results], failures)
