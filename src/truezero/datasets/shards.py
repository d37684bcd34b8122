"""Generated rows on disk: files of so many rows each, which are mapped into memory when their turn comes.

`shards.json` in the folder says what the rows were made from, and lists the files that are whole, with a
digest each. A writer that was killed goes on after the last of them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from truezero.core.atomic import make_folder, write_text, writing
from truezero.core.rows import Examples
from truezero.core.text import printable
from truezero.datasets.distortions.draws import SIDE
from truezero.datasets.formats.npy import read_header
from truezero.datasets.formats.source import reading
from truezero.datasets.glyphs import CHARACTERS
from truezero.datasets.nistp import N_IDS, Layout, Nistp, examples
from truezero.datasets.rows_ahead import Epochs
from truezero.errors import DataError

_INDEX = "shards.json"
_FORMAT = 1
_LARGEST_INDEX = 64 << 20  # bytes
_HASHED = 1 << 22  # bytes at a time


def write_shards(
    folder: str | os.PathLike[str],
    nistp: Nistp,
    n_rows: int,
    *,
    rows_per_shard: int = 65_536,
    n_processes: int = 0,
) -> Shards:
    """Write the rows with the ids 0 .. n_rows − 1; what is there already is not made again.

    Parameters
    ----------
    folder : path-like
        Made if it is not there.
    nistp : Nistp
    n_rows : int
        More than there are lengthens what is there, if its last file is full.
    rows_per_shard : int, default=65536
        Rows of a file, 64 MiB.
    n_processes : int, default=0
        See `Epochs`.

    Returns
    -------
    Shards

    Raises
    ------
    DataError
        If the folder holds other rows, somebody else is writing into it, or it cannot be written to.
    """
    layout = Layout(rows_per_shard, stop=n_rows)
    folder = make_folder(folder)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise DataError(
            f"somebody else is writing rows into {printable(str(folder), 300)}; wait, or take another"
        ) from error
    try:
        index = _Index(nistp.description(), rows_per_shard, [])
        if (folder / _INDEX).exists():
            index = _continued(index, folder, n_rows)
        with Epochs(nistp, layout, n_processes) as epochs:
            while index.n_rows < n_rows:
                pieces = list(epochs(len(index.shards) + 1))
                X, y = (
                    np.concatenate(parts)
                    for parts in ([p.features.X for p in pieces], [p.target.astype(np.uint8) for p in pieces])
                )
                number = len(index.shards)
                _write(folder / _name(number, "rows"), X)
                _write(folder / _name(number, "labels"), y)
                index.shards.append({"rows": len(X), "sha256": _digest(X, y)})
                index.write(folder)
    finally:
        lock.release()
    return Shards(folder)


def _continued(new: _Index, folder: Path, n_rows: int) -> _Index:
    """What is in a folder, if it is the beginning of what shall be there."""
    there = _Index.read(folder)
    if (there.made_from, there.rows_per_shard) != (new.made_from, new.rows_per_shard):
        raise DataError(
            f"{printable(str(folder), 300)} holds other rows (characters, seed, complexity, "
            "transformations or rows per file differ); remove it, or take another folder"
        )
    if there.n_rows < n_rows and there.n_rows % there.rows_per_shard:
        there.shards.pop()  # not full: it is made again, longer
    return there


@dataclass
class _Index:
    made_from: dict[str, Any]
    rows_per_shard: int
    shards: list[dict[str, Any]]

    @property
    def n_rows(self) -> int:
        return sum(shard["rows"] for shard in self.shards)

    def write(self, folder: Path) -> None:
        content = {"format": _FORMAT, **vars(self)}
        write_text(folder / _INDEX, json.dumps(content, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> _Index:
        path = folder / _INDEX
        with reading(path) as allowance:
            if allowance.size > _LARGEST_INDEX:
                raise DataError("is too large to be a list of shards")
            try:
                content = json.loads(path.read_text("utf-8"))
                form, made_from, rows = content["format"], content["made_from"], content["rows_per_shard"]
                shards = [{"rows": shard["rows"], "sha256": shard["sha256"]} for shard in content["shards"]]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise DataError("is damaged: it is no list of shards; write them again") from error
            sizes = [rows, *(shard["rows"] for shard in shards)]
            whole = all(type(size) is int and 0 < size <= N_IDS for size in sizes)
            if form != _FORMAT or not whole or any(size != rows for size in sizes[:-1]) or sizes[-1] > rows:
                raise DataError("is damaged, or of another version; write the shards again")
            if sum(sizes[1:]) > N_IDS:
                raise DataError("is damaged: it lists more rows than there are")
        return cls(made_from, rows, shards)


class Shards:
    """Rows in a folder, as `truezero.training.Stream` takes them.

    Parameters
    ----------
    folder : path-like
        What `write_shards` has written.
    per_epoch : int, optional
        Files of an epoch; each epoch has the next ones, and no row comes twice. None: every epoch has all of
        them.

    Raises
    ------
    DataError
        If there are none, or the list of them is damaged.
    """

    def __init__(self, folder: str | os.PathLike[str], per_epoch: int | None = None) -> None:
        self.folder = Path(folder)
        self._index = _Index.read(self.folder)
        if not self._index.shards:
            raise DataError(f"{printable(str(self.folder), 300)} holds no rows yet")
        self.per_epoch = per_epoch
        self._known: set[int] = set()

    @property
    def n_rows(self) -> int:
        """Rows that there are."""
        return self._index.n_rows

    @property
    def made_from(self) -> dict[str, Any]:
        """What `Nistp.description` said of what made them."""
        return self._index.made_from

    def __len__(self) -> int:
        return len(self._index.shards)

    def __call__(self, epoch: int) -> Iterator[Examples]:
        """Pieces of an epoch, a file each; the first is 1.

        Raises
        ------
        DataError
            If none are left for it, or one is damaged.
        """
        numbers = range(len(self))
        if self.per_epoch is not None:
            numbers = numbers[(epoch - 1) * self.per_epoch : epoch * self.per_epoch]
            if epoch < 1 or not numbers:
                raise DataError(
                    f"epoch {epoch} has no rows: {len(self)} files in {printable(str(self.folder), 300)} "
                    f"are enough for {-(-len(self) // self.per_epoch)} epochs of {self.per_epoch}"
                )
        return map(self.shard, numbers)

    def shard(self, number: int) -> Examples:
        """Rows of one file, mapped into memory. The first time its digest is checked.

        Raises
        ------
        DataError
            If a file is missing or damaged.
        """
        described = self._index.shards[number]
        n = described["rows"]
        X = _mapped(self.folder / _name(number, "rows"), (n, SIDE * SIDE))
        y = _mapped(self.folder / _name(number, "labels"), (n,))
        if number not in self._known:
            if _digest(X, y) != described["sha256"] or y.max() >= len(CHARACTERS):
                path = printable(str(self.folder / _name(number, "rows")), 300)
                raise DataError(f"{path} is damaged: its digest is another; write the shards again")
            self._known.add(number)
        start = number * self._index.rows_per_shard
        return examples(X, y.astype(np.int64), np.arange(start, start + n))


def _name(number: int, what: str) -> str:
    return f"{number:06}.{what}.npy"


def _write(path: Path, array: NDArray[np.uint8]) -> None:
    with writing(path) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array(file, array, allow_pickle=False)


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    with reading(path) as allowance:
        with open(path, "rb") as file:
            header, offset = read_header(file, "the array")
        if header.shape != shape or header.dtype != np.uint8 or header.fortran:
            raise DataError(
                f"is damaged: it holds {header.dtype} {header.shape}, its list says uint8 {shape}"
            )
        if offset + header.n_bytes != allowance.size:
            raise DataError(f"is cut off: it has {allowance.size} bytes of {offset + header.n_bytes}")
        return np.memmap(path, np.uint8, "r", offset, shape)


def _digest(X: NDArray[np.uint8], y: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256()
    for array in (X, y):
        flat = array.reshape(-1)
        for start in range(0, len(flat), _HASHED):
            digest.update(flat[start : start + _HASHED].data)
    return digest.hexdigest()
