"""The progress bar."""

from __future__ import annotations

from truezero.training.checkpoints import State


class ProgressBar:
    """A progress bar over the epochs, with what was measured last, on standard error.

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
        # Imported when a bar is shown: most trainings show none.
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn(self.title),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(self.title, total=self.max_epochs, note="")
        self._bar.start()

    def __call__(self, state: State) -> None:
        """Move it on."""
        done, note = state.progress
        self._bar.update(self._task, completed=done, note=note)
        if done >= self.max_epochs:
            self.close()

    def close(self) -> None:
        """Take the bar away; the trainer's caller does when training ends early."""
        if hasattr(self, "_bar"):
            self._bar.stop()
