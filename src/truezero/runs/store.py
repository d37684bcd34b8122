"""The run store: every run once, kept with all that made it. It knows no recipe and no study."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from truezero.core.atomic import make_folder, write_text
from truezero.core.constraints import whole_number
from truezero.core.schema import Fields, Items, Schema, json_digest, parse_json, text, word
from truezero.core.text import printable
from truezero.errors import DataError, file_error
from truezero.runs.provenance import arithmetic_version
from truezero.runs.run import RECIPES, Result, Run
from truezero.training import Checkpoint

_PARTIAL = ".partial"
_LEASES = ".leases"
DESCRIPTIONS = _ABOUT, _PROVENANCE, _RESULT = "run.json", "provenance.json", "result.json"
"""Files that every finished run has; some leave more."""
KEY = re.compile(r"[0-9a-f]{20}")
# In a run's provenance: by what, and the digests of all its files. No single damage makes both go.
_ALGORITHM, _DIGESTS = "digest", "digests"
_LARGEST = 100_000_000  # bytes of a file
_WRITING = 0.05  # share of a run's time for its checkpoint: what a kill costs is twenty times as long
_OBJECT = Fields({})
_OF_DIVERGED = Fields({"diverged": text})
_OF_A_RUN = Fields(
    {
        "recipe": word,
        "parameters": Fields({}),
        "data": Fields({"name": text}),
        "needs": Items(word),
        "engine": word,
    },
    {"numerics": whole_number() | None},  # not of the first versions
)


Files = dict[str, bytes]
"""What a finished run left, by the names of the files."""


def parse_file(path: Path) -> Any:
    """JSON of a file; an OSError or ValueError, in one line, if it is none or too large."""
    about = os.stat(path)
    if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
        raise ValueError("it is no regular file, or too large")
    return parse_json(path.read_text(encoding="utf-8"))


class RunStore:
    """A folder of runs, each in a folder of its key.

    A finished run is there as a whole, or not at all; it is never repeated. Whoever carries a run out
    holds its lease, a lock of the operating system's, which is free again when its process ends, however.

    Parameters
    ----------
    folder : path-like
        Made when the first run is begun. A store that is only looked at need not be writable.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._warned = False

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
        return self._result(run.key, run.recipe) if self.has(run) else None

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
        return partial, Checkpoint(own, run.key, share=_WRITING)

    def finish(self, run: Run, result: Result, provenance: dict[str, Any]) -> None:
        """Let a run's folder appear, with its result in it."""
        partial = self.folder / f"{run.key}{_PARTIAL}"
        about = {**run.identity, "data": {"name": run.data.name, **run.data.identity}}
        contents = {_ABOUT: about, _PROVENANCE: provenance, _RESULT: result}
        contents = json.loads(json.dumps(contents))  # as they will be read
        digests = {name: json_digest(content, run.key, name) for name, content in contents.items()}
        contents[_PROVENANCE] |= {_ALGORITHM: "sha256", _DIGESTS: digests}
        for name, content in contents.items():
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

    def files(self, key: str) -> Files:
        """All that a finished run left, whole.

        Raises
        ------
        DataError
            If it cannot be read, or is damaged.
        """
        self._whole(key)
        try:
            return {path.name: path.read_bytes() for path in sorted((self.folder / key).iterdir())}
        except OSError as error:
            raise file_error("cannot read", self.folder / key, error) from error

    def receive(self, key: str, files: Files) -> bool:
        """Let a run's folder appear that was finished elsewhere, with what `files` gave there.

        Returns
        -------
        bool
            Whether it was not here before.

        Raises
        ------
        DataError
            If it is damaged, or cannot be written.
        """
        make_folder(self.folder)
        with tempfile.TemporaryDirectory(prefix=".receiving-", dir=self.folder) as beside:
            try:
                place = Path(beside) / key
                place.mkdir()
                for name, content in files.items():
                    (place / Path(name).name).write_bytes(content)
                there = RunStore(beside)
                there._warned = True  # that it has no digests is said where it is read
                there._whole(key)  # refuses what is damaged
                os.rename(place, self.folder / key)
            except OSError as error:
                if (self.folder / key).exists():
                    return False
                raise file_error("cannot write", self.folder / key, error) from error
        return True

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any], Result]]:
        """Key, description and result of every finished run, by their keys."""
        for path in self._places():
            if (path / _ABOUT).exists():
                yield path.name, *self._whole(path.name)

    def _places(self) -> list[Path]:
        """Folders of finished runs, of all versions."""
        places = (path.parent for path in self.folder.glob(f"*/{_RESULT}"))
        return sorted(place for place in places if KEY.fullmatch(place.name))

    def provenance(self, key: str) -> dict[str, Any]:
        """What a finished run ran on.

        Raises
        ------
        DataError
            If its files are damaged.
        """
        return self._read(key, _PROVENANCE, _OBJECT)

    def unfinished(self) -> list[str]:
        """Keys of runs that were begun and are not finished; some may be under way."""
        return sorted(path.name.removesuffix(_PARTIAL) for path in self.folder.glob(f"*{_PARTIAL}"))

    def clean(self, *, numerics: int) -> int:
        """Remove runs of other numerics or versions, and those begun that nobody is at work on.

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
        for place in self._places():
            if self._numerics(place.name) == numerics:
                for left in place.glob("checkpoint-*"):  # of a kill between the rename and their removal
                    left.unlink(missing_ok=True)
            else:
                shutil.rmtree(place, ignore_errors=True)
                removed += 1
        for key in self.unfinished():
            lock = FileLock(make_folder(self.folder / _LEASES) / f"{key}.lock")
            try:
                with lock.acquire(timeout=0):
                    shutil.rmtree(self.folder / f"{key}{_PARTIAL}", ignore_errors=True)
                    removed += 1
            except Timeout:
                continue  # somebody is at work on it
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
        return sum(
            self.receive(path.name, other.files(path.name))
            for path in other._places()
            if (path / _ABOUT).exists() and not (self.folder / path.name).exists()
        )

    def _whole(self, key: str) -> tuple[dict[str, Any], Result]:
        """Description and result of a finished run."""
        about = self._about(key)
        return about, self._result(key, about["recipe"])

    def _about(self, key: str) -> dict[str, Any]:
        return {"numerics": None, **self._read(key, _ABOUT, _OF_A_RUN)}

    def _numerics(self, key: str) -> Any:
        """Numerics of a finished run; None if it is damaged, or of a version that had none."""
        try:
            return self._about(key)["numerics"]
        except DataError:
            return None

    def _result(self, key: str, recipe: str) -> Result:
        return self._read(key, _RESULT, getattr(RECIPES.get(recipe), "found", _OBJECT))

    def _read(self, key: str, name: str, schema: Schema) -> dict[str, Any]:
        """Content of a file of a run, whole: as its digest says, or of an older version and of that shape.

        Raises
        ------
        DataError
            If it is damaged.
        """
        try:
            made = self._parsed(key, _PROVENANCE)
            found = made if name == _PROVENANCE else self._parsed(key, name)
            algorithm, digests = made.pop(_ALGORITHM, None), made.pop(_DIGESTS, None)
            if algorithm is None and digests is None:
                self._warn()
                (_OF_DIVERGED if name == _RESULT and "diverged" in found else schema).check(name, found)
            elif (
                algorithm != "sha256"
                or not isinstance(digests, dict)
                or digests.get(name) != json_digest(found, key, name)
            ):
                raise ValueError(f"{name} does not have its digest")
        except (ValueError, MemoryError) as error:
            raise DataError(
                f"the run {self.folder / key} is damaged ({printable(error, 300)}); remove its folder to run "
                "it again"
            ) from error
        return found

    def _parsed(self, key: str, name: str) -> dict[str, Any]:
        try:
            found = parse_file(self.folder / key / name)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ValueError(f"{name}: {reason}") from error
        _OBJECT.check(name, found)
        return dict(found)

    def _warn(self) -> None:
        """Say once that there are runs of a version that wrote no digests."""
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.folder} has runs of a version that wrote no digests, so that damage may go unnoticed",
                UserWarning,
                stacklevel=5,
            )
