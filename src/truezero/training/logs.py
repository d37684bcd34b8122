"""Logs: callbacks that keep the figures of every epoch, as CSV or for TensorBoard."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Self

from truezero.core.atomic import check_folder, check_writable, make_folder, writing
from truezero.core.locks import locked
from truezero.core.text import printable
from truezero.errors import DataError, FileError, OptionError

COLUMNS = (
    "phase", "run", "layer", "epoch", "loss", "penalty", "validation_error", "validation_loss",
    "reconstruction_error", "learning_rate", "sparsity", "dead_units", "n_rows", "seconds",
)  # fmt: skip
"""Of a `CSVLogger`'s file. `sparsity` and `dead_units` are a number per layer, with spaces between them."""

_Row = dict[str, str]
_Place = tuple[int, int]
"""Layer and epoch: where an epoch comes in its run."""


class _Log:
    """What both logs have in common: which epochs belong to which run; not for direct use.

    A training that goes on, resumed from a checkpoint or with `warm_start`, goes on with the run before; any
    other one begins a run. Copies, as `clone` makes them, know of none.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        self._run: int | None = None
        self._begun = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({os.fspath(self.path)!r})"

    def __getstate__(self) -> dict[str, Any]:
        # A worker that has a copy may stand in another folder.
        return {"path": Path(self.path).absolute()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        _Log.__init__(self, state["path"])

    def check(self) -> Self:
        """Find out before long work that nothing can be written; nothing is changed.

        Raises
        ------
        TruezeroError
            Saying what is wrong, and what to do.
        """
        raise NotImplementedError

    def on_train_begin(self, state: Any) -> None:
        """Look whether it can be written.

        Parameters
        ----------
        state : TrainingState or PretrainingState

        Raises
        ------
        TruezeroError
            If it cannot.
        """
        self.check()
        self._begun = False

    def __call__(self, state: Any) -> None:
        """Write the last epoch, and at first those before it that a resumed training has."""
        before, phase = getattr(state.settings, "epochs_before", 0), state.progress.phase
        with self._held():
            if self._begun:
                self._write(phase, state.history[-1:], before)
                return
            # Not when training begins: a checkpoint among the callbacks may fill the history after us.
            goes_on = before > 0 or len(state.history) > 1
            self._run = self._begin(phase, _place(state.history[0], before), goes_on)
            self._begun = True
            self._write(phase, state.history, before)

    def _held(self) -> AbstractContextManager[Any]:
        """Keep other processes away, if that is needed."""
        return nullcontext()

    def _begin(self, phase: str, first: _Place, goes_on: bool) -> int:
        """Make room for a run's epochs from the first one on; its number."""
        raise NotImplementedError

    def _write(self, phase: str, records: list[Any], before: int) -> None:
        """Write epochs of the run."""
        raise NotImplementedError


def _place(record: Any, before: int) -> _Place:
    return record.get("layer", -1), before + record["epoch"]


class CSVLogger(_Log):
    """Keeps the figures of every epoch in a CSV file, a row each, as soon as the epoch is over.

    A callback for the parameter `callbacks` of all estimators. Several trainings, in several processes too,
    as those of a grid search, may share a file. Columns are those of `history_`'s records, and before them

    - `phase`: pre-training or fine-tuning;
    - `run`: the number of the training among those of its phase in this file, from 1. One that is resumed
      from a checkpoint, or with `warm_start`, goes on with the rows of the last one of its phase;
      epochs that are done again are replaced.

    `layer` is that of pre-training, from 0; `epoch` counts from 1, with `warm_start` from where it stood.
    `sparsity` and `dead_units` are a number per hidden layer, with spaces between them.

    Parameters
    ----------
    path : path-like
        The file. A new one gets a header; rows are appended to one that is there.

    Raises
    ------
    DataError
        When training begins, if it cannot be written, or is a file of something else.

    Examples
    --------
    >>> import csv, os, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from truezero import CSVLogger, DeepRectifierClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> path = os.path.join(tempfile.mkdtemp(), "log.csv")
    >>> log = CSVLogger(path)
    >>> model = DeepRectifierClassifier((8,), max_iter=3, n_iter_no_change=None, callbacks=[log])
    >>> model = model.fit(X, y)
    >>> with open(path, newline="") as file:
    ...     [(row["phase"], row["run"], row["epoch"]) for row in csv.DictReader(file)]
    [('fine-tuning', '1', '1'), ('fine-tuning', '1', '2'), ('fine-tuning', '1', '3')]
    """

    def check(self) -> Self:
        """See `_Log.check`."""
        path = Path(self.path)
        if path.exists() and not path.is_file():
            raise FileError(f"cannot write {printable(path, 1000)}: it is no regular file")
        check_writable(path)
        self._read()
        return self

    def _read(self) -> tuple[list[_Row], bool]:
        """Rows that are there, and whether the file ends with a whole one."""
        path = Path(self.path)
        try:
            text = path.read_bytes().decode("utf-8")
        except FileNotFoundError:
            return [], True
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read {printable(path, 1000)}: {printable(error)}") from error
        whole = text[: text.rfind("\n") + 1]  # what a killed process left of a row is none
        lines = csv.reader(io.StringIO(whole, newline=""))
        header = next(lines, None)
        rows = [dict(zip(COLUMNS, line, strict=False)) for line in lines]
        sound = all(len(row) == len(COLUMNS) and row["run"].isdecimal() for row in rows)
        if (header is None and text) or (header is not None and tuple(header) != COLUMNS) or not sound:
            raise DataError(
                f"{printable(path, 1000)} is no log of truezero's: give another name for it, or remove it"
            )
        return rows, whole == text

    def _held(self) -> AbstractContextManager[Any]:
        return locked(Path(f"{os.path.realpath(self.path)}.lock"), wait=True)

    def _begin(self, phase: str, first: _Place, goes_on: bool) -> int:
        rows, is_whole = self._read()
        last = max((int(row["run"]) for row in rows if row["phase"] == phase), default=0)
        run = (self._run or max(last, 1)) if goes_on else last + 1
        kept = [
            row
            for row in rows
            if (row["phase"], int(row["run"])) != (phase, run)
            or (int(row["layer"] or -1), int(row["epoch"])) < first
        ]
        if len(kept) < len(rows) or not is_whole or not Path(self.path).exists():
            with writing(self.path) as temporary:
                temporary.write_text(_text([COLUMNS, *(row.values() for row in kept)]), encoding="utf-8")
        return run

    def _write(self, phase: str, records: list[Any], before: int) -> None:
        rows = []
        for record in records:
            layer, epoch = _place(record, before)
            row = {**record, "phase": phase, "run": self._run, "epoch": epoch}
            row["layer"] = None if layer < 0 else layer
            rows.append([_cell(row.get(name)) for name in COLUMNS])
        path = Path(self.path)
        try:
            with open(path, "a", encoding="utf-8", newline="") as file:
                file.write(_text(rows))
        except OSError as error:
            raise FileError(f"cannot write {printable(path, 1000)}: {error.strerror or error}") from error


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


class TensorBoardLogger(_Log):
    """Keeps the figures of every epoch for TensorBoard, which shows them while training goes on.

    A callback for the parameter `callbacks` of all estimators; it needs tensorboardX. Every training has a
    folder of its own in the one that is given, `fine-tuning-1`, `pre-training-1` and so on, which TensorBoard
    shows as runs. One that is resumed from a checkpoint, or with `warm_start`, goes on in the last one of its
    phase. The folder is what ``tensorboard --logdir`` takes.

    Parameters
    ----------
    path : path-like
        The folder; it is made if it is not there.

    Raises
    ------
    OptionError
        When training begins, if tensorboardX is missing.
    DataError
        When training begins, if the folder cannot be written to.
    """

    _writer: Any = None

    def check(self) -> Self:
        """See `_Log.check`."""
        _summary_writer()
        check_folder(self.path)
        return self

    def _begin(self, phase: str, first: _Place, goes_on: bool) -> int:
        folder = make_folder(self.path)
        numbers = [path.name.removeprefix(f"{phase}-") for path in folder.glob(f"{phase}-*")]
        last = max((int(number) for number in numbers if number.isdecimal()), default=0)
        run = (self._run or max(last, 1)) if goes_on else last + 1
        while not goes_on:
            try:
                (folder / f"{phase}-{run}").mkdir()
                break
            except FileExistsError:  # another process was faster
                run += 1
        self._writer = _summary_writer()(
            str(folder / f"{phase}-{run}"),
            purge_step=first[1] if goes_on else None,  # what is there from this epoch on comes again
            filename_suffix=f".{time.time_ns()}",  # two in a second would be one file; they are read by name
        )
        return run

    def _write(self, phase: str, records: list[Any], before: int) -> None:
        for record in records:
            layer, epoch = _place(record, before)
            for name, value in _scalars(record).items():
                self._writer.add_scalar(name if layer < 0 else f"layer_{layer}/{name}", value, epoch)
        self._writer.flush()

    def on_train_end(self, state: Any) -> None:
        """Close what is open.

        Parameters
        ----------
        state : TrainingState or PretrainingState
        """
        if self._writer is not None:
            self._writer.close()
            self._writer = None


# Names with spaces are not allowed there.
_LABELS = {
    "loss": "loss", "penalty": "penalty", "validation_error": "validation/error",
    "validation_loss": "validation/loss", "reconstruction_error": "reconstruction_error",
    "learning_rate": "learning_rate",
}  # fmt: skip


def _scalars(record: Any) -> dict[str, float]:
    """What TensorBoard draws of an epoch, by the names it has there."""
    found = {label: record[name] for name, label in _LABELS.items() if record.get(name) is not None}
    for name, label in (("sparsity", "zeros"), ("dead_units", "dead_units")):
        of_layers = record[name]
        if isinstance(of_layers, list):
            found |= {f"{label}/layer_{layer}": value for layer, value in enumerate(of_layers)}
        else:
            found[label] = of_layers
    if record.get("n_rows") and record["seconds"] > 0:
        found["rows_per_second"] = record["n_rows"] / record["seconds"]
    return found


def _summary_writer() -> Any:
    """The class that writes TensorBoard's files.

    Raises
    ------
    OptionError
        If it is not installed.
    """
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise OptionError(
            "logs for TensorBoard need tensorboardX: pip install 'truezero[tensorboard]'"
        ) from error
    return SummaryWriter


def log_to(path: str | os.PathLike[str]) -> CSVLogger | TensorBoardLogger:
    """Make a log: of a name that ends in .csv a file, of any other one a folder for TensorBoard.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    CSVLogger or TensorBoardLogger
    """
    return (CSVLogger if Path(path).suffix.lower() == ".csv" else TensorBoardLogger)(path)
