"""Sweeps that are killed, shared and split find what an undisturbed one finds. TRUEZERO_KILLS says how often."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

KILLS = int(os.environ.get("TRUEZERO_KILLS", "2"))


def command(out: Path, *options: str) -> list[str]:
    study = [sys.executable, "-m", "truezero", "reproduce", "table1", "--scale", "smoke"]
    return [*study, "--n-seeds", "1", "--out", str(out), *options]


def steady(value: Any) -> Any:
    """Without seconds, which differ every time."""
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k != "seconds"}
    return [steady(v) for v in value] if isinstance(value, list) else value


def found(out: Path) -> dict[str, Any]:
    """The study's result, and all that its runs left: results but for seconds, other files to the bit."""
    files: dict[str, Any] = {"results.json": steady(json.loads((out / "results.json").read_text()))}
    for path in sorted((out / "runs").glob("*/*")):
        name = f"{path.parent.name}/{path.name}"
        if path.name == "result.json":
            files[name] = steady(json.loads(path.read_text()))
        elif path.suffix == ".safetensors":
            files[name] = without_seconds(path)
    return files


def without_seconds(path: Path) -> Any:
    """Arrays and metadata of a file; its history has seconds, too."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118 - not a dict
        return arrays, steady(json.loads((file.metadata() or {})["truezero"]))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(out), check=True, capture_output=True, timeout=300)
    return found(out)


def test_a_sweep_that_is_killed(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    """Kill the whole process group at random moments, start again, and end with the same bits."""
    drawn = random.Random(KILLS)
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(tmp_path), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(drawn.uniform(1.0, 5.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    subprocess.run(command(tmp_path), check=True, capture_output=True, timeout=300)
    assert found(tmp_path) == undisturbed


def test_processes(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    subprocess.run(command(tmp_path, "--jobs", "2"), check=True, capture_output=True, timeout=300)
    assert found(tmp_path) == undisturbed


def test_two_sweeps_on_one_store(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    sweeps = [
        subprocess.Popen(command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for sweep in sweeps:
        _, stderr = sweep.communicate(timeout=300)
        assert sweep.returncode == 0, stderr
    assert found(tmp_path) == undisturbed


def test_shards_that_are_merged(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    for number in range(2):
        process = subprocess.run(
            command(tmp_path / str(number), "--shard", f"{number}/2"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert process.returncode == 0
        assert "belong to other shards: merge the stores" in process.stderr
    stores = [str(tmp_path / str(number) / "runs") for number in range(2)]
    truezero = [sys.executable, "-m", "truezero"]
    subprocess.run([*truezero, "runs", "merge", *stores], check=True, capture_output=True, timeout=60)
    listed = subprocess.run(
        [*truezero, "runs", "list", stores[0], "--json"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert len(json.loads(listed.stdout)["runs"]) == 15
    subprocess.run(command(tmp_path / "0"), check=True, capture_output=True, timeout=300)
    assert found(tmp_path / "0") == undisturbed
