"""Where runs are done: in this process, in several, or a share of them only. Knows no run's meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import joblib

from truezero.datasets import Dataset
from truezero.errors import DivergenceError, OptionError
from truezero.runs.provenance import environment
from truezero.runs.run import Result, Run, Work, recipes
from truezero.runs.store import RunStore

# ---- one run ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes
    ----------
    result : dict or None
        None where it failed, or somebody else is at work on it.
    failure : exception or None
        Why it failed.
    """

    result: Result | None = None
    failure: Exception | None = None


def perform(
    run: Run,
    store: RunStore,
    datasets: Mapping[str, Dataset],
    *,
    n_threads: int | None,
    wait: bool,
    callbacks: Sequence[Callable[[Any], Any]] = (),
) -> Outcome:
    """Carry one run out, unless it is finished or somebody else is at work on it.

    What it needs must be finished. That training diverges is a result, too, and kept.

    Parameters
    ----------
    run : Run
    store : RunStore
    datasets : mapping of str to Dataset
        By their fingerprints.
    n_threads : int or None
    wait : bool
        For somebody else who is at work on it.
    callbacks : sequence of callable
        Called after every epoch.

    Returns
    -------
    Outcome

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C; the next call goes on from the last finished epoch.
    """
    try:
        found = store.find(run)
        if found is not None:
            return Outcome(found)
        with store.lease(run, wait=wait) as ours:
            if not ours:
                return Outcome()
            found = store.find(run)  # it may have been finished meanwhile
            if found is None:
                found = _perform(run, store, datasets, n_threads, list(callbacks))
            return Outcome(found)
    except Exception as error:
        return Outcome(failure=error)


def _perform(
    run: Run,
    store: RunStore,
    datasets: Mapping[str, Dataset],
    n_threads: int | None,
    callbacks: list[Callable[[Any], Any]],
) -> Result:
    folder, checkpoint = store.begin(run)
    needed = [store.find(need) for need in run.needs]
    diverged = next((found["diverged"] for found in needed if found and "diverged" in found), None)
    result: Result
    if diverged is not None:
        result = {"diverged": diverged}
    else:
        data = run.data.of(datasets[run.data.fingerprint])
        needs = [store.place(need) for need in run.needs]
        try:
            work = Work(run, data, folder, needs, checkpoint, n_threads, callbacks)
            result = recipes[run.recipe].perform(work)
        except DivergenceError as error:
            result = {"diverged": str(error)}
    store.finish(run, result, environment(n_threads))
    return result


# ---- where runs are done ------------------------------------------------------------------------------


class Perform(Protocol):
    """`perform` with all but the run and whether to wait; it can be sent to another process."""

    def __call__(self, run: Run, *, wait: bool) -> Outcome:
        """Carry the run out."""
        ...


class Executor(Protocol):
    """Has runs done that do not depend on each other."""

    @property
    def n_workers(self) -> int:
        """Runs that may be under way at once."""
        ...

    def __call__(self, runs: Sequence[Run], perform: Perform) -> Iterator[tuple[Run, Outcome]]:
        """Give each run with its outcome, in any order, as they are done."""
        ...


@dataclass(frozen=True)
class Serial:
    """One after the other, in this process. Runs that somebody else is at work on come last."""

    n_workers: int = 1

    def __call__(self, runs: Sequence[Run], perform: Perform) -> Iterator[tuple[Run, Outcome]]:
        """See `Executor`."""
        held = []
        for run in runs:
            outcome = perform(run, wait=False)
            if outcome == Outcome():
                held.append(run)
            else:
                yield run, outcome
        for run in held:
            yield run, perform(run, wait=True)


@dataclass(frozen=True)
class Processes:
    """In several processes of this machine; one thread each is fastest, and gives the same bits.

    Attributes
    ----------
    n_workers : int
    """

    n_workers: int

    def __call__(self, runs: Sequence[Run], perform: Perform) -> Iterator[tuple[Run, Outcome]]:
        """See `Executor`."""
        held: list[Run] = []
        for wait in (False, True):
            parallel = joblib.Parallel(self.n_workers, return_as="generator_unordered", pre_dispatch="all")
            tasks = (joblib.delayed(_with_run)(perform, run, wait) for run in (held if wait else runs))
            for run, outcome in parallel(tasks):
                if not wait and outcome == Outcome():
                    held.append(run)
                else:
                    yield run, outcome
            if not held:
                return


def _with_run(perform: Perform, run: Run, wait: bool) -> tuple[Run, Outcome]:
    return run, perform(run, wait=wait)


@dataclass(frozen=True)
class Shard:
    """A share of the runs: what starts from the same layer stays together.

    Attributes
    ----------
    number, of : int
        0 .. of − 1, and how many shares there are. Together they are all runs.
    inner : Executor
        Has them done.
    """

    number: int
    of: int
    inner: Executor = field(default_factory=Serial)

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.of:
            raise OptionError(f"a shard is i/n with 0 <= i < n, got {self.number}/{self.of}")

    @property
    def n_workers(self) -> int:
        """Runs that may be under way at once."""
        return self.inner.n_workers

    def share(self, runs: Iterable[Run]) -> list[Run]:
        """Those of the runs that are this shard's."""
        runs = list(runs)
        roots = sorted({_root(run) for run in runs})
        mine = set(roots[self.number :: self.of])
        return [run for run in runs if _root(run) in mine]

    def __call__(self, runs: Sequence[Run], perform: Perform) -> Iterator[tuple[Run, Outcome]]:
        """See `Executor`."""
        return self.inner(runs, perform)


def _root(run: Run) -> str:
    while run.needs:
        run = run.needs[0]
    return run.key
