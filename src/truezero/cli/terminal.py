"""The terminal: tables, and a note of what is being done; lines instead where there is none."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bar

from truezero.core.text import printable

if TYPE_CHECKING:
    from truezero.runs import Progress

# Names of files and the like come from outside: none of them is taken for markup.
out_console = Console(markup=False, highlight=False, emoji=False)
err_console = Console(stderr=True, markup=False, highlight=False, emoji=False)


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
    """Give a function that shows how many runs are done, running and left.

    Parameters
    ----------
    title : str
    lines : bool
        Where there is no terminal, print a line for every run on standard error.
    """
    if not err_console.is_terminal:
        yield _run_lines() if lines else (lambda progress: None)
        return
    bar = Bar(
        _text(), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[about]}", markup=False),
        TimeRemainingColumn(), console=err_console, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task(printable(title), total=None, about="")

        def show(progress: Progress) -> None:
            about = f"{progress.running} running" + (f": {progress.current}" if progress.current else "")
            if progress.found:
                about += f", {progress.found} found"
            if progress.failed:
                about += f", {progress.failed} failed (the last: {progress.failure})"
            # Of those done now alone: the time left follows from them.
            total = progress.done + progress.left
            bar.update(task, completed=progress.done, total=total, about=printable(about))

        yield show


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


def _run_lines() -> Callable[[Progress], None]:
    """Make a function that prints a line for each run that is done."""
    started, said = time.monotonic(), -1

    def show(progress: Progress) -> None:
        nonlocal said
        if progress.done != said and progress.left + progress.done:
            if progress.done:
                passed = time.monotonic() - started
                found = f"  {progress.found} found" if progress.found else ""
                left = f"  about {passed / progress.done * progress.left:.0f} s left" if progress.left else ""
                failed = (
                    f"  {progress.failed} failed, the last: {progress.failure}" if progress.failed else ""
                )
                of = progress.done + progress.left
                _line(f"run {progress.done} of {of}  {passed:.1f} s{left}{found}{failed}")
            said = progress.done

    return show


def _line(text: str) -> None:
    print(printable(text, 500), file=sys.stderr, flush=True)
