"""The terminal: where tables go, and a note of what is being done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

out_console = Console()
err_console = Console(stderr=True)


@contextmanager
def progress(title: str) -> Iterator[Any]:
    """Give a function that shows a note beside a spinner, on a terminal."""
    bar = Progress(
        SpinnerColumn(), TextColumn(title), TextColumn("{task.description}"), TimeElapsedColumn(),
        console=err_console, transient=True, disable=not err_console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("")
        yield lambda note: bar.update(task, description=note)
