"""Generated rows, epoch after epoch, made ahead by other processes while the last ones are trained on."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import signal
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.rows import Examples
from truezero.datasets.glyphs import Glyphs
from truezero.datasets.nistp import Layout, Nistp, examples
from truezero.errors import DataError, OptionError, file_error

_Made = tuple[NDArray[np.uint8], NDArray[np.int64]]

_AHEAD = 2  # pieces per process that are made or wait
_RESTARTS = 3  # of the processes, for one piece
# Workers keep to one thread each; what is asked for must be known before NumPy is loaded.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Epochs:
    """Rows of a run, as `truezero.training.Stream` takes them.

    Called with the number of an epoch, it gives the pieces of that epoch, `Examples` whose ids are those of
    no other epoch. The same epoch is the same rows whenever it is asked for, with any number of processes.

    Use it in a `with`, or `close` it, so that its processes end; they end with this process in any case.

    Parameters
    ----------
    nistp : Nistp
    layout : Layout
        How many rows an epoch and a piece have.
    n_processes : int, default=0
        Processes that make the next pieces ahead, two each at the most; 0 makes them here, when they are
        asked for.

    Raises
    ------
    OptionError
        If `n_processes` is negative.
    """

    def __init__(self, nistp: Nistp, layout: Layout, n_processes: int = 0) -> None:
        if n_processes < 0:
            raise OptionError(f"n_processes must be 0 or more, got {n_processes}")
        self.nistp, self.layout, self.n_processes = nistp, layout, n_processes
        self._pool: _Pool | None = None
        self._made: dict[range, Future[_Made]] = {}

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that the pieces depend on, as hexadecimal digits; for a `Checkpoint`."""
        described = json.dumps([self.nistp.fingerprint, asdict(self.layout)], sort_keys=True)
        return hashlib.sha256(described.encode()).hexdigest()

    def ahead(self, n_processes: int) -> Epochs:
        """The same epochs, made by so many processes."""
        return Epochs(self.nistp, self.layout, n_processes)

    def __call__(self, epoch: int) -> Iterator[Examples]:
        """Pieces of an epoch; the first is 1.

        Raises
        ------
        DataError
            If no rows are left for it, or the processes are killed again and again.
        """
        return map(self._examples, self.layout.pieces(epoch))

    def __enter__(self) -> Epochs:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; a later call would start others."""
        self._made.clear()
        if self._pool is not None:
            self._pool.end()
            self._pool = None

    def _examples(self, ids: range) -> Examples:
        if not self.n_processes:
            return self.nistp.examples(np.arange(ids.start, ids.stop))
        for restart in range(_RESTARTS):
            try:
                X, y = self._ahead(ids)
                return examples(X, y, np.arange(ids.start, ids.stop))
            except BrokenProcessPool as error:  # what was made is lost, and the rows are the same again
                self.close()
                if restart == _RESTARTS - 1:
                    raise DataError(
                        f"a process that makes rows was killed {_RESTARTS} times, for want of memory "
                        "perhaps; use fewer processes, or a smaller piece"
                    ) from error
        raise AssertionError

    def _ahead(self, ids: range) -> _Made:
        """Wait for a piece; see to it that those after it are under way."""
        if self._pool is None:
            self._pool = _Pool(self.nistp, self.n_processes)
        wanted = list(itertools.islice(self.layout.onward(ids.start), 1 + _AHEAD * self.n_processes))
        for piece in self._made.keys() - wanted:  # another epoch was asked for
            self._made.pop(piece).cancel()
        for piece in wanted:
            if piece not in self._made:
                self._made[piece] = self._pool.submit(piece)
        return self._made.pop(ids).result()


class _Pool:
    """Processes that have the characters mapped from a file, once for all of them."""

    def __init__(self, nistp: Nistp, n_processes: int) -> None:
        from joblib.externals.loky import ProcessPoolExecutor  # takes a while

        folder = Path(tempfile.mkdtemp(prefix="truezero-"))
        try:
            np.save(folder / "images.npy", nistp.glyphs.images)
            np.save(folder / "labels.npy", nistp.glyphs.labels)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise file_error("cannot put the characters where processes find them,", folder, error) from error
        how = (nistp.seed, nistp.complexity, nistp.transformations, nistp.part)
        executor = ProcessPoolExecutor(
            n_processes, initializer=_begin, initargs=(os.getpid(), folder, how), env=_ONE_THREAD
        )
        self._executor = executor
        self._asked: list[Future[_Made]] = []
        self.end: Any = weakref.finalize(self, _end, executor, folder, self._asked)

    def submit(self, ids: range) -> Future[_Made]:
        """Have rows made."""
        made: Future[_Made] = self._executor.submit(_make, ids.start, ids.stop)
        self._asked[:] = [*(other for other in self._asked if not other.done()), made]
        return made


def _end(executor: Any, folder: Path, asked: Sequence[Future[_Made]]) -> None:
    # Killed before it has handed all pieces to its processes, loky's thread ends in a KeyError. There is room
    # for all of them, so that it does not take long.
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline and not all(made.running() or made.done() for made in asked):
        time.sleep(0.001)
    executor.shutdown(wait=True, kill_workers=True)
    shutil.rmtree(folder, ignore_errors=True)


# ---- in the other processes -------------------------------------------------------------------------------

_maker: list[Nistp] = []


def _begin(parent: int, folder: Path, how: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that trains, which ends this one
    threading.Thread(target=_leave_with, args=(parent, folder), daemon=True).start()
    images, labels = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("images", "labels"))
    _maker[:] = [Nistp(Glyphs(images, labels), *how)]


def _leave_with(parent: int, folder: Path) -> None:
    """End when the process that rows are made for has ended, and clean up if it was killed."""
    while os.getppid() == parent:
        time.sleep(0.5)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


def _make(start: int, stop: int) -> _Made:
    return _maker[0].rows(np.arange(start, stop))
