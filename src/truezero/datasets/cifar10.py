"""CIFAR-10 from its official files, binary or Python's, or from image files by class."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.datasets.dataset import Dataset
from truezero.datasets.formats import cifar, tars
from truezero.datasets.formats.image_files import Images, read_images_by_class
from truezero.datasets.formats.source import reading
from truezero.datasets.named import Folders, NamedDataset, RemoteFile
from truezero.errors import DataError

N_PER_BATCH = 10_000
_FORMS = ("binary", "python")
_FOLDERS = {"binary": "cifar-10-batches-bin", "python": "cifar-10-batches-py"}
_ENDS = {"binary": ".bin", "python": ""}
_PARSE: dict[str, Callable[[bytes], cifar.Batch]] = {
    "binary": cifar.parse_records,
    "python": cifar.parse_pickled,
}
_READ: dict[str, Callable[[Path], cifar.Batch]] = {
    "binary": cifar.read_records,
    "python": cifar.read_pickled,
}
_BESIDE = {"binary": {"batches.meta.txt", "readme.html"}, "python": {"batches.meta", "readme.html"}}
_IMAGES = ("cifar10_jpeg.tar.gz", "cifar10_png.tar.gz", "cifar10.tar.gz", "cifar10.tar")


def _batches(form: str) -> list[str]:
    return [name + _ENDS[form] for name in (*cifar.TRAIN_BATCHES, cifar.TEST_BATCH)]


def _official(folders: Folders) -> tuple[str, Path] | None:
    """Find the form and place of the official files: a folder with all six, or their archive."""
    for folder in folders:
        for form in _FORMS:
            for place in (folder, folder / _FOLDERS[form]):
                if all(os.path.isfile(place / name) for name in _batches(form)):
                    return form, place
            archive = folder / f"cifar-10-{form}.tar.gz"
            if os.path.isfile(archive):
                return form, archive
    return None


def _images(folders: Folders) -> Path | None:
    """Find a folder with `train` and `test`, or an archive of images; in its own folder alone."""
    for folder in folders[:1]:
        if os.path.isdir(folder / "train") and os.path.isdir(folder / "test"):
            return folder
        found = next((folder / name for name in _IMAGES if os.path.isfile(folder / name)), None)
        if found is not None:
            return found
    return None


def load_cifar10(folders: Folders, n_per_batch: int = N_PER_BATCH) -> Dataset:
    """CIFAR-10: 50,000 training rows, 5,000 for validation, 5,000 for the test.

    The training rows are the five official batches; the first half of the official test batch is for
    validation, the second half for the test. Nobody has written down how the paper parted them.

    Parameters
    ----------
    folders : sequence of Path
        Where the files may be.
    n_per_batch : int, default=10000
        Rows that each of the six files must have.

    Returns
    -------
    Dataset
        uint8 (n, 3072), channel by channel; classes 0 to 9 (`cifar.CLASSES`).

    Raises
    ------
    DataError
        If a file is missing or damaged, the archive lacks one or has others, or images are not lossless.
    """
    official = _official(folders)
    if official is not None:
        form, place = official
        parts = _of_folder(form, place) if os.path.isdir(place) else _of_archive(form, place)
        for name, (X, _) in zip(_batches(form), parts, strict=True):
            if len(X) != n_per_batch:
                raise DataError(f"cifar10: {name} has {len(X)} rows, not {n_per_batch}; get it again")
        X, y = (np.concatenate([part[i] for part in parts[:-1]]) for i in (0, 1))
        return _split("cifar10", X, y, *parts[-1])
    return _of_images(folders, lossy=False, n=(5 * n_per_batch, n_per_batch))


def load_cifar10_jpeg(folders: Folders, n: tuple[int, int] = (50_000, 10_000)) -> Dataset:
    """CIFAR-10 from JPEG files, which are lossy copies; see `load_cifar10`."""
    return _of_images(folders, lossy=True, n=n)


def _of_folder(form: str, folder: Path) -> list[cifar.Batch]:
    return [_READ[form](folder / name) for name in _batches(form)]


def _of_archive(form: str, archive: Path) -> list[cifar.Batch]:
    shown, found = printable(str(archive), 300), dict[str, cifar.Batch]()
    wanted = _batches(form)
    for path, content, _ in tars.files_in(archive):
        folder, _, name = path.rpartition("/")
        if folder != _FOLDERS[form] or name not in {*wanted, *_BESIDE[form]}:
            raise DataError(f"{shown} holds {printable(path, 200)}, which is none of its files; get it again")
        if name in wanted:
            try:
                found[name] = _PARSE[form](content)
            except DataError as error:
                raise DataError(f"{shown}: {name} {error}") from error
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(f"{shown} lacks {missing[0]}; get it again")
    return [found[name] for name in wanted]


def _of_images(folders: Folders, *, lossy: bool, n: tuple[int, int]) -> Dataset:
    name = "cifar10-jpeg" if lossy else "cifar10"
    place = _images(folders)
    if place is None:
        raise DataError(f"{name} is not there")
    found, others = read_images_by_class(place, cifar.SHAPE)
    shown = printable(str(place), 300)
    if set(found) != {"train", "test"}:
        raise DataError(f"{shown} must hold images in train/CLASS/ and test/CLASS/")
    if not lossy and any(images.lossy for images in found.values()):
        raise DataError(
            f"{shown} holds JPEG files, which are lossy copies; ask for cifar10-jpeg if that is meant"
        )
    arrays: list[Any] = []
    for part, n_images in zip(("train", "test"), n, strict=True):
        images = found[part]
        if len(images.names) != n_images:
            raise DataError(f"{shown} has {len(images.names)} images in {part}/, not {n_images}")
        unknown = set(images.classes) - set(cifar.CLASSES)
        if unknown:
            raise DataError(
                f"{shown} has the class {printable(min(unknown), 100)}, which is none of CIFAR-10's"
            )
        order = _official_order(images, _labels(place, part, others))
        y = np.array([cifar.CLASSES.index(images.classes[i]) for i in order])
        arrays += [images.rows(order), y]
    X, y, X_test, y_test = arrays
    return _split(name, X, y, X_test, y_test, stand_in_for="CIFAR-10" if lossy else None)


def _labels(place: Path, part: str, others: dict[str, bytes]) -> list[int] | None:
    """The official order of labels, if a file beside the images says it."""
    name = f"{part}_labels.json"
    beside = (place if os.path.isdir(place) else place.parent) / name
    content = others.get(name)
    if content is None and not os.path.isfile(beside):
        return None
    with reading(beside if content is None or os.path.isdir(place) else place) as allowance:
        if content is None:
            allowance.take(16 * allowance.size, "its labels")
            content = beside.read_bytes()
        try:
            labels = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise DataError(f"has labels that are no JSON ({printable(error, 200)})") from error
    if type(labels) is not list or not all(type(v) is int and 0 <= v < 10 for v in labels):
        raise DataError(f"{printable(str(beside), 300)} must be a list of labels from 0 to 9")
    return labels


def _official_order(images: Images, labels: list[int] | None) -> list[int]:
    """Images of each class by number, the classes as the labels come, or one after the other in turn."""
    order = images.order()
    if labels is None:
        return order
    queues: dict[str, Iterator[int]] = {
        name: iter([i for i in order if images.classes[i] == name]) for name in cifar.CLASSES
    }
    try:
        placed = [next(queues[cifar.CLASSES[label]]) for label in labels]
    except StopIteration:
        placed = []
    if len(placed) != len(order):
        raise DataError(f"the list of {len(labels)} labels does not fit the {len(order)} images")
    return placed


def _split(
    name: str, X: NDArray[Any], y: NDArray[Any], X_test: NDArray[Any], y_test: NDArray[Any],
    stand_in_for: str | None = None,
) -> Dataset:  # fmt: skip
    half = len(X_test) // 2
    return Dataset(
        name, X, y, X_test[:half], y_test[:half], X_test[half:], y_test[half:],
        scale=1 / 255, image_shape=cifar.SHAPE, stand_in_for=stand_in_for,
    )  # fmt: skip


def _missing(folders: Folders) -> tuple[str, ...]:
    if _official(folders) is not None or (_images(folders) is not None and not _holds_jpegs(folders)):
        return ()
    return ("cifar-10-binary.tar.gz",)


def _holds_jpegs(folders: Folders) -> bool:
    place = _images(folders)
    if place is None:
        return False
    return (
        "jpeg" in place.name
        if os.path.isfile(place)
        else next(place.glob("train/*/*.jp*g"), None) is not None
    )


_LICENCE = "none stated; the author asks to cite Krizhevsky 2009"
_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
CIFAR10_SETS = (
    NamedDataset(
        "cifar10", "pictures of ten kinds of things, 3×32×32; the paper's split 50,000 / 5,000 / 5,000",
        load_cifar10, _missing, _LICENCE, _PAGE, "cifar10", (*_FOLDERS.values(), ""),
        (
            RemoteFile(
                "cifar-10-binary.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", 170_052_171,
            ),
        ),
        accepted=(
            RemoteFile(
                "cifar-10-python.tar.gz", "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "md5:c58f30108f718f92721af3b95e74349a", 170_498_071,
            ),
        ),
    ),
    NamedDataset(
        "cifar10-jpeg", "CIFAR-10 as JPEG files, a lossy copy; 50,000 / 5,000 / 5,000", load_cifar10_jpeg,
        lambda folders: () if _holds_jpegs(folders) else ("train/CLASS/*.jpg",), _LICENCE, _PAGE, "cifar10",
        by_hand="put train/CLASS/*.jpg and test/CLASS/*.jpg there, or as an archive, cifar10_jpeg.tar.gz",
        stand_in_for="CIFAR-10",
    ),
)  # fmt: skip
