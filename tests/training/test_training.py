"""Fine-tuning: best epoch, early stop, divergence, checkpoints."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from comparing import same_bits
from small_training import problem, settings

from truezero.core.network import Network
from truezero.engines import StepSettings, get_engine
from truezero.errors import DivergenceError, ModelFileError, OptionError
from truezero.training import Checkpoint, TrainingState, checkpoints, fine_tune


@pytest.fixture(params=["reference", "native"])
def engine(request: pytest.FixtureRequest) -> Any:
    return get_engine(request.param)


def test_history_and_best_epoch(engine: Any) -> None:
    network, train, held_out = problem()
    seen: list[Network] = []
    before = network.copy()
    state = fine_tune(
        network,
        train,
        held_out,
        settings(),
        engine=engine,
        callbacks=[lambda s: seen.append(s.network.copy())],
    )
    assert same_bits(network, before)
    assert [record["epoch"] for record in state.history] == [1, 2, 3, 4, 5, 6]
    errors = [(r["validation_error"], r["validation_loss"]) for r in state.history]
    assert state.epoch_selected == 1 + errors.index(min(errors))
    assert same_bits(state.best_network, seen[state.epoch_selected - 1])
    for record in state.history:
        assert len(record["sparsity"]) == len(record["dead_units"]) == 2
        assert record["penalty"] > 0
        assert record["seconds"] > 0


def test_early_stop_and_callbacks_that_stop(engine: Any) -> None:
    network, train, held_out = problem()
    patient = settings(max_epochs=200, n_iter_no_change=3)
    state = fine_tune(network, train, held_out, patient, engine=engine)
    assert len(state.history) < 200
    assert len(state.history) - state.epoch_selected == 3
    state = fine_tune(
        network, train, held_out, settings(), engine=engine, callbacks=[lambda s: len(s.history) == 2]
    )
    assert len(state.history) == 2
    assert fine_tune(network, train, None, settings(), engine=engine).epoch_selected == 6


def test_order_is_reshuffled_every_epoch(engine: Any) -> None:
    network, train, _ = problem()
    with_, without = (
        fine_tune(network, train, None, settings(shuffle=shuffle), engine=engine).network
        for shuffle in (True, False)
    )
    assert not same_bits(with_, without)


@pytest.mark.parametrize("rate", [1e4, 1e30])
def test_divergence_names_epoch_and_remedy(engine: Any, rate: float) -> None:
    network, train, held_out = problem()
    wild = settings(step=StepSettings(rate, 10, (0.0, 0.0)))
    with pytest.raises(DivergenceError, match=r"diverged in epoch \d+: .*try a learning_rate_init below"):
        fine_tune(network, train, held_out, wild, engine=engine)


def test_ctrl_c_keeps_the_best_epoch(engine: Any, tmp_path: Path) -> None:
    network, train, held_out = problem()

    def interrupt(state: TrainingState) -> None:
        if len(state.history) == 3:
            raise KeyboardInterrupt

    state = fine_tune(network, train, held_out, settings(), engine=engine, callbacks=[interrupt])
    assert state.interrupted
    assert len(state.history) == 3
    assert same_bits(state.network, state.best_network)
    for number, order in enumerate((1, -1)):  # nothing finished is lost
        checkpoint, epochs = Checkpoint(tmp_path / f"{number}"), list[int]()
        first: list[Any] = [interrupt, checkpoint][::order]
        fine_tune(network, train, held_out, settings(), engine=engine, callbacks=first)

        def noted(state: TrainingState, epochs: list[int] = epochs) -> None:
            epochs.append(len(state.history))

        fine_tune(network, train, held_out, settings(), engine=engine, callbacks=[checkpoint, noted])
        assert epochs == [4, 5, 6]


def test_a_checkpoint_takes_its_share_of_the_time(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, train, held_out = problem()
    now, written = [0.0], list[float]()

    def write(*given: Any, **options: Any) -> None:
        written.append(now[0])
        now[0] += 1

    monkeypatch.setattr(checkpoints, "write_tensors", write)
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def tick(state: TrainingState) -> bool:
        now[0] += 1
        return len(state.history) == 6

    kept = Checkpoint(tmp_path / "c", share=0.25)
    for _ in range(2):  # the second time it begins anew
        fine_tune(network, train, held_out, settings(), engine=engine, callbacks=[tick, kept])
    # 3 seconds after the end of the last writing, and whatever ends the training.
    assert written == [1, 5, 8, 10, 14, 17]
    for share in (0, 1.5):
        with pytest.raises(OptionError, match="share must be a number above 0 and at most 1"):
            Checkpoint(tmp_path / "c", share=share)


class StopError(Exception):
    """As if the process had been killed."""


def killed_after(epoch: int) -> Any:
    def stop(state: TrainingState) -> None:
        if len(state.history) == epoch:
            raise StopError

    return stop


@pytest.mark.parametrize(
    "schedule",
    [{}, {"schedule": "linear"}, {"schedule": "adaptive", "n_iter_no_change": 2, "tol": 0.1}],
    ids=["constant", "linear", "adaptive"],
)
def test_resumed_training_is_bit_identical(engine: Any, tmp_path: Path, schedule: dict[str, Any]) -> None:
    """With "adaptive" killed while it waits: the epochs waited for are not lost, and the rate falls in both."""
    network, train, held_out = problem()
    asked = settings(**schedule)
    whole = fine_tune(network, train, held_out, asked, engine=engine)
    path = tmp_path / "checkpoint"
    with pytest.raises(StopError):
        fine_tune(
            network,
            train,
            held_out,
            asked,
            engine=engine,
            callbacks=[Checkpoint(path), killed_after(2)],
        )
    resumed = fine_tune(network, train, held_out, asked, engine=engine, callbacks=[Checkpoint(path)])
    assert same_bits(whole.network, resumed.network)
    assert same_bits(whole.best_network, resumed.best_network)
    assert [r["loss"] for r in whole.history] == [r["loss"] for r in resumed.history]
    rates = [r["learning_rate"] for r in whole.history]
    assert rates == [r["learning_rate"] for r in resumed.history]
    assert (rates[-1] < rates[0]) == bool(schedule)


def test_what_a_callback_ended_stays_ended(engine: Any, tmp_path: Path) -> None:
    """Killed after the checkpoint of the epoch that a callback said was the last one, whatever their order."""
    network, train, held_out = problem()
    for order in (1, -1):
        path = tmp_path / f"checkpoint{order}"

        def early(state: TrainingState) -> bool:
            return len(state.history) == 2

        callbacks: list[Any] = [early, Checkpoint(path)][::order]
        ended = fine_tune(network, train, held_out, settings(), engine=engine, callbacks=callbacks)
        assert ended.ended
        resumed = fine_tune(network, train, held_out, settings(), engine=engine, callbacks=[Checkpoint(path)])
        assert resumed.ended
        assert len(resumed.history) == 2
        assert same_bits(ended.network, resumed.network)


def test_callbacks_are_all_called_and_checkpoints_last(tmp_path: Path) -> None:
    network, train, held_out = problem()
    calls: list[str] = []

    class Noted(Checkpoint):
        def __call__(self, state: Any) -> None:
            calls.append(f"checkpoint, ended: {state.ended}")
            super().__call__(state)

    def first(state: TrainingState) -> bool:
        calls.append("first")
        return True

    fine_tune(
        network,
        train,
        held_out,
        settings(),
        engine=get_engine("native"),
        callbacks=[Noted(tmp_path / "c"), first, lambda state: calls.append("second")],
    )
    assert calls == ["first", "second", "checkpoint, ended: True"]


def test_ctrl_c_before_the_first_epoch_is_raised(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network, train, held_out = problem()

    def interrupt(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(engine), "evaluate", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(network, train, held_out, settings(), engine=engine)


def test_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    network, train, held_out = problem()
    path = tmp_path / "checkpoint"
    native = get_engine("native")
    fine_tune(network, train, held_out, settings(), engine=native, callbacks=[Checkpoint(path)])
    for other, fingerprint in ((settings(seed=10), ""), (settings(), "other data")):
        with pytest.raises(ModelFileError, match="another training"):
            fine_tune(
                network, train, held_out, other, engine=native, callbacks=[Checkpoint(path, fingerprint)]
            )
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelFileError):
        fine_tune(network, train, held_out, settings(), engine=native, callbacks=[Checkpoint(path)])


def test_kill_and_resume_through_the_command_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "truezero",
        "train",
        "digits",
        "--hidden-layer-sizes",
        "300,300",
        "--max-iter",
    ]
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    common = ["60", "--n-iter-no-change", "none", "--learning-rate", "linear", "--out"]
    subprocess.run([*command, *common, str(whole)], check=True, capture_output=True, timeout=300)
    checkpoint = Path(f"{killed}.checkpoint")
    for _ in range(2):
        resume = ["--resume"] if checkpoint.exists() else []
        process = subprocess.Popen([*command, *common, str(killed), *resume], stdout=subprocess.DEVNULL)
        stamp = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None and (not checkpoint.exists() or checkpoint.stat().st_mtime_ns == stamp):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert checkpoint.exists()
    assert not killed.exists()
    refused = subprocess.run([*command, *common, str(killed)], capture_output=True, text=True, timeout=300)
    assert refused.returncode == 2
    assert "--resume" in refused.stderr
    subprocess.run([*command, *common, str(killed), "--resume"], check=True, capture_output=True, timeout=300)
    from truezero import load

    assert same_bits(load(whole).network_, load(killed).network_)
    assert not checkpoint.exists()
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".checkpoint")]


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({}, {"learning_rate": 0.0}), ({}, {"batch_size": 0}), ({}, {"l1": (-1.0, 0.0)}), ({}, {"dropout": 1.0}),
        ({}, {"input_dropout": -0.1}), ({}, {"max_norm": 0.0}), ({}, {"weight_decay": -1.0}),
        ({"max_epochs": 0}, {}), ({"n_iter_no_change": 0}, {}), ({"schedule": "falling"}, {}), ({"tol": -1.0}, {}),
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(changes: dict[str, Any], step: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="must be"):
        settings(step=replace(settings().step, **step), **changes)


class Ends:
    """Notes when training begins and ends for it."""

    def __init__(self, noted: list[str], name: str, fails: str = "") -> None:
        self.noted, self.name, self.fails = noted, name, fails

    def note(self, what: str) -> None:
        self.noted.append(f"{self.name} {what}")
        if what == self.fails:
            raise RuntimeError(what)

    def on_train_begin(self, state: TrainingState) -> None:
        self.note("begins")

    def __call__(self, state: TrainingState) -> None:
        self.note("epoch")

    def on_train_end(self, state: TrainingState) -> None:
        self.note("ends")


@pytest.mark.parametrize(
    ("fails", "noted"),
    [
        ("", ["a begins", "b begins", "a epoch", "b epoch", "b ends", "a ends"]),
        ("epoch", ["a begins", "b begins", "a epoch", "b epoch", "b ends", "a ends"]),
        ("begins", ["a begins", "b begins", "a ends"]),
    ],
)
def test_callbacks_hear_of_the_end_however_it_comes(engine: Any, fails: str, noted: list[str]) -> None:
    network, train, held_out = problem()
    found: list[str] = []
    callbacks = [Ends(found, "a"), Ends(found, "b", fails)]
    with pytest.raises(RuntimeError) if fails else contextlib.nullcontext():
        fine_tune(
            network, train, held_out, replace(settings(), max_epochs=1), engine=engine, callbacks=callbacks
        )
    assert found == noted
