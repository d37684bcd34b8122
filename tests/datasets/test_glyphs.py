"""Sources of labelled characters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from characters import characters, write_unipen

from truezero.datasets.glyphs import Glyphs, fonts, framed, unipen62
from truezero.errors import DataError


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((4, 28, 28), np.uint8), [0, 1, 0, 1], r"32 × 32, got uint8 of shape \(4, 28, 28\).*framed"),
        (np.zeros((4, 1024), np.uint8), [0, 1, 0, 1], "32 × 32"),
        (np.zeros((4, 32, 32)), [0, 1, 0, 1], "uint8 images"),
        (np.zeros((4, 32, 32), np.uint8), [0, 1, 0], "labels .* for each of the 4 images"),
        (np.zeros((4, 32, 32), np.uint8), [0, 1, 0, 0.5], "labels .* whole number"),
        (np.zeros((4, 32, 32), np.uint8), [0, 1, 0, 62], "character 3 has the label 62; labels are 0 .. 61"),
        (np.zeros((4, 32, 32), np.uint8), [0, -1, 0, 1], "character 1 has the label -1"),
        (np.zeros((4, 32, 32), np.uint8), [7, 7, 7, 7], "of one class"),
        (np.zeros((0, 32, 32), np.uint8), np.zeros(0, int), "of one class or none"),
    ],
)
def test_what_are_no_characters(images: Any, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Glyphs(images, np.asarray(labels))


def test_groups_are_one_for_each() -> None:
    with pytest.raises(DataError, match="groups of characters"):
        Glyphs(np.zeros((2, 32, 32), np.uint8), np.arange(2), np.arange(3))


def test_unipen62(tmp_path: Path) -> None:
    glyphs = characters(60)
    split = np.repeat([0, 1, 2], 20)
    images = glyphs.images.copy()
    images[3] = images[45]  # of a test row
    images[4] = images[25]  # of a validation row
    images[26] = images[46]
    images[50] = images[51]
    glyphs = Glyphs(images, glyphs.labels, np.arange(60) // 10)
    parts = unipen62(write_unipen(tmp_path / "u", glyphs, split))
    assert {name: len(part) for name, part in parts.items()} == {"train": 18, "validation": 19, "test": 20}
    assert (parts["test"].images == images[40:]).all()
    assert (parts["train"].labels == np.delete(glyphs.labels[:20], [3, 4])).all()
    groups = [set(np.asarray(part.groups).tolist()) for part in parts.values()]
    assert not groups[0] & groups[1] | groups[0] & groups[2] | groups[1] & groups[2]


def test_what_is_wrong_with_unipen62_files(tmp_path: Path) -> None:
    glyphs = characters(30)
    folder = write_unipen(tmp_path / "u", glyphs, np.repeat([0, 1, 3], 10))
    with pytest.raises(DataError, match="split.* must hold 0, 1 and 2"):
        unipen62(folder)
    (folder / "unipen62-split-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"unipen62-split-idx1-ubyte\[.gz\] is not in .*u; put the files"):
        unipen62(folder)
    short = write_unipen(tmp_path / "short", glyphs, np.repeat([0, 1, 2], 9))
    with pytest.raises(DataError, match="30 rows but 27 labels"):
        unipen62(short)


def test_larger_characters_do_not_fit() -> None:
    with pytest.raises(DataError, match="33 × 20 do not fit 32 × 32"):
        framed(np.zeros((2, 33, 20), np.uint8))


def test_fonts(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    from matplotlib import get_data_path

    folder = Path(get_data_path(), "fonts", "ttf")
    glyphs = fonts([folder / "DejaVuSans.ttf", folder / "DejaVuSerif-Bold.ttf"])
    assert glyphs.images.shape == (124, 32, 32)
    assert glyphs.labels.tolist() == 2 * list(range(62))
    assert glyphs.groups is not None
    assert glyphs.groups.tolist() == [0] * 62 + [1] * 62
    assert (glyphs.images.max(axis=(1, 2)) > 100).all()
    with pytest.raises(DataError, match="cannot read the font .*nothing.ttf"):
        fonts([tmp_path / "nothing.ttf"])
    with pytest.raises(DataError, match="STIXSizOneSymReg.ttf has no '0'"):
        fonts([folder / "STIXSizOneSymReg.ttf"])


def test_nobody_s_characters_are_in_two_parts() -> None:
    glyphs = characters(100)
    parts = glyphs.split((0.6, 0.2, 0.2))
    assert sum(map(len, parts)) == 100
    known = [set(np.asarray(part.groups).tolist()) for part in parts]
    assert list(map(len, known)) == [3, 1, 1]
    assert len(set.union(*known)) == 5
    for few in (glyphs.take(np.asarray(glyphs.groups) < 2), Glyphs(glyphs.images, glyphs.labels)):
        with pytest.raises(DataError, match=r"cannot be split into 3"):
            few.split((0.6, 0.2, 0.2))


def test_real_characters(real_data: Path) -> None:
    parts = unipen62(real_data / "unipen62")
    assert [len(part) for part in parts.values()] == [69_176, 14_745, 19_999]
    assert all(len(np.unique(part.labels)) == 62 for part in parts.values())
