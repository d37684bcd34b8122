"""What stands in for NORB and NISTP, by name: made, loaded, and said to be a stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from characters import characters, write_emnist, write_unipen
from datasets.test_eth80 import write as write_photographs

from truezero.datasets import eth80, list_datasets, load_dataset, make_dataset, nistp_named, toys
from truezero.datasets.mnist_like import IdxSet
from truezero.errors import DataError


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for sizes in (toys.SIZES, eth80.SIZES):
        monkeypatch.setitem(sizes, "smoke", (30, 8))
    monkeypatch.setitem(nistp_named._SIZES, "laptop", 50)
    monkeypatch.setitem(nistp_named._SIZES, "smoke", 20)


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


def test_nistp_s_stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_unipen(tmp_path / "unipen62", characters(), np.arange(120) % 3)
    byclass = IdxSet(
        "emnist-byclass", "emnist-byclass-train-", "emnist-byclass-test-", 30, range(62), transposed=True
    )
    monkeypatch.setattr(nistp_named, "_BYCLASS", byclass)
    write_emnist(tmp_path / "emnist", characters().images.transpose(0, 2, 1), characters().labels, 30)
    for name in ("nistp-unipen62", "nistp-emnist"):
        made: Any = load_dataset(name, data_dir=tmp_path)
        assert (made.name, made.stand_in_for, made.image_shape) == (name, "NISTP", (1, 32, 32))
        assert len(made.X_train) == 50
        make_dataset(name, data_dir=tmp_path, size="laptop")
        written: Any = load_dataset(name, data_dir=tmp_path)
        assert written.fingerprint == made.fingerprint
        with pytest.raises(DataError, match="holds other rows"):
            make_dataset(name, data_dir=tmp_path, size="smoke", seed=3)


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


def test_rows_of_other_characters(tmp_path: Path) -> None:
    write_unipen(tmp_path / "unipen62", characters(), np.arange(120) % 3)
    make_dataset("nistp-unipen62", data_dir=tmp_path, size="smoke")
    (tmp_path / "unipen62").rename(tmp_path / "before")
    write_unipen(tmp_path / "unipen62", characters(117), np.arange(117) % 3)
    with pytest.raises(
        DataError, match="nistp-unipen62 holds rows of other characters or distortions; remove it"
    ):
        load_dataset("nistp-unipen62", data_dir=tmp_path)
