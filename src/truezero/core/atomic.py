"""Files and folders that are either whole or not there: written beside and renamed.

What cannot be renamed over is written through: a device, a pipe, what a process has opened already. So is a
file whose folder lets nothing be made beside it, or whose name something is mounted on.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from truezero.core.text import printable
from truezero.errors import FileError, file_error

try:
    import fcntl
except ImportError:  # Windows has none; leftovers stay there
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".partial"
_LONGEST = 200  # bytes of a name that leave room for what is put around it
_OPENED = re.compile(r"/proc/[^/]+(/task/[^/]+)?/fd|/dev/fd")
_PATIENCE = 10  # seconds, for the reader of a named pipe
# A target that these are said of may still be written to where it lies.
_NOT_RENAMED = (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS)


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to; what is written there takes `path`'s place when the block ends well.

    Symbolic links are followed: the link stays. A file that is there keeps its mode, and where the process
    may say so its owner; a new one gets what the umask leaves. Devices and pipes get the content in the end.
    Of what a killed process left beside `path` nothing stays.

    Raises
    ------
    FileError
        If the folder is missing or cannot be written to, or the disk is full. What was there before is as
        it was then.
    BrokenPipeError
        If `path` is the standard output, and its reader has gone.
    """
    target = Path(path)
    with _told(target):
        if is_written_through(target):
            with tempfile.TemporaryDirectory(prefix="truezero-") as folder:
                whole = Path(folder) / "whole"
                yield whole
                with _opened(target) as into, open(whole, "rb") as file:
                    shutil.copyfileobj(file, into)
            return
        real = Path(os.path.realpath(target))
        before = _status(real)
        temporary, held = _make_beside(real, before)
        try:
            yield temporary
            _finish(held, temporary, real, before)
        finally:
            os.close(held)
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file in UTF-8, whole or not at all; what is no character is written as an escape."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder with its parents, and check that files can be written into it.

    Raises
    ------
    FileError
        If it cannot be made, is not a folder, or cannot be written to.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try_folder(folder)
    except (OSError, ValueError) as error:
        raise file_error("cannot write into the folder", folder, error) from error
    return folder


def check_folder(path: str | os.PathLike[str]) -> None:
    """Find out before long work whether `make_folder` will do, without making anything.

    Raises
    ------
    FileError
        If it is not a folder, or neither it nor the nearest folder above that there is can be written to.
    """
    folder = Path(os.path.abspath(path))
    try:
        while not os.path.lexists(folder):
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        _try_folder(folder)
    except (OSError, ValueError) as error:
        raise file_error("cannot write into the folder", path, error) from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """Find out before long work, not after it, that a file cannot be written; nothing is changed.

    Raises
    ------
    FileError
        If its folder is missing, it is itself a folder or what cannot be written through, or it cannot be
        written to.
    """
    target = Path(path)
    with _told(target):
        if is_written_through(target):
            if _own_descriptor(target) is None and not os.access(target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        real = Path(os.path.realpath(target))
        before = _status(real)
        try:
            _try_folder(real.parent)
        except OSError as error:
            if before is None or error.errno not in _NOT_RENAMED:
                raise


def check_not_input(out: str | os.PathLike[str], *inputs: str | os.PathLike[str] | None) -> None:
    """Refuse to write over a file that is read.

    Parameters
    ----------
    out : path-like
    *inputs : path-like or None
        Names that are no files are passed over.

    Raises
    ------
    FileError
        If `out` is one of them, by another name perhaps.
    """
    for path in inputs:
        try:
            same = path is not None and os.path.isfile(path) and os.path.samefile(path, out)
        except (OSError, ValueError):
            same = False
        if same:
            shown = printable(os.fspath(out), 1000)
            raise FileError(f"{shown} is read, and would be written over: give another name for the output")


@contextmanager
def _told(target: Path) -> Iterator[None]:
    """Turn what the operating system says into an error that names the target."""
    try:
        yield
    except FileError:
        raise
    except BrokenPipeError as error:
        if _own_descriptor(target) is not None:
            raise
        raise file_error("cannot write", target, error) from error
    except OSError as error:
        raise file_error("cannot write", target, error) from error


def _status(path: Path) -> os.stat_result | None:
    """Status of a file that is there and may be replaced; None if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, "it is read-only")
    return found


# ---- what is not renamed over -------------------------------------------------------------------------


def is_written_through(target: Path) -> bool:
    """Whether a target is a device, a pipe, or what a process has open: nothing may lie beside it.

    Raises
    ------
    OSError
        If it is a folder, or another kind of file that nothing can be written to.
    """
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return False
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error)) from None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if stat.S_ISBLK(mode):
        raise OSError(errno.EINVAL, "it is a disk")
    if _descriptor(target) is not None:
        return True
    if stat.S_ISSOCK(mode):
        raise OSError(errno.EINVAL, "it is a socket")
    return not stat.S_ISREG(mode)


def _descriptor(target: Path) -> Path | None:
    """Where a path leads if it is to an open file of a process, as /dev/stdout does."""
    place = os.path.abspath(target)
    for _ in range(40):  # links; as many as Linux follows
        folder = os.path.realpath(os.path.dirname(place))
        if _OPENED.fullmatch(folder):
            return Path(folder, os.path.basename(place))
        if not os.path.islink(place):
            return None
        place = os.path.join(folder, os.readlink(place))
    return None


def _own_descriptor(target: Path) -> int | None:
    """Number of this process's open file that a path leads to."""
    try:
        place = _descriptor(target)
    except OSError:
        return None
    if place is None or not place.name.isdecimal() or str(place.parent) not in _own_folders():
        return None
    return int(place.name)


def _own_folders() -> tuple[str, ...]:
    return (os.path.realpath("/proc/self/fd"), os.path.realpath("/proc/thread-self/fd"), "/dev/fd")


def _opened(target: Path) -> IO[bytes]:
    """Open what is written through: the process's own open file as it stands, others anew."""
    own = _own_descriptor(target)
    if own is None:
        return open(_with_reader(target) if stat.S_ISFIFO(os.stat(target).st_mode) else target, "wb")
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()  # what was printed before comes before
    return open(os.dup(own), "wb")


def _with_reader(pipe: Path) -> int:
    """Open a named pipe; a reader may come late, but not at any time."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            file = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > end:
                raise OSError(errno.ENXIO, "nobody reads the pipe") from None
            time.sleep(0.05)
        else:
            os.set_blocking(file, True)
            return file


# ---- what is --------------------------------------------------------------------------------------------


def _try_folder(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


def _make_beside(real: Path, before: os.stat_result | None) -> tuple[Path, int]:
    """Make an empty file beside another, or elsewhere if there is no way; held until it is closed."""
    # Not even for a while more people may read it than the file that is there.
    mode = 0o666 if before is None else stat.S_IMODE(before.st_mode) & 0o777 | 0o600
    try:
        return _make_held(real.parent, real.name, mode)
    except OSError as error:
        if before is None or error.errno not in _NOT_RENAMED:
            raise
        return _make_held(Path(tempfile.gettempdir()), real.name, mode)


def _stem(name: str) -> str:
    """How names of files beside another begin."""
    whole = os.fsencode(name)
    return f".{name if len(whole) <= _LONGEST else hashlib.sha256(whole).hexdigest()}."


def _make_held(folder: Path, name: str, mode: int) -> tuple[Path, int]:
    _clear_leftovers(folder, name)
    while True:
        path = folder / f"{_stem(name)}{secrets.token_hex(4)}{_SUFFIX}"
        # The kernel takes the umask off: to ask for it is to change it, for all threads of the process.
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode)
        if _hold(file) is False or not path.exists():  # somebody took it for a leftover meanwhile
            os.close(file)
            continue
        return path, file


def _hold(file: int) -> bool | None:
    """Lock a file for as long as it is open: whether it is ours, None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _clear_leftovers(folder: Path, name: str) -> None:
    """Remove what killed processes left beside a file: nobody holds it any more."""
    leftover = re.compile(re.escape(_stem(name)) + r"[0-9a-z_]{8}" + re.escape(_SUFFIX))
    with os.scandir(folder) as entries:
        found = [entry.path for entry in entries if leftover.fullmatch(entry.name)]
    for path in found:
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
            try:
                if _hold(file):
                    os.unlink(path)
            finally:
                os.close(file)


def _finish(held: int, temporary: Path, real: Path, before: os.stat_result | None) -> None:
    """Let what was written take its place, and wait until the disk has it."""
    with open(temporary, "rb+") as file:  # a library may have made it anew
        if hasattr(os, "fchown"):
            if before is not None:
                with contextlib.suppress(OSError):
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
            mode = os.fstat(held).st_mode if before is None else before.st_mode
            os.fchmod(file.fileno(), stat.S_IMODE(mode))
        os.fsync(file.fileno())
    try:
        if temporary.parent != real.parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        os.replace(temporary, real)
    except OSError as error:
        if before is None or error.errno not in _NOT_RENAMED:
            raise
        _write_in_place(temporary, real)
        return
    with contextlib.suppress(OSError):  # not every file system can
        folder = os.open(real.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _write_in_place(whole: Path, real: Path) -> None:
    """Overwrite a file; room for it is made sure of before anything of it is lost."""
    with open(whole, "rb") as source, open(real, "rb+") as file:
        size, size_before = os.fstat(source.fileno()).st_size, os.fstat(file.fileno()).st_size
        if size and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                file.truncate(size_before)
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                    raise
        shutil.copyfileobj(source, file)
        file.truncate(size)
        file.flush()
        os.fsync(file.fileno())
