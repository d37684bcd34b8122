"""Training on rows that come piece by piece."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparing import same_bits
from small_pretraining import plan, records, same_stacks, settings, train, unlabeled

from truezero import Checkpoint
from truezero.core.initial import initialize
from truezero.engines import (
    Examples,
    Features,
    StepSettings,
    Unlabeled,
    get_engine,
)
from truezero.errors import DataError, DivergenceError
from truezero.training import (
    FineTuning,
    PretrainingState,
    Stream,
    codes,
    fine_tune,
)
from truezero.training.sources import Ordering

CROSS_ENTROPY = "sigmoid-cross-entropy"


def examples(n: int, first_id: int, seed: int) -> Examples:
    X = np.random.default_rng(seed).random((n, 12)).astype("f4")
    ids = np.arange(first_id, first_id + n, dtype=np.int64)
    return Examples(Features(X), (X[:, 0] + X[:, 1] > 1).astype(np.int64), None, ids)


def fine_tuning(**changes: Any) -> FineTuning:
    step = StepSettings(0.1, 10, (1e-3,), dropout=0.2)
    return FineTuning(**{"step": step, "max_epochs": 3, "n_iter_no_change": None, "seed": 9, **changes})


def new_rows(epoch: int) -> Iterator[Examples]:
    """Pieces of 37, 60 and 23 rows that no other epoch has."""
    for number, n in enumerate((37, 60, 23)):
        yield examples(n, 1000 * epoch + 100 * number, 10 * epoch + number)


NETWORK = initialize((12, 20, 2), seed=1)


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_stream_of_one_piece_is_that_piece(engine: str) -> None:
    rows = examples(120, 0, 0)
    for validation in (None, examples(50, 500, 1)):
        a, b = (
            fine_tune(NETWORK, train, validation, fine_tuning(), engine=get_engine(engine))
            for train in (rows, Stream(lambda epoch: [rows]))
        )
        assert same_bits(a.network, b.network)
        assert records(a) == records(b)


def test_pieces_of_a_stream_are_trained_one_after_the_other() -> None:
    engine, settings, expected = get_engine("native"), fine_tuning(max_epochs=2), NETWORK.copy()
    state = fine_tune(NETWORK, Stream(new_rows), None, settings, engine=engine)
    zeros: tuple[float, ...] = ()
    for epoch, record in enumerate(state.history, start=1):
        loss = 0.0
        for rows in new_rows(epoch):
            order = Ordering(9).of(rows.ids, epoch)
            tally = engine.train(
                expected, rows, order, settings.step, epoch=epoch, seed=9, n_threads=1,
                density=(rows.features.density(), *(1 - share for share in zeros)),
            )  # fmt: skip
            loss += tally.loss * len(order)
        assert record["loss"] == pytest.approx(loss / 120, rel=1e-12)
        evaluation = engine.evaluate(expected, next(new_rows(1)).features, n_threads=1)
        zeros = evaluation.sparsity
        assert record["sparsity"] == list(zeros)
    assert same_bits(state.network, expected)
    assert state.data_shape == (0, 12)


def test_a_stream_is_resumed(tmp_path: Path) -> None:
    engine, validation = get_engine("native"), examples(50, 500, 1)
    whole = fine_tune(NETWORK, Stream(new_rows), validation, fine_tuning(), engine=engine)

    def dies(epoch: int) -> Iterator[Examples]:
        for number, rows in enumerate(new_rows(epoch)):
            if (epoch, number) == (3, 1):
                raise OSError("the tape is torn")
            yield rows

    with pytest.raises(OSError, match="torn"):
        fine_tune(
            NETWORK,
            Stream(dies),
            validation,
            fine_tuning(),
            engine=engine,
            callbacks=[Checkpoint(tmp_path / "c")],
        )
    asked: list[int] = []

    def noted(epoch: int) -> Iterator[Examples]:
        asked.append(epoch)
        return new_rows(epoch)

    resumed = fine_tune(
        NETWORK,
        Stream(noted),
        validation,
        fine_tuning(),
        engine=engine,
        callbacks=[Checkpoint(tmp_path / "c")],
    )
    assert same_bits(whole.best_network, resumed.best_network)
    assert [r["loss"] for r in whole.history] == [r["loss"] for r in resumed.history]
    assert set(asked) == {1, 3}


def test_streams_that_cannot_be() -> None:
    engine = get_engine("native")
    with pytest.raises(DataError, match="the stream has no rows in epoch 1"):
        fine_tune(NETWORK, Stream(lambda epoch: []), None, fine_tuning(), engine=engine)
    with pytest.raises(DataError, match="the stream has no rows in epoch 2"):
        fine_tune(
            NETWORK,
            Stream(lambda epoch: new_rows(epoch) if epoch < 2 else []),
            None,
            fine_tuning(),
            engine=engine,
        )
    empty = examples(0, 0, 0)
    with_empty = Stream(lambda epoch: [empty, *new_rows(epoch), empty])
    a, b = (
        fine_tune(NETWORK, rows, None, fine_tuning(), engine=engine)
        for rows in (with_empty, Stream(new_rows))
    )
    assert records(a) == records(b)
    narrow = Examples(Features(np.zeros((3, 5), "f4")), np.zeros(3, np.int64), None, np.arange(3))
    with pytest.raises(DataError, match="a piece of the stream in epoch 1 has 5 features, the first 12"):
        fine_tune(
            NETWORK, Stream(lambda epoch: [*new_rows(epoch), narrow]), None, fine_tuning(), engine=engine
        )


def test_a_diverging_stream_is_left_early() -> None:
    seen: list[int] = []

    def endless(epoch: int) -> Iterator[Examples]:
        while True:
            seen.append(epoch)
            yield examples(100, 0, 0)

    wild = fine_tuning(step=StepSettings(1e30, 10, (0.0,)))
    with pytest.raises(DivergenceError, match="diverged in epoch 1"):
        fine_tune(NETWORK, Stream(endless), None, wild, engine=get_engine("native"))
    assert len(seen) < 10


@pytest.mark.parametrize("kept", [True, False])
def test_layers_learn_from_a_stream(X: Any, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one piece it is what arrays are; what cross-entropy divides by is found in the first epoch."""
    if not kept:
        monkeypatch.setattr(codes, "MAX_KEPT", 0)
    for what in (
        settings(plan(30), plan(20, reconstruction=CROSS_ENTROPY), plan(10), sign_mask="half"),
        settings(
            plan(30, activation="tanh"), plan(20, reconstruction="linear-quadratic", target="before"), plan(9)
        ),
    ):
        for held_out in (None, X[333:]):
            plain = train(X[:333], what, held_out)
            stream = train(Stream(lambda epoch: [unlabeled(X[:333])]), what, held_out)
            assert same_stacks(plain, stream)
            assert records(plain) == records(stream)


def test_a_stack_on_a_stream_is_resumed(X: Any, tmp_path: Path) -> None:
    def rows(epoch: int) -> Iterator[Unlabeled]:
        for start in range(0, 300, 100):
            yield unlabeled(X[start : start + 100] * (1 + 0.1 * (epoch % 2)), 1000 * epoch + start)

    what = settings(plan(30), plan(20, reconstruction=CROSS_ENTROPY))
    whole = train(Stream(rows), what, X[300:])
    for epoch in (1, 2, 3, 4):

        def stop(state: PretrainingState, at: int = epoch) -> None:
            if len(state.history) == at:
                raise OSError

        path = tmp_path / f"{epoch}"
        with pytest.raises(OSError):  # noqa: PT011 - ours
            train(Stream(rows), what, X[300:], callbacks=[Checkpoint(path), stop])
        resumed = train(Stream(rows), what, X[300:], callbacks=[Checkpoint(path)])
        assert same_stacks(whole, resumed)
        assert records(whole) == records(resumed)
