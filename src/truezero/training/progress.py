"""How a training goes, for people: a live line on a terminal, a line per epoch anywhere else."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from truezero.core.text import printable
from truezero.training.checkpoints import State
from truezero.training.standing import Standing

if TYPE_CHECKING:
    from rich.console import Console

_LONGEST = 500  # characters of a line


class EpochLines:
    """Prints a line per epoch on standard output: what `verbose=True` of the estimators does."""

    def __call__(self, state: State) -> None:
        """Print the line."""
        with contextlib.suppress(OSError):  # whoever read it has gone; the training has not
            print(epoch_line(state.progress), flush=True)


class ProgressBar:
    """Shows the epochs, with what was measured last, on standard error.

    Live, if that is a terminal; where it goes to a file, a notebook or another program, a line per epoch.
    """

    def on_train_begin(self, state: State) -> None:
        """Show it, where there is a terminal."""
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console  # when something is shown: most trainings show nothing

            self._display = Display(Console(stderr=True, force_jupyter=False))

    def __call__(self, state: State) -> None:
        """Move it on, or print the line."""
        standing = state.progress
        if not hasattr(self, "_display"):
            with contextlib.suppress(OSError):
                print(epoch_line(standing), file=sys.stderr, flush=True)
            return
        self._display.show(
            standing.phase, standing.done, standing.most, standing.time_left, "  ".join(standing.figures)
        )

    def on_train_end(self, state: State) -> None:
        """Take it away."""
        if hasattr(self, "_display"):
            self._display.close()
            del self._display

    def __getstate__(self) -> dict[str, Any]:
        return {}  # a copy, in another process perhaps, begins anew


def epoch_line(standing: Standing) -> str:
    """Write where a training stands in one line."""
    what = f"{standing.phase}: " if standing.phase == "pre-training" else ""
    parts = [f"{what}epoch {standing.done}/{standing.most}", *standing.figures, f"{standing.seconds:.1f} s"]
    return printable("  ".join([*parts, *([standing.time_left] if standing.time_left else [])]), _LONGEST)


class Display:
    """A bar on a terminal, and below it a line of figures; it is taken away in the end.

    Parameters
    ----------
    console : rich.console.Console
    """

    def __init__(self, console: Console) -> None:
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=console,
        )
        self._task = self._bar.add_task("", total=None, left="")
        self._live = Live(self._bar, console=console, transient=True, refresh_per_second=4)
        self._live.start()

    def show(self, title: str, done: int, total: int | None, left: str, *notes: str) -> None:
        """Show how far it is, how long it will take, and a line for each note that says something."""
        from rich.console import Group
        from rich.text import Text

        self._bar.update(
            self._task, description=printable(title), completed=done, total=total, left=printable(left)
        )
        below = [Text(printable(note, _LONGEST), style="dim") for note in notes if note]
        self._live.update(Group(self._bar, *below))

    def close(self) -> None:
        """Take it away."""
        self._live.stop()
