"""Data sets known by name, where they are looked for, and where they come from."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from sklearn.datasets import load_digits

from truezero.core.draws import Purpose, permutation, uniform, words
from truezero.datasets.dataset import Dataset
from truezero.datasets.formats.files import load_file, read_images, read_labels
from truezero.errors import DataError


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a named data set on this machine.

    Attributes
    ----------
    name, description : str
    source : str
        Address of the official files; empty where nothing has to be had.
    location : str
        Folder it is looked for in; empty for what needs no files.
    missing : tuple of str
        Files that are not there.
    """

    name: str
    description: str
    source: str
    location: str
    missing: tuple[str, ...]

    @property
    def found(self) -> bool:
        """Whether it can be loaded."""
        return not self.missing


@dataclass(frozen=True)
class _IdxSet:
    """An MNIST-like data set in four official IDX files."""

    description: str
    source: str
    train_prefix: str
    test_prefix: str
    n_validation: int
    transposed: bool = False  # EMNIST's images are stored column by column

    def files(self) -> tuple[str, ...]:
        prefixes = (self.train_prefix, self.test_prefix)
        return tuple(f"{p}{kind}" for p in prefixes for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))


_EMNIST = "https://www.nist.gov/itl/products-and-services/emnist-dataset"
_IDX_SETS = {
    "mnist": _IdxSet(
        "handwritten digits, 28×28; the paper's split 50,000 / 10,000 / 10,000",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "train-", "t10k-", 10_000,
    ),
    "fashion-mnist": _IdxSet(
        "pictures of clothes, 28×28; 50,000 / 10,000 / 10,000",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "train-", "t10k-", 10_000,
    ),
    "emnist-letters": _IdxSet(
        "handwritten letters, 28×28, 26 classes; 104,000 / 20,800 / 20,800", _EMNIST,
        "emnist-letters-train-", "emnist-letters-test-", 20_800, transposed=True,
    ),
    "emnist-digits": _IdxSet(
        "handwritten digits, 28×28; 200,000 / 40,000 / 40,000", _EMNIST,
        "emnist-digits-train-", "emnist-digits-test-", 40_000, transposed=True,
    ),
    "emnist-balanced": _IdxSet(
        "handwritten characters, 28×28, 47 classes; 94,000 / 18,800 / 18,800", _EMNIST,
        "emnist-balanced-train-", "emnist-balanced-test-", 18_800, transposed=True,
    ),
}  # fmt: skip
_MADE = {
    "digits": "handwritten digits, 8×8, from scikit-learn; 1,097 / 350 / 350",
    "synthetic": "generated: 784 features of which 19 % are not zero, 10 classes; 10,000 / 2,000 / 2,000",
}


def data_folder(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Where data sets are looked for: the argument, else $TRUEZERO_DATA, else the user's cache."""
    return Path(data_dir or os.environ.get("TRUEZERO_DATA") or platformdirs.user_cache_dir("truezero"))


def list_datasets(data_dir: str | os.PathLike[str] | None = None) -> list[DatasetInfo]:
    """Every named data set, and whether it is there."""
    made = [DatasetInfo(name, description, "", "", ()) for name, description in _MADE.items()]
    return made + [_describe(name, data_dir) for name in _IDX_SETS]


def _describe(name: str, data_dir: str | os.PathLike[str] | None) -> DatasetInfo:
    known, folder = _IDX_SETS[name], data_folder(data_dir) / name
    missing = tuple(file for file in known.files() if _find(folder, file) is None)
    return DatasetInfo(name, known.description, known.source, str(folder), missing)


def _find(folder: Path, name: str) -> Path | None:
    return next((folder / n for n in (f"{name}.gz", name) if (folder / n).is_file()), None)


def load_dataset(name: str | os.PathLike[str], *, data_dir: str | os.PathLike[str] | None = None) -> Dataset:
    """Load a data set by its name, or a file by its path.

    Parameters
    ----------
    name : str or path-like
        A name of `list_datasets`, or a file as `load_file` takes it.
    data_dir : path-like, optional
        Where named data sets lie, each in a folder of its name; see `data_folder`.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If there is neither such a data set nor such a file, or the files are missing or damaged.
    """
    text = os.fspath(name)
    if text == "digits":
        return _digits()
    if text == "synthetic":
        return _synthetic()
    if text in _IDX_SETS:
        return _load_idx_set(text, data_dir)
    if os.path.exists(text) or os.sep in text or Path(text).suffix:
        return load_file(text)
    known = [*_MADE, *_IDX_SETS]
    close = difflib.get_close_matches(text, known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise DataError(f"unknown data set {text!r}{hint}; known: {', '.join(known)}, or the path of a file")


def _load_idx_set(name: str, data_dir: str | os.PathLike[str] | None) -> Dataset:
    known, info = _IDX_SETS[name], _describe(name, data_dir)
    if info.missing:
        raise DataError(
            f"{name}: {info.missing[0]}[.gz] is not in {info.location}; get it from {info.source} and put it "
            f"there, or say where it is with --data-dir or TRUEZERO_DATA (the folder that holds {name}/)"
        )
    files = [_find(Path(info.location), file) or Path(file) for file in known.files()]
    images, labels, test_images, test_labels = files
    X, y = read_images(images), read_labels(labels)
    X_test, y_test = read_images(test_images), read_labels(test_labels)
    for what, rows, targets in (("training", X, y), ("test", X_test, y_test)):
        if len(rows) != len(targets):
            raise DataError(f"{name}: {len(rows)} {what} images but {len(targets)} labels")
    if known.transposed:
        X, X_test = X.transpose(0, 2, 1), X_test.transpose(0, 2, 1)
    n_train = len(X) - known.n_validation
    if n_train < 1:
        raise DataError(
            f"{name}: {len(X)} training images, fewer than the {known.n_validation} for validation"
        )
    shape = (1, X.shape[1], X.shape[2])
    X, X_test = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
    return Dataset(
        name, X[:n_train], y[:n_train], X[n_train:], y[n_train:], X_test, y_test,
        scale=1 / 255, image_shape=shape,
    )  # fmt: skip


def _digits() -> Dataset:
    """scikit-learn's digits in a fixed random order: 1,097 / 350 / 350."""
    bunch = load_digits()
    order = permutation(2011, Purpose.SPLIT, np.arange(len(bunch.target)))
    X, y = bunch.data.astype(np.uint8)[order], bunch.target.astype(np.int64)[order]
    return Dataset(
        "digits", X[:1097], y[:1097], X[1097:1447], y[1097:1447], X[1447:], y[1447:],
        scale=1 / 16, image_shape=(1, 8, 8),
    )  # fmt: skip


def _synthetic(n: int = 14_000, n_features: int = 784, n_classes: int = 10) -> Dataset:
    """Rows that are noisy, thinned-out copies of one sparse pattern per class."""
    drawn = uniform(words(2011, Purpose.SPLIT, examples=np.arange(n), n_units=n_features + 1))
    prototype = uniform(
        words(2011, Purpose.SPLIT, epoch=1, examples=np.arange(n_classes), n_units=n_features)
    )
    y = np.floor(drawn[:, -1] * n_classes).astype(np.int64)
    # A feature is on with probability 0.55 where the class's pattern has it, 0.07 elsewhere.
    on = drawn[:, :-1] < np.where(prototype[y] < 0.25, 0.55, 0.07)
    X = np.where(on, 1 - drawn[:, :-1], 0).astype(np.float32)
    a, b = n - 4000, n - 2000
    return Dataset("synthetic", X[:a], y[:a], X[a:b], y[a:b], X[b:], y[b:])
