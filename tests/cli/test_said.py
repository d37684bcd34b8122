"""What files, names and labels say is shown, and does nothing else."""

from __future__ import annotations

import contextlib
import io
import json
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from commandline import succeeded, truezero
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from truezero import DeepRectifierClassifier, OptionError, save
from truezero.bench import Table
from truezero.cli import app, bench, terminal
from truezero.cli.interrupts import Interrupts
from truezero.core.text import printable
from truezero.runs import Progress
from truezero.training.standing import Standing

ESCAPE = "\x1b]0;title\x07\x1b[31m"
LABELS = (f"a\nb{ESCAPE}", "c\rd")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shown")
    X = np.random.default_rng(0).random((40, 3), dtype=np.float32)
    y = np.array(LABELS)[(X[:, 0] > 0.5).astype(int)]
    save(DeepRectifierClassifier((2,), max_iter=1, random_state=0).fit(X, y), made / "m")
    np.savez(made / "rows.npz", X=X)
    return made


def test_a_row_is_a_line_whatever_its_label_is(folder: Path) -> None:
    shown = truezero("predict", "m", "rows.npz", folder=folder).stdout
    lines = shown.splitlines()
    assert len(lines) == 40
    assert set(lines) <= {r"a\x0ab\x1b]0;title\x07\x1b[31m".replace(r"\x0a", r"\n"), r"c\rd"}
    truezero("predict", "m", "rows.npz", "--out", "p", folder=folder)
    assert (folder / "p").read_text() == shown
    assert set(succeeded("predict", "m", "rows.npz", folder=folder)["predictions"]) <= set(LABELS)


@pytest.mark.parametrize(
    "name", ["o[/x]", "{0}.npz", f"a{ESCAPE}.npz", "a\nb.npz", "a b/ü", "x" * 5000, "\udcff"]
)
@pytest.mark.parametrize(
    "verb",
    [
        ("predict", "m", "NAME"),
        ("inspect", "NAME"),
        ("inspect", "m", "NAME"),
        ("train", "NAME", "--out", "n"),
        ("train", "digits", "--out", "nowhere/NAME"),
        ("reproduce", "table1", "--data", "NAME"),
        ("reproduce", "NAME"),
        ("runs", "list", "NAME"),
        ("NAME",),
    ],
)
def test_names_in_mistakes(verb: tuple[str, ...], name: str, folder: Path) -> None:
    ended = truezero(*(part.replace("NAME", name) for part in verb), folder=folder)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("truezero: ")
    assert ended.stderr.count("\n") == 1
    assert ended.stderr[:-1].isprintable()
    assert len(ended.stderr) < 2100


@pytest.mark.parametrize("name", ["o[x]", "{0}", "[bold]b", f"a{ESCAPE}"])
def test_names_of_what_is_written(name: str, folder: Path) -> None:
    with np.load(folder / "rows.npz") as arrays:
        X = arrays["X"]
    np.savez(folder / f"{name}.npz", X=X, y=np.arange(len(X)) % 2)
    ended = truezero(
        "train", f"{name}.npz", "--out", name, "--max-iter", "2", "--hidden-layer-sizes", "2", folder=folder
    )
    assert ended.returncode == 0, ended.stderr
    assert f"model:             {printable(name)}\n" in ended.stdout
    assert all(line.isprintable() for line in (ended.stdout + ended.stderr).splitlines())


@given(st.text(), st.integers(0, 200))
def test_printable(text: str, most: int) -> None:
    shown = printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most + 1
    if text.isprintable() and len(text) <= most:
        assert shown == text
    elif len(text) > most:
        assert shown.endswith("…")


def test_errors_and_warnings_have_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert app._told(OptionError("kind " + "x" * 1_000_000), {}, Interrupts()) == 2
    app._show_warning("y" * 1_000_000)
    assert len(capsys.readouterr().err) < 5000


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal is sent."""
    file = io.StringIO()
    shows = Console(file=file, force_terminal=True, width=200)
    monkeypatch.setattr(terminal, "err_console", shows)
    monkeypatch.setattr(bench, "out_console", shows)
    return file


@pytest.mark.parametrize("name", ["o[/x]", "{0}", f"a{ESCAPE}"])
def test_bars_and_tables(name: str, screen: io.StringIO) -> None:
    with terminal.progress(name) as note:
        note(name)
    with terminal.progress_of_runs(name, lines=True) as show:
        show(Progress(done=1, left=2, running=1, failed=1, failure=name))
    bench._print(Table(name, ("", name), [(name, name)]))
    shown = screen.getvalue()
    assert printable(name) in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert ESCAPE not in shown


AT_WORK = Standing("fine-tuning", 12, 200, ("loss 1", "zeros 70 %"), 1.0, 188.0, False)


def test_a_line_for_every_run_where_there_is_no_terminal() -> None:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), terminal.progress_of_runs("t", lines=True) as show:
        for done in range(3):
            show(Progress(found=2, done=done, left=36 - done, finished=f"fine-tune {done}"))
            show(Progress(found=2, done=done, left=36 - done, current=AT_WORK))
    lines = said.getvalue().splitlines()
    assert [line.split("  ")[:2] for line in lines] == [
        ["run 1 of 36", "fine-tune 1"], ["run 2 of 36", "fine-tune 2"]
    ]  # fmt: skip
    assert all(line.endswith("  2 found") for line in lines)


def test_a_log_hears_of_runs_that_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "REMINDED_AFTER", 0.15)
    n_threads, said = threading.active_count(), io.StringIO()
    with contextlib.redirect_stderr(said), terminal.progress_of_runs("t", lines=True) as show:
        time.sleep(0.3)  # nothing is known yet
        show(Progress(done=3, left=1, running=1, failed=1, failure="it", current=AT_WORK))
        time.sleep(0.5)
    assert threading.active_count() == n_threads
    first, *lines = said.getvalue().splitlines()
    assert first.startswith("run 3 of 4  ")
    assert 2 <= len(lines) <= 4
    for line in lines:
        assert line.startswith("3 of 4 runs done, 1 running  fine-tuning, epoch 12/200  loss 1  zeros 70 %  ")
        assert "about 3 min 8 s left of this run" in line
        assert line.endswith("1 failed, the last: it")


def test_no_line_is_printed_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "REMINDED_AFTER", 0.05)
    said = io.StringIO()
    with contextlib.redirect_stderr(said), terminal.progress_of_runs("t", lines=False) as show:
        show(Progress(done=3, left=1, current=AT_WORK))
        time.sleep(0.2)
    assert not said.getvalue()


def test_a_terminal_shows_the_epochs_of_the_run_at_work(screen: io.StringIO) -> None:
    with terminal.progress_of_runs("t", lines=True) as show:
        show(Progress(found=1, done=1, left=2, running=1, current=AT_WORK))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue())
    assert re.search(r"t .* 1/3 .* left", shown)
    assert "1 running, 1 found" in shown
    assert "fine-tuning, epoch 12/200  loss 1  zeros 70 %" in shown


def test_json_says_nothing_else(folder: Path) -> None:
    ended = truezero("train", "digits", "--out", "q", "--max-iter", "2", "--json", folder=folder)
    assert not [line for line in ended.stderr.splitlines() if not line.startswith("truezero: warning: ")]
    assert json.loads(ended.stdout)["n_epochs"] == 2


def test_an_epoch_is_a_line(folder: Path) -> None:
    ended = truezero(
        "train", "digits", "--out", "r", "--max-iter", "2", "--hidden-layer-sizes", "9", "--pretrain",
        "--pretrain-max-iter", "1", folder=folder,
    )  # fmt: skip
    first, *lines = [line for line in ended.stderr.splitlines() if not line.startswith("truezero: ")]
    about = r"zeros [\d ]+ %  [\d,]+ rows/s  \d+\.\d s"
    assert re.fullmatch(rf"pre-training: epoch 1/1  layer 1  reconstruction error [\d.]+  {about}", first)
    assert len(lines) == 2
    for number, line in enumerate(lines):
        pattern = rf"epoch {number + 1}/2  loss [\d.]+  validation error [\d.]+ % \(best [\d.]+ %\)  {about}"
        assert re.fullmatch(pattern + ("" if number else r"  up to \d+ s left"), line)
