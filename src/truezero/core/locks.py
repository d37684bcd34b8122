"""Locks between processes: a file that is there while somebody holds it, and free when that process ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from truezero.errors import FileError


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold a lock of the operating system's, which ends when the process does, however it ends.

    Parameters
    ----------
    path : Path
        A file of the lock's own, which is removed in the end.
    wait : bool
        For whoever holds it.

    Yields
    ------
    bool
        Whether we hold it; always if we waited.

    Raises
    ------
    FileError
        If there can be no file for it.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0)
        while not path.exists():  # its holder removed it while we waited for it: it keeps nobody away
            lock.release()
            lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)
        lock.release()
