"""Sweeps that are killed, shared and split find what an undisturbed one finds. TRUEZERO_KILLS says how often."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sweep import KILLS, kill_sweep, left, note_finished, runs, start_sweep, steady, wait_for

from truezero.runs import RunStore


def command(out: Path, *options: str) -> list[str]:
    study = [sys.executable, "-m", "truezero", "reproduce", "table1", "--scale", "smoke"]
    return [*study, "--n-seeds", "1", "--out", str(out), *options]


def found(out: Path) -> dict[str, Any]:
    """The study's result, and all that its runs left: results but for seconds, other files to the bit."""
    result = steady(json.loads((out / "results.json").read_text()))
    # How and when it was made is not the same.
    made = {name: result["provenance"][name] for name in ("engines", "seeds", "n_runs")}
    return {"results.json": {**result, "provenance": made}, **left(RunStore(out / "runs"))}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(command(out), check=True, capture_output=True, timeout=300)
    return found(out)


@pytest.mark.parametrize("where", ["serial", "jobs=2"])
def test_a_sweep_that_is_killed(tmp_path: Path, where: str) -> None:
    """Kill the whole process group at random moments, start again: each run once, and the same bits."""
    n, drawn = 4 * KILLS, random.Random(KILLS)
    store = RunStore(tmp_path / "killed")
    finished: dict[Path, int] = {}
    for _ in range(KILLS):
        process = start_sweep(store, n, where)
        wait_for(store, len(finished) + 1, process)
        time.sleep(drawn.uniform(0.0, 1.0))
        kill_sweep(process)
        finished = note_finished(store, finished)
    assert start_sweep(store, n, where).wait(300) == 0
    assert len(note_finished(store, finished)) == n + 1  # and the layer
    assert all(map(store.has, runs(n)))
    assert store.unfinished() == []
    undisturbed = RunStore(tmp_path / "undisturbed")
    assert start_sweep(undisturbed, n, "serial").wait(300) == 0
    assert left(store) == left(undisturbed)


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
    assert len(json.loads(listed.stdout)["runs"]) == 9 + 10  # layers, networks
    subprocess.run(command(tmp_path / "0"), check=True, capture_output=True, timeout=300)
    assert found(tmp_path / "0") == undisturbed
