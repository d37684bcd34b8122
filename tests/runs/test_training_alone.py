"""One training writes one file: a second is refused, and what is left of one that was killed is gone on with."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero import DataError, OptionError, load
from truezero.datasets import load_dataset
from truezero.runs import train as module
from truezero.runs import train_to_file

SMALL: dict[str, Any] = {"hidden_layer_sizes": (6, 4), "max_iter": 2, "n_threads": 1}
WRITING = "^another training is writing .*m: wait for its end, or give another file$"

HOLD = """
import sys, time
from truezero.runs import train
def wait(*args, **options):
    print("it trains", flush=True)
    time.sleep(100)
train.load_dataset = wait
train.train_to_file("digits", sys.argv[1])
"""


@pytest.fixture
def other(tmp_path: Path) -> Any:
    """Another process that trains, and has said so."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "m")],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "it trains\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_training_to_a_file_is_refused_until_the_first_ends(tmp_path: Path, other: Any) -> None:
    for resume in (False, True):
        with pytest.raises(OptionError, match=WRITING):
            train_to_file("digits", tmp_path / "m", parameters=SMALL, resume=resume)
    train_to_file("digits", tmp_path / "another", parameters=SMALL)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    train_to_file("digits", tmp_path / "m", parameters=SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "m"]


def test_threads_are_refused_too_and_errors_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training, go_on = threading.Event(), threading.Event()

    def wait(*_: Any, **__: Any) -> Any:
        training.set()
        go_on.wait(60)
        raise DataError("no such data")

    monkeypatch.setattr(module, "load_dataset", wait)

    def train() -> None:
        with pytest.raises(DataError):
            train_to_file("digits", tmp_path / "m")

    thread = threading.Thread(target=train)
    thread.start()
    assert training.wait(60)
    with pytest.raises(OptionError, match=WRITING):
        train_to_file("digits", tmp_path / "m")
    go_on.set()
    thread.join()
    with pytest.raises(DataError, match="no such data"):
        train_to_file("digits", tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_a_lock_that_was_left_keeps_nobody_away(tmp_path: Path) -> None:
    (tmp_path / "m.checkpoint.lock").touch()
    train_to_file("digits", tmp_path / "m", parameters=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_the_base_of_the_file_goes_into_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_dataset("digits")
    for zero_based in (True, False, None):
        object.__setattr__(whole, "zero_based", zero_based)  # as readers of svmlight files leave it
        monkeypatch.setattr(module, "load_dataset", lambda *_, **__: whole)
        train_to_file("digits", tmp_path / "m", parameters=SMALL)
        expected = None if zero_based is None else {"zero_based": zero_based}
        assert load(tmp_path / "m")._data_form == expected


@pytest.mark.parametrize("name", ["m.checkpoint", "m.pretraining"])
def test_a_damaged_checkpoint_is_said_and_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    options: dict[str, Any] = {"parameters": SMALL}
    if name == "m.pretraining":
        options |= {"pretrain": "auto", "pretraining_parameters": {"max_iter": 1}}

    def killed(*_: Any) -> None:
        raise MemoryError  # nobody catches it, as nobody catches a kill

    with monkeypatch.context() as patch:
        patch.setattr(module, "save", killed)
        with pytest.raises(MemoryError):
            train_to_file("digits", tmp_path / "m", **options)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[:-3] + b"abc")
    with pytest.raises(ValueError, match=f"{name} is damaged: its content does not have its digest"):
        train_to_file("digits", tmp_path / "m", resume=True, **options)
    assert (tmp_path / name).exists()
    (tmp_path / name).write_bytes(content)
    model, _ = train_to_file("digits", tmp_path / "m", resume=True, **options)
    assert np.isfinite(model.coefs_[0]).all()
