"""Who carries runs out, in which order."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_runs import DATA, DATASET, Counted, baseline, fine_tuning, number, study

from truezero.errors import DivergenceError, OptionError
from truezero.runs import (
    IncompleteError,
    Processes,
    Progress,
    Run,
    RunStore,
    Serial,
    Shard,
    carry_out,
    together,
)


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
    for place, name in enumerate(("one", "two")):
        with pytest.raises(IncompleteError, match="belong to other shards"):
            found(name, Serial(), Shard(place, 2))
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
