"""Photographs of real objects on clutter, a stand-in for NORB."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero.datasets.eth80 import FILES, KINDS, Photographs, load_eth80, make_eth80
from truezero.datasets.norb import read_info
from truezero.datasets.norb_files import ETH80
from truezero.datasets.scenes import Place
from truezero.errors import DataError

SIZE = (27, 18)
N_POSES = 2


def idx(array: Any) -> bytes:
    """As the official format has it; int32 if it is not uint8."""
    code = 8 if array.dtype == np.uint8 else 12
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + bytes(array.astype("u1" if code == 8 else ">i4").tobytes())


def photographs() -> dict[str, Any]:
    """Eight kinds, ten objects, two poses: squares of grey 100 + kind on 7, and their masks."""
    n = len(KINDS) * 10 * N_POSES
    kinds, objects = np.arange(n) // (10 * N_POSES), np.arange(n) // N_POSES % 10
    images, masks = np.full((n, 24, 24), 7, np.uint8), np.zeros((n, 24, 24), np.uint8)
    for row in range(n):
        images[row, 6:18, 4:20] = 100 + 10 * kinds[row] + objects[row]
        masks[row, 6:18, 4:20] = 255
    # Numbers of objects have gaps, as those of the photographs have.
    info = np.stack([objects + (objects > 6), np.arange(n) % N_POSES * 45, np.full(n, 90)], 1)
    return dict(zip(FILES, (images, masks, kinds.astype(np.uint8), info.astype(np.int32)), strict=True))


def write(folder: Path, change: str = "", by: Callable[[Any], Any] = lambda a: a) -> Path:
    for number, (name, array) in enumerate(photographs().items()):
        content = idx(by(array) if name == change else array)
        path = folder / (name if number == 2 else f"{name}.gz")
        path.write_bytes(content if number == 2 else gzip.compress(content))
    return folder


def test_they_are_loaded_as_norb_is(tmp_path: Path) -> None:
    make_eth80(write(tmp_path), tmp_path / "made", SIZE)
    data = load_eth80(tmp_path / "made")
    assert data.name == "eth80"
    assert (len(data.X_train), len(data.X_validation), len(data.X_test)) == (18, 9, 18)
    assert data.image_shape == (2, 32, 32)
    for labels, times in ((data.y_train, 2), (data.y_validation, 1), (data.y_test, 2)):
        assert labels is not None
        assert (np.bincount(labels) == times).all()
        assert len(np.unique(labels)) == len(KINDS) + 1


def test_no_object_is_on_both_sides(tmp_path: Path) -> None:
    make_eth80(write(tmp_path), tmp_path / "made", SIZE)
    for side, low in (("training", 0), ("testing", 5)):
        info = read_info(tmp_path / "made", ETH80, side)  # type: ignore[arg-type]
        nothing = np.arange(len(info)) % 9 == 8
        assert (info[nothing, :4] == -1).all()
        assert set(info[~nothing, 0].tolist()) <= set(range(low, low + 5))
        assert set(info[~nothing, 1].tolist()) <= {0, 45}
        assert set(info[~nothing, 2].tolist()) == {90}


def test_an_object_is_cut_out_and_made_as_large_as_all(tmp_path: Path) -> None:
    objects = Photographs(write(tmp_path))
    assert objects.n_views == 5 * N_POSES
    grey, where = objects.show(True, 3, 9, Place(4, -7, 1, 0, 0))
    assert np.allclose(
        grey[where], 100 + 30 + 9, atol=1e-3
    )  # nothing of the ground that it was photographed on
    assert (where[0] == where[1]).all()  # flat, and no disparity
    rows, columns = np.flatnonzero(where[0].any(1)), np.flatnonzero(where[0].any(0))
    assert len(columns) == pytest.approx(76, abs=4)
    assert len(rows) == pytest.approx(76 * 12 / 16, abs=4)
    assert rows.mean() == pytest.approx(53.5 - 7, abs=0.6)
    assert columns.mean() == pytest.approx(53.5 + 4, abs=0.6)
    _, smaller = objects.show(True, 3, 9, Place(0, 0, 0.78, np.pi / 2, 6))
    left, right = (np.flatnonzero(side.any(0)) for side in smaller)
    assert len(left) == pytest.approx(0.78 * 57, abs=4)  # turned
    assert (left - right == 6).all()


def test_each_kind_shows_its_own(tmp_path: Path) -> None:
    objects = Photographs(write(tmp_path))
    for testing in (False, True):
        for kind in range(len(KINDS)):
            for view in range(objects.n_views):
                number, *_ = objects.info(testing, kind, view)
                grey, where = objects.show(testing, kind, view, Place(0, 0, 1, 0, 0))
                assert np.allclose(grey[where], 100 + 10 * kind + number, atol=1e-3)
                assert (number >= 5) == testing


def test_other_photographs_are_not_mixed_in(tmp_path: Path) -> None:
    make_eth80(write(tmp_path), tmp_path / "made", (10, 2))
    other = tmp_path / "other"
    other.mkdir()
    write(other, FILES[0], lambda a: a + np.uint8(1))
    with pytest.raises(DataError, match="made otherwise"):
        make_eth80(other, tmp_path / "made", (10, 2))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (FILES[0], lambda a: a[:-1], r"labels-idx1-ubyte does not fit: there are 159 rows but 160 labels"),
        (FILES[0], lambda a: a[:, 0], r"must hold uint8 images"),
        (FILES[1], lambda a: a[:, :, 1:], r"mask96-idx3-ubyte\.gz does not fit"),
        (FILES[1], lambda a: a * (np.arange(160) != 5)[:, None, None].astype(np.uint8), "mask of image 5 is empty"),
        (FILES[2], lambda a: a + np.uint8(1), "must hold the kinds 0 to 7"),
        (FILES[2], lambda a: np.minimum(a, 6), "must hold the kinds 0 to 7"),
        (FILES[3], lambda a: a[:, :2], r"info-idx2-int\.gz must hold whole numbers \(160, 3\)"),
        (FILES[3], lambda a: np.minimum(a, 8), "must name 10 objects of a kind, of apple 8"),
    ],
)  # fmt: skip
def test_photographs_that_do_not_fit(tmp_path: Path, name: str, change: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make_eth80(write(tmp_path, name, change), tmp_path / "made", SIZE)
    assert not (tmp_path / "made").exists()


def test_a_half_with_more_views_than_the_others(tmp_path: Path) -> None:
    def moved(info: Any) -> Any:
        info[9, 0] = 5  # one of the views of object 4 is of object 5
        return info

    with pytest.raises(DataError, match="each half of each kind's objects must have equally many"):
        make_eth80(write(tmp_path, FILES[3], moved), tmp_path / "made", SIZE)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"eth80-images-idx3-ubyte\[\.gz\] is not in"):
        make_eth80(tmp_path, tmp_path / "made", SIZE)


def test_the_photographs_themselves(real_data: Path) -> None:
    objects = Photographs(real_data / "eth80")
    assert objects.n_views == 5 * 41
    _, where = objects.show(False, 0, 0, Place(0, 0, 1, 0, 0))
    assert 0.2 < where.mean() < 0.6
