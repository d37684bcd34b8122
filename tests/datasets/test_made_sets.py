"""What stands in for NORB and NISTP, by name: made, loaded, and said to be a stand-in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from characters import characters, write_emnist, write_unipen
from datasets.test_eth80 import write as write_photographs

from truezero.datasets import eth80, list_datasets, load_dataset, make_dataset, nistp_sets, toys
from truezero.datasets.dataset import PARTS
from truezero.datasets.distortions import SHAPE, TRANSFORMATIONS
from truezero.datasets.glyphs import unipen62
from truezero.datasets.mnist_like import IdxSet
from truezero.datasets.nistp import Layout, nistp_of
from truezero.datasets.rows_ahead import Epochs
from truezero.errors import DataError, OptionError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for sizes in (toys.SIZES, eth80.SIZES):
        monkeypatch.setitem(sizes, "smoke", (30, 8))
    monkeypatch.setitem(nistp_sets._SIZES, "laptop", 50)
    monkeypatch.setitem(nistp_sets._SIZES, "smoke", 20)


def found(name: str, folder: Path) -> bool:
    return next(info.found for info in list_datasets(folder) if info.name == name)


def test_norb_s_stand_ins(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"norb-toys: toys-.*dat\.mat\[\.gz\] is not in .*; `truezero data make"
    ):
        load_dataset("norb-toys", data_dir=tmp_path)
    (tmp_path / "eth80").mkdir()
    write_photographs(tmp_path / "eth80")
    said: list[str] = []
    for name in ("norb-toys", "norb-eth80"):
        make_dataset(name, data_dir=tmp_path, size="smoke", n_jobs=1, report=said.append)
        assert said[-1] == "38 of 38 pairs"
        assert found(name, tmp_path)
        data: Any = load_dataset(name, data_dir=tmp_path)
        assert (data.name, data.stand_in_for, data.image_shape) == (name, "NORB", (2, 32, 32))
        assert len(data.X_train) + len(data.X_validation) == 30
        assert len(data.X_test) == 8


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Data folder with small sets of characters."""
    write_unipen(tmp_path / "unipen62", characters(), np.arange(120) % 3)
    byclass = IdxSet(
        "emnist-byclass", "emnist-byclass-train-", "emnist-byclass-test-", 30, range(62), transposed=True
    )
    monkeypatch.setattr(nistp_sets, "_BYCLASS", byclass)
    write_emnist(tmp_path / "emnist", characters().images.transpose(0, 2, 1), characters().labels, 30)
    return tmp_path


@pytest.mark.parametrize("name", ["nistp-unipen62", "p07-unipen62", "nistp-emnist", "p07-emnist"])
def test_nistp_s_stand_ins(folder: Path, name: str) -> None:
    made: Any = load_dataset(name, data_dir=folder)
    assert (made.name, made.stand_in_for, made.image_shape) == (name, "NISTP", (1, 32, 32))
    if name.endswith("unipen62"):
        parts = unipen62(folder / "unipen62")
    else:
        parts = nistp_sets.emnist_byclass([folder / "emnist"])
    train, validation, test = nistp_of(
        parts, transformations=SHAPE if name.startswith("nistp") else TRANSFORMATIONS
    )
    with made.endless.ahead(0) as epochs:
        for epoch in (1, 2, 7):
            (piece,) = epochs(epoch)
            assert piece.ids.tolist() == list(range(50 * epoch - 50, 50 * epoch))
            assert np.array_equal(piece.features.X, train.rows(piece.ids)[0])
            assert (piece.features.scale, piece.features.offset) == (made.scale, made.offset)
            if epoch == 1:
                assert np.array_equal(piece.features.X, made.X_train)
                assert np.array_equal(piece.target, made.y_train)
    for part, generator in zip(PARTS[1:], (validation, test), strict=True):
        places = np.arange(len(parts[part]))
        X, y = generator.rows(places, places)
        assert np.array_equal(made.part(part)[0], X)
        assert np.array_equal(made.part(part)[1], y)

    make_dataset(name, data_dir=folder, size="laptop")
    written: Any = load_dataset(name, data_dir=folder)
    assert written.endless is None
    for part in PARTS:
        for ours, theirs in zip(written.part(part), made.part(part), strict=True):
            assert np.array_equal(ours, theirs)
    assert written.fingerprint != made.fingerprint
    with pytest.raises(DataError, match="holds other rows"):
        make_dataset(name, data_dir=folder, size="smoke", seed=3)


def test_what_generated_rows_are_known_by(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {load_dataset(f"{kind}-unipen62", data_dir=folder).fingerprint for kind in ("nistp", "p07")}
    monkeypatch.setattr(nistp_sets, "_SEED", 1)
    known.add(load_dataset("nistp-unipen62", data_dir=folder).fingerprint)
    assert len(known) == 3
    data: Any = load_dataset("nistp-unipen62", data_dir=folder)
    assert data.fingerprint == load_dataset("nistp-unipen62", data_dir=folder).fingerprint
    assert replace(data, endless=data.endless.ahead(2)).fingerprint == data.fingerprint
    longer = Epochs(data.endless.nistp, Layout(51))
    assert len({data.fingerprint, *(replace(data, endless=e).fingerprint for e in (None, longer))}) == 3


def test_emnist_is_turned_and_framed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    images, labels = random.integers(0, 256, (30, 28, 28)), np.arange(30) % 4
    monkeypatch.setattr(
        nistp_sets,
        "_BYCLASS",
        IdxSet("e", "emnist-byclass-train-", "emnist-byclass-test-", 8, range(62), transposed=True),
    )
    parts = nistp_sets.emnist_byclass([write_emnist(tmp_path / "e", images, labels, 8)])
    assert [len(part) for part in parts.values()] == [14, 8, 8]
    assert (parts["test"].images[0, 2:30, 2:30] == images[22].T).all()
    assert (parts["validation"].labels == labels[14:22]).all()
    assert parts["train"].images[:, :2].max() == 0
    assert parts["train"].groups is None


def test_characters_that_are_not_there(tmp_path: Path) -> None:
    for call in (load_dataset, make_dataset):
        with pytest.raises(
            DataError, match=r"unipen62-images.*; put the files of UNIPEN-62 into the folder unipen62"
        ):
            call("nistp-unipen62", data_dir=tmp_path)
        with pytest.raises(
            DataError, match=r"emnist-byclass.*; `truezero data fetch emnist-byclass` gets them"
        ):
            call("nistp-emnist", data_dir=tmp_path)


def test_nothing_is_left_of_what_cannot_be_made(tmp_path: Path) -> None:
    for name in ("norb-eth80", "nistp-unipen62"):
        with pytest.raises(DataError):
            make_dataset(name, data_dir=tmp_path)
    assert not [*tmp_path.iterdir()]


def test_so_many_rows(tmp_path: Path) -> None:
    write_unipen(tmp_path / "unipen62", characters(), np.arange(120) % 3)
    make_dataset("nistp-unipen62", data_dir=tmp_path, size=70)
    assert load_dataset("nistp-unipen62", data_dir=tmp_path).X_train.shape == (70, 1024)
    make_dataset("norb-toys", data_dir=tmp_path, size=20, n_jobs=1)
    toys: Any = load_dataset("norb-toys", data_dir=tmp_path)
    assert (len(toys.X_train) + len(toys.X_validation), len(toys.X_test)) == (20, 4)
    with pytest.raises(OptionError, match=r"size must be .* or a whole number of at least 1, got 1\.5"):
        make_dataset("norb-toys", data_dir=tmp_path, size=cast("int", 1.5))


def test_rows_of_other_characters(tmp_path: Path) -> None:
    write_unipen(tmp_path / "unipen62", characters(), np.arange(120) % 3)
    make_dataset("nistp-unipen62", data_dir=tmp_path, size="smoke")
    (tmp_path / "unipen62").rename(tmp_path / "before")
    write_unipen(tmp_path / "unipen62", characters(117), np.arange(117) % 3)
    with pytest.raises(
        DataError, match="nistp-unipen62 holds rows of other characters or distortions; remove it"
    ):
        load_dataset("nistp-unipen62", data_dir=tmp_path)
