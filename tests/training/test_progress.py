"""What is told of a training while it goes on, and where."""

from __future__ import annotations

import contextlib
import io
import pickle
import re
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris

from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    DivergenceError,
    RatingPredictor,
    StackedDenoisingAutoencoder,
)
from truezero.core.text import duration
from truezero.training import ProgressBar
from truezero.training.progress import epoch_line
from truezero.training.standing import Standing

X, y = load_iris(return_X_y=True)
# "epoch 2/5  loss 0.9  validation error 6.67 % (best 6.67 %)  zeros 40 38 %  12,345 rows/s  0.1 s  …"
LINE = re.compile(
    r"(pre-training: )?epoch (\d+)/(\d+)  (layer (\d)  )?(loss|reconstruction error) [\d.e+-]+  "
    r"(validation error ([\d.]+) % \(best ([\d.]+) %\)  )?zeros [\d ]+ %  [\d,]+ rows/s  \d+\.\d s"
    r"(  (up to|about) .* left)?"
)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (0.6, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (7500, "2 h 5 min"),
        (7210, "2 h"),
        (100_000, "1 d 3 h"),
    ],
)
def test_durations(seconds: float, told: str) -> None:
    assert duration(seconds) == told


def test_verbose_prints_a_line_per_epoch_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    model = DeepRectifierClassifier((8, 6), max_iter=4, n_iter_no_change=None, random_state=0, verbose=True)
    model.fit(X, y)
    said = capsys.readouterr()
    assert not said.err
    found = [LINE.fullmatch(line) for line in said.out.splitlines()]
    assert [match and match[2] for match in found] == ["1", "2", "3", "4"]
    errors = [100 * (record["validation_error"] or 0) for record in model.history_]
    for number, (match, record) in enumerate(zip(found, model.history_, strict=True), start=1):
        assert match is not None
        assert float(match[8]) == pytest.approx(errors[number - 1], abs=0.006)
        assert float(match[9]) == pytest.approx(min(errors[:number]), abs=0.006)
        zeros = " ".join(f"{100 * of_layer:.0f}" for of_layer in record["sparsity"])
        assert f"zeros {zeros} %" in match[0]
        assert (match[11] or None) == (None if number == 4 else "about")  # nothing ends it early
    model.set_params(verbose=False).fit(X, y)
    assert capsys.readouterr() == ("", "")


def test_pre_training_has_lines_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    stack = StackedDenoisingAutoencoder(max_iter=(2, 1), random_state=0)
    DeepRectifierClassifier((8, 6), max_iter=1, pretraining=stack, random_state=0, verbose=True).fit(X, y)
    first, second, third, last = map(LINE.fullmatch, capsys.readouterr().out.splitlines())
    assert first is not None
    assert second is not None
    assert third is not None
    assert last is not None
    assert [(m[1], m[2], m[3], m[5]) for m in (first, second, third)] == [
        ("pre-training: ", "1", "3", "1"), ("pre-training: ", "2", "3", "1"), ("pre-training: ", "3", "3", "2"),
    ]  # fmt: skip
    assert first[6] == "reconstruction error"
    assert (last[1], last[6]) == (None, "loss")


def test_layers_that_were_finished_before_are_not_counted() -> None:
    def stack(n: int, *callbacks: Any) -> StackedDenoisingAutoencoder:
        return StackedDenoisingAutoencoder(
            (6, 5)[:n], max_iter=(4, 2)[:n], random_state=0, callbacks=callbacks or None
        )

    below, seen = stack(1).fit(X), list[Standing]()
    stack(2, lambda state: seen.append(state.progress)).fit(X, below=below)
    assert [(standing.done, standing.most) for standing in seen] == [(1, 2), (2, 2)]


def test_errors_that_are_no_shares_are_no_per_cents() -> None:
    seen: list[Standing] = []
    options: dict[str, Any] = {"max_iter": 2, "random_state": 0}
    options |= {"callbacks": [lambda state: seen.append(state.progress)]}
    models = (DeepRectifierRegressor((6,), **options), X[:, 0]), (RatingPredictor((6,), **options), y)
    for model, targets in models:
        seen.clear()
        model.fit(X, targets)
        error, best = (
            f"{model.history_[number - 1]['validation_error']:.4g}" for number in (2, model.epoch_selected_)
        )
        assert f"validation error {error} (best {best})" in seen[-1].figures
    seen.clear()
    DeepRectifierClassifier((), early_stopping=False, **options).fit(X, y)
    assert not any("error" in figure or "zeros" in figure for figure in seen[-1].figures)


def test_the_time_left_follows_from_the_last_epochs() -> None:
    standing = Standing("fine-tuning", 2, 10, ("loss 1",), 3.0, 24.0, True)
    assert epoch_line(standing) == "epoch 2/10  loss 1  3.0 s  up to 24 s left"
    assert epoch_line(replace(standing, may_end_early=False)).endswith("about 24 s left")
    assert epoch_line(replace(standing, done=10)).endswith("3.0 s")
    seen: list[Any] = []
    DeepRectifierClassifier((4,), max_iter=15, n_iter_no_change=15, callbacks=[lambda s: seen.append(
        (s.progress, [record["seconds"] for record in s.history]))]).fit(X, y)  # fmt: skip
    for standing, seconds in seen:
        assert standing.left == pytest.approx(np.mean(seconds[-10:]) * (15 - len(seconds)))
        assert standing.may_end_early


class Terminal(io.StringIO):
    """Standard error of somebody who watches."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    screen = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return screen


def is_shown() -> bool:
    """Whether a thread of the display's is at work."""
    return any("Refresh" in type(thread).__name__ for thread in threading.enumerate())


def is_taken_away() -> bool:
    """Whether it ends; it looks for the end four times a second."""
    until = time.monotonic() + 10
    while is_shown() and time.monotonic() < until:
        time.sleep(0.05)
    return not is_shown()


def test_a_live_line_on_a_terminal(terminal: Terminal) -> None:
    seen: list[bool] = []
    callbacks = [ProgressBar(), lambda state: seen.append(is_shown())]
    with contextlib.redirect_stderr(terminal):
        DeepRectifierClassifier((8, 6), max_iter=3, random_state=0, callbacks=callbacks).fit(X, y)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert re.search(r"fine-tuning .* 3/3 ", shown)
    figures = r"loss [\d.]+  validation error [\d.]+ % \(best [\d.]+ %\)  zeros \d+ \d+ %  [\d,]+ rows/s"
    assert re.search(figures, shown)
    assert all(seen)
    assert is_taken_away()
    assert "\x1b[?25h" in terminal.getvalue()  # the cursor is back


@pytest.mark.filterwarnings("ignore:training was interrupted")
@pytest.mark.parametrize("end", [DivergenceError("it"), KeyboardInterrupt(), RuntimeError("it")])
def test_it_is_taken_away_however_training_ends(end: BaseException, terminal: Terminal) -> None:
    def fail(state: Any) -> None:
        raise end

    stack = StackedDenoisingAutoencoder(max_iter=1, callbacks=[ProgressBar(), fail])
    for model in (
        DeepRectifierClassifier((8,), max_iter=2, callbacks=[ProgressBar(), fail]),
        DeepRectifierClassifier((8,), max_iter=2, pretraining=stack),
    ):
        with contextlib.suppress(type(end)), contextlib.redirect_stderr(terminal):
            model.fit(X, y)
        assert is_taken_away()
    assert terminal.getvalue().count("\x1b[?25l") == terminal.getvalue().count("\x1b[?25h") > 0


def test_lines_on_standard_error_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    bar = pickle.loads(pickle.dumps(ProgressBar()))
    DeepRectifierClassifier((8, 6), max_iter=2, random_state=0, callbacks=[bar]).fit(X, y)
    said = capsys.readouterr()
    assert not said.out
    assert all(map(LINE.fullmatch, said.err.splitlines()))
    assert said.err.count("\n") == 2


def test_a_regression_with_targets_of_several_columns_tells_one_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows, target = load_diabetes(return_X_y=True)
    DeepRectifierRegressor((4,), max_iter=1, verbose=True).fit(rows, np.column_stack([target, target]))
    assert capsys.readouterr().out.count("validation error") == 1
