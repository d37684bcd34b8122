"""The terminal: tables, and a note of what is being done; lines instead where there is none."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from truezero.core.text import duration, printable
from truezero.training.progress import Display

if TYPE_CHECKING:
    from truezero.runs import Progress

# Names of files and the like come from outside: none of them is taken for markup.
out_console = Console(markup=False, highlight=False, emoji=False)
err_console = Console(stderr=True, markup=False, highlight=False, emoji=False)


REMINDED_AFTER = 30.0
"""Seconds after which a log hears of runs again though none is done."""


def _text() -> TextColumn:
    """Show a task's description as it is."""
    return TextColumn("{task.description}", markup=False)


@contextmanager
def progress(title: str, *, lines: bool = False) -> Iterator[Callable[[str], Any]]:
    """Give a function that shows a note of what is being done.

    Parameters
    ----------
    title : str
    lines : bool
        Where there is no terminal, print each note in a line of its own on standard error.
    """
    if not err_console.is_terminal:
        yield (lambda note: _line(f"{title}: {note}")) if lines else (lambda note: None)
        return
    bar = Bar(SpinnerColumn(), _text(), TimeElapsedColumn(), console=err_console, transient=True)
    with bar:
        task = bar.add_task(printable(title))
        yield lambda note: bar.update(task, description=printable(f"{title} {note}"))


@contextmanager
def progress_of_runs(title: str, *, lines: bool) -> Iterator[Callable[[Progress], Any]]:
    """Give a function that shows how many runs are done, running and left, and how the one at work stands.

    Parameters
    ----------
    title : str
    lines : bool
        Where there is no terminal, print a line on standard error for every run that is done, and one every
        half a minute.
    """
    if not err_console.is_terminal:
        with _run_lines() if lines else nullcontext(lambda progress: None) as show:
            yield show
        return
    display, started = Display(err_console), time.monotonic()

    def show_live(progress: Progress) -> None:
        about = [f"{progress.running} running", *_found_and_failed(progress)]
        # Of those done now alone: the time left follows from them.
        total = progress.done + progress.left
        left = _time_left(progress, time.monotonic() - started)
        display.show(title, progress.done, total, left, ", ".join(about), "  ".join(_at_work(progress)))

    try:
        yield show_live
    finally:
        display.close()


def _time_left(progress: Progress, seconds: float) -> str:
    """How long the runs that are left will take, as those that are done did; nothing if none is."""
    if not progress.done or not progress.left:
        return ""
    return f"about {duration(seconds / progress.done * progress.left)} left"


def _found_and_failed(progress: Progress) -> list[str]:
    found = [f"{progress.found} found"] if progress.found else []
    failed = f"{progress.failed} failed, the last: {progress.failure}"
    return [*found, failed] if progress.failed else found


def _at_work(progress: Progress) -> list[str]:
    """Where the training of the run at work stands, if that is known."""
    standing = progress.current
    if standing is None:
        return []
    left = [f"{standing.time_left} of this run"] if standing.time_left else []
    return [f"{standing.phase}, epoch {standing.done}/{standing.most}", *standing.figures, *left]


@contextmanager
def progress_of_bytes(*, lines: bool) -> Iterator[Callable[[str, int, int | None], Any]]:
    """Give a function that shows how much of a file has come.

    Parameters
    ----------
    lines : bool
        Where there is no terminal, print a line for every tenth of a file on standard error.
    """
    if not err_console.is_terminal:
        yield _tenths() if lines else (lambda name, n, total: None)
        return
    bar = Bar(
        _text(), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(),
        console=err_console, transient=True,
    )  # fmt: skip
    with bar:
        tasks: dict[str, TaskID] = {}

        def show(name: str, n: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(printable(name), total=total, completed=n)
            bar.update(tasks[name], completed=n, total=total)

        yield show


_STEP = 10_000_000  # bytes, where nobody knows how many there will be


def _tenths() -> Callable[[str, int, int | None], None]:
    """Make a function that prints a line for each tenth of a file."""
    said: dict[str, int] = {}

    def show(name: str, n: int, total: int | None) -> None:
        tenth = n // _STEP if total is None else 10 * n // max(total, 1)
        if tenth > said.get(name, -1) or tenth < said.get(name, -1) - 1:
            said[name] = tenth
            _line(f"{name}: {n / 1e6:.1f}" + (" MB" if total is None else f" of {total / 1e6:.1f} MB"))

    return show


@contextmanager
def _run_lines() -> Iterator[Callable[[Progress], None]]:
    """Give a function that prints a line for each run that is done; others come while none is.

    A run may take hours, and others be done where nothing of them is heard: who reads the log shall see that
    there is life.
    """
    started = said_at = time.monotonic()
    known: list[Progress] = []
    n_said, over, ours = 0, threading.Event(), threading.Lock()

    def say(progress: Progress, *about: str) -> None:
        nonlocal said_at
        said_at = time.monotonic()
        passed = said_at - started
        parts = [*about, duration(passed), _time_left(progress, passed), *_found_and_failed(progress)]
        _line("  ".join(part for part in parts if part))

    def show(progress: Progress) -> None:
        nonlocal n_said
        with ours:
            known[:] = [progress]
            if progress.done != n_said:
                n_said = progress.done
                say(progress, f"run {n_said} of {n_said + progress.left}", progress.finished)

    def remind() -> None:
        nonlocal said_at
        while not over.wait(max(said_at + REMINDED_AFTER - time.monotonic(), 0.01)):
            with ours:
                if time.monotonic() - said_at < REMINDED_AFTER:
                    continue
                said_at = time.monotonic()
                for progress in known:
                    n = progress.done + progress.left
                    of = f"{progress.done} of {n} runs done, {progress.running} running"
                    say(progress, of, *_at_work(progress))

    reminder = threading.Thread(target=remind, name="truezero-progress", daemon=True)
    reminder.start()
    try:
        yield show
    finally:
        over.set()
        reminder.join()


def _line(text: str) -> None:
    print(printable(text, 500), file=sys.stderr, flush=True)
