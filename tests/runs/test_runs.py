"""Runs: what identifies them, where they are kept, and who carries them out."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import dataset as golden_dataset

from truezero.datasets import Dataset
from truezero.errors import DataError, DivergenceError, OptionError
from truezero.runs import (
    NUMERICS,
    Data,
    IncompleteError,
    Processes,
    Progress,
    Requests,
    Run,
    RunStore,
    Serial,
    Shard,
    carry_out,
    run,
    store,
    together,
)
from truezero.runs.execute import perform
from truezero.runs.run import RECIPES, Result, Work

DATASET = golden_dataset()
DATA = Data(DATASET.name, DATASET.fingerprint)


class Counted:
    """A recipe that notes what it was asked to do: `n` is its number, `fail` how it ends."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def settings(self, parameters: Any) -> tuple[dict[str, Any], str]:
        return dict(parameters), "none"

    def perform(self, work: Work) -> Result:
        self.done.append(work.run.parameters["n"])
        match work.run.parameters.get("fail"):
            case "diverges":
                raise DivergenceError("it diverged")
            case "breaks":
                raise OSError("no such luck")
        return {"n": work.run.parameters["n"], "needs": [path.name for path in work.needs]}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    recipe = Counted()
    monkeypatch.setitem(RECIPES, "counted", recipe)
    return recipe


def number(n: int, *needs: Run, **parameters: Any) -> Run:
    return Run("counted", {"n": n, **parameters}, DATA, needs)


def baseline(n: int) -> Run:
    """A run that other processes know too."""
    return Run(
        "baseline", {"estimator": "LogisticRegression", "parameters": {"C": n, "random_state": 0}}, DATA
    )


def study(*batches: list[Run]) -> Requests[list[Any]]:
    """Ask for one batch after the other; return all results."""
    found: list[Any] = []
    for batch in batches:
        found.append((yield batch))
    return found


# ---- identity -----------------------------------------------------------------------------------------


def fine_tuning(**parameters: Any) -> Run:
    return Run("fine-tune", {"hidden_layer_sizes": [10], "random_state": 0, **parameters}, DATA)


@pytest.mark.parametrize(
    "same",
    [
        {"dropout": 0.0},
        {"hidden_layer_sizes": (10,)},
        {"hidden_layer_sizes": np.array([10])},
        {"random_state": np.int64(0)},
        {"learning_rate_init": np.float64(0.05)},
        {"batch_size": 10.0},
        {"engine": "native"},
        {"verbose": True},
        {"activation": "relu"},
        {"activation": "rectifier"},
    ],
)
def test_what_means_the_same_has_the_same_key(same: dict[str, Any]) -> None:
    assert fine_tuning().key == fine_tuning(**same).key


@pytest.mark.parametrize(
    "other",
    [{"dropout": 0.1}, {"random_state": 1}, {"hidden_layer_sizes": [10, 10]}, {"engine": "reference"}],
)
def test_what_means_something_else_has_another_key(other: dict[str, Any]) -> None:
    assert fine_tuning().key != fine_tuning(**other).key


def test_data_needs_and_numerics_are_part_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = fine_tuning()
    layer = Run("pretrain-layer", {"hidden_layer_sizes": 10, "random_state": 0}, DATA)
    keys = {
        plain.key,
        replace(plain, data=replace(DATA, fingerprint="other rows")).key,
        replace(plain, data=replace(DATA, labels=0.5)).key,
        replace(plain, data=replace(DATA, fold=(0, 3))).key,
        replace(plain, data=replace(DATA, fold=(1, 3))).key,
        replace(plain, data=replace(DATA, fold=(1, 3), seed=1)).key,
        replace(plain, data=replace(DATA, test=(1, 3))).key,
        replace(plain, needs=(layer,)).key,
    }
    assert len(keys) == 8
    assert replace(plain, data=replace(DATA, name="another name", seed=4)).key == plain.key
    monkeypatch.setattr(run, "NUMERICS", NUMERICS + 1)
    assert fine_tuning().key not in keys


def test_a_key_does_not_depend_on_code() -> None:
    """It is on record: whatever is changed that changes no result, finished runs stay."""
    assert Run("fine-tune", {"random_state": 7}, Data("d", "0" * 64)).identity == {
        "recipe": "fine-tune",
        "parameters": {"random_state": 7},
        "data": {"fingerprint": "0" * 64},
        "needs": [],
        "engine": "native",
        "numerics": NUMERICS,
    }


@pytest.mark.parametrize(
    ("recipe", "parameters", "message"),
    [
        (
            "fine-tune",
            {"hidden_layer_sizess": 3},
            "DeepRectifierClassifier has no parameter 'hidden_layer_sizess'",
        ),
        ("fine-tune", {"class_weight": object()}, "must be numbers, names"),
        ("fine-tune", {"random_state": None}, "needs a whole number as random_state, got None"),
        ("fine-tune", {"n_threads": 2}, "n_threads is no parameter of a run"),
        ("fine-tune", {"pretraining": 3}, "pretraining is no parameter of a run"),
        ("baseline", {"estimator": "Oracle"}, "unknown baseline 'Oracle'"),
        ("baseline", {"estimator": "SGDClassifier"}, "SGDClassifier needs a whole number as random_state"),
        ("baseline", {"estimator": "Ridge", "parameters": {"alpha": float("nan")}}, "must be numbers"),
    ],
)
def test_parameters_that_identify_nothing_are_refused(recipe: str, parameters: Any, message: str) -> None:
    seed = {} if recipe == "baseline" else {"random_state": 0}
    with pytest.raises(OptionError, match=message):
        _ = Run(recipe, {**seed, **parameters}, DATA).key


# ---- rows ---------------------------------------------------------------------------------------------


def test_a_share_of_the_labels_is_drawn_class_by_class() -> None:
    some = replace(DATA, labels=0.2, seed=3).of(DATASET)
    assert DATASET.y_train is not None
    assert some.y_train is not None
    for label in range(3):
        n = int((DATASET.y_train == label).sum())
        assert (some.y_train == label).sum() == max(round(0.2 * n), 1)
    assert some.X_validation is DATASET.X_validation
    least = replace(DATA, labels=1e-9).of(DATASET)
    assert least.y_train is not None
    assert sorted(least.y_train) == [0, 1, 2]
    assert DATA.of(DATASET) is DATASET


def test_folds_part_the_training_rows() -> None:
    folds = [replace(DATA, fold=(k, 4)).of(DATASET) for k in range(4)]
    held_out = np.concatenate([fold.X_validation for fold in folds])
    assert len(held_out) == len(DATASET.X_train)
    assert {tuple(row) for row in held_out} == {tuple(row) for row in DATASET.X_train}
    for fold in folds:
        assert len(fold.X_train) + len(fold.X_validation) == len(DATASET.X_train)
        assert fold.y_validation is not None
        assert set(fold.y_validation) == {0, 1, 2}
        assert not {tuple(row) for row in fold.X_train} & {tuple(row) for row in fold.X_validation}


def test_rows_to_measure_are_cut_off_before_labels_are_drawn_and_folds_made() -> None:
    data = [replace(DATA, test=(k, 2), labels=0.5, fold=(0, 5)).of(DATASET) for k in range(2)]
    tested = np.concatenate([part.X_test for part in data])
    np.testing.assert_array_equal(np.sort(tested, axis=0), np.sort(DATASET.X_train, axis=0))
    for part in data:
        n_left = len(DATASET.X_train) - len(part.X_test)
        used = np.concatenate([part.X_train, part.X_validation])
        assert abs(len(used) - n_left / 2) <= 3
        assert abs(len(part.X_validation) - len(used) / 5) <= 3
        assert not {tuple(row) for row in used} & {tuple(row) for row in part.X_test}


@pytest.mark.parametrize(
    "wrong", [{"test": (3, 3)}, {"labels": 0.0}, {"labels": 1.5}, {"fold": (3, 3)}, {"fold": (-1, 3)}]
)
def test_shares_and_folds_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="share of the labels|fold is"):
        replace(DATA, **wrong)


def test_rows_without_labels_have_no_share() -> None:
    with pytest.raises(OptionError, match="has no labels"):
        replace(DATA, labels=0.5).of(Dataset("d", DATASET.X_train, None))


# ---- the store ----------------------------------------------------------------------------------------


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


# ---- carrying out -------------------------------------------------------------------------------------


def test_needs_come_first_and_nothing_twice(tmp_path: Path, counted: Counted) -> None:
    first = number(1)
    second, third = number(2, first), number(3, first)
    fourth = number(4, second)
    kept = RunStore(tmp_path)
    (found,) = carry_out(study([fourth, third, third]), kept, [DATASET])
    assert [result["n"] for result in found] == [4, 3, 3]
    assert found[0]["needs"] == [second.key]
    assert counted.done[0] == 1
    assert sorted(counted.done) == [1, 2, 3, 4]
    carry_out(study([fourth], [first]), kept, [DATASET])
    assert len(counted.done) == 4


def test_divergence_is_a_result_and_passes_on(tmp_path: Path, counted: Counted) -> None:
    bad = number(1, fail="diverges")
    kept = RunStore(tmp_path)
    for _ in range(2):
        (found,) = carry_out(study([number(2, bad), number(3)]), kept, [DATASET])
        assert found == [{"diverged": "it diverged"}, {"n": 3, "needs": []}]
    assert counted.done == [1, 3]


def test_a_run_that_fails_stops_no_other(tmp_path: Path, counted: Counted) -> None:
    kept, bad = RunStore(tmp_path), number(1, fail="breaks")
    with pytest.raises(
        IncompleteError, match=r"2 of 3 runs have no result; the first failure: no such luck"
    ) as caught:
        carry_out(study([bad, number(2, bad), number(3)]), kept, [DATASET])
    assert counted.done == [1, 3]
    assert [result is None for result in caught.value.results] == [True, True, False]
    assert isinstance(caught.value.failures[0], OSError)
    with pytest.raises(IncompleteError):
        carry_out(study([bad]), kept, [DATASET])
    assert counted.done == [1, 3, 1]  # it is tried again


def test_studies_advance_side_by_side(tmp_path: Path, counted: Counted) -> None:
    asked: list[list[int]] = []

    def watched() -> Any:
        combined = together(
            study([number(1)], [number(2)]),
            study([number(3), number(4)]),
            study([number(5)], [number(1)]),
        )
        runs = next(combined)
        while True:
            asked.append([run.parameters["n"] for run in runs])
            found = yield runs
            try:
                runs = combined.send(found)
            except StopIteration as finished:
                return finished.value

    values = carry_out(watched(), RunStore(tmp_path), [DATASET])
    assert asked == [[1, 3, 4, 5], [2, 1]]
    assert [[[r["n"] for r in batch] for batch in value] for value in values] == [
        [[1], [2]],
        [[3, 4]],
        [[5], [1]],
    ]


def test_one_study_that_cannot_go_on_leaves_the_others_alone(tmp_path: Path, counted: Counted) -> None:
    kept = RunStore(tmp_path)
    studies = together(study([number(1, fail="breaks")], [number(2)]), study([number(3)], [number(4)]))
    with pytest.raises(IncompleteError):
        carry_out(studies, kept, [DATASET])
    assert counted.done == [1, 3, 4]


def test_progress_counts_runs(tmp_path: Path, counted: Counted) -> None:
    seen: list[tuple[int, ...]] = []

    def note(progress: Progress) -> None:
        seen.append((progress.found, progress.done, progress.running, progress.left))

    kept = RunStore(tmp_path)
    carry_out(study([number(1)]), kept, [DATASET])
    carry_out(study([number(1), number(2), number(3)]), kept, [DATASET], on_progress=note)
    assert seen == [(1, 0, 1, 2), (1, 1, 1, 1), (1, 2, 0, 0)]


def test_executors_find_the_same(tmp_path: Path) -> None:
    runs = [baseline(n) for n in (1, 2, 3, 4, 5)]

    def found(name: str, executor: Any, shard: Shard | None = None) -> Any:
        kept = RunStore(tmp_path / name)
        (results,) = carry_out(study(runs), kept, [DATASET], executor=executor, shard=shard)
        return [{k: v for k, v in result.items() if k != "seconds"} for result in results]

    expected = found("serial", Serial())
    assert found("processes", Processes(2)) == expected
    for number, name in enumerate(("one", "two")):
        with pytest.raises(IncompleteError, match="belong to other shards"):
            found(name, Serial(), Shard(number, 2))
    one, two = RunStore(tmp_path / "one"), RunStore(tmp_path / "two")
    assert {key for key, _, _ in one} | {key for key, _, _ in two} == {run.key for run in runs}
    assert not {key for key, _, _ in one} & {key for key, _, _ in two}
    one.merge(two)
    assert found("one", Serial()) == expected


def test_a_shard_has_what_starts_from_the_same_layer() -> None:
    layers = [
        Run("pretrain-layer", {"hidden_layer_sizes": 5, "random_state": seed}, DATA) for seed in range(9)
    ]
    tops = [
        replace(fine_tuning(learning_rate_init=r), needs=(layer,)) for layer in layers for r in (0.1, 0.2)
    ]
    shards = [Shard(number, 3) for number in range(3)]
    for top in tops:
        mine = [shard.has(top) for shard in shards]
        assert mine.count(True) == 1
        assert mine == [shard.has(top.needs[0]) for shard in shards]
    assert all(any(shard.has(top) for top in tops) for shard in shards)
    with pytest.raises(OptionError, match="0 <= i < n, got 2/2"):
        Shard(2, 2)


def test_what_failed_in_an_earlier_round_is_not_forgotten(tmp_path: Path, counted: Counted) -> None:
    kept = RunStore(tmp_path)
    studies = together(study([number(1, fail="breaks")]), study([number(3)], [number(4)], [number(5)]))
    with pytest.raises(IncompleteError) as caught:
        carry_out(studies, kept, [DATASET])
    assert [str(failure) for failure in caught.value.failures] == ["no such luck"]
    assert counted.done == [1, 3, 4, 5]


def test_a_study_that_gives_up_leaves_the_others_alone(tmp_path: Path, counted: Counted) -> None:
    def gives_up() -> Any:
        yield [number(1)]
        raise DivergenceError("it diverges at every rate")

    with pytest.raises(DivergenceError, match="at every rate"):
        carry_out(together(gives_up(), study([number(3)], [number(4)])), RunStore(tmp_path), [DATASET])
    assert counted.done == [1, 3, 4]


def test_other_shards_runs_are_not_counted(tmp_path: Path, counted: Counted) -> None:
    runs = [number(n) for n in range(12)]
    mine = [run for run in runs if Shard(0, 2).has(run)]
    seen: list[Progress] = []
    with pytest.raises(IncompleteError):
        carry_out(
            study(runs), RunStore(tmp_path), [DATASET], shard=Shard(0, 2),
            on_progress=lambda progress: seen.append(replace(progress)),
        )  # fmt: skip
    assert (seen[0].found, seen[0].done, seen[0].left) == (0, 0, len(mine))
    assert (seen[-1].found, seen[-1].done, seen[-1].left) == (0, len(mine), 0)


def _sweep(folder: Path) -> None:
    carry_out(study([baseline(n) for n in range(1, 9)]), RunStore(folder), [DATASET])


def test_two_sweeps_share_a_store(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    sweeps = [context.Process(target=_sweep, args=(tmp_path,)) for _ in range(2)]
    for sweep in sweeps:
        sweep.start()
    for sweep in sweeps:
        sweep.join(120)
    assert [sweep.exitcode for sweep in sweeps] == [0, 0]
    assert len(list(RunStore(tmp_path))) == 8
    assert RunStore(tmp_path).unfinished() == []


def test_layers_are_shared_and_make_the_same_stack(tmp_path: Path) -> None:
    """Layer by layer, each in a run of its own, as fitted in one go."""
    from truezero import StackedDenoisingAutoencoder
    from truezero.models import load
    from truezero.runs.recipes import MODEL

    common: dict[str, Any] = {
        "sign_mask": "half",
        "max_iter": 2,
        "random_state": 3,
        "learning_rate_init": 0.05,
    }
    first = Run("pretrain-layer", {"hidden_layer_sizes": 9, **common}, DATA)
    upper = {
        "hidden_layer_sizes": 6,
        "reconstruction": "sigmoid-cross-entropy",
        "tied_weights": True,
        **common,
    }
    second = Run("pretrain-layer", upper, DATA, (first,))
    kept = RunStore(tmp_path)
    ((result,),) = carry_out(study([second]), kept, [DATASET])
    whole = StackedDenoisingAutoencoder(
        (9, 6), reconstruction=["auto", "sigmoid-cross-entropy"], tied_weights=[False, True], **common
    ).fit(DATASET.scaled("train"), X_val=DATASET.scaled("validation"))
    stack = load(kept.place(second) / MODEL)
    for ours, theirs in zip(stack.network_.weights, whole.network_.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert result["layer"] == 1
    assert result["reconstruction_error"] == whole.reconstruction_errors_[1]
    lower = kept.find(first)
    assert lower is not None
    assert lower["reconstruction_error"] == whole.reconstruction_errors_[0]
