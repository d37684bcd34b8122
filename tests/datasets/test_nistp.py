"""The generator of distorted characters: rows by their ids, whoever makes them."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from characters import characters

from truezero.core.initial import initialize
from truezero.core.rows import Examples
from truezero.datasets import rows_ahead
from truezero.datasets.distortions import SHAPE
from truezero.datasets.nistp import Layout, Nistp
from truezero.datasets.rows_ahead import Epochs
from truezero.engines import StepSettings, get_engine
from truezero.errors import DataError, OptionError
from truezero.training import Checkpoint, FineTuning, Stream, fine_tune

GLYPHS = characters()
NISTP = Nistp(GLYPHS, seed=7)


def same(first: Any, second: Any) -> bool:
    pairs = list(zip(first, second, strict=True))
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)


def together(pieces: Iterator[Examples]) -> tuple[Any, Any, Any]:
    made = list(pieces)
    return tuple(  # type: ignore[return-value]
        np.concatenate(parts)
        for parts in zip(*((piece.features.X, piece.target, piece.ids) for piece in made), strict=True)
    )


@pytest.fixture(scope="module", name="ahead")
def made_ahead() -> Iterator[Epochs]:
    with Epochs(NISTP, Layout(100, piece=30), n_processes=2) as epochs:
        yield epochs


def test_a_row_is_the_same_in_any_batch_and_order() -> None:
    ids = np.array([0, 1, 2, 255, 256, 2**32 - 1, 12_345_678, 77])
    X, y = NISTP.rows(ids)
    assert X.shape == (8, 1024)
    assert X.dtype == np.uint8
    assert y.dtype == np.int64
    for number, one in enumerate(ids):
        assert same(NISTP.rows([one]), (X[number : number + 1], y[number : number + 1]))
    whole = NISTP.rows(np.arange(600))
    assert same(NISTP.rows(np.arange(599, -1, -1)), (whole[0][::-1], whole[1][::-1]))
    assert same(NISTP.rows(np.arange(250, 270)), (whole[0][250:270], whole[1][250:270]))
    assert same(Nistp(characters(), seed=7).rows(ids), (X, y))


def test_rows_are_the_same_on_every_machine_and_for_ever() -> None:
    # Of another processor, too: nothing that its instructions round otherwise comes into a row.
    X, y = NISTP.rows(np.arange(1000))
    assert hashlib.sha256(X.tobytes()).hexdigest()[:16] == "2a911016af3d30ec"
    assert hashlib.sha256(y.astype("<i8").tobytes()).hexdigest()[:16] == "db9934f723ae1c08"


def test_rows_differ_with_seed_part_and_id() -> None:
    ids = np.arange(400)
    X, y = NISTP.rows(ids)
    assert len(np.unique(X, axis=0)) == len(X)
    assert len(np.unique(y)) == 10
    for other in (Nistp(GLYPHS, seed=8), Nistp(GLYPHS, seed=7, part=1)):
        assert not (other.rows(ids)[0] == X).all(axis=1).any()
        assert other.fingerprint != NISTP.fingerprint
    assert Nistp(characters(), seed=7).fingerprint == NISTP.fingerprint


def test_without_complexity_rows_are_the_characters() -> None:
    places = np.arange(len(GLYPHS))
    X, y = Nistp(GLYPHS, complexity=0.0).rows(places, places)
    assert (GLYPHS.rows == X).all()
    assert (y == GLYPHS.labels).all()
    mild = Nistp(GLYPHS, complexity=0.7, transformations=SHAPE).rows(places, places)
    assert (mild[0][:, 0] == 0).mean() > 0.9  # no background, nothing inverted
    assert (mild[1] == GLYPHS.labels).all()


def test_what_is_no_generator() -> None:
    for options in (
        {"complexity": 1.1},
        {"complexity": float("nan")},
        {"seed": -1},
        {"seed": 2**64},
        {"part": 0.5},
    ):
        with pytest.raises(OptionError, match=f"{next(iter(options))} must be"):
            Nistp(GLYPHS, **options)
    for ids in ([-1], [2**32], [0.5], [[1, 2]], 3):
        with pytest.raises(DataError, match="ids of rows must be whole numbers from 0 to 4294967295"):
            NISTP.rows(ids)
    with pytest.raises(DataError, match="positions of characters must be whole numbers from 0 to 119"):
        NISTP.rows([1, 2], [3, 120])
    with pytest.raises(DataError, match=r"one character per row \(2\), got 1"):
        NISTP.rows([1, 2], [3])
    assert NISTP.rows(np.zeros(0, int))[0].shape == (0, 1024)


def test_no_row_comes_twice() -> None:
    layout = Layout(100, piece=30, stop=250)
    seen = [id for epoch in (1, 2, 3) for piece in layout.pieces(epoch) for id in piece]
    assert seen == list(range(250))
    assert [list(map(len, layout.pieces(epoch))) for epoch in (1, 3)] == [[30, 30, 30, 10], [30, 20]]
    with pytest.raises(DataError, match="epoch 4 has no rows: 250 rows are enough for 3 epochs of 100"):
        layout.pieces(4)
    assert Layout(100).epoch(42_949_673) == range(4_294_967_200, 2**32)
    with pytest.raises(DataError, match="has no rows"):
        Layout(100).epoch(42_949_674)
    for wrong in (0, -1, 1.5, 2**32 + 1):
        with pytest.raises(OptionError, match="n_rows must be"):
            Layout(wrong)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="n_processes must be 0 or more"):
        Epochs(NISTP, layout, -1)


def test_processes_make_the_same_rows(ahead: Epochs) -> None:
    here = Epochs(NISTP, ahead.layout)
    for epoch in (1, 2, 1, 5):
        X, y, ids = together(ahead(epoch))
        assert (ids == np.arange((epoch - 1) * 100, epoch * 100)).all()
        assert same((X, y), NISTP.rows(ids))
        assert same((X, y), together(here(epoch))[:2])
    next(ahead(3))  # left in the middle, as Ctrl-C does
    assert same(together(ahead(4))[:2], NISTP.rows(np.arange(300, 400)))


def test_no_more_is_made_than_waits_for_its_turn(ahead: Epochs) -> None:
    for _ in ahead(1):
        assert len(ahead._made) <= 4


# A thread of loky's may find that work is gone which it was about to hand out; its pool is done with by then.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for processes there")
def test_a_process_that_is_killed_is_replaced_and_none_stays() -> None:
    with Epochs(NISTP, Layout(100, piece=25), n_processes=1) as epochs:
        pieces = epochs(1)
        first = next(pieces)
        killed = process_of(epochs)
        os.kill(killed, signal.SIGKILL)
        rest = together(pieces)
        assert process_of(epochs) != killed
        last = process_of(epochs)
    assert (first.ids == np.arange(25)).all()
    assert same(rest[:2], NISTP.rows(np.arange(25, 100)))
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{last}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{last}")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for processes there")
def test_nothing_stays_of_a_training_that_is_killed(tmp_path: Path) -> None:
    code = (
        "from characters import characters; from truezero.datasets.nistp import Layout, Nistp; "
        "from truezero.datasets.rows_ahead import Epochs; "
        "epochs = Epochs(Nistp(characters()), Layout(10**6), 1); pieces = epochs(1); next(pieces); "
        "print(*epochs._pool._executor._processes, flush=True); list(pieces)"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "TMPDIR": str(tmp_path),
    }
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert list(tmp_path.glob("truezero-*/images.npy"))
        process.kill()
    deadline = time.monotonic() + 10
    while os.path.exists(f"/proc/{worker}") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{worker}")
    assert not list(tmp_path.glob("truezero-*"))


def process_of(epochs: Epochs) -> int:
    assert epochs._pool is not None
    (pid,) = epochs._pool._executor._processes
    return int(pid)


def test_a_resumed_training_sees_the_same_rows(tmp_path: Path) -> None:
    epochs = Epochs(NISTP, Layout(120, piece=50))
    network = initialize((1024, 12, 62), seed=1)
    settings = FineTuning(
        StepSettings(learning_rate=0.1, batch_size=10, l1=(0.0,)), max_epochs=3, n_iter_no_change=None
    )

    def trained(max_epochs: int, callbacks: Any = ()) -> Any:
        shorter = FineTuning(settings.step, max_epochs=max_epochs, n_iter_no_change=None)
        return fine_tune(
            network, Stream(epochs), None, shorter, engine=get_engine("auto"), callbacks=callbacks
        ).network.weights

    undisturbed = trained(3)
    checkpoint = Checkpoint(tmp_path / "checkpoint", NISTP.fingerprint)
    trained(2, [checkpoint])
    resumed = trained(3, [checkpoint])
    assert all(a.tobytes() == b.tobytes() for a, b in zip(undisturbed, resumed, strict=True))


def test_epochs_are_known_by_what_they_give() -> None:
    epochs = Epochs(NISTP, Layout(100, piece=30))
    ahead = epochs.ahead(3)
    assert (ahead.nistp, ahead.layout, ahead.n_processes) == (NISTP, epochs.layout, 3)
    assert ahead.fingerprint == epochs.fingerprint
    others = [
        Epochs(Nistp(GLYPHS, seed=8), epochs.layout),
        Epochs(Nistp(GLYPHS, 7, transformations=SHAPE), epochs.layout),
        Epochs(NISTP, Layout(101, piece=30)),
        Epochs(NISTP, Layout(100, piece=31)),
    ]
    assert len({epochs.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert pickle.loads(pickle.dumps(epochs)).fingerprint == epochs.fingerprint


def test_processes_are_not_killed_while_pieces_are_handed_to_them(tmp_path: Path) -> None:
    made, waits = Future[Any](), Future[Any]()
    made.set_result(None)
    ended: list[bool] = []

    class Executor:
        def shutdown(self, **how: bool) -> None:
            ended.append(waits.running() and how["kill_workers"])

    handed = threading.Timer(0.1, waits.set_running_or_notify_cancel)
    handed.start()
    rows_ahead._end(Executor(), tmp_path / "none", [made, waits])
    handed.join()
    assert ended == [True]
