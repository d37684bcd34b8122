"""Where output goes: readers that have seen enough, full disks, closed streams, other alphabets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from truezero import DeepRectifierClassifier, save

posix = pytest.mark.skipif(os.name != "posix", reason="pipes and devices are POSIX's")


def start(*arguments: str, folder: Path, stdout: int, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "truezero", *arguments],
        cwd=folder, stdout=stdout, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and so many rows that their predictions do not fit into a pipe."""
    made = tmp_path_factory.mktemp("streams")
    X = np.random.default_rng(0).random((40_000, 2), dtype=np.float32)
    y = np.where(X[:100, 0] > 0.5, "above", "below")
    save(DeepRectifierClassifier((2,), max_iter=1, random_state=0).fit(X[:100], y), made / "m")
    np.savez(made / "rows.npz", X=X)
    np.savez(made / "few.npz", X=X[:3])
    return made


@posix
@pytest.mark.parametrize("rows", ["rows.npz", "few.npz"])  # while it writes, and what is flushed at the end
def test_a_reader_that_has_seen_enough_is_no_mistake(rows: str, folder: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = start("predict", "m", rows, folder=folder, stdout=writing)
    os.close(writing)
    _, said = process.communicate(timeout=100)
    assert (process.returncode, said) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("rows", ["rows.npz", "few.npz"])
def test_a_full_disk_behind_the_output_is_one_line_and_2(rows: str, folder: Path) -> None:
    with open("/dev/full", "w") as full:
        process = start("predict", "m", rows, folder=folder, stdout=full.fileno())
        _, said = process.communicate(timeout=100)
    assert process.returncode == 2
    assert said == "truezero: cannot write the output: No space left on device\n"


@posix
def test_out_onto_the_standard_output(folder: Path) -> None:
    with open(folder / "printed", "w+") as file:
        file.write("before\n")
        file.flush()
        process = start(
            "predict", "m", "few.npz", "--out", "/dev/stdout", folder=folder, stdout=file.fileno()
        )
        _, said = process.communicate(timeout=100)
        file.seek(0)
        lines = file.read().split()
    assert (process.returncode, said) == (0, "")
    assert lines[0] == "before"
    assert len(lines) == 4


def test_other_alphabets(folder: Path) -> None:
    process = start(
        "data", "list", folder=folder, stdout=subprocess.PIPE, PYTHONIOENCODING="ascii", PYTHONUTF8="0"
    )
    shown, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert "28\\xd728" in shown
