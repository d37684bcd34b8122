"""The user's own files: npz, svmlight, and IDX pairs."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.datasets import load_svmlight_file

from truezero.datasets.dataset import Dataset
from truezero.datasets.formats.idx import read_idx
from truezero.errors import DataError

_SVMLIGHT = (".svm", ".svmlight", ".libsvm", ".txt")


def load_file(path: str | Path, *, n_features: int | None = None) -> Dataset:
    """Load a file of one's own.

    Parameters
    ----------
    path : path-like
        `.npz` with X and y, or X_train, y_train, X_val, y_val, X_test, y_test, or as written by
        `scipy.sparse.save_npz`; svmlight (`.svm`, `.svmlight`, `.libsvm`, `.txt`); or an IDX file of
        images, whose labels lie beside it under the official name. Labels may be missing.
    n_features : int, optional
        Width of an svmlight file, which does not say it.

    Returns
    -------
    Dataset
        All rows are training rows unless the file says otherwise.

    Raises
    ------
    DataError
        If the file is missing, damaged, or of a kind that is not known.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file in it, or a data set with --data-dir")
    name = path.name.lower()
    if name.endswith(".npz"):
        return _load_npz(path)
    if "idx3" in name:
        return _load_idx(path)
    if path.suffix.lower() in _SVMLIGHT:
        return _load_svmlight(path, n_features)
    raise DataError(f"{path}: unknown kind of file; known: .npz, IDX images (*idx3*), {', '.join(_SVMLIGHT)}")


def _load_npz(path: Path) -> Dataset:
    try:
        # Opened here, so that it is closed even where NumPy finds it damaged.
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        if {"indices", "indptr", "data"} <= set(arrays):
            return Dataset(path.name, sparse.csr_array(sparse.load_npz(path)), None)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise DataError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if "X" in arrays:
        return Dataset(path.name, _numbers(arrays["X"]), arrays.get("y"))
    if "X_train" not in arrays:
        raise DataError(
            f"{path} must hold X and y, or X_train and y_train; it holds {', '.join(arrays) or 'nothing'}"
        )
    parts: dict[str, Any] = {
        f"{letter}_{part}": arrays.get(f"{letter}_{key}")
        for part, key in (("train", "train"), ("validation", "val"), ("test", "test"))
        for letter in "Xy"
    }
    for part in ("X_train", "X_validation", "X_test"):
        parts[part] = None if parts[part] is None else _numbers(parts[part])
    return Dataset(path.name, **parts)


def _numbers(X: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers and booleans become float32; floats and bytes stay as they are."""
    return X.astype(np.float32) if X.dtype.kind in "biu" and X.dtype != np.uint8 else X


def _load_svmlight(path: Path, n_features: int | None) -> Dataset:
    try:
        X, y = load_svmlight_file(str(path), dtype=np.float32, n_features=n_features)
    except (OSError, ValueError, OverflowError) as error:
        raise DataError(f"{path} is not an svmlight file: {' '.join(str(error).split())}") from error
    if np.isfinite(y).all() and (y == np.round(y)).all():
        y = y.astype(np.int64)
    return Dataset(path.name, sparse.csr_array(X), y)


def _load_idx(path: Path) -> Dataset:
    images = read_images(path)
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    labels = read_labels(beside) if beside != path and beside.exists() else None
    rows = images.reshape(len(images), -1)
    return Dataset(path.name, rows, labels, scale=1 / 255, image_shape=(1, images.shape[1], images.shape[2]))


def read_images(path: Path) -> NDArray[np.uint8]:
    """IDX images, uint8, shape (n, height, width)."""
    images = read_idx(path)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise DataError(
            f"{path} must hold uint8 images (n, height, width), got {images.dtype} {images.shape}"
        )
    return images


def read_labels(path: Path) -> NDArray[np.int64]:
    """IDX labels, int64, shape (n,)."""
    labels = read_idx(path)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(f"{path} must hold one whole number per image, got {labels.dtype} {labels.shape}")
    return labels.astype(np.int64)
