"""The run store: every run once, kept with all that made it. It knows no recipe and no study."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from truezero.core.atomic import make_folder, write_text
from truezero.errors import DataError
from truezero.runs.provenance import arithmetic_version
from truezero.runs.run import Result, Run
from truezero.training import Checkpoint

_PARTIAL = ".partial"
_LEASES = ".leases"
_RESULT = "result.json"


class RunStore:
    """A folder of runs, each in a folder of its key.

    A finished run is there as a whole, or not at all; it is never repeated. Whoever carries a run out
    holds its lease, a lock of the operating system's, which is free again when its process ends, however.

    Parameters
    ----------
    folder : path-like
        Made if it is not there.

    Raises
    ------
    DataError
        If it cannot be written to.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = make_folder(folder)

    def place(self, run: Run) -> Path:
        """Folder of a finished run, with all that it left."""
        return self.folder / run.key

    def has(self, run: Run) -> bool:
        """Whether a run is finished."""
        return self.place(run).exists()

    def find(self, run: Run) -> Result | None:
        """Result of a finished run, or None.

        Raises
        ------
        DataError
            If its files are damaged.
        """
        return _read(self.place(run) / _RESULT) if self.has(run) else None

    @contextmanager
    def lease(self, run: Run, *, wait: bool) -> Iterator[bool]:
        """Hold a run: whether it is ours to carry out, which nobody else does meanwhile.

        Parameters
        ----------
        run : Run
        wait : bool
            Until whoever holds it lets it go; otherwise it is not ours.
        """
        lock = FileLock(make_folder(self.folder / _LEASES) / f"{run.key}.lock")
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def begin(self, run: Run) -> tuple[Path, Checkpoint]:
        """Folder to work in, and the checkpoint; of a run that is leased.

        A checkpoint of other code would end in bits that no code gives: it is dropped.
        """
        partial = make_folder(self.folder / f"{run.key}{_PARTIAL}")
        code = arithmetic_version().replace("+", "-")
        own = partial / f"checkpoint-{code}.safetensors"
        for other in partial.glob("checkpoint-*"):
            if other != own:
                other.unlink(missing_ok=True)
        return partial, Checkpoint(own, run.key)

    def finish(self, run: Run, result: Result, provenance: dict[str, Any]) -> None:
        """Let a run's folder appear, with its result in it."""
        partial = self.folder / f"{run.key}{_PARTIAL}"
        about = {**run.identity, "data": {"name": run.data.name, **run.data.identity}}
        for name, content in (("run.json", about), ("provenance.json", provenance), (_RESULT, result)):
            write_text(partial / name, json.dumps(content, indent=1, sort_keys=True) + "\n")
        try:
            os.rename(partial, self.place(run))
        except OSError as error:
            if self.find(run) is None:
                raise DataError(f"cannot write {self.place(run)}: {error.strerror}") from error
            shutil.rmtree(partial, ignore_errors=True)  # it came from another store meanwhile
        # Not before: a kill in between would leave neither result nor checkpoint.
        for checkpoint in self.place(run).glob("checkpoint-*"):
            checkpoint.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any], Result]]:
        """Key, description and result of every finished run, by their keys."""
        for path in sorted(self.folder.glob(f"*/{_RESULT}")):
            if not path.parent.name.endswith(_PARTIAL):
                yield path.parent.name, _read(path.with_name("run.json")), _read(path)

    def unfinished(self) -> list[str]:
        """Keys of runs that were begun and are not finished; some may be under way."""
        return sorted(path.name.removesuffix(_PARTIAL) for path in self.folder.glob(f"*{_PARTIAL}"))

    def clean(self, *, numerics: int) -> int:
        """Remove what no study will use again: runs of other numerics, checkpoints left over, free leases.

        Parameters
        ----------
        numerics : int
            Of the runs to keep.

        Returns
        -------
        int
            Number of folders removed.
        """
        removed = 0
        for key, about, _ in list(self):
            if about.get("numerics") != numerics:
                shutil.rmtree(self.folder / key)
                removed += 1
        for key in self.unfinished():
            lock = FileLock(make_folder(self.folder / _LEASES) / f"{key}.lock")
            try:
                with lock.acquire(timeout=0):
                    shutil.rmtree(self.folder / f"{key}{_PARTIAL}")
                    removed += 1
            except Timeout:
                continue  # somebody is at work on it
        for left in self.folder.glob("*/checkpoint-*"):
            left.unlink(missing_ok=True)
        return removed

    def merge(self, other: RunStore) -> int:
        """Copy the finished runs of another store that are not in this one.

        Returns
        -------
        int
            Number of runs copied.

        Raises
        ------
        DataError
            If the other store has damaged runs, or this one cannot be written.
        """
        copied = 0
        for key, _, _ in other:
            target, beside = self.folder / key, self.folder / f"{key}.merging"
            if target.exists():
                continue
            try:
                shutil.rmtree(beside, ignore_errors=True)
                shutil.copytree(other.folder / key, beside)
                os.rename(beside, target)
            except OSError as error:
                raise DataError(f"cannot write {target}: {error.strerror or error}") from error
            copied += 1
        return copied


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"the run {path.parent} is damaged ({error}); remove its folder to run it again"
        ) from error
    if not isinstance(found, dict):
        raise DataError(f"the run {path.parent} is damaged ({path.name} is no object); remove its folder")
    return found
