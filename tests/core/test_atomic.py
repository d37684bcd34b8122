"""Files that are whole or not there: what they are written onto, and what stays of what goes wrong."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero import DataError, TruezeroError
from truezero.core import atomic
from truezero.core.atomic import check_folder, check_writable, make_folder, write_text, writing
from truezero.core.tensors import write_tensors
from truezero.datasets.formats.files import load_file
from truezero.errors import FileError, MissingFileError

posix = pytest.mark.skipif(os.name != "posix", reason="what is tried here is POSIX's")
root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")


def mode(path: Path) -> str:
    return stat.filemode(os.lstat(path).st_mode)


# ---- what is written onto -------------------------------------------------------------------------------


@posix
def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    os.symlink("far/v1", tmp_path / "latest")
    os.symlink("latest", tmp_path / "link")
    for text in ("new", "again"):  # the first one finds nothing where the link leads
        check_writable(tmp_path / "link")
        write_text(tmp_path / "link", text)
        assert (tmp_path / "far" / "v1").read_text() == text
    assert (mode(tmp_path / "link")[0], mode(tmp_path / "latest")[0]) == ("l", "l")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["far", "latest", "link", "v1"]


@posix
def test_a_link_in_a_circle_is_refused(tmp_path: Path) -> None:
    os.symlink("b", tmp_path / "a")
    os.symlink("a", tmp_path / "b")
    for act in (check_writable, lambda path: write_text(path, "x")):
        with pytest.raises(FileError, match="cannot write"):
            act(tmp_path / "a")


@posix
@pytest.mark.parametrize("bits", [0o600, 0o640, 0o666, 0o755])
def test_a_file_keeps_its_mode(bits: int, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    (tmp_path / "f").chmod(bits)
    with writing(tmp_path / "f") as beside:
        assert beside.stat().st_mode & ~bits & 0o077 == 0  # nor may more people read it meanwhile
        beside.write_text("x")
    assert (tmp_path / "f").stat().st_mode & 0o777 == bits


@root
def test_a_file_keeps_its_owner(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    os.chown(tmp_path / "f", 1234, 4321)
    write_text(tmp_path / "f", "x")
    assert ((tmp_path / "f").stat().st_uid, (tmp_path / "f").stat().st_gid) == (1234, 4321)


@posix
def test_a_new_file_follows_the_umask_which_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patched, ThreadPoolExecutor(4) as threads:
            patched.setattr(os, "umask", lambda bits: pytest.fail("the umask is the whole process's"))
            list(threads.map(lambda n: write_text(tmp_path / str(n), "x"), range(40)))
            write_tensors(tmp_path / "t", {"a": np.zeros(1)}, {}, kind="model")
    finally:
        os.umask(before)
    assert {mode(path) for path in tmp_path.iterdir()} == {"-rw-r-----"}


@posix
def test_a_pipe_gets_the_content(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    check_writable(tmp_path / "pipe")  # which does not wait for a reader
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    write_tensors(tmp_path / "pipe", {"a": np.arange(3)}, {}, kind="model")
    reader.join()
    assert b"int" in read[0] or b"I64" in read[0]
    assert mode(tmp_path / "pipe")[0] == "p"
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


@posix
def test_a_pipe_that_nobody_reads_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="pipe: nobody reads the pipe"):
        write_text(tmp_path / "pipe", "x")


@root
def test_a_device_stays_one(tmp_path: Path) -> None:
    null = tmp_path / "null"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("devices may not be made here")
    check_writable(null)
    write_text(null, "x")
    assert mode(null)[0] == "c"
    os.mknod(tmp_path / "disk", 0o600 | stat.S_IFBLK, os.makedev(250, 250))
    with pytest.raises(FileError, match="it is a disk"):
        check_writable(tmp_path / "disk")


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="there is no /proc")
def test_what_the_process_has_open_is_written_to_as_it_stands(tmp_path: Path) -> None:
    with open(tmp_path / "log", "w+") as log:
        log.write("before\n")
        log.flush()
        os.symlink(f"/proc/self/fd/{log.fileno()}", tmp_path / "link")
        for path in (f"/proc/self/fd/{log.fileno()}", f"/dev/fd/{log.fileno()}", tmp_path / "link"):
            check_writable(path)
            write_text(path, "x\n")
        log.write("after\n")
    assert (tmp_path / "log").read_text() == "before\nx\nx\nx\nafter\n"
    assert mode(tmp_path / "link")[0] == "l"


@posix
def test_folders_and_sockets_are_refused(tmp_path: Path) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as bound:
        here = os.getcwd()
        os.chdir(tmp_path)  # names of sockets are short
        try:
            bound.bind("socket")
        finally:
            os.chdir(here)
        for path, why in ((tmp_path, "it is a folder"), (tmp_path / "socket", "it is a socket")):
            for act in (check_writable, lambda path: write_text(path, "x")):
                with pytest.raises(FileError, match=why):
                    act(path)


@pytest.mark.parametrize("code", [errno.EBUSY, errno.EXDEV, errno.EPERM])
def test_what_cannot_be_renamed_over_is_written_where_it_lies(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*of: Any) -> None:
        raise OSError(code, os.strerror(code))

    write_text(tmp_path / "f", "longer than what comes")
    node = (tmp_path / "f").stat().st_ino
    monkeypatch.setattr(os, "replace", refuse)
    write_text(tmp_path / "f", "short")
    assert (tmp_path / "f").read_text() == "short"
    assert (tmp_path / "f").stat().st_ino == node
    with pytest.raises(FileError):
        write_text(tmp_path / "new", "x")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@posix
def test_a_file_in_a_folder_that_may_not_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        if folder == tmp_path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    def make_unless_refused(folder: Path, name: str, mode: int) -> tuple[Path, int]:
        refuse(folder)
        return make(folder, name, mode)

    write_text(tmp_path / "f", "x")
    make = atomic._make_held
    monkeypatch.setattr(atomic, "_try_folder", refuse)
    monkeypatch.setattr(atomic, "_make_held", make_unless_refused)
    check_writable(tmp_path / "f")
    write_text(tmp_path / "f", "y")
    assert (tmp_path / "f").read_text() == "y"
    for act in (check_writable, lambda path: write_text(path, "x")):
        with pytest.raises(FileError, match="Permission denied"):
            act(tmp_path / "new")


# ---- names and errors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b", "ü", "x" * 250, "é" * 120, "[x]", "a\nb", ".hidden"])
def test_names(name: str, tmp_path: Path) -> None:
    check_writable(tmp_path / name)
    write_text(tmp_path / name, "x")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_name_that_cannot_be(tmp_path: Path) -> None:
    for name in ("a\0b", "x" * 300):
        for act in (check_writable, lambda path: write_text(path, "x"), make_folder):
            with pytest.raises(FileError) as said:
                act(tmp_path / name)
            assert str(said.value).isprintable()


def test_errors_are_the_operating_systems_too(tmp_path: Path) -> None:
    for act in (check_writable, lambda path: write_text(path, "x")):
        with pytest.raises(MissingFileError) as said:
            act(tmp_path / "nowhere" / "f")
        error = pickle.loads(pickle.dumps(said.value))
        for kind in (FileNotFoundError, OSError, DataError, TruezeroError, ValueError):
            assert isinstance(error, kind)
        assert (error.errno, error.filename) == (errno.ENOENT, str(tmp_path / "nowhere" / "f"))
        assert error.strerror == os.strerror(errno.ENOENT)
        assert str(error) == f"cannot write {tmp_path / 'nowhere' / 'f'}: No such file or directory"


def test_looking_changes_nothing(tmp_path: Path) -> None:
    write_text(tmp_path / "f", "x")
    check_writable(tmp_path / "f")
    check_writable(tmp_path / "new")
    check_folder(tmp_path / "a" / "b")
    with pytest.raises(FileError, match="cannot write into the folder"):
        check_folder(tmp_path / "f" / "b")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


# ---- full disks and killed processes --------------------------------------------------------------------


def test_a_file_that_was_made_anew_gets_the_mode_too(tmp_path: Path) -> None:
    with writing(tmp_path / "f") as beside:
        mode_of_new = beside.stat().st_mode
        beside.unlink()
        beside.touch(0o600)
    assert (tmp_path / "f").stat().st_mode == mode_of_new


@contextlib.contextmanager
def small_disk() -> Iterator[None]:
    """Let no file grow beyond 16 KiB, as on a disk that is full."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16384, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@posix
@pytest.mark.parametrize("kind", ["text", "picture", "tensors"])
@pytest.mark.parametrize("in_place", [False, True])
def test_a_full_disk_names_the_file_and_leaves_what_was(
    kind: str, in_place: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    write_text(path, "before")
    if in_place:
        monkeypatch.setattr(os, "replace", lambda *of: (_ for _ in ()).throw(OSError(errno.EBUSY, "busy")))

    def write() -> None:
        if kind == "text":
            write_text(path, "x" * 100_000)
        elif kind == "tensors":
            write_tensors(path, {"a": np.zeros(100_000)}, {}, kind="model")
        else:
            from matplotlib.figure import Figure

            figure = Figure()
            figure.subplots().imshow(np.random.default_rng(0).random((300, 300)))
            with writing(path) as beside:
                figure.savefig(beside, format="png")

    with small_disk(), pytest.raises(FileError) as said:
        write()
    assert str(said.value) == f"cannot write {path}: {os.strerror(errno.EFBIG)}"
    assert said.value.errno == errno.EFBIG
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


@posix
def test_what_killed_saves_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    program = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from truezero.core.atomic import writing
with writing(sys.argv[1]) as beside:
    beside.write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), 9)
"""

    def start(path: Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        return process

    killed, alive, other = start(tmp_path / "m"), start(tmp_path / "m"), start(tmp_path / "m.2")
    (tmp_path / ".m.notes.partial").touch()  # somebody's own
    killed.communicate()
    other.communicate()
    assert len(list(tmp_path.iterdir())) == 4
    write_text(tmp_path / "m", "x")
    names = sorted(p.name for p in tmp_path.iterdir())
    assert len(names) == 4  # of the one killed nothing, of the one alive its file, of the other its leftover
    alive.communicate()
    for name in ("m", "m.2"):
        write_text(tmp_path / name, "x")
    assert sorted(p.name for p in tmp_path.iterdir()) == [".m.notes.partial", "m", "m.2"]


def test_data_that_are_not_there_are_missing_files(tmp_path: Path) -> None:
    for name in ("rows.npz", "rows.svm", "train-images-idx3-ubyte"):
        with pytest.raises(MissingFileError, match="is not there") as said:
            load_file(tmp_path / name)
        assert said.value.filename == str(tmp_path / name)
