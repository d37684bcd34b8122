"""CIFAR-10 as people have it: three forms, in folders or archives; and what is wrong with one."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from official_files import (
    BATCHES,
    N,
    batches,
    binary_batch,
    cifar_files,
    image,
    old_python_batch,
    python_batch,
    tar,
    write_all,
)

from truezero.datasets import list_datasets, load_dataset, load_file
from truezero.datasets.cifar10 import load_cifar10, load_cifar10_jpeg
from truezero.datasets.formats import tars
from truezero.datasets.formats.cifar import CLASSES
from truezero.datasets.formats.image_files import decoded
from truezero.datasets.registry import NAMED
from truezero.errors import DataError

FORMS = ["binary", "python", "old python"]
load = partial(load_cifar10, n_per_batch=N)


def check(data: Any) -> None:
    made = batches()
    assert (data.X_train == np.concatenate([X for X, _ in made[:5]])).all()
    assert (data.y_train == np.concatenate([y for _, y in made[:5]])).all()
    X, y = made[5]
    assert (data.X_validation == X[: N // 2]).all()
    assert (data.X_test == X[N // 2 :]).all()
    assert np.array_equal(data.y_test, y[N // 2 :])
    assert (data.X_train.dtype, data.scale, data.image_shape) == (np.uint8, 1 / 255, (3, 32, 32))
    assert data.stand_in_for is None


@pytest.mark.parametrize("form", FORMS)
def test_official_files_in_a_folder(tmp_path: Path, form: str) -> None:
    write_all(tmp_path, cifar_files(form))
    folder = next(tmp_path.iterdir())
    check(load([tmp_path / "nowhere", folder]))  # where torchvision unpacks it
    check(load([tmp_path]))


@pytest.mark.parametrize("form", FORMS)
def test_official_archives(tmp_path: Path, form: str) -> None:
    (tmp_path / f"cifar-10-{form.split()[-1]}.tar.gz").write_bytes(tar(cifar_files(form)))
    check(load([tmp_path]))


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    X, y = batches()[0]
    (tmp_path / "data_batch_1").write_bytes(python_batch(X, y, protocol))
    assert (load_file(tmp_path / "data_batch_1").X_train == X).all()
    (tmp_path / "data_batch_2").write_bytes(python_batch(np.asfortranarray(X), y, protocol))
    assert (load_file(tmp_path / "data_batch_2").X_train == X).all()


def test_a_batch_by_its_path(tmp_path: Path) -> None:
    X, y = batches()[2]
    (tmp_path / "data_batch_3.bin").write_bytes(binary_batch(X, y))
    (tmp_path / "test_batch").write_bytes(old_python_batch(X, y))
    for name in ("data_batch_3.bin", "test_batch"):
        data: Any = load_dataset(tmp_path / name)
        assert (data.X_train == X).all()
        assert np.array_equal(data.y_train, y)


def edited(change: Callable[[dict[str, bytes]], None], form: str = "binary") -> bytes:
    files = cifar_files(form)
    change(files)
    return tar(files)


BIN = "cifar-10-batches-bin/"
LABEL_10 = b"\x0a" + bytes(3072)


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (edited(lambda files: files.pop(BIN + "data_batch_4.bin")), "lacks data_batch_4.bin; get it again"),  # type: ignore[arg-type]
        (edited(lambda files: files.update({BIN + "more.bin": b"x"})), "holds .*/more.bin, which is none of its"),
        (edited(lambda files: files.update({"data_batch_1.bin": b"x"})), "data_batch_1.bin, which is none of its"),
        (edited(lambda files: files.update({BIN + "../../x": b"x"})), "names a file outside of itself"),
        (edited(lambda files: files.update({"/etc/x": b"x"})), "names a file outside of itself"),
        (edited(lambda files: files.update({BIN + "test_batch.bin": b"x" * 3072})), "test_batch.bin has 3072 bytes, not whole"),
        (edited(lambda files: files.update({BIN + "test_batch.bin": LABEL_10})), "has the label 10 in row 0; they are 0 to 9"),
        (edited(lambda files: files.update({BIN + "test_batch.bin": bytes(3073)})), "test_batch.bin has 1 rows, not 10"),
        (tar(cifar_files("binary"))[:-9], "damaged or cut off"),
        (tar(cifar_files("binary"), packed=False)[:30_000], "damaged or no tar archive|is cut off within"),
        (tar({}), "holds no files"),
        (b"no archive", "is damaged or no tar archive"),
    ],
)  # fmt: skip
def test_bad_archives(tmp_path: Path, archive: bytes, message: str) -> None:
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(archive)
    with pytest.raises(DataError, match=message) as raised:
        load([tmp_path])
    assert "\n" not in str(raised.value)
    assert str(tmp_path) in str(raised.value) or "cifar10: " in str(raised.value)


def test_links_in_archives(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "cifar-10-binary.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo(BIN + "data_batch_1.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(DataError, match="is no plain file; it is not read"):
        load([tmp_path])


def test_a_damaged_header_is_not_the_end(tmp_path: Path) -> None:
    whole = bytearray(tar(cifar_files("binary"), packed=False))
    at = whole.index(b"cifar-10-batches-bin/test_batch.bin")
    whole[at] ^= 1
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(whole)
    with pytest.raises(DataError, match=f"is damaged or cut off at byte {at}"):
        load([tmp_path])


# ---- images -------------------------------------------------------------------------------------------


def pictures(kind: str, by_class: bool = True) -> dict[str, bytes]:
    made, files = batches(), dict[str, bytes]()
    rows = {"train": made[:5], "test": made[5:]}
    for part, of_part in rows.items():
        X, y = (np.concatenate([batch[i] for batch in of_part]) for i in (0, 1))
        for i, (row, label) in enumerate(zip(X, y, strict=True)):
            name = f"{int((y[:i] == label).sum()):04}.{kind.lower()}"
            files[f"{part}/{CLASSES[label]}/{name}"] = image(row.reshape(3, 32, 32), kind)
        files[f"{part}_labels.json"] = json.dumps(y.tolist()).encode()
    return files


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("ordered", [False, True])
def test_images_by_class(tmp_path: Path, archive: bool, ordered: bool) -> None:
    files = {name: content for name, content in pictures("PNG").items() if ordered or name.endswith("png")}
    if archive:
        (tmp_path / "cifar10.tar").write_bytes(tar(files, packed=False))
    else:
        write_all(tmp_path, files)
    check(load([tmp_path]))  # the classes come in turn in both, as it happens


def test_jpegs_are_a_stand_in(tmp_path: Path) -> None:
    (tmp_path / "cifar10_jpeg.tar.gz").write_bytes(tar(pictures("JPEG")))
    with pytest.raises(DataError, match="holds JPEG files, which are lossy copies; ask for cifar10-jpeg"):
        load([tmp_path])
    data: Any = load_cifar10_jpeg([tmp_path], n=(5 * N, N))
    assert (data.name, data.stand_in_for) == ("cifar10-jpeg", "CIFAR-10")
    assert np.array_equal(data.y_train, np.concatenate([y for _, y in batches()[:5]]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train/cat/0001.png", image(np.zeros((3, 32, 31), np.uint8)), "0001.png is 31×32 pixels, not 32×32"),
        ("train/cat/0001.png", b"\x89PNG nonsense", "is damaged or no image"),
        ("train/cat/9999.png", image(np.zeros((3, 32, 32), np.uint8)), "has 51 images in train/, not 50"),
        ("train/cats/0001.png", image(np.zeros((3, 32, 32), np.uint8)), "has 51 images in train/, not 50"),
        ("train/cat/0001.gif", b"GIF89a", "is no PNG and no JPEG file"),
        ("train_labels.json", b"[1, 2]", "the list of 2 labels does not fit the 50 images"),
        ("train_labels.json", b'["cat"]', "must be a list of labels from 0 to 9"),
        ("train_labels.json", b"[" * 100_000, "has labels that are no JSON"),
    ],
)  # fmt: skip
def test_bad_images(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    write_all(tmp_path, {**pictures("PNG"), name: content})
    with pytest.raises(DataError, match=message):
        load([tmp_path])


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    grey = {
        f"{part}/{label}/{i}.png": image(np.full((1, 5, 4), 10 * i, np.uint8))
        for part in ("train", "val", "test") for label in ("yes", "no") for i in (2, 10)
    }  # fmt: skip
    write_all(tmp_path / "all", grey)
    write_all(tmp_path / "one", {name.removeprefix("train/"): grey[name] for name in grey if "train" in name})
    (tmp_path / "all.tgz").write_bytes(tar(grey))
    for name in ("all", "all.tgz"):
        data: Any = load_dataset(tmp_path / name)
        assert data.image_shape == (1, 5, 4)
        assert data.X_train[:, 0].tolist() == [20, 20, 100, 100]
        assert np.array_equal(data.y_train, ["no", "yes", "no", "yes"])
        assert len(data.X_validation) == len(data.X_test) == 4
    assert load_dataset(tmp_path / "one").X_test is None
    write_all(tmp_path / "one", {"y/yes/1.png": grey["test/no/2.png"]})
    with pytest.raises(DataError, match="has images in 'y'; parts are train, validation and test"):
        load_dataset(tmp_path / "one")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="is a folder, but holds no images in folders of their classes"):
        load_dataset(tmp_path / "empty")


def test_the_named_set_wants_all_of_it(tmp_path: Path) -> None:
    write_all(tmp_path / "cifar-10-batches-py", {name: b"" for name in BATCHES})
    assert next(info for info in list_datasets(tmp_path) if info.name == "cifar10").found
    with pytest.raises(DataError, match="data_batch_1 is damaged or no pickle"):
        load_dataset("cifar10", data_dir=tmp_path)
    with pytest.raises(
        DataError, match=r"cifar10: cifar-10-binary\.tar\.gz is not in .*truezero data fetch cifar10"
    ):
        load_dataset("cifar10", data_dir=tmp_path / "empty")
    assert NAMED["cifar10-jpeg"].stand_in_for == "CIFAR-10"


def test_lossless_records_and_the_jpeg_copy_agree(real_data: Path) -> None:
    """To a root mean squared error of about 8 grey levels, as is said of the copy; in the same order."""
    lossless = load_file(real_data / "cifar10" / "data_batch_1.first4000.bin.xz")
    names = [f"train/{CLASSES[label]}" for label in lossless.y_train[:40]]  # type: ignore[index]
    wanted, count = [], dict[str, int]()
    for name in names:
        wanted.append(f"{name}/{count.get(name, 0):04}.jpg")
        count[name] = count.get(name, 0) + 1
    found = {}
    for name, content, allowance in tars.files_in(real_data / "cifar10" / "cifar10_jpeg.tar.gz"):
        if name in wanted:
            found[name] = decoded(content, None, allowance)[0].reshape(-1)
        if len(found) == len(wanted):
            break
    difference = np.stack([found[name] for name in wanted]) - lossless.X_train[:40].astype(np.float64)
    assert (difference**2).mean() ** 0.5 == pytest.approx(8.1, abs=0.7)
