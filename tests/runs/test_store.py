"""Where runs are kept."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from made_up_runs import DATASET, Counted, fine_tuning, number, study

from truezero.errors import DataError
from truezero.runs import (
    NUMERICS,
    RunStore,
    carry_out,
    store,
)
from truezero.runs.execute import perform


def test_a_run_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    of = fine_tuning(max_iter=4, n_iter_no_change=None)
    kept = RunStore(tmp_path)

    def interrupt(state: Any) -> None:
        if len(state.history) == 2:
            raise KeyboardInterrupt

    known = {DATASET.fingerprint: DATASET}
    with pytest.raises(KeyboardInterrupt):
        perform(of, kept, known, n_threads=1, wait=False, callbacks=[interrupt])
    assert kept.find(of) is None
    assert kept.unfinished() == [of.key]
    epochs: list[int] = []
    note = [lambda state: epochs.append(len(state.history))]
    resumed = perform(of, kept, known, n_threads=2, wait=False, callbacks=note).result
    whole = perform(of, RunStore(tmp_path / "other"), known, n_threads=1, wait=False).result
    assert epochs == [2, 3, 4] or epochs == [3, 4]
    assert resumed is not None
    assert whole is not None
    for key in ("test_error", "sparsity", "epoch_selected"):
        assert whole[key] == resumed[key]
    assert {path.name for path in kept.place(of).iterdir()} == {
        "run.json", "provenance.json", "result.json", "predictions.safetensors",
    }  # fmt: skip
    assert kept.find(of) == resumed
    (kept.place(of) / "result.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        kept.find(of)


def test_a_checkpoint_of_other_code_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, of = RunStore(tmp_path), fine_tuning()
    folder, checkpoint = kept.begin(of)
    Path(checkpoint.path).write_text("as it was")
    assert kept.begin(of)[1].path == checkpoint.path
    assert Path(checkpoint.path).exists()
    monkeypatch.setattr(store, "arithmetic_version", lambda: "1.0+other")
    assert kept.begin(of)[1].path != checkpoint.path
    assert list(folder.iterdir()) == []


def test_a_checkpoint_goes_after_the_result_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, of = RunStore(tmp_path), fine_tuning()
    _, checkpoint = kept.begin(of)
    Path(checkpoint.path).write_text("as it was")
    rename = os.rename

    def killed(*paths: Any) -> None:
        rename(*paths)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        kept.finish(of, {"n": 1}, {})
    assert kept.find(of) == {"n": 1}
    assert list(kept.place(of).glob("checkpoint-*"))
    assert kept.clean(numerics=NUMERICS) == 0
    assert not list(kept.place(of).glob("checkpoint-*"))


def _hold(folder: Path, ready: Any) -> None:
    with RunStore(folder).lease(fine_tuning(), wait=False) as ours:
        ready.put(ours)
        time.sleep(60)


def test_a_lease_is_free_when_its_process_is_killed(tmp_path: Path) -> None:
    kept, context = RunStore(tmp_path), multiprocessing.get_context("spawn")
    ready: Any = context.Queue()
    other = context.Process(target=_hold, args=(tmp_path, ready))
    other.start()
    try:
        assert ready.get(timeout=60) is True
        with kept.lease(fine_tuning(), wait=False) as ours:
            assert not ours
        assert other.pid is not None
        os.kill(other.pid, signal.SIGKILL)
        other.join(10)
        with kept.lease(fine_tuning(), wait=True) as ours:
            assert ours
    finally:
        other.kill()


def test_a_store_is_cleaned_and_merged(tmp_path: Path, counted: Counted) -> None:
    a, b = RunStore(tmp_path / "a"), RunStore(tmp_path / "b")
    for kept, n in ((a, 1), (a, 2), (b, 2), (b, 3)):
        carry_out(study([number(n)]), kept, [DATASET])
    assert a.merge(b) == 1
    assert sorted(result["n"] for _, _, result in a) == [1, 2, 3]
    assert a.merge(b) == 0
    old = tmp_path / "a" / ("0" * 20)  # as versions without numerics left them
    old.mkdir()
    (old / "result.json").write_text("{}")
    assert len(list(a)) == 3
    (tmp_path / "a" / ".merging-x" / ("1" * 20)).mkdir(parents=True)
    a.begin(number(9))
    with b.lease(number(8), wait=False):
        _, checkpoint = b.begin(number(8))
        Path(checkpoint.path).write_text("as it was")
        assert b.clean(numerics=NUMERICS) == 0  # somebody is at work on it
        assert Path(checkpoint.path).exists()
    assert a.clean(numerics=NUMERICS) == 2
    assert a.clean(numerics=NUMERICS + 1) == 3
    assert list(a) == []
