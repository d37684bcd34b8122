"""Trainings on rows that are new in every epoch: runs of a store, and a training outside of one."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from characters import characters, write_unipen

from truezero import DeepRectifierClassifier, OptionError, StackedDenoisingAutoencoder, load
from truezero.core.rows import Examples
from truezero.datasets import Dataset, load_dataset, nistp_sets
from truezero.datasets.rows_ahead import Epochs
from truezero.runs import Data, Run, RunStore, rows, train_to_file, unfinished_files
from truezero.runs.execute import perform
from truezero.training import Stream

SMALL: Any = {"hidden_layer_sizes": [20], "max_iter": 3, "n_iter_no_change": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("data")
    write_unipen(made / "unipen62", characters(), np.arange(120) % 3)
    return made


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """Epochs of 70 rows; which were asked for, and with how many processes."""
    monkeypatch.setitem(nistp_sets._SIZES, "laptop", 70)
    monkeypatch.setattr(rows, "available_cores", lambda: 4)
    noted: list[tuple[int, int]] = []
    pools: list[Any] = []
    of_epoch, close = Epochs.__call__, Epochs.close

    def call(self: Epochs, epoch: int) -> Iterator[Examples]:
        noted.append((epoch, self.n_processes))
        return of_epoch(self, epoch)

    def closed(self: Epochs) -> None:
        if self._pool is not None:
            pools.extend(self._pool._executor._processes)
        close(self)

    monkeypatch.setattr(Epochs, "__call__", call)
    monkeypatch.setattr(Epochs, "close", closed)
    yield noted
    assert bool(pools) == any(n for _, n in noted)
    for pid in pools:
        assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def dataset(folder: Path) -> Dataset:
    return load_dataset("nistp-unipen62", data_dir=folder)


def fine_tuning(of: Dataset, *needs: Run, **changes: Any) -> Run:
    return Run("fine-tune", {**SMALL, "random_state": 0}, Data(of.name, of.fingerprint, **changes), needs)


def steady(value: Any) -> Any:
    """Without seconds, which differ every time."""
    if isinstance(value, dict):
        return {k: steady(v) for k, v in value.items() if k != "seconds"}
    return [steady(v) for v in value] if isinstance(value, list) else value


def test_runs_train_on_new_rows_in_every_epoch(
    dataset: Dataset, tmp_path: Path, asked: list[tuple[int, int]]
) -> None:
    layer = Run(
        "pretrain-layer",
        {"hidden_layer_sizes": 20, "max_iter": 2, "random_state": 0},
        Data(dataset.name, dataset.fingerprint),
    )
    run, known = fine_tuning(dataset, layer), {dataset.fingerprint: dataset}
    found: list[list[Any]] = []
    for n_threads in (1, 4):
        store = RunStore(tmp_path / str(n_threads))
        asked.clear()
        outcomes = [perform(one, store, known, n_threads=n_threads, wait=False) for one in (layer, run)]
        assert [outcome.failure for outcome in outcomes] == [None, None]
        found.append([steady(outcome.result) for outcome in outcomes])
        assert {epoch for epoch, _ in asked} == {1, 2, 3}
        assert {n for _, n in asked} == {n_threads // 2}
    assert found[0] == found[1]
    of_layer, of_network = found[0]
    assert (of_layer["n_train"], of_network["n_train"]) == (70, 70)

    held_out: Any = {"X_val": dataset.features("validation"), "y_val": dataset.y_validation}
    assert dataset.endless is not None
    with dataset.endless.ahead(0) as epochs:
        below = StackedDenoisingAutoencoder([20], max_iter=2, random_state=0)
        below.fit(Stream(epochs), X_val=held_out["X_val"])
        model = DeepRectifierClassifier(**SMALL, random_state=0, pretraining=below, prefit=True)
        model.fit(Stream(epochs), **held_out)
    assert [of_layer["reconstruction_error"]] == below.reconstruction_errors_
    assert steady(of_network["history"]) == steady(model.history_)


def test_a_run_that_is_interrupted_goes_on(dataset: Dataset, tmp_path: Path) -> None:
    def interrupt(state: Any) -> None:
        if len(state.history) == 2:
            raise KeyboardInterrupt

    known, run, store = {dataset.fingerprint: dataset}, fine_tuning(dataset), RunStore(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        perform(run, store, known, n_threads=2, wait=False, callbacks=[interrupt])
    assert store.unfinished() == [run.key]
    resumed = perform(run, store, known, n_threads=1, wait=False).result
    whole = perform(run, RunStore(tmp_path / "b"), known, n_threads=1, wait=False).result
    assert steady(resumed) == steady(whole)


def test_rows_are_part_of_a_run_s_key(dataset: Dataset, folder: Path) -> None:
    others = [replace(dataset, endless=None), load_dataset("p07-unipen62", data_dir=folder)]
    assert len({fine_tuning(of).key for of in (dataset, *others)}) == 3
    again = load_dataset("nistp-unipen62", data_dir=folder)
    assert fine_tuning(again).key == fine_tuning(dataset).key


def test_shares_and_folds_are_of_the_first_epoch(dataset: Dataset) -> None:
    data = Data(dataset.name, dataset.fingerprint)
    assert data.of(dataset).endless is dataset.endless
    for part in (replace(data, labels=0.5).of(dataset), replace(data, fold=(1, 3)).of(dataset)):
        assert part.endless is None
        assert {row.tobytes() for row in part.X_train} < {row.tobytes() for row in dataset.X_train}


# ---- outside of a store -------------------------------------------------------------------------------


def train(folder: Path, out: Path, **options: Any) -> tuple[Any, dict[str, Any]]:
    parameters = {**SMALL, **options.pop("parameters", {})}
    return train_to_file("nistp-unipen62", out, data_dir=folder, parameters=parameters, **options)


def test_train_to_file(folder: Path, tmp_path: Path, asked: list[tuple[int, int]]) -> None:
    model, result = train(folder, tmp_path / "m", parameters={"n_threads": 3})
    assert asked == [
        (1, 1),
        (1, 1),
        (1, 1),
        (2, 1),
        (3, 1),
    ]  # to learn the scale, to see that they fit; train
    assert (result["n_train"], result["n_validation"], result["n_test"]) == (70, 40, 40)
    assert model.t_ == 210
    same, _ = train(folder, tmp_path / "same", parameters={"n_threads": 1})
    assert asked[-1] == (3, 0)
    for weights, others in zip(model.coefs_, same.coefs_, strict=True):
        assert weights.tobytes() == others.tobytes()
    pretrained, result = train(
        folder, tmp_path / "m", pretrain="auto", pretraining_parameters={"max_iter": 2}
    )
    assert result["pretraining"]["n_unlabeled"] == 0
    assert len(pretrained.pretraining_.history_) == 2
    with pytest.raises(OptionError, match="--unlabeled is for rows that stay, and nistp-unipen62 has new"):
        train(folder, tmp_path / "m", pretrain="auto", unlabeled="nistp-unipen62")
    with pytest.raises(OptionError, match="class_weight is for arrays"):
        train(folder, tmp_path / "m", parameters={"class_weight": "balanced"})


def test_ctrl_c_and_resume(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, expected = train(folder, tmp_path / "whole")
    made = Epochs._examples

    def interrupted(self: Epochs, ids: range) -> Examples:
        if ids.start == 140:  # the third epoch begins
            raise KeyboardInterrupt
        return made(self, ids)

    monkeypatch.setattr(Epochs, "_examples", interrupted)
    with pytest.warns(UserWarning, match="training was interrupted after epoch 2"):
        stopped, _ = train(folder, tmp_path / "m")
    assert stopped.interrupted_
    assert [path.name for path in unfinished_files(tmp_path / "m")] == ["m.checkpoint"]
    monkeypatch.setattr(Epochs, "_examples", made)
    resumed, result = train(folder, tmp_path / "m", resume=True)
    for model in (resumed, load(tmp_path / "m")):
        for weights, others in zip(model.coefs_, whole.coefs_, strict=True):
            assert weights.tobytes() == others.tobytes()
    changed = {"model", "seconds"}
    assert {k: v for k, v in result.items() if k not in changed} == {
        k: v for k, v in expected.items() if k not in changed
    }


def test_a_checkpoint_of_other_rows(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise MemoryError  # nobody catches it, as nobody catches a kill

    with monkeypatch.context() as patch:
        patch.setattr("truezero.runs.train.save", killed)
        with pytest.raises(MemoryError):
            train(folder, tmp_path / "m")
    monkeypatch.setitem(nistp_sets._SIZES, "laptop", 71)
    with pytest.raises(ValueError, match="is a checkpoint of another training"):
        train(folder, tmp_path / "m", resume=True)


def _rows_in_a_daemon(dataset: Dataset, found: Any) -> None:
    with rows.training_rows(dataset, 4) as (stream, _):
        found.put(len(stream.first_piece().ids) if isinstance(stream, Stream) else 0)


def test_a_daemon_makes_its_rows_itself(dataset: Dataset) -> None:
    context = multiprocessing.get_context("spawn")
    found: Any = context.Queue()
    process = context.Process(target=_rows_in_a_daemon, args=(dataset, found), daemon=True)
    process.start()
    assert found.get(timeout=60) == 70
    process.join(10)
