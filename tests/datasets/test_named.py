"""Every named data set: its record, its places, how it is made, and what it stands in for."""

from __future__ import annotations

import gzip
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets.test_datasets import idx
from official_files import write_all
from scipy import sparse

from truezero.datasets import list_datasets, load_dataset, make_dataset, registry, verify_dataset
from truezero.datasets.mnist_like import IdxSet
from truezero.datasets.named import MADE, Making, NamedDataset
from truezero.datasets.registry import NAMED
from truezero.errors import DataError

SMALL = IdxSet("small", "small-train-", "small-test-", 4, range(1, 4), "gzip.zip", transposed=True)
IMAGES = np.arange(10 * 6, dtype=np.uint8).reshape(10, 2, 3)


def idx_files(images: Any = IMAGES, labels: Any = None) -> dict[str, bytes]:
    labels = 1 + np.arange(10) % 3 if labels is None else labels
    values = (images, labels, IMAGES[:3], np.arange(1, 4))
    return {
        f"{name}.gz": gzip.compress(idx(array)) for name, array in zip(SMALL.files(), values, strict=True)
    }


@pytest.mark.parametrize("known", NAMED.values(), ids=lambda known: known.name)
def test_a_record_is_whole(known: NamedDataset, tmp_path: Path) -> None:
    assert known.name
    assert known.description
    assert known.licence == MADE or known.page or known.by_hand or not known.folder
    if known.folder:
        assert known.missing([tmp_path])
        assert known.downloads or known.make or known.by_hand
        installed = [Path(folder) for folder in known.elsewhere if Path(folder).is_absolute()]
        if installed and not known.missing(installed):
            pytest.skip(f"{known.name} is installed on this machine, in {installed[0]}")
        with pytest.raises(
            DataError,
            match=rf"^{known.name}: .* is not in .*{(known.made_from or (known.folder,))[0]}|{known.folder}",
        ) as raised:
            load_dataset(known.name, data_dir=tmp_path)
        assert "\n" not in str(raised.value)
    for file in (*known.downloads, *known.accepted):
        assert re.fullmatch(r"https?://[\w./~-]+", file.url)
        for checksum in (file.checksum, *file.also):
            kind, _, digits = checksum.partition(":")
            assert re.fullmatch(r"[0-9a-f]+", digits)
            assert len(digits) == {"md5": 32, "sha1": 40, "sha256": 64}[kind]


@pytest.mark.parametrize("name", [known.name for known in NAMED.values() if not known.folder])
def test_what_needs_no_files(name: str) -> None:
    data, again = load_dataset(name), load_dataset(name)
    assert data.name == name
    assert data.fingerprint == again.fingerprint
    assert data.stand_in_for == NAMED[name].stand_in_for
    counts = re.findall(r"([\d,]+) / ([\d,]+) / ([\d,]+)", NAMED[name].description)[0]
    parts: list[tuple[Any, Any]] = [data.part(part) for part in ("train", "validation", "test")]
    assert [X.shape[0] for X, _ in parts] == [int(count.replace(",", "")) for count in counts]
    classes = np.unique(parts[0][1])
    assert all(np.array_equal(np.unique(y), classes) for _, y in parts)


def test_each_kind_is_of_its_kind() -> None:
    made: list[Any] = [load_dataset(f"synthetic-{kind}") for kind in ("images", "text", "table")]
    images, text, table = made
    assert images.image_shape == (1, 12, 12)
    assert images.X_train.dtype == np.uint8
    assert sparse.issparse(text.X_train)
    assert np.unique(text.y_train).tolist() == [1, 2, 3, 4, 5]
    assert 0.02 < text.X_train.nnz / np.prod(text.X_train.shape) < 0.1
    assert set(text.X_train.data.tolist()) == {1.0}
    spread = table.X_train.std(axis=0)
    assert spread.max() > 500 * spread.min()


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("place", ["small", "elsewhere/raw"])
def test_idx_files_and_the_archive_that_has_them(tmp_path: Path, place: str, archive: bool) -> None:
    folder = tmp_path / place
    if archive:
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "gzip.zip", "w") as into:
            for name, content in idx_files().items():
                into.writestr(f"gzip/{name}", content)
    else:
        write_all(folder, idx_files())
    folders = [tmp_path / "small", tmp_path / "elsewhere/raw"]
    assert not SMALL.missing(folders)
    data = SMALL.load(folders)
    assert data.image_shape == (1, 3, 2)
    assert (data.X_train[0].reshape(3, 2) == IMAGES[0].T).all()
    assert (len(data.X_train), len(data.X_validation), len(data.X_test)) == (6, 4, 3)


def test_idx_files_of_another_data_set(tmp_path: Path) -> None:
    write_all(tmp_path, idx_files(labels=np.arange(10)))
    with pytest.raises(
        DataError, match="small-train-labels-idx1-ubyte has the label 0 in row 0; they are 1 to 3"
    ):
        SMALL.load([tmp_path])
    write_all(tmp_path, idx_files(IMAGES.reshape(10, 1, 6)))
    with pytest.raises(DataError, match="small: training images are 6×1, test images 3×2"):
        SMALL.load([tmp_path])


def test_archives_that_lack_or_repeat_a_file(tmp_path: Path) -> None:
    for n in (0, 2):
        with zipfile.ZipFile(tmp_path / "gzip.zip", "w") as into:
            for name, content in idx_files().items():
                for _ in range(n if "test-labels" in name else 1):
                    with warnings.catch_warnings(action="ignore"):  # of the second
                        into.writestr(f"gzip/{name}", content)
        if n:
            with pytest.raises(
                DataError, match=r"gzip\.zip holds gzip/small-test-labels-idx1-ubyte\.gz 2 times"
            ):
                SMALL.load([tmp_path])
        else:
            assert SMALL.missing([tmp_path]) == ("small-test-labels-idx1-ubyte[.gz]",)
    (tmp_path / "gzip.zip").write_bytes((tmp_path / "gzip.zip").read_bytes()[:-40])
    assert len(SMALL.missing([tmp_path])) == 4


def test_places_of_other_people() -> None:
    assert "/usr/share/datasets/fashion-mnist" in map(str, NAMED["fashion-mnist"].folders(Path("data")))
    for name, place in (("mnist", "MNIST/raw"), ("fashion-mnist", "FashionMNIST/raw"), ("emnist-byclass", "EMNIST/raw"), ("cifar10", "cifar-10-batches-py")):  # fmt: skip
        assert Path("data", place) in NAMED[name].folders(Path("data"))


def test_verifying(tmp_path: Path) -> None:
    assert [checked.state for checked in verify_dataset("mnist", data_dir=tmp_path)] == ["missing"] * 4
    write_all(tmp_path / "MNIST" / "raw", {"t10k-labels-idx1-ubyte.gz": b"", "train-images-idx3-ubyte": b""})
    states = [checked.state for checked in verify_dataset("mnist", data_dir=tmp_path)]
    assert states == ["no checksum", "missing", "missing", "changed"]
    write_all(tmp_path / "libsvm", {"heart_scale.gz": gzip.compress(b"another")})
    assert [checked.state for checked in verify_dataset("heart_scale", data_dir=tmp_path)] == ["changed"]
    with pytest.raises(DataError, match="unknown data set 'nothing'"):
        verify_dataset("nothing")


def test_the_published_files(real_data: Path) -> None:
    for name in ("mnist", "emnist-letters", "a9a", "heart_scale"):
        assert {checked.state for checked in verify_dataset(name, data_dir=real_data)} == {"good"}


def test_making(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Making] = []
    known = NamedDataset(
        "toy",
        "a toy",
        lambda folders: load_dataset("digits"),
        folder="toy",
        make=made.append,
        made_from=("parts",),
    )
    monkeypatch.setitem(NAMED, "toy", known)
    assert make_dataset("toy", data_dir=tmp_path, size="smoke", seed=3) == tmp_path / "toy"
    assert (made[0].folder, made[0].size, made[0].seed) == (tmp_path / "toy", "smoke", 3)
    assert made[0].sources == [tmp_path / "parts"]
    for name, message in (("digits", "digits is not made; it is generated"), ("mnist", "mnist is not made; `truezero data fetch mnist`")):  # fmt: skip
        with pytest.raises(DataError, match=message):
            make_dataset(name, data_dir=tmp_path)
    with pytest.raises(DataError, match="digits cannot be downloaded; it needs no files"):
        registry.fetch_dataset("digits")
    assert (
        next(info for info in list_datasets(tmp_path) if info.name == "toy").how
        == "`truezero data make toy` makes it"
    )
