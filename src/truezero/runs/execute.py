"""Where runs are done: in this process or in several; and which of them, if they are shared out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import joblib
from threadpoolctl import threadpool_limits

from truezero.datasets import Dataset
from truezero.errors import DivergenceError, OptionError
from truezero.runs.memory import PeakMemory
from truezero.runs.provenance import PEAK_MEMORY, Spent, environment
from truezero.runs.run import RECIPES, Result, Run, Work
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
        # As text: a traceback would keep the run's rows and model alive, and another process cannot send it.
        error.add_note(traceback.format_exc())
        return Outcome(failure=error.with_traceback(None))


def _perform(
    run: Run,
    store: RunStore,
    datasets: Mapping[str, Dataset],
    n_threads: int | None,
    callbacks: list[Callable[[Any], Any]],
) -> Result:
    spent = Spent()
    folder, checkpoint = store.begin(run)
    needed = [store.find(need) for need in run.needs]
    diverged = next((found["diverged"] for found in needed if found and "diverged" in found), None)
    result: Result
    memory: dict[str, int] = {}
    if diverged is not None:
        result = {"diverged": diverged}
    else:
        peak = PeakMemory()
        try:
            data = run.data.of(datasets[run.data.fingerprint])
            needs = [store.place(need) for need in run.needs]
            work = Work(run, data, folder, needs, checkpoint, n_threads, callbacks)
            with threadpool_limits(1, "blas"):  # NumPy's products have other bits on several threads
                result = RECIPES[run.recipe].perform(work)
        except DivergenceError as error:
            result = {"diverged": str(error)}
        finally:
            held = peak.end()
        memory = {} if held is None else {PEAK_MEMORY: held}
    store.finish(run, result, {**environment(n_threads), **memory, **spent.so_far()})
    return result


# ---- where runs are done ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """`perform` with all but the run and whether to wait; it can be sent to another process.

    Attributes
    ----------
    store : RunStore
    datasets : mapping of str to Dataset
        By their fingerprints.
    n_threads : int or None
    callbacks : sequence of callable
    """

    store: RunStore
    datasets: Mapping[str, Dataset]
    n_threads: int | None = None
    callbacks: Sequence[Callable[[Any], Any]] = ()

    def __call__(self, run: Run, *, wait: bool) -> Outcome:
        """Carry the run out."""
        return perform(
            run, self.store, self.datasets, n_threads=self.n_threads, wait=wait, callbacks=self.callbacks
        )


class Executor(Protocol):
    """Has runs done that do not depend on each other."""

    @property
    def n_workers(self) -> int:
        """Runs that may be under way at once."""
        ...

    def __call__(self, runs: Sequence[Run], perform: Task) -> Iterator[tuple[Run, Outcome]]:
        """Give each run with its outcome, in any order, as they are done."""
        ...


@dataclass(frozen=True)
class Serial:
    """One after the other, in this process. Runs that somebody else is at work on come last."""

    n_workers: int = 1

    def __call__(self, runs: Sequence[Run], perform: Task) -> Iterator[tuple[Run, Outcome]]:
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

    def __call__(self, runs: Sequence[Run], perform: Task) -> Iterator[tuple[Run, Outcome]]:
        """See `Executor`."""
        # Imported where there are workers.
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        held: list[Run] = []
        for wait in (False, True):
            left = {run.key: run for run in (held if wait else runs)}
            # No more runs with the pool than it has workers: what waits there makes noise at Ctrl-C.
            parallel = joblib.Parallel(
                self.n_workers, return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1
            )
            try:
                for run, outcome in parallel(
                    joblib.delayed(_with_run)(perform, run, wait) for run in list(left.values())
                ):
                    del left[run.key]
                    if not wait and outcome == Outcome():
                        held.append(run)
                    else:
                        yield run, outcome
            except TerminatedWorkerError as error:  # killed, for want of memory say; those beside it end too
                for run in left.values():
                    yield run, Outcome(failure=error)
            if not held:
                return


def _with_run(perform: Task, run: Run, wait: bool) -> tuple[Run, Outcome]:
    return run, perform(run, wait=wait)


@dataclass(frozen=True)
class Shard:
    """A share of the runs. What starts from the same layer stays together.

    Attributes
    ----------
    number, of : int
        0 .. of − 1, and how many shares there are. Together they are all runs.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.number < self.of:
            raise OptionError(f"a shard is i/n with 0 <= i < n, got {self.number}/{self.of}")

    def has(self, run: Run) -> bool:
        """Whether a run is this shard's."""
        while run.needs:
            run = run.needs[0]
        return int(run.key, 16) % self.of == self.number
