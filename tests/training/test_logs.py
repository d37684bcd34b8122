"""Logs of every epoch: one row each, whatever stops, goes on, is copied, or runs beside it."""

from __future__ import annotations

import csv
import pickle
import shutil
import struct
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import succeeded, truezero
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from truezero import (
    Checkpoint,
    CSVLogger,
    DataError,
    DeepRectifierClassifier,
    OptionError,
    StackedDenoisingAutoencoder,
    TensorBoardLogger,
    load,
    save,
)
from truezero.core.locks import locked
from truezero.training.logs import COLUMNS, log_to

X, y = load_iris(return_X_y=True)


def make(*callbacks: Any, max_iter: int = 3, **options: Any) -> DeepRectifierClassifier:
    return DeepRectifierClassifier(
        (8, 6), max_iter=max_iter, n_iter_no_change=None, random_state=0, callbacks=list(callbacks), **options
    )


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def epochs(path: Path) -> list[tuple[str, str, str]]:
    return [(row["phase"], row["run"], row["epoch"]) for row in rows(path)]


def of_run(run: int, *numbers: int) -> list[tuple[str, str, str]]:
    return [("fine-tuning", str(run), str(epoch)) for epoch in numbers]


def test_copies_write_where_the_log_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(there)
    copied = pickle.dumps(make(CSVLogger("log.csv"), max_iter=1))
    monkeypatch.chdir(elsewhere)  # as a worker may stand
    pickle.loads(copied).fit(X, y)
    assert epochs(there / "log.csv") == of_run(1, 1)
    assert not list(elsewhere.iterdir())


# ---- CSV ------------------------------------------------------------------------------------------------


def test_a_row_is_an_epochs_record(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model = make(CSVLogger(path)).fit(X, y)
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    found = rows(path)
    assert epochs(path) == of_run(1, 1, 2, 3)
    for row, record in zip(found, model.history_, strict=True):
        for name in ("loss", "penalty", "validation_error", "validation_loss", "learning_rate", "seconds"):
            assert float(row[name]) == record[name], name
        assert [float(value) for value in row["sparsity"].split()] == record["sparsity"]
        assert [int(value) for value in row["dead_units"].split()] == record["dead_units"]
        assert int(row["n_rows"]) == record["n_rows"]
        assert row["layer"] == row["reconstruction_error"] == ""
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_a_row_is_there_as_soon_as_the_epoch_is_over(tmp_path: Path) -> None:
    path, seen = tmp_path / "log.csv", list[int]()
    make(CSVLogger(path), lambda state: seen.append(len(rows(path)))).fit(X, y)
    assert seen == [1, 2, 3]


def test_every_training_is_a_run_of_its_phase(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    stack = StackedDenoisingAutoencoder(max_iter=2, callbacks=[CSVLogger(path)])
    model = make(CSVLogger(path), max_iter=1, pretraining=stack)
    model.fit(X, y).fit(X, y)
    found = [(row["phase"], row["run"], row["layer"], row["epoch"]) for row in rows(path)]
    once = [("pre-training", layer, epoch) for layer in "01" for epoch in "12"] + [("fine-tuning", "", "1")]
    assert found == [(phase, run, layer, epoch) for run in "12" for phase, layer, epoch in once]
    last = model.pretraining_.history_[-1]
    (row,) = [row for row in rows(path) if (row["run"], row["layer"], row["epoch"]) == ("2", "1", "2")]
    assert float(row["reconstruction_error"]) == last["reconstruction_error"]
    assert float(row["sparsity"]) == last["sparsity"]


@pytest.mark.parametrize("log_first", [True, False])
def test_a_resumed_training_goes_on_with_its_rows(log_first: bool, tmp_path: Path) -> None:
    path, kept, earlier = tmp_path / "log.csv", tmp_path / "c", tmp_path / "earlier"
    make(CSVLogger(path), max_iter=1).fit(X, y)

    def keep_the_second(state: Any) -> None:
        if len(state.history) == 3:  # before the checkpoint of this epoch is written
            shutil.copy(kept, earlier)

    make(CSVLogger(path), keep_the_second, Checkpoint(kept), max_iter=4).fit(X, y)
    killed = rows(path)
    assert epochs(path) == of_run(1, 1) + of_run(2, 1, 2, 3, 4)
    shutil.copy(earlier, kept)  # killed after the third epoch's row, before its checkpoint, say
    callbacks = [CSVLogger(path), Checkpoint(kept)][:: 1 if log_first else -1]
    make(*callbacks, max_iter=5).fit(X, y)
    assert epochs(path) == of_run(1, 1) + of_run(2, 1, 2, 3, 4, 5)
    for before, after in zip(killed, rows(path), strict=False):
        assert before["loss"] == after["loss"]


def test_a_resumed_training_whose_log_is_gone_writes_it_whole(tmp_path: Path) -> None:
    path, kept = tmp_path / "log.csv", tmp_path / "c"
    make(CSVLogger(path), Checkpoint(kept), max_iter=2).fit(X, y)
    path.unlink()
    make(CSVLogger(path), Checkpoint(kept), max_iter=4).fit(X, y)
    assert epochs(path) == of_run(1, 1, 2, 3, 4)


def test_a_resumed_pre_training_too(tmp_path: Path) -> None:
    path, kept = tmp_path / "log.csv", tmp_path / "c"

    def stack(max_iter: tuple[int, int]) -> StackedDenoisingAutoencoder:
        return StackedDenoisingAutoencoder(
            (5, 4), max_iter=max_iter, callbacks=[Checkpoint(kept), CSVLogger(path)], random_state=0
        )

    stack((2, 1)).fit(X)
    stack((2, 3)).fit(X)
    found = [(row["run"], row["layer"], row["epoch"]) for row in rows(path)]
    assert found == [("1", layer, epoch) for layer, n in (("0", "12"), ("1", "123")) for epoch in n]


def test_warm_starts_and_streams_go_on_with_the_run(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model = make(CSVLogger(path), max_iter=2, warm_start=True).fit(X, y).fit(X, y)
    assert epochs(path) == of_run(1, 1, 2, 3, 4)
    make(CSVLogger(path), max_iter=1).fit(X, y)
    model.fit(X, y)
    assert epochs(path) == of_run(1, 1, 2, 3, 4) + of_run(2, 1) + of_run(1, 5, 6)
    stream = make(CSVLogger(tmp_path / "s.csv"))
    for _ in range(3):
        stream.partial_fit(X, y, classes=[0, 1, 2])
    assert epochs(tmp_path / "s.csv") == of_run(1, 1, 2, 3)


def test_copies_are_as_new(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    model = make(CSVLogger(path)).fit(X, y)
    copied: Any = clone(model)
    (log,) = copied.get_params()["callbacks"]
    assert (log.path, log._run) == (path, None)
    assert repr(log) == f"CSVLogger({str(path)!r})"
    copied.fit(X, y)
    pickle.loads(pickle.dumps(model)).fit(X, y)
    assert epochs(path) == of_run(1, 1, 2, 3) + of_run(2, 1, 2, 3) + of_run(3, 1, 2, 3)
    save(model, tmp_path / "m")
    assert load(tmp_path / "m").callbacks is None


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_shares_a_file(n_jobs: int, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    grid = {"hidden_layer_sizes": [(4,), (5, 5)], "learning_rate_init": [0.1, 0.01]}
    search = GridSearchCV(make(CSVLogger(path)), grid, cv=3, n_jobs=n_jobs).fit(X, y)
    found = rows(path)
    runs = {row["run"] for row in found}
    assert runs == {str(number) for number in range(1, 14)}  # 4 settings on 3 folds, and the best one on all
    for run in runs:
        assert [row["epoch"] for row in found if row["run"] == run] == ["1", "2", "3"]
    widths = [len(row["sparsity"].split()) for row in found if row["run"] == "13"]
    assert widths == [len(search.best_params_["hidden_layer_sizes"])] * 3
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_a_log_waits_for_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    fit = threading.Thread(target=make(CSVLogger(path), max_iter=1).fit, args=(X, y))
    with locked(tmp_path / "log.csv.lock", wait=False) as ours:
        assert ours
        fit.start()
        fit.join(2)
        assert fit.is_alive()
        assert not path.exists()
    fit.join()
    assert epochs(path) == of_run(1, 1)


def test_half_a_row_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    make(CSVLogger(path), max_iter=2).fit(X, y)
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:30])  # as a full disk leaves it
    make(CSVLogger(path), max_iter=1).fit(X, y)
    assert path.read_bytes().startswith(whole)
    assert epochs(path) == of_run(1, 1, 2) + of_run(2, 1)


@pytest.mark.parametrize(
    "content",
    [b"a,b\n1,2\n", b"no line", b"\xff\xfe\n", ",".join(COLUMNS).encode() + b"\n1,2\n", b"\n\n"],
)
def test_a_file_of_something_else_is_refused_before_training(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="data.csv"):
        make(CSVLogger(path), lambda state: pytest.fail("it was trained")).fit(X, y)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["nowhere/log.csv", "."])
def test_where_no_log_can_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        make(CSVLogger(tmp_path / name)).fit(X, y)


# ---- TensorBoard ----------------------------------------------------------------------------------------


def events(folder: Path) -> list[Any]:
    """Events of a run, file by file: records of length, checksum, content, checksum."""
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events*")):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            found.append(Event.FromString(data[12 : 12 + length]))
            data = data[16 + length :]
    return found


def scalars(folder: Path) -> list[tuple[str, int, float]]:
    return [(v.tag, e.step, v.simple_value) for e in events(folder) for v in e.summary.value]


def test_tensorboard_has_the_figures_of_every_epoch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    stack = StackedDenoisingAutoencoder(max_iter=2, callbacks=[TensorBoardLogger(tmp_path)])
    model = make(TensorBoardLogger(tmp_path), pretraining=stack).fit(X, y)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fine-tuning-1", "pre-training-1"]
    found = {(tag, step): value for tag, step, value in scalars(tmp_path / "fine-tuning-1")}
    for record in model.history_:
        epoch = record["epoch"]
        assert found["loss", epoch] == pytest.approx(record["loss"], rel=1e-6)
        assert found["validation/error", epoch] == pytest.approx(record["validation_error"], rel=1e-6)
        assert found["zeros/layer_1", epoch] == pytest.approx(record["sparsity"][1], rel=1e-6)
        assert found["dead_units/layer_0", epoch] == record["dead_units"][0]
    assert {epoch for _, epoch in found} == {1, 2, 3}
    below = scalars(tmp_path / "pre-training-1")
    assert [step for tag, step, _ in below if tag == "layer_1/reconstruction_error"] == [1, 2]


def test_tensorboard_goes_on_and_begins_anew(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    log, kept = tmp_path / "tb", tmp_path / "c"
    make(TensorBoardLogger(log), Checkpoint(kept), max_iter=2).fit(X, y)
    make(TensorBoardLogger(log), Checkpoint(kept), max_iter=4).fit(X, y)
    assert [path.name for path in log.iterdir()] == ["fine-tuning-1"]
    (restarted,) = [event for event in events(log / "fine-tuning-1") if event.HasField("session_log")]
    assert restarted.step == 1  # from there on only what comes counts
    again = make(TensorBoardLogger(log), max_iter=2, warm_start=True).fit(X, y).fit(X, y)
    assert sorted(path.name for path in log.iterdir()) == ["fine-tuning-1", "fine-tuning-2"]
    losses = [step for tag, step, _ in scalars(log / "fine-tuning-2") if tag == "loss"]
    assert losses == [1, 2, 3, 4]  # in the order in which files are read
    assert pickle.loads(pickle.dumps(again)).get_params()["callbacks"][0].path == log


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_tensorboard_of_a_grid_search(n_jobs: int, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    grid = {"learning_rate_init": [0.1, 0.01]}
    GridSearchCV(make(TensorBoardLogger(tmp_path)), grid, cv=2, n_jobs=n_jobs).fit(X, y)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"fine-tuning-{n}" for n in range(1, 6)]
    for folder in tmp_path.iterdir():
        assert [step for tag, step, _ in scalars(folder) if tag == "loss"] == [1, 2, 3]


def test_without_tensorboardx_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    trained = make(TensorBoardLogger(tmp_path / "tb"), lambda state: pytest.fail("it was trained"))
    with pytest.raises(OptionError, match=r"pip install 'truezero\[tensorboard\]'") as raised:
        trained.fit(X, y)
    assert "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())
    ended = truezero("train", "digits", "--out", "m", "--log", "tb", folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1


# ---- the command line -----------------------------------------------------------------------------------


def test_train_with_a_log(tmp_path: Path) -> None:
    small = ("--hidden-layer-sizes", "9", "--max-iter", "2")
    options = ("--out", "m", "--pretrain", "--pretrain-max-iter", "1", "--log", "log.csv", *small)
    result = succeeded("train", "digits", *options, folder=tmp_path)
    assert [(row["phase"], row["epoch"]) for row in rows(tmp_path / "log.csv")] == [
        ("pre-training", "1"), ("fine-tuning", "1"), ("fine-tuning", "2"),
    ]  # fmt: skip
    last = rows(tmp_path / "log.csv")[result["epoch_selected"]]
    assert float(last["validation_error"]) == result["validation_error"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", "m"]


@pytest.mark.parametrize("log", ["rows.csv", "m.csv", "nowhere/log.csv"])
def test_a_log_that_cannot_be(log: str, tmp_path: Path) -> None:
    np.savetxt(tmp_path / "rows.csv", np.arange(40).reshape(10, 4), "%d", ",", header="a,b,c,d", comments="")
    before = (tmp_path / "rows.csv").read_bytes()
    out = ("--out", "m.csv", "--max-iter", "1", "--log", log)
    ended = truezero("train", "rows.csv", "--target", "d", *out, folder=tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("\n") == 1
    assert (tmp_path / "rows.csv").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_what_a_name_says() -> None:
    assert isinstance(log_to("a/LOG.CSV"), CSVLogger)
    assert isinstance(log_to("a/log"), TensorBoardLogger)
