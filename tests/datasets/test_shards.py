"""Generated rows on disk: whole or not there, the same as those of the generator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from characters import characters
from filelock import FileLock

from truezero.core import atomic
from truezero.datasets import shards as module
from truezero.datasets.nistp import Layout, Nistp
from truezero.datasets.rows_ahead import Epochs
from truezero.datasets.shards import Shards, write_shards
from truezero.errors import DataError, FileError, OptionError

NISTP = Nistp(characters(), seed=7)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def test_shards_are_the_stream(tmp_path: Path) -> None:
    shards = write_shards(tmp_path, NISTP, 250, rows_per_shard=100)
    assert (len(shards), shards.n_rows) == (3, 250)
    assert shards.made_from == NISTP.description()
    one_each = Shards(tmp_path, per_epoch=1)
    for epoch in (1, 2, 3):
        (piece,) = one_each(epoch)
        (made,) = Epochs(NISTP, Layout(100, stop=250))(epoch)
        assert isinstance(piece.features.X, np.memmap)
        assert piece.features.scale == made.features.scale
        assert (piece.features.X == made.features.X).all()
        assert (piece.target == made.target).all()
        assert (piece.ids == made.ids).all()
    with pytest.raises(DataError, match="epoch 4 has no rows: 3 files in .* are enough for 3 epochs of 1"):
        one_each(4)
    for epoch in (1, 2):
        assert sum(piece.features.n_samples for piece in shards(epoch)) == 250


def test_processes_write_the_same_files(tmp_path: Path) -> None:
    for name, n in (("here", 0), ("there", 1)):
        write_shards(tmp_path / name, NISTP, 130, rows_per_shard=60, n_processes=n)
    assert files(tmp_path / "here") == files(tmp_path / "there")


def test_a_writer_goes_on_where_another_one_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shards(tmp_path / "whole", NISTP, 250, rows_per_shard=100)
    written: list[str] = []
    stopped = True

    def write(path: Path, array: Any) -> None:
        if stopped and path.name.startswith("000001.labels"):
            raise KeyboardInterrupt
        written.append(path.name)
        original(path, array)

    original = module._write
    monkeypatch.setattr(module, "_write", write)
    with pytest.raises(KeyboardInterrupt):
        write_shards(tmp_path / "stopped", NISTP, 250, rows_per_shard=100)
    assert len(Shards(tmp_path / "stopped")) == 1
    stopped = False
    written.clear()
    write_shards(tmp_path / "stopped", NISTP, 250, rows_per_shard=100)
    assert written == [f"{number:06}.{what}.npy" for number in (1, 2) for what in ("rows", "labels")]
    assert files(tmp_path / "stopped") == files(tmp_path / "whole")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_a_writer_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from characters import characters; from truezero.datasets.nistp import Nistp; "
        "from truezero.datasets.shards import write_shards; "
        "write_shards(sys.argv[1], Nistp(characters(), seed=7), 4000, rows_per_shard=100)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "killed")], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "killed" / "shards.json").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    done = len(Shards(tmp_path / "killed"))
    n = 100 * (done + 2)
    write_shards(tmp_path / "killed", NISTP, n, rows_per_shard=100)
    write_shards(tmp_path / "whole", NISTP, n, rows_per_shard=100)
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


def test_more_rows_lengthen_what_is_there(tmp_path: Path) -> None:
    for n in (50, 130, 250, 90):
        write_shards(tmp_path / "grown", NISTP, n, rows_per_shard=100)
    write_shards(tmp_path / "whole", NISTP, 250, rows_per_shard=100)
    assert files(tmp_path / "grown") == files(tmp_path / "whole")


def test_other_rows_are_not_mixed_in(tmp_path: Path) -> None:
    write_shards(tmp_path, NISTP, 100, rows_per_shard=100)
    before = files(tmp_path)
    for other in (
        Nistp(characters(), seed=8),
        Nistp(characters(), 7, 0.5),
        Nistp(characters(100), 7),
        Nistp(characters(), 7, part=1),
    ):
        with pytest.raises(DataError, match="holds other rows .*take another folder"):
            write_shards(tmp_path, other, 200, rows_per_shard=100)
    with pytest.raises(DataError, match="holds other rows"):
        write_shards(tmp_path, NISTP, 200, rows_per_shard=50)
    with pytest.raises(OptionError, match="n_rows must be"):
        write_shards(tmp_path, NISTP, 100, rows_per_shard=0)
    assert files(tmp_path) == before


def test_two_writers(tmp_path: Path) -> None:
    with FileLock(tmp_path / ".lock"), pytest.raises(DataError, match="somebody else is writing rows into"):
        write_shards(tmp_path, NISTP, 100)


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write_shards(tmp_path, NISTP, 100, rows_per_shard=100)
    monkeypatch.setattr(atomic, "_finish", full)
    with pytest.raises(FileError, match=r"cannot write .*000001.rows.npy: No space left on device"):
        write_shards(tmp_path, NISTP, 200, rows_per_shard=100)
    assert Shards(tmp_path).n_rows == 100


def test_damaged_files(tmp_path: Path) -> None:
    write_shards(tmp_path, NISTP, 100, rows_per_shard=100)
    rows, labels = tmp_path / "000000.rows.npy", tmp_path / "000000.labels.npy"
    for path in (rows, labels):
        whole = path.read_bytes()
        other = bytearray(whole)
        other[-1] ^= 1
        for content, message in (
            (bytes(other), "damaged: its digest is another"),
            (whole[:-1], "is cut off|is damaged"),
            (whole + b"x", "is cut off|is damaged"),
            (whole.replace(b"(100,", b"(900,"), "is damaged: it holds"),
            (whole.replace(b"|u1", b"<f8"), "is damaged: it holds"),
            (b"", "damaged"),
        ):
            path.write_bytes(content)
            with pytest.raises(DataError, match=message):
                Shards(tmp_path).shard(0)
        path.unlink()
        with pytest.raises(DataError, match="is not there"):
            Shards(tmp_path).shard(0)
        path.write_bytes(whole)
    Shards(tmp_path).shard(0)


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2}, {"rows_per_shard": 0}, {"rows_per_shard": "100"}, {"rows_per_shard": True}, {"shards": 3},
        {"shards": [{"rows": 100}]}, {"shards": [{"rows": -1, "sha256": ""}]}, {"shards": []},
        {"shards": [{"rows": 50, "sha256": ""}, {"rows": 100, "sha256": ""}]},
        {"rows_per_shard": 2**32, "shards": [{"rows": 2**32, "sha256": ""}] * 2},
        {"shards": [{"rows": 101, "sha256": ""}]},
    ],
)  # fmt: skip
def test_a_damaged_list(tmp_path: Path, change: dict[str, Any]) -> None:
    write_shards(tmp_path, NISTP, 100, rows_per_shard=100)
    path = tmp_path / "shards.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=r"shards.json is damaged|holds no rows yet"):
        Shards(tmp_path)
    for content in ("", "[]", "{", "nonsense", "[" * 100_000, "null"):
        path.write_text(content)
        with pytest.raises(DataError, match=r"shards.json is damaged"):
            Shards(tmp_path)


def test_no_shards(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"shards.json is not there"):
        Shards(tmp_path)
