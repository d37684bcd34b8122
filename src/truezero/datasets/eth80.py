"""A second stand-in for NORB: photographs of real objects, ETH-80 (Leibe and Schiele, 2003), put on clutter.

The photographs are grey, 96×96, with masks that say where the object is: 8 kinds, of each 10 objects in 41
poses. They are cut out, made equally large, jittered in NORB's ranges, put before such a wall and between
such clutter as the toys are, by the same code, and written in NORB's file format. There is one light, and no
second camera: an object is flat, the same in both pictures, before a wall that is shifted against it.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from truezero.core.text import printable
from truezero.datasets.dataset import Dataset
from truezero.datasets.formats.idx import read_idx, read_images, read_labels
from truezero.datasets.norb import load_collection
from truezero.datasets.norb_files import ETH80
from truezero.datasets.norb_making import Report, make_collection, sizes_of
from truezero.datasets.scenes import SIDE, Floats, Place
from truezero.errors import DataError

DESCRIPTION = "a stand-in for NORB: photographs of real objects (ETH-80) put on clutter, 8 kinds and nothing"
SIZES: dict[str, tuple[int, int]] = {
    "smoke": (900, 180),
    "laptop": (29_160, 5_832),
    "paper": (291_600, 58_320),
}
"""Training and testing images of each size; of the former, `load_eth80` keeps 541 of 2,700 for validation."""

KINDS = ("apple", "car", "cow", "cup", "dog", "horse", "pear", "tomato")
FILES = (
    "eth80-images-idx3-ubyte", "eth80-mask96-idx3-ubyte", "eth80-labels-idx1-ubyte", "eth80-info-idx2-int",
)  # fmt: skip
"""Images, masks, kinds, and object, elevation and azimuth (degrees) of each image, as IDX, `.gz` or not."""

_OBJECTS = 10  # of each kind; the first half is for training
_LENGTH = 76.0  # pixels, of an object's longer side at its full size
_MARGIN = 16


def load_eth80(folder: str | os.PathLike[str]) -> Dataset:
    """Load what `make_eth80` has made: a stand-in for NORB.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    Dataset
        As `load_norb` gives it, by the same code: uint8 (n_samples, 2·32·32), classes 0 to 7 (`KINDS`), and 8
        where there is no object.

    Raises
    ------
    DataError
        If files are missing, damaged or do not fit each other.
    """
    return load_collection(folder, ETH80)


def make_eth80(
    source: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    size: str | tuple[int, int] = "laptop",
    *,
    seed: int = 2011,
    n_jobs: int | None = None,
    report: Report | None = None,
) -> None:
    """Put the photographs on clutter: a stand-in for NORB. Objects 0 to 4 are for training.

    Parameters
    ----------
    source : path-like
        Folder of the photographs; see `FILES`.
    folder : path-like
        Where the made images go; see `make_toys` for this and for what follows.
    size : "smoke", "laptop", "paper", or (n_train, n_test)
        900 / 180, 29,160 / 5,832 or 291,600 / 58,320 images.
    seed, n_jobs, report
        As in `make_toys`.

    Raises
    ------
    OptionError
        If size, seed or n_jobs cannot be used.
    DataError
        If photographs are missing, damaged or do not fit each other, or the folder holds others.
    FileError
        If the folder cannot be written to.
    """
    n_train, n_test = sizes_of(size, SIZES)
    photographs = Photographs(source)
    make_collection(
        folder, ETH80, photographs, n_train, n_test,
        seed=seed, n_jobs=n_jobs, report=report, source=photographs.digest,
    )  # fmt: skip


class Photographs:
    """The photographs, cut out, as objects in a scene; see `scenes.Objects`.

    Parameters
    ----------
    source : path-like
        Folder of the files.

    Attributes
    ----------
    digest : str
        Of the files.

    Raises
    ------
    DataError
        If files are missing, damaged or do not fit each other.
    """

    n_kinds = len(KINDS)

    def __init__(self, source: str | os.PathLike[str]) -> None:
        self._source = os.fspath(source)
        cut_outs = _cut_outs(self._source)
        self.n_views = int(cut_outs.rows.shape[2])
        self.digest = cut_outs.digest

    def info(self, testing: bool, kind: int, view: int) -> tuple[int, int, int, int]:
        """Object (0 to 9), elevation and azimuth in degrees, and 0, for there is one light."""
        cut_outs = _cut_outs(self._source)
        row = int(cut_outs.rows[int(testing), kind, view])
        _, elevation, azimuth = cut_outs.info[row].tolist()
        return int(cut_outs.objects[row]), elevation, azimuth, 0

    def show(self, testing: bool, kind: int, view: int, place: Place) -> tuple[Floats, NDArray[np.bool_]]:
        """Grey levels and where the object is; the second camera's picture is the first one's, shifted."""
        cut_outs = _cut_outs(self._source)
        row = int(cut_outs.rows[int(testing), kind, view])
        y, x, length = cut_outs.frames[row]
        shift = round(place.disparity)
        # The first camera's picture begins at this column of what is made.
        first = _MARGIN // 2
        c, s = np.cos(place.turn), np.sin(place.turn)
        back = np.array([[c, s], [-s, c]]) * (length / (_LENGTH * place.size))
        middle = (SIDE - 1) / 2
        at = np.array([middle + place.y, first + middle + place.x + place.disparity / 2])
        grey, share = (
            ndimage.affine_transform(
                image.astype(np.float32), back, offset=np.array([y, x]) - back @ at, order=1,
                output_shape=(SIDE, SIDE + _MARGIN),
            )
            for image in (cut_outs.objects_alone[row], cut_outs.masks[row])
        )  # fmt: skip
        where = share > 0.5
        grey /= np.maximum(share, np.float32(0.5))  # the mean over the object's part of a pixel
        windows = [np.s_[:, first : first + SIDE], np.s_[:, first + shift : first + shift + SIDE]]
        return np.stack([grey[window] for window in windows]), np.stack([where[window] for window in windows])


@dataclass(frozen=True)
class _CutOuts:
    """The photographs in memory.

    Attributes
    ----------
    objects_alone, masks : ndarray of uint8, shape (n, height, width)
        Grey levels of the object, 0 elsewhere; 1 where the object is.
    info : ndarray of int64, shape (n, 3)
    objects : ndarray of int64, shape (n,)
        0 to 9 within a kind.
    frames : ndarray of float64, shape (n, 3)
        Middle of the object (row, column) and its longer side.
    rows : ndarray of int64, shape (2, n_kinds, n_views)
        Which photographs are views of a kind, for training and for testing.
    digest : str
    """

    objects_alone: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    info: NDArray[np.int64]
    objects: NDArray[np.int64]
    frames: NDArray[np.float64]
    rows: NDArray[np.int64]
    digest: str


@lru_cache(maxsize=1)
def _cut_outs(source: str) -> _CutOuts:
    paths = [_find(Path(source), name) for name in FILES]
    shown = [printable(os.fspath(path), 300) for path in paths]
    images = read_images(paths[0])
    n = len(images)
    masks = (read_images(paths[1]) > 127).astype(np.uint8)
    kinds, info = read_labels(paths[2], n), read_idx(paths[3])
    if masks.shape != images.shape:
        raise DataError(f"{shown[1]} does not fit: masks {masks.shape}, images {images.shape}")
    empty = np.flatnonzero(~masks.any((1, 2)))
    if len(empty):
        raise DataError(f"{shown[1]}: the mask of image {empty[0]} is empty")
    if info.shape != (n, 3) or info.dtype.kind not in "iu":
        raise DataError(f"{shown[3]} must hold whole numbers ({n}, 3), got {info.dtype} {info.shape}")
    if set(kinds.tolist()) != set(range(len(KINDS))):
        raise DataError(f"{shown[2]} must hold the kinds 0 to {len(KINDS) - 1}, all of them")
    objects = np.empty(n, np.int64)
    for kind, name in enumerate(KINDS):
        numbers, objects[kinds == kind] = np.unique(info[kinds == kind, 0], return_inverse=True)
        if len(numbers) != _OBJECTS:
            raise DataError(f"{shown[3]} must name {_OBJECTS} objects of a kind, of {name} {len(numbers)}")
    for_testing = objects >= _OBJECTS // 2
    rows = [
        [np.flatnonzero((kinds == kind) & (for_testing == testing)) for kind in range(len(KINDS))]
        for testing in (False, True)
    ]
    if len({len(views) for side in rows for views in side}) != 1:
        raise DataError(f"{shown[3]}: each half of each kind's objects must have equally many images")
    frames = np.array([_frame(mask) for mask in masks])
    alone = images * masks
    return _CutOuts(alone, masks, info.astype(np.int64), objects, frames, np.array(rows), _digest(paths))


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"eth80: {name}[.gz] is not in {printable(os.fspath(folder), 300)}")


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _frame(mask: NDArray[np.uint8]) -> tuple[float, float, float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    length = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    return (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2, float(length)
