"""Write made pictures as files of NORB's format, in several processes, so that it can be interrupted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from truezero.core.atomic import make_folder, write_text
from truezero.core.text import printable
from truezero.datasets.formats.norb import write_blocks, write_matrix
from truezero.datasets.norb_files import CONTENTS, SIDES, Collection, Side
from truezero.datasets.scenes import SIDE, Objects, classes, paint
from truezero.errors import DataError, OptionError

Report = Callable[[int, int], None]
_BLOCK = 36  # pictures made at a time
_WORTH_A_PROCESS = 1000
_DRAWN_AS = 1  # raised when the same seed gives other pictures


def sizes_of(size: str | tuple[int, int], named: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """Numbers of training and testing pictures.

    Raises
    ------
    OptionError
        If it is neither one of the named sizes nor two numbers.
    """
    if isinstance(size, str):
        if size not in named:
            raise OptionError(
                f"size must be one of {', '.join(named)}, or two numbers, got {printable(size, 60)!r}"
            )
        return named[size]
    try:
        n_train, n_test = (int(n) for n in size)
        if (n_train, n_test) != tuple(size):
            raise ValueError
    except (TypeError, ValueError):
        raise OptionError(f"size must be a name or two whole numbers, got {size!r}") from None
    return n_train, n_test


def make_collection(
    folder: str | os.PathLike[str],
    collection: Collection,
    objects: Objects,
    n_train: int,
    n_test: int,
    *,
    seed: int,
    n_jobs: int | None = None,
    report: Report | None = None,
    source: str = "",
) -> None:
    """Make all files of a collection that are not there yet.

    Parameters
    ----------
    folder : path-like
    collection : Collection
    objects : Objects
        It must be picklable.
    n_train, n_test : int
        At least one picture a file, and fewer than 2**32.
    seed : int
        0 <= seed < 2**64.
    n_jobs : int, optional
        Processes; by default as many as there are processors.
    report : callable of (done, all), optional
        Called as files are finished, with numbers of pictures.
    source : str
        What the objects are made from, where that can change.

    Raises
    ------
    OptionError
        If a number cannot be used.
    DataError
        If the folder holds what was made otherwise, or one of the processes is killed.
    FileError
        If it cannot be written to.
    """
    for name, n, n_files in zip(("n_train", "n_test"), (n_train, n_test), collection.n_files, strict=True):
        if not n_files <= n < 2**32:
            raise OptionError(f"{name} must be at least {n_files}, a picture a file, got {n}")
    if not 0 <= seed < 2**64:
        raise OptionError(f"seed must be at least 0 and below 2**64, got {seed}")
    if n_jobs is not None and n_jobs < 1:
        raise OptionError(f"n_jobs must be at least 1, got {n_jobs}")
    target = make_folder(folder)
    _note(target, collection, {"drawn as": _DRAWN_AS, "n_train": n_train, "n_test": n_test, "seed": seed,
                               **({"source": source} if source else {})})  # fmt: skip
    tasks, done, total = [], 0, n_train + n_test
    for side, n in zip(SIDES, (n_train, n_test), strict=True):
        found = [collection.find(target, side, content) for content in CONTENTS]
        parts = np.array_split(np.arange(n), len(found[0]))
        for number, (part, *paths) in enumerate(zip(parts, *found, strict=True)):
            if all(paths):
                done += len(part)
            else:
                tasks.append((side, number, int(part[0]), int(part[-1]) + 1))
    if report is not None:
        report(done, total)
    # A few hundred pictures are made sooner than a process starts.
    jobs = min(n_jobs or joblib.cpu_count(), max(len(tasks), 1), 1 + (total - done) // _WORTH_A_PROCESS)
    work = (joblib.delayed(_make_part)(target, collection, objects, *task, seed) for task in tasks)
    try:
        for n in joblib.Parallel(n_jobs=jobs, return_as="generator")(work):
            done += n
            if report is not None:
                report(done, total)
    except BrokenProcessPool as error:
        raise DataError(
            f"a process that made {collection.name} was killed, perhaps for want of memory; start again, "
            "with fewer jobs if need be: what is finished is kept"
        ) from error


def _note(folder: Path, collection: Collection, how: dict[str, Any]) -> None:
    """Keep beside the files how they are made; refuse to mix them with others.

    Raises
    ------
    DataError
        If what is there was made otherwise.
    """
    path = folder / f"{collection.prefix}.json"
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        before = None
        if any(p for side in SIDES for content in CONTENTS for p in collection.find(folder, side, content)):
            before = {}
    except (OSError, ValueError):
        before = {}
    if before is None:
        write_text(path, json.dumps(how, indent=1) + "\n")
    elif before != how:
        said = ", ".join(f"{k} {before[k]}" for k in how if k in before) if isinstance(before, dict) else ""
        raise DataError(
            f"{printable(os.fspath(folder), 300)} holds {collection.name} that were made otherwise "
            f"({printable(said, 200) or 'nothing says how'}); name another folder, or empty it"
        )


def _make_part(
    folder: Path, collection: Collection, objects: Objects, side: Side, number: int, start: int, end: int,
    seed: int,
) -> int:  # fmt: skip
    """Make the files of one number; how many pictures are in them. The classes are written last."""
    testing = side == "testing"
    ids = np.arange(start, end)
    names = {content: folder / collection.names(side, content)[number] for content in CONTENTS}
    infos: list[NDArray[np.int32]] = []

    def blocks() -> Iterator[NDArray[np.uint8]]:
        for first in range(0, len(ids), _BLOCK):
            pairs, info = paint(objects, testing, ids[first : first + _BLOCK], seed)
            infos.append(info)
            yield pairs

    with threadpool_limits(1):  # the products are tiny
        write_blocks(names["dat"], (len(ids), 2, SIDE, SIDE), np.uint8, blocks())
    write_matrix(names["info"], np.concatenate(infos))
    write_matrix(names["cat"], classes(collection.n_classes, ids))
    return len(ids)
