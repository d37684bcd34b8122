"""Toys on clutter, a stand-in for NORB."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero.datasets import scenes
from truezero.datasets.norb import read_info
from truezero.datasets.norb_files import CONTENTS, SIDES, TOYS
from truezero.datasets.norb_making import make_collection
from truezero.datasets.scenes import Place, paint
from truezero.datasets.toys import SIZES, Toys, load_toys, make_toys
from truezero.errors import DataError, FileError, OptionError

SIZE = (30, 8)


@pytest.fixture(scope="module", name="made")
def made_toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toys")
    make_toys(folder, SIZE)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("toys*")) if "32x32" not in path.name}


def test_they_are_loaded_as_norb_is(made: Path) -> None:
    data = load_toys(made)
    assert data.name == "toys"
    assert (len(data.X_train), len(data.X_validation), len(data.X_test)) == (24, 6, 8)
    assert data.image_shape == (2, 32, 32)
    assert (data.scale, data.offset) == (2 / 255, -1)
    counts = [np.bincount(data.part(part)[1], minlength=6) for part in ("train", "validation")]  # type: ignore[arg-type]
    assert (counts[0] == 4).all()
    assert (counts[1] == 1).all()
    assert data.X_train.std() > 20


def test_names_are_like_the_official_ones(made: Path) -> None:
    names = set(content(made))
    assert "toys-5x46789x9x18x6x2x108x108-training-10-info.mat" in names
    assert "toys-5x01235x9x18x6x2x108x108-testing-02-dat.mat" in names
    assert len(names) == 36 + 1


def test_no_instance_is_on_both_sides_and_all_is_in_norbs_ranges(made: Path) -> None:
    for side, instances in zip(SIDES, ({4, 6, 7, 8, 9}, {0, 1, 2, 3, 5}), strict=True):
        info = read_info(made, TOYS, side)
        nothing = np.arange(len(info)) % 6 == 5
        assert (info[nothing, :4] == -1).all()
        shown = info[~nothing]
        assert set(shown[:, 0].tolist()) <= instances
        for column, (low, high) in enumerate(
            ((0, 8), (0, 34), (0, 5), (-5, 5), (-5, 5), (-19, 19), (80, 130), (78, 100), (-4, 4)), start=1
        ):
            assert low <= shown[:, column].min() <= shown[:, column].max() <= high
        assert (shown[:, 2] % 2 == 0).all()


def test_each_view_of_a_kind_comes_once_before_any_comes_again() -> None:
    n = Toys.n_views
    assert n == 5 * 9 * 18 * 6
    toys = Toys()
    views = [scenes._view(3, False, 2, turn, n) for turn in range(2 * n)]
    assert sorted(views[:n]) == sorted(views[n:]) == list(range(n))
    assert views[:n] != views[n:]
    assert len({toys.info(False, 2, view) for view in range(n)}) == n


def test_an_image_depends_on_its_number_alone() -> None:
    toys, ids = Toys(), np.arange(4, 9)
    together, info = paint(toys, True, ids, 7)
    for row, number in enumerate(ids):
        alone, info_alone = paint(toys, True, np.array([number]), 7)
        assert (alone[0] == together[row]).all()
        assert (info_alone[0] == info[row]).all()
    assert (paint(toys, True, ids, 8)[0] != together).mean() > 0.5
    assert (paint(toys, False, ids, 7)[0] != together).mean() > 0.5


def test_what_is_near_is_further_right_for_the_left_camera() -> None:
    # Camera 0 is the left one: what is put nearer by its disparity moves so, and so do the walls the other way.
    columns = np.arange(scenes.SIDE)
    toys = Toys()
    at = [
        [float((where.sum(0) * columns).sum() / where.sum()) for where in toys.show(False, 4, 0, place)[1]]
        for place in (Place(0, 0, 1, 0, 0), Place(0, 0, 1, 0, 6))
    ]
    assert at[1][0] - at[1][1] == pytest.approx(at[0][0] - at[0][1] + 6, abs=0.5)
    texture = np.random.default_rng(0).random(sum(n * n for n in scenes._OCTAVES)).astype(np.float32)
    u = np.full(scenes._N_DRAWS, 0.5)
    left, right = scenes._background(texture, u)
    assert (left[:, :-8] == right[:, 8:]).all()  # further left for the left camera


def test_light_comes_from_where_it_is_said() -> None:
    toys, view = Toys(), Toys.n_views // 2 // 6 * 6
    shown = [toys.show(False, 0, view + lighting, Place(0, 0, 1, 0, 0)) for lighting in range(6)]
    assert all((where == shown[0][1]).all() for _, where in shown)
    greys = [grey[where] for grey, where in shown]
    assert all(np.abs(a - b).mean() > 5 for n, a in enumerate(greys) for b in greys[:n])


# ---- making -----------------------------------------------------------------------------------------------


def test_what_was_interrupted_goes_on_to_the_same_files(made: Path, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        assert total == sum(SIZE)
        if done > 10:
            raise StopError

    with pytest.raises(StopError):
        make_toys(tmp_path, SIZE, report=stop)
    first = tmp_path / TOYS.names("training", "dat")[0]
    before = first.stat().st_mtime_ns
    assert 0 < len(content(tmp_path)) < 37
    with pytest.raises(DataError, match=r"toys: .* is not in .*go on making them"):
        load_toys(tmp_path)
    make_toys(tmp_path, SIZE)
    assert content(tmp_path) == content(made)
    assert first.stat().st_mtime_ns == before


def test_several_processes_make_the_same_files(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truezero.datasets.norb_making._WORTH_A_PROCESS", 1)
    make_toys(tmp_path, SIZE, n_jobs=2)
    assert content(tmp_path) == content(made)


class Deadly(Toys):
    """Toys that end the process that paints them."""

    def show(self, testing: bool, kind: int, view: int, place: Place) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("truezero.datasets.norb_making._WORTH_A_PROCESS", 1)
    with pytest.raises(DataError, match=r"a process that made toys was killed.*start again"):
        make_collection(tmp_path, TOYS, Deadly(), *SIZE, seed=2011, n_jobs=2)
    assert set(content(tmp_path)) == {"toys.json"}


def test_of_a_number_all_three_files_are_made_again_if_one_is_missing(made: Path, tmp_path: Path) -> None:
    for name, data in content(made).items():
        (tmp_path / name).write_bytes(data)
    for content_ in CONTENTS:
        (tmp_path / TOYS.names("testing", content_)[1]).unlink()
        make_toys(tmp_path, SIZE)
        assert content(tmp_path) == content(made)


@pytest.mark.parametrize("change", [{"size": (30, 9)}, {"seed": 1}])
def test_others_are_not_mixed_in(made: Path, change: dict[str, Any]) -> None:
    before = content(made)
    with pytest.raises(
        DataError, match=r"holds toys that were made otherwise \(.*n_train 30.*another folder"
    ):
        make_toys(made, **{"size": SIZE, **change})
    assert content(made) == before


@pytest.mark.parametrize("note", [None, "", "[1]", json.dumps({"n_train": 30})])
def test_files_of_which_nothing_says_how_they_were_made(tmp_path: Path, note: str | None) -> None:
    (tmp_path / TOYS.names("training", "cat")[3]).write_bytes(b"")
    if note is not None:
        (tmp_path / "toys.json").write_text(note)
    with pytest.raises(DataError, match="made otherwise"):
        make_toys(tmp_path, SIZE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "large"}, "smoke, laptop, paper"),
        ({"size": (9, 2)}, "n_train must be at least 10"),
        ({"size": (10, 1)}, "n_test must be at least 2"),
        ({"size": (2**32, 2)}, "n_train"),
        ({"size": (10.5, 2)}, "whole numbers"),
        ({"size": 12}, "whole numbers"),
        ({"size": (10,)}, "whole numbers"),
        ({"seed": -1}, "seed"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_options_that_cannot_be_used(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make_toys(tmp_path / "toys", **{"size": SIZE, **options})
    assert not (tmp_path / "toys").exists()


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "toys").write_bytes(b"")
    with pytest.raises(FileError, match="toys"):
        make_toys(tmp_path / "toys", SIZE)


def test_sizes_can_be_the_papers() -> None:
    assert SIZES["paper"] == (233_172 + 58_428, 58_320)
    assert all(n % len(CONTENTS) == 0 for size in SIZES.values() for n in size)
