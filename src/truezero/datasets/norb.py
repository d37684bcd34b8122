"""NORB and what is kept in its format: stereo pairs of toys on clutter, made as small as the paper has them.

The paper's 2×108×108 pixels become 2×32×32, and stay uint8: pixel p stands for 2 p / 255 − 1, so [−1, 1]
costs no floats. They are averages over areas: an image of n×n is covered by 32×32 equal squares, whose sides
are n/32 pixels long, and a new pixel is the mean over its square, in which a pixel that lies in it by a part
counts by that part. The sums are of whole numbers and exact, and rounded once, to the nearest.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from truezero.core.atomic import make_folder, writing
from truezero.core.draws import Purpose, permutation
from truezero.core.text import printable
from truezero.datasets.dataset import Dataset
from truezero.datasets.formats.norb import open_matrix, read_matrix
from truezero.datasets.norb_files import NORB, SIDES, SMALL_NORB, Collection, Content, Side
from truezero.errors import DataError, FileError, OptionError

SIDE = 32
_WIDTH = 2 * SIDE * SIDE
_BLOCK = 256  # pairs that are read and made smaller at a time
# The paper keeps 58,428 of 291,600 for validation, which is 541 of 2,700.
_VALIDATION = (541, 2700)
_SPLIT_SEED = 2011
_METHOD = "area 32 1"  # part of what a cache is known by: another one means other pixels or another split
_KINDS = {"norb": NORB, "small-norb": SMALL_NORB}


def load_norb(folder: str | os.PathLike[str], kind: str = "norb") -> Dataset:
    """Load NORB (Jittered-Cluttered; section 3 of the paper) or Small NORB from the official files.

    The first time, the pairs are made smaller and kept beside the files, as uint8 (717 MB for NORB), or in
    the user's cache where the folder cannot be written to; they are made anew when a file has changed. Rows
    are memory-mapped.

    Parameters
    ----------
    folder : path-like
        Holds the files under their official names, `.mat` or `.mat.gz`; see `norb_files.FILES`. The files
        that say how images were made ("info") need not be there.
    kind : "norb" or "small-norb"

    Returns
    -------
    Dataset
        uint8, shape (n_samples, 2·32·32), the left image first. Classes 0 to 4: animal, human, plane, truck,
        car, and of NORB 5: nothing. NORB has 233,172 / 58,428 / 58,320 rows, Small NORB 19,430 / 4,870 /
        24,300; which of the training images are for validation, see `validation_rows`.

    Raises
    ------
    DataError
        If files are missing, damaged or do not fit each other.
    OptionError
        If there is no such kind.
    """
    if kind not in _KINDS:
        raise OptionError(f"kind must be one of {', '.join(_KINDS)}, got {kind!r}")
    return load_collection(folder, _KINDS[kind])


def load_collection(folder: str | os.PathLike[str], collection: Collection) -> Dataset:
    """Load files of NORB's kind; see `load_norb`.

    Parameters
    ----------
    folder : path-like
    collection : Collection

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If files are missing, damaged or do not fit each other.
    """
    source = Path(folder)
    files = {side: _pairs_of_files(source, collection, side) for side in SIDES}
    identity = _identity([path for side in SIDES for pair in files[side] for path in pair])
    cache = _cache_folder(source)
    rows_path = cache / f"{collection.name}-{SIDE}x{SIDE}-{identity}.npy"
    labels_path = rows_path.with_suffix(".labels.npz")
    found = _cached(rows_path, labels_path)
    if found is None:
        _make_cache(collection, files, rows_path, labels_path)
        _clear_others(cache, collection, identity)
        found = _cached(rows_path, labels_path)
    if found is None:
        raise DataError(f"{rows_path} cannot be read although it was just written; is the disk full?")
    X, (y_train, y_validation, y_test) = found
    a, b = len(y_train), len(y_train) + len(y_validation)
    return Dataset(
        collection.name,
        X[:a],
        y_train,
        X[a:b] if b > a else None,
        y_validation if b > a else None,
        X[b:],
        y_test,
        scale=2 / 255,
        offset=-1.0,
        image_shape=(2, SIDE, SIDE),
    )


def subsample(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make square images smaller, to 32×32, by the mean over areas.

    Parameters
    ----------
    images : ndarray of uint8, shape (..., n, n)

    Returns
    -------
    ndarray of uint8, shape (..., 32, 32)
        Of a pixel's square in the old image the mean, rounded to the nearest, up from the middle.
    """
    n = images.shape[-1]
    unit = SIDE // math.gcd(n, SIDE)  # the parts a pixel is cut into, so that areas are whole numbers
    length = n * unit // SIDE  # side of a new pixel, in parts
    edges = np.arange(SIDE) * length
    pixels = np.arange(n) * unit
    shared = np.minimum(edges[:, None] + length, pixels + unit) - np.maximum(edges[:, None], pixels)
    weights = np.maximum(shared, 0).astype(np.float32)
    # Whole numbers below 2**24, so float32 is exact in whatever order they are added.
    sums = (weights @ images.astype(np.float32) @ weights.T).astype(np.int32)
    area = length * length
    means: NDArray[np.uint8] = ((2 * sums + area) // (2 * area)).astype(np.uint8)
    return means


def validation_rows(y: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which training images are kept for validation.

    The paper keeps 58,428 of NORB's 291,600 training images, by the procedure of Nair and Hinton (2010), and
    neither says which. Both numbers of the paper are multiples of 6·18, so every class may have its equal
    share. Ours: of each class the same share, 541 of 2,700 (9,738 of 48,600), rounded, drawn without
    replacement by Philox words addressed by the image's number in the files. So the instances of training are
    those of validation, and those of the test are others.

    Parameters
    ----------
    y : ndarray of int64, shape (n_samples,)
        Classes, in the order of the files.

    Returns
    -------
    ndarray of bool, shape (n_samples,)
    """
    order = permutation(_SPLIT_SEED, Purpose.SPLIT, np.arange(len(y)))
    held_out = np.zeros(len(y), bool)
    for label in np.unique(y):
        rows = order[y[order] == label]
        n = max(round(len(rows) * _VALIDATION[0] / _VALIDATION[1]), 1) if len(rows) > 1 else 0
        held_out[rows[:n]] = True
    return held_out


# ---- files ----------------------------------------------------------------------------------------------


def _pairs_of_files(folder: Path, collection: Collection, side: Side) -> list[tuple[Path, Path]]:
    """Files of images and of classes."""
    found: dict[Content, list[Path]] = {"dat": [], "cat": []}
    for content, paths in found.items():
        names = collection.names(side, content)
        for name, path in zip(names, collection.find(folder, side, content), strict=True):
            if path is None:
                raise _missing(collection, name, folder)
            paths.append(path)
    return list(zip(found["dat"], found["cat"], strict=True))


def _missing(collection: Collection, name: str, folder: str | os.PathLike[str]) -> DataError:
    return DataError(
        f"{collection.name}: {name}[.gz] is not in {printable(os.fspath(folder), 300)}; {collection.origin}"
    )


def _read_labels(path: Path, collection: Collection) -> NDArray[np.int64]:
    with open_matrix(path) as matrix:
        if len(matrix.shape) != 1 or matrix.dtype.kind not in "iu":
            raise DataError(f"must hold one whole number per image, got {matrix.dtype} {matrix.shape}")
        (labels,) = matrix.blocks(matrix.shape[0])
        if labels.min() < 0 or labels.max() >= collection.n_classes:
            raise DataError(
                f"must hold classes 0 to {collection.n_classes - 1}, got {labels.min()} to {labels.max()}"
            )
        return labels.astype(np.int64)


def _read_images(path: Path, collection: Collection, n: int) -> Iterator[NDArray[np.uint8]]:
    """Images made smaller, some at a time, shape (n, 2·32·32)."""
    side = collection.image_side
    with open_matrix(path) as matrix:
        if matrix.shape[1:] != (2, side, side) or matrix.dtype != np.uint8:
            raise DataError(f"must hold uint8 (n, 2, {side}, {side}), got {matrix.dtype} {matrix.shape}")
        if matrix.shape[0] != n:
            raise DataError(f"does not fit: it has {matrix.shape[0]} images, but there are {n} classes")
        for block in matrix.blocks(_BLOCK):
            yield subsample(block).reshape(len(block), -1)


def read_info(folder: str | os.PathLike[str], collection: Collection, side: Side) -> NDArray[np.int32]:
    """How images were made, in the order of the files.

    Parameters
    ----------
    folder : path-like
    collection : Collection
    side : "training" or "testing"

    Returns
    -------
    ndarray of int32, shape (n_images, 10 or 4)
        Instance, elevation (0 to 8: 30° to 70°), azimuth (0 to 34, in 10°), lighting (0 to 5); −1 where
        nothing is shown. In NORB also horizontal and vertical shift (pixels), brightness (grey levels),
        contrast, size and rotation (degrees); the official files have contrast and size, which are fractions,
        cut to whole numbers, ours in per cent.

    Raises
    ------
    DataError
        If a file is missing, damaged, or of another shape.
    """
    parts = []
    names = collection.names(side, "info")
    for name, path in zip(names, collection.find(Path(folder), side, "info"), strict=True):
        if path is None:
            raise _missing(collection, name, folder)
        info = read_matrix(path)
        if info.ndim != 2 or info.shape[1] != collection.n_info or info.dtype != np.int32:
            raise DataError(f"{path} must hold int32 (n, {collection.n_info}), got {info.dtype} {info.shape}")
        parts.append(info)
    return np.concatenate(parts)


# ---- cache ----------------------------------------------------------------------------------------------


def _identity(paths: list[Path]) -> str:
    """What a cache of these files is known by: names, sizes and times, and how it is made."""
    digest = hashlib.sha256(_METHOD.encode())
    for path in paths:
        status = path.stat()
        digest.update(f"|{path.name}|{status.st_size}|{status.st_mtime_ns}".encode())
    return digest.hexdigest()[:16]


def _cache_folder(source: Path) -> Path:
    """The folder of the files, or one of the user's cache where that cannot be written to."""
    try:
        return make_folder(source)
    except FileError:
        place = hashlib.sha256(os.fsencode(os.path.realpath(source))).hexdigest()[:16]
        return make_folder(Path(platformdirs.user_cache_dir("truezero"), "subsampled", place))


def _cached(
    rows_path: Path, labels_path: Path
) -> tuple[NDArray[np.uint8], tuple[NDArray[np.int64], ...]] | None:
    """Rows, memory-mapped, and labels of the three parts; None if there is no whole cache."""
    try:
        # Opened here: what `np.load` opens itself it leaves open when the file is damaged.
        with open(labels_path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            labels = tuple(file[part] for part in ("train", "validation", "test"))
        rows = np.load(rows_path, mmap_mode="r", allow_pickle=False)
    except Exception:  # it is made anew, whatever is wrong with it
        return None
    whole = (sum(map(len, labels)), _WIDTH)
    if rows.shape != whole or rows.dtype != np.uint8 or any(part.dtype != np.int64 for part in labels):
        return None
    return rows, labels


def _make_cache(
    collection: Collection,
    files: dict[Side, list[tuple[Path, Path]]],
    rows_path: Path,
    labels_path: Path,
) -> None:
    """Write rows and labels, training rows first, then those of validation, then those of the test."""
    labels = {side: [_read_labels(path, collection) for _, path in files[side]] for side in SIDES}
    y, y_test = (np.concatenate(labels[side]) for side in SIDES)
    held_out = validation_rows(y)
    n_train = int(len(y) - held_out.sum())
    part = np.concatenate([held_out.astype(np.int64), np.full(len(y_test), 2)])
    cursors = [0, n_train, len(y)]  # the next row of each part
    with writing(rows_path) as temporary, open(temporary, "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (len(part), _WIDTH)}
        np.lib.format.write_array_header_1_0(file, header)
        start, n = file.tell(), 0
        for side in SIDES:
            for (path, _), of_file in zip(files[side], labels[side], strict=True):
                for block in _read_images(path, collection, len(of_file)):
                    of_block = part[n : n + len(block)]
                    for number in np.unique(of_block):
                        rows = block[of_block == number]
                        file.seek(start + cursors[number] * _WIDTH)
                        file.write(rows.data)
                        cursors[number] += len(rows)
                    n += len(block)
    with writing(labels_path) as temporary, open(temporary, "wb") as file:
        np.savez(file, train=y[~held_out], validation=y[held_out], test=y_test)


def _clear_others(cache: Path, collection: Collection, identity: str) -> None:
    """Remove what was kept of the files as they were before."""
    for path in cache.glob(f"{collection.name}-{SIDE}x{SIDE}-*"):
        if not path.name.startswith(f"{collection.name}-{SIDE}x{SIDE}-{identity}."):
            path.unlink(missing_ok=True)
