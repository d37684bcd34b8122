"""Where results go: looked at before the work, nothing beside what is no regular file, nothing lost."""

from __future__ import annotations

import importlib
import os
import re
import resource
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import succeeded, truezero

from truezero import load

SMALL = ("--hidden-layer-sizes", "300", "--max-iter", "2")
posix = pytest.mark.skipif(os.name != "posix", reason="pipes are POSIX's")


@pytest.mark.parametrize("out", ["", ".", "nowhere/x", "file/x", "x" * 300, "nowhere/[/x]\x1b[31m"])
@pytest.mark.parametrize(
    "verb",
    [
        ("train", "digits", "--out", "OUT"),
        ("predict", "m", "digits", "--out", "OUT"),
        ("bench", "page", "results", "--out", "OUT"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_the_work(
    verb: tuple[str, ...], out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "results").mkdir()
    succeeded("train", "digits", "--out", "m", "--max-iter", "1", folder=tmp_path)
    train = importlib.import_module("truezero.runs.train")
    monkeypatch.setattr(train, "load_dataset", lambda *_, **__: pytest.fail("it was begun"))
    before = sorted(tmp_path.rglob("*"))
    ended = truezero(*(part.replace("OUT", out) for part in verb), folder=tmp_path)
    assert ended.returncode == 2
    assert re.match(r"truezero: .*cannot write", ended.stderr), ended.stderr
    assert ended.stderr.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("verb", [("bench", "error"), ("bench", "train"), ("reproduce", "table1")])
def test_folders_too(verb: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = truezero(*verb, "--data", "nothing", "--out", "file/x", folder=tmp_path)
    assert ended.returncode == 2
    assert "cannot write into the folder file/x" in ended.stderr


@pytest.mark.parametrize(
    "options",
    [("--data", "mnits"), ("--scale", "huge"), ("--n-seeds", "0"), ("--shard", "3/2"), ("--jobs", "0")],
)
def test_nothing_is_made_for_a_study_that_cannot_be(options: tuple[str, str], tmp_path: Path) -> None:
    assert truezero("reproduce", "table1", *options, folder=tmp_path).returncode == 2
    assert truezero("reproduce", "table1", *options, "--out", "o", folder=tmp_path).returncode == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "folder"), [("c", "c"), ("a b{0}[x]", "a-b-0-x"), ("…", "data")])
def test_the_folder_of_a_study_on_a_file(name: str, folder: str, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((60, 4), dtype=np.float32)
    y = (rows[:, 0] > 0.5).astype(int)
    parts: dict[str, Any] = {
        f"{kind}_{part}": value
        for part in ("train", "val", "test")
        for kind, value in (("X", rows), ("y", y))
    }
    (tmp_path / "deep" / "er").mkdir(parents=True)
    path = tmp_path / "deep" / "er" / f"{name}.npz"
    np.savez(path, **parts)
    ended = truezero(
        "reproduce", "table1", "--scale", "smoke", "--n-seeds", "1", "--data", str(path), folder=tmp_path
    )
    assert ended.returncode == 0, ended.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", f"results-table1-{folder}"]
    lines = ended.stderr.splitlines()
    assert lines[-1].startswith("run 19 of 19  ")


@posix
def test_a_model_goes_through_a_pipe_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    ended = truezero("train", "digits", "--out", "pipe", *SMALL, folder=tmp_path)
    reader.join()
    assert ended.returncode == 0, ended.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]
    (tmp_path / "m").write_bytes(read[0])
    assert load(tmp_path / "m").n_features_in_ == 64


@posix
@pytest.mark.parametrize(
    "verb",
    [
        ("train", "digits", "--out", "new", *SMALL),
        ("train", "digits", "--out", "new", "--pretrain", "--pretrain-max-iter", "1", *SMALL),
        ("predict", "m", "rows.npz", "--out", "new"),
        ("reproduce", "table1", "--scale", "smoke", "--n-seeds", "1", "--out", "r"),
    ],
)
def test_a_full_disk_is_one_line_and_2(verb: tuple[str, ...], tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", X=np.ones((20_000, 64), np.float32))
    succeeded(
        "train", "digits", "--out", "m", "--max-iter", "1", "--hidden-layer-sizes", "9", folder=tmp_path
    )
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, limits[1]))
    try:
        ended = truezero(*verb, folder=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    said = [line for line in ended.stderr.splitlines() if line.startswith("truezero: ")]
    assert ended.returncode == 2, ended.stderr
    assert len(said) == 1
    assert re.search(r"cannot write \S+: File too large", said[0]), said
    assert not list(tmp_path.rglob("*.partial.*")) + list(tmp_path.rglob(".*.partial"))
    assert load(tmp_path / "m").n_features_in_ == 64


def test_a_reader_of_a_result_sees_its_unit(tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((200, 3), dtype=np.float32)
    np.savez(tmp_path / "r.npz", X=X, y=X[:, 0] * 0.5)
    ended = truezero("train", "r.npz", "--regression", "--out", "m", *SMALL, folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    result: dict[str, Any] = succeeded("inspect", "m", "r.npz", folder=tmp_path)
    if "error_unit" in result:
        shown = truezero("inspect", "m", "r.npz", folder=tmp_path).stdout
        (line,) = [line for line in shown.splitlines() if line.startswith("test error:")]
        assert line == f"test error:        {result['test_error']:.6g} squared units of y"
