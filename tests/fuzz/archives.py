"""Files and archives of named data sets: CIFAR-10's, images by class, EMNIST's zip, LIBSVM's names."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from official_files import batches, binary_batch, cifar_files, image, old_python_batch, python_batch, tar

from fuzz.readers import _DATA_COMMANDS, Reader, _idx_gzip, _read_data, _svmlight
from truezero.datasets.cifar10 import load_cifar10
from truezero.datasets.dataset import Dataset
from truezero.datasets.formats.idx import read_images, read_labels
from truezero.datasets.formats.zipped import ZipMember
from truezero.datasets.libsvm import load_libsvm

_N, _N_TO_TRAIN = 4, 30  # fewer would not be split into training and validation rows


def _batch(name: str, write: Callable[..., bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        X, y = batches(_N_TO_TRAIN)[0]
        (folder / name).write_bytes(write(X, y))
        return folder / name

    return make


def _archive(form: str, packed: bool) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"cifar-10-{form}.tar.gz"
        path.write_bytes(tar(cifar_files(form, _N), packed))
        return path

    return make


def _read_cifar10(path: Path) -> Any:
    return _of(load_cifar10([path.parent], n_per_batch=_N))


def _of(data: Dataset) -> Any:
    return [data.part(part) for part in ("train", "validation", "test")]


def _images(kind: str, packed: bool) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / ("images.tgz" if packed else "images.tar")
        random = np.random.default_rng(3)
        path.write_bytes(
            tar(
                {
                    f"train/{label}/{i}.{kind.lower()}": image(random.integers(0, 256, (3, 4, 3), np.uint8), kind)
                    for label in ("a", "b") for i in range(_N_TO_TRAIN // 2)
                },
                packed,
            )
        )  # fmt: skip
        return path

    return make


def _emnist(folder: Path) -> Path:
    images = _idx_gzip(folder)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in (images, images.with_name("my-labels-idx1-ubyte.gz")):
            archive.writestr(zipfile.ZipInfo(f"gzip/{path.name}"), path.read_bytes())
    (folder / "gzip.zip").write_bytes(content.getvalue())
    return folder / "gzip.zip"


def _read_emnist(path: Path) -> Any:
    images = read_images(ZipMember(path, "gzip/my-images-idx3-ubyte.gz"))
    return images, read_labels(ZipMember(path, "gzip/my-labels-idx1-ubyte.gz"), len(images))


def _pair(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        text = _svmlight(folder).read_bytes()
        (folder / "mine").write_bytes(text)
        (folder / "mine.t").write_bytes(text)
        return folder / name

    return make


def _read_pair(path: Path) -> Any:
    return _of(load_libsvm("mine", [path.parent], n_validation=10))


ARCHIVES: dict[str, Reader] = {
    "cifar-bin": Reader(_batch("data_batch_1.bin", binary_batch), _read_data, False, _DATA_COMMANDS),
    "cifar-python": Reader(_batch("data_batch_1", python_batch), _read_data, False, _DATA_COMMANDS),
    "cifar-python-2": Reader(_batch("data_batch_1", old_python_batch), _read_data, False, _DATA_COMMANDS),
    "cifar-pickle-0": Reader(
        _batch("data_batch_1", partial(python_batch, protocol=0)), _read_data, False, _DATA_COMMANDS
    ),
    "cifar-bin-tgz": Reader(_archive("binary", True), _read_cifar10, True, ()),
    "cifar-bin-tar": Reader(_archive("binary", False), _read_cifar10, False, ()),
    "cifar-python-tgz": Reader(_archive("python", True), _read_cifar10, True, ()),
    "images-tgz": Reader(_images("PNG", True), _read_data, True, _DATA_COMMANDS),
    "images-tar": Reader(_images("JPEG", False), _read_data, False, _DATA_COMMANDS),
    "emnist-zip": Reader(_emnist, _read_emnist, True, ()),
    "libsvm-train": Reader(_pair("mine"), _read_pair, False, _DATA_COMMANDS),
    "libsvm-test": Reader(_pair("mine.t"), _read_pair, False, _DATA_COMMANDS),
}
