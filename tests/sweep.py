"""Sweeps in processes of their own, to be killed: `python sweep.py STORE N_RUNS serial|jobs=2|dask=ADDRESS`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from truezero.datasets import load_dataset
from truezero.runs import Data, Processes, Run, RunStore, Serial, carry_out

KILLS = int(os.environ.get("TRUEZERO_KILLS", "2"))
"""How often a sweep is killed in a test."""


def runs(n: int, epochs: int = 12) -> list[Run]:
    """Runs of half a second or so: a layer, networks on top of it, and networks without."""
    digits = load_dataset("digits")
    data = Data(digits.name, digits.fingerprint)
    layer = Run("pretrain-layer", {"hidden_layer_sizes": 200, "max_iter": 2, "random_state": 1}, data)
    options = {"max_iter": epochs, "n_iter_no_change": None}
    alone: dict[str, Any] = {**options, "hidden_layer_sizes": [200, 200]}
    on_top: dict[str, Any] = {**options, "hidden_layer_sizes": 200}
    return [
        Run("fine-tune", {**(alone if i % 4 else on_top), "random_state": i}, data, () if i % 4 else (layer,))
        for i in range(n)
    ]


def study(asked: list[Run]) -> Any:
    return (yield asked)


def start_sweep(store: RunStore, n: int, where: str) -> subprocess.Popen[bytes]:
    """In a process group of its own."""
    return subprocess.Popen(
        [sys.executable, __file__, str(store.folder), str(n), where],
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def kill_sweep(process: subprocess.Popen[bytes]) -> None:
    """With all its processes, unless it has ended."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(store: RunStore, n: int, process: subprocess.Popen[bytes]) -> None:
    """Until so many runs are finished, or the sweep is."""
    while len(_results(store)) < n and process.poll() is None:
        time.sleep(0.02)


def note_finished(store: RunStore, before: dict[Path, int]) -> dict[Path, int]:
    """When each run was finished; none that was before has been done again."""
    now = {path: path.stat().st_mtime_ns for path in _results(store)}
    assert now.items() >= before.items()
    return now


def _results(store: RunStore) -> list[Path]:
    return [path for path in store.folder.glob("*/result.json") if "." not in path.parent.name]


def left(store: RunStore) -> dict[str, Any]:
    """All that the runs of a store left: results but for seconds, other files to the bit."""
    files: dict[str, Any] = {}
    for path in sorted(store.folder.glob("*/*")):
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


def steady(value: Any) -> Any:
    """Without seconds, which differ every time."""
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k != "seconds"}
    return [steady(v) for v in value] if isinstance(value, list) else value


def main() -> None:
    store, n, where = sys.argv[1:]
    kind, _, value = where.partition("=")
    executor: Any = Serial()
    if kind == "jobs":
        executor = Processes(int(value))
    elif kind == "dask":
        from truezero.runs.cluster import Cluster

        executor = Cluster(value, patience=60)
    carry_out(study(runs(int(n))), RunStore(store), [load_dataset("digits")], executor=executor, n_threads=1)


if __name__ == "__main__":
    main()
