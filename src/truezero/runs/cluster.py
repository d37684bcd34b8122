"""Runs on a Dask cluster that is there already, whose machines need not share a disk with this one.

What runs need, rows and the layers that they start from, is sent once, and all that they leave comes back as
bytes: so there is one store, here, and workers keep nothing on a disk. The process that drives a sweep holds
the leases of the runs that are under way. A worker that dies costs what it was at work on, which Dask gives
to another; a scheduler that goes away is waited for.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import queue
import socket
import tempfile
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truezero.core.text import printable
from truezero.datasets import Dataset, load_dataset
from truezero.errors import OptionError, TruezeroError
from truezero.runs.execute import Outcome, Task, perform
from truezero.runs.provenance import arithmetic_version
from truezero.runs.run import Run
from truezero.runs.store import Files, RunStore

# Runs with the scheduler, for each that the workers can be at work on: enough that none of them waits for the
# next one, and few enough that 10,000 runs are no burden.
_AHEAD = 2
_LOOK = 2.0  # seconds between two looks at how many workers there are
_KNOWN = 64  # rows and layers that the cluster keeps for runs to come
_POLL = 0.5  # seconds between two looks at whether the scheduler is there
_FIRST_TRY = 10.0  # seconds
_DELIVERY = 120.0  # seconds that what a run left may take


class Cluster:
    """Has runs done by the workers of a Dask scheduler, on one thread each.

    Parameters
    ----------
    address : str
        Of the scheduler: ``tcp://host:8786``.
    data_dir : str, optional
        Folder on the workers' machines where they read named data sets. Without it rows are sent, to every
        worker once.
    patience : float, default=300
        Seconds that a scheduler which has gone away is waited for, or one that has no workers.

    Raises
    ------
    OptionError
        If Dask is not installed, nothing answers at the address, or the scheduler goes away for good; all
        that is finished is kept.
    """

    def __init__(self, address: str, *, data_dir: str | None = None, patience: float = 300.0) -> None:
        self.address, self.data_dir, self.patience = address, data_dir, patience
        self._client: Any = None
        self._known: dict[str, Any] = {}
        self._n_threads, self._looked = 0, -math.inf
        self._connect(_FIRST_TRY)

    @property
    def n_workers(self) -> int:
        """Runs that may be under way at once, as many as the workers have threads; at least 2."""
        now = time.monotonic()
        if now > self._looked + _LOOK:
            self._looked = now
            with contextlib.suppress(Exception):  # it may just be gone
                self._n_threads = sum(self._client.nthreads().values())
        return max(self._n_threads, 2)

    def close(self) -> None:
        """Let the cluster go; what it is at work on for us is dropped."""
        client, self._client, self._known = self._client, None, {}
        if client is not None:
            with contextlib.suppress(Exception):
                client.close(timeout=2)

    def __call__(self, runs: Sequence[Run], perform: Task) -> Iterator[tuple[Run, Outcome]]:
        """See `Executor`."""
        for wait in (False, True):
            held: list[Run] = []
            yield from self._carry_out(runs, perform, wait, held)
            if not held:
                return
            runs = held

    def _carry_out(
        self, runs: Sequence[Run], task: Task, wait: bool, held: list[Run]
    ) -> Iterator[tuple[Run, Outcome]]:
        """Have runs done; those that another sweep is at work on are held, or waited for."""
        waiting, flying, landed = deque(runs), dict[str, _Flight](), queue.Queue[tuple[str, Any]]()
        try:
            while waiting or flying:
                self._be_connected(flying, landed)
                while waiting and self._client is not None and len(flying) < _AHEAD * self.n_workers:
                    run, leases = waiting.popleft(), contextlib.ExitStack()
                    if not leases.enter_context(task.store.lease(run, wait=wait)):
                        held.append(run)
                    elif task.store.has(run):  # somebody else finished it meanwhile
                        leases.close()
                        yield run, _found(task.store, run)
                    else:
                        flying[run.key] = _Flight(run, leases)
                        self._send(flying[run.key], task, landed)
                try:
                    key, future = landed.get(timeout=_POLL)
                except queue.Empty:
                    continue
                flight = flying.get(key)
                if flight is None or flight.future is not future:
                    continue  # of a connection that is gone
                outcome = _landed(flight, task.store)
                if outcome is None:  # what had it is gone
                    self._be_connected(flying, landed)
                    self._send(flight, task, landed)
                    continue
                del flying[key]
                flight.leases.close()
                yield flight.run, outcome
        finally:
            for flight in flying.values():
                with contextlib.suppress(Exception):
                    flight.future.cancel()
                flight.leases.close()

    def _send(self, flight: _Flight, task: Task, landed: queue.Queue[tuple[str, Any]]) -> None:
        run = flight.run
        try:
            if self._client is None:
                raise OSError("not connected")
            needs = [
                self._sent(need.key, functools.partial(task.store.files, need.key)) for need in run.needs
            ]
            flight.future = self._client.submit(
                _on_worker, run, self._rows(task.datasets, run), task.n_threads, arithmetic_version(), *needs,
                key=f"{run.recipe}-{run.key}-{time.monotonic_ns()}", pure=False,
            )  # fmt: skip
        except (OSError, TimeoutError, CancelledError):  # the scheduler has just gone
            self.close()
            flight.future = _Gone
            landed.put((run.key, _Gone))
            return
        flight.future.add_done_callback(lambda future: landed.put((run.key, future)))

    def _rows(self, datasets: Mapping[str, Dataset], run: Run) -> Any:
        """What stands for a data set in a task: its name where workers read it, else rows that they have."""
        fingerprint = run.data.fingerprint
        if self.data_dir is not None:
            return _Named(run.data.name, self.data_dir, fingerprint)
        return self._sent(fingerprint, lambda: datasets[fingerprint])

    def _sent(self, key: str, value: Callable[[], Any]) -> Any:
        """What stands for something that many runs need: it is sent once, and workers hand it on."""
        sent = self._known.pop(key, None)
        if sent is None or sent.status in ("cancelled", "lost", "error"):
            self._await_workers()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph")  # it is meant, and once
                # Not scattered: what a task gives is made again where all workers that had it have died.
                sent = self._client.submit(
                    _itself, value(), key=f"sent-{key}-{time.monotonic_ns()}", pure=False
                )
        self._known[key] = sent  # the last one now
        while len(self._known) > _KNOWN:  # what is under way keeps what it needs
            del self._known[next(iter(self._known))]
        return sent

    # ---- the connection -----------------------------------------------------------------------------

    def _connect(self, timeout: float) -> None:
        try:
            from distributed import Client
            from distributed.comm.addressing import parse_address, parse_host_port
        except ImportError:
            raise OptionError(
                "a Dask cluster needs Dask: install truezero[dask], here and on its machines"
            ) from None
        made: Any = Client  # Dask has no types
        try:
            # First without Dask: a client of its that finds nobody leaves something behind in this process,
            # over which later ones stumble or wait for ever.
            host, port = parse_host_port(parse_address(self.address)[1])
            socket.create_connection((host, port), timeout).close()
            self._client = made(self.address, timeout=timeout, set_as_default=False)
        except (OSError, ValueError, TypeError, AssertionError) as error:  # Dask's own, while one goes away
            raise OptionError(
                f"no Dask scheduler answers at {printable(self.address)} ({printable(error)}); start one "
                "with `dask scheduler`, and `dask worker ADDRESS` where runs are to be done"
            ) from None
        self._known = {}

    def _be_connected(self, flying: Mapping[str, _Flight], landed: queue.Queue[tuple[str, Any]]) -> None:
        """Wait for a scheduler that went away; what it was asked for is asked for again."""
        if self._client is not None and self._client.status == "running":
            return
        until = time.monotonic() + self.patience
        self.close()
        while True:
            try:
                self._connect(max(min(_FIRST_TRY, until - time.monotonic()), 1.0))
                break
            except OptionError as error:
                if time.monotonic() > until:
                    raise OptionError(
                        f"the Dask scheduler at {printable(self.address)} went away, for more than "
                        f"{self.patience:g} s; what is finished is kept: start it, and this again"
                    ) from error
                time.sleep(_POLL)
        for key, flight in flying.items():
            landed.put((key, _Gone))
            flight.future = _Gone

    def _await_workers(self) -> None:
        from distributed import TimeoutError as DaskTimeoutError

        try:
            self._client.wait_for_workers(1, timeout=self.patience)
        except (TimeoutError, DaskTimeoutError):
            raise OptionError(
                f"the Dask scheduler at {printable(self.address)} has no workers; start some with "
                "`dask worker ADDRESS`"
            ) from None


class _Gone:
    """Stands for what a scheduler that went away was asked for."""

    status = "lost"

    @staticmethod
    def cancel() -> None: ...


@dataclass
class _Flight:
    """A run that the cluster is at work on."""

    run: Run
    leases: contextlib.ExitStack
    future: Any = None


@dataclass(frozen=True)
class _Named:
    """A data set that workers read themselves."""

    name: str
    data_dir: str
    fingerprint: str


def _landed(flight: _Flight, store: RunStore) -> Outcome | None:
    """Keep what came back; None if it did not."""
    if flight.future.status == "error":  # its worker was killed again and again, or cannot import truezero
        failure = flight.future.exception()
        return Outcome(failure=failure if isinstance(failure, Exception) else RuntimeError(str(failure)))
    if flight.future.status != "finished":
        return None
    try:
        outcome, files = flight.future.result(timeout=_DELIVERY)
    except Exception:  # nothing of the run's: that is in the outcome
        return None
    try:
        if files is not None:
            store.receive(flight.run.key, files)
    except TruezeroError as error:
        return Outcome(failure=error)
    assert isinstance(outcome, Outcome)
    return outcome


def _found(store: RunStore, run: Run) -> Outcome:
    try:
        return Outcome(store.find(run))
    except TruezeroError as error:
        return Outcome(failure=error)


# ---- on the worker ----------------------------------------------------------------------------------


def _itself(value: Any) -> Any:
    return value


def _on_worker(
    run: Run, rows: Any, n_threads: int | None, version: str, *needs: Files
) -> tuple[Outcome, Files | None]:
    """Carry a run out in a folder of its own, and hand over what it left."""
    where = f"the worker on {socket.gethostname()}, process {os.getpid()}"
    if arithmetic_version() != version:
        raise OptionError(
            f"{where} has truezero {arithmetic_version()}, the sweep {version}: install the same"
        )
    dataset = _read(rows) if isinstance(rows, _Named) else rows
    with tempfile.TemporaryDirectory(prefix="truezero-") as folder:
        store = RunStore(folder)
        for need, files in zip(run.needs, needs, strict=True):
            store.receive(need.key, files)
        outcome = perform(run, store, {run.data.fingerprint: dataset}, n_threads=n_threads, wait=True)
        if outcome.failure is not None:
            outcome.failure.add_note(f"on {where}")
        return outcome, None if outcome.result is None else store.files(run.key)


@functools.lru_cache(maxsize=2)
def _read(named: _Named) -> Dataset:
    """Read a data set once in each process."""
    file = Path(named.data_dir) / named.name
    dataset = load_dataset(file if file.is_file() else named.name, data_dir=named.data_dir)
    if dataset.fingerprint != named.fingerprint:
        raise OptionError(
            f"{named.name} in {named.data_dir} on {socket.gethostname()} has other rows than the sweep's"
        )
    return dataset
