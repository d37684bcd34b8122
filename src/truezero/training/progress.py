"""How a training goes, for people: a bar on a terminal, a line per epoch anywhere else."""

from __future__ import annotations

import contextlib
import sys
import time

from truezero.core.text import printable
from truezero.training.checkpoints import State


class ProgressBar:
    """Shows the epochs, with what was measured last, on standard error.

    A bar, if that is a terminal; where it goes to a file, a notebook or another program, a line per epoch.

    Parameters
    ----------
    max_epochs : int
    title : str
    """

    def __init__(self, max_epochs: int, title: str = "training") -> None:
        self.max_epochs = max_epochs
        self.title = title

    def on_train_begin(self, state: State) -> None:
        """Show the bar."""
        self._before = time.monotonic()
        if not _is_terminal():
            return
        # Imported when a bar is shown: most trainings show none.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            TimeRemainingColumn(),
            console=Console(stderr=True, force_jupyter=False),
            transient=True,
        )
        self._task = self._bar.add_task(self.title, total=self.max_epochs, note="")
        self._bar.start()

    def __call__(self, state: State) -> None:
        """Move it on, or print the line."""
        done, note = state.progress
        if not hasattr(self, "_bar"):
            now, numbers = time.monotonic(), note.replace(", ", "  ")
            self._print(f"epoch {done}/{self.max_epochs}  {numbers}  {now - self._before:.1f} s")
            self._before = now
            return
        self._bar.update(self._task, completed=done, note=note)
        if done >= self.max_epochs:
            self.close()

    def close(self) -> None:
        """Take the bar away; the trainer's caller does when training ends early."""
        if hasattr(self, "_bar"):
            self._bar.stop()

    def _print(self, line: str) -> None:
        what = "" if self.title == "training" else f"{self.title}: "
        with contextlib.suppress(OSError):  # whoever read it has gone; the training has not
            print(printable(what + line, 500), file=sys.stderr, flush=True)


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
