"""NORB: its data set, from files as they are published."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from norb_folder import make_folder_of, rewrite

from truezero.core.atomic import make_folder as make_any_folder
from truezero.datasets import norb
from truezero.datasets.norb import load_norb, read_info, subsample, validation_rows
from truezero.datasets.norb_files import FILES, NORB, SMALL_NORB
from truezero.errors import DataError, FileError, OptionError


def means(images: Any) -> Any:
    """The mean over areas, by differences of the integral, along one axis and then the other."""
    n = images.shape[-1]
    edges = np.arange(33) * n / 32
    whole = np.minimum(edges.astype(int), n - 1)
    for axis in (-1, -2):
        pixels = np.moveaxis(images, axis, -1).astype(np.float64)
        before = np.concatenate([np.zeros((*pixels.shape[:-1], 1)), pixels.cumsum(-1)], -1)
        integral = before[..., whole] + (edges - whole) * pixels[..., whole]
        images = np.moveaxis(np.diff(integral, axis=-1) * 32 / n, -1, axis)
    return np.floor(images + 0.5)


@pytest.mark.parametrize("side", [108, 96, 33, 64])
def test_pixels_are_means_over_areas(side: int) -> None:
    images = np.random.default_rng(side).integers(0, 256, (2, 2, side, side), dtype=np.uint8)
    assert (subsample(images) == means(images)).all()
    assert (subsample(np.full_like(images, 255)) == 255).all()


@pytest.mark.parametrize(("kind", "collection"), [("norb", NORB), ("small-norb", SMALL_NORB)])
def test_all_rows_are_where_they_belong(tmp_path: Path, kind: str, collection: Any) -> None:
    made = make_folder_of(tmp_path, collection)
    data = load_norb(tmp_path, kind)
    images = [means(made[side]["dat"]).reshape(-1, 2048) for side in ("training", "testing")]
    y = made["training"]["cat"]
    held_out = validation_rows(y)
    assert (data.X_train == images[0][~held_out]).all()
    assert (data.X_validation == images[0][held_out]).all()
    assert (data.X_test == images[1]).all()
    assert (data.y_train == y[~held_out]).all()
    assert (data.y_validation == y[held_out]).all()
    assert data.y_test is not None
    assert (data.y_test == made["testing"]["cat"]).all()
    assert data.name == kind
    assert data.image_shape == (2, 32, 32)
    assert data.X_train.dtype == np.uint8
    values = data.features("train").values("float64")
    assert np.allclose(values, data.X_train / 127.5 - 1)
    assert (read_info(tmp_path, collection, "testing") == made["testing"]["info"]).all()


def test_the_split_has_the_papers_sizes() -> None:
    held_out = validation_rows(np.arange(291_600) % 6)
    assert held_out.sum() == 58_428
    assert (np.bincount(np.flatnonzero(held_out) % 6) == 9_738).all()
    assert validation_rows(np.arange(24_300) % 5).sum() == 4_870


def test_the_split_leaves_rows_of_each_class_on_both_sides() -> None:
    y = np.array([0, 1, 1, 2, 2, 2, 2])
    held_out = validation_rows(y)
    assert [int(held_out[y == label].sum()) for label in range(3)] == [0, 1, 1]


def test_the_published_files_are_those_that_are_read() -> None:
    assert [len(files) for files in FILES.values()] == [36, 6]
    for collection, files in zip((NORB, SMALL_NORB), FILES.values(), strict=True):
        names = {file.name for file in files}
        assert names == {
            f"{name}.gz"
            for side in ("training", "testing")
            for content in ("dat", "cat", "info")
            for name in collection.names(side, content)
        }
        for file in files:
            assert file.url.endswith("/" + file.name)
            kind, digits = file.checksum.split(":")
            assert len(digits) == {"sha1": 40, "sha256": 64}[kind]
    assert FILES["norb"][0].name == "norb-5x46789x9x18x6x2x108x108-training-01-dat.mat.gz"


# ---- cache ----------------------------------------------------------------------------------------------


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob("norb-32x32-*"))


def test_it_is_made_smaller_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder_of(tmp_path, NORB)
    first = load_norb(tmp_path)
    monkeypatch.setattr(norb, "_make_cache", lambda *_: pytest.fail("made again"))
    again = load_norb(tmp_path)
    assert again.fingerprint == first.fingerprint
    assert isinstance(again.X_train.base, np.memmap)


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    made = make_folder_of(tmp_path, NORB)
    first, before = load_norb(tmp_path), kept(tmp_path)
    rewrite(tmp_path, NORB, "training", "dat", 255 - made["training"]["dat"])
    for path in tmp_path.iterdir():
        os.utime(path, ns=(time.time_ns() + 10**9,) * 2)  # of the same size; the clock may be coarse
    data = load_norb(tmp_path)
    assert data.X_train[0, 0] != first.X_train[0, 0]
    assert len(kept(tmp_path)) == len(before)
    assert not set(kept(tmp_path)) & set(before)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY nonsense", None])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, which: int, content: bytes | None) -> None:
    make_folder_of(tmp_path, NORB)
    first = load_norb(tmp_path).fingerprint
    path = kept(tmp_path)[which]
    path.write_bytes(path.read_bytes()[:-90] if content is None else content)
    assert load_norb(tmp_path).fingerprint == first


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, elsewhere = tmp_path / "source", tmp_path / "cache"
    source.mkdir()
    make_folder_of(source, NORB)

    def refuse(folder: Path) -> Path:
        if folder == source:
            raise FileError("read-only")
        return make_any_folder(folder)

    monkeypatch.setattr(norb, "make_folder", refuse)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: elsewhere)
    load_norb(source)
    assert kept(source) == []
    assert len(list(elsewhere.rglob("norb-32x32-*"))) == 2


def test_nothing_stays_of_files_that_are_damaged(tmp_path: Path) -> None:
    make_folder_of(tmp_path, NORB)
    path = tmp_path / NORB.names("testing", "dat")[-1]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"testing-02-dat\.mat is cut off"):
        load_norb(tmp_path)
    assert not [path for path in tmp_path.iterdir() if "32x32" in path.name]


# ---- bad files ------------------------------------------------------------------------------------------


def test_a_missing_file_is_named_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"training-01-dat\.mat\[\.gz\] is not in .*https://"):
        load_norb(tmp_path)
    make_folder_of(tmp_path, NORB)
    (tmp_path / NORB.names("testing", "cat")[1]).unlink()
    with pytest.raises(DataError, match=r"testing-02-cat\.mat\[\.gz\] is not in"):
        load_norb(tmp_path)
    with pytest.raises(DataError, match=r"nowhere"):
        load_norb(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("content", "change", "message"),
    [
        ("dat", lambda a: a[:, :, :100], r"dat\.mat must hold uint8 \(n, 2, 108, 108\)"),
        ("dat", lambda a: a.astype(np.int16), r"dat\.mat must hold uint8"),
        ("dat", lambda a: a[:, :1], r"must hold uint8"),
        ("dat", lambda a: a[:-1], r"dat\.mat does not fit: it has \d+ images, but there are \d+ classes"),
        ("cat", lambda a: a + 1, r"cat\.mat must hold classes 0 to 5, got . to 6"),
        ("cat", lambda a: a - 1, r"must hold classes 0 to 5, got -1 to ."),
        ("cat", lambda a: a.astype(np.float32), r"must hold one whole number per image, got float32"),
        ("cat", lambda a: a.reshape(-1, 1), r"must hold one whole number per image"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, content: Any, change: Any, message: str) -> None:
    made = make_folder_of(tmp_path, NORB)
    rewrite(tmp_path, NORB, "training", content, made["training"][content], change)
    with pytest.raises(DataError, match=message):
        load_norb(tmp_path)


def test_info_of_another_kind(tmp_path: Path) -> None:
    made = make_folder_of(tmp_path, NORB)
    rewrite(tmp_path, NORB, "testing", "info", made["testing"]["info"], lambda a: a[:, :4])
    with pytest.raises(DataError, match=r"must hold int32 \(n, 10\)"):
        read_info(tmp_path, NORB, "testing")


def test_an_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="norb, small-norb"):
        load_norb(tmp_path, "big")
