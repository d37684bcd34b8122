"""Data sets known by name, where they are looked for, and where they come from."""

from __future__ import annotations

import difflib
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs
from sklearn.datasets import load_digits

from truezero.core.draws import Purpose, permutation, uniform, words
from truezero.core.text import printable
from truezero.datasets.dataset import Dataset
from truezero.datasets.formats.files import check_width, load_file
from truezero.datasets.formats.idx import read_images, read_labels
from truezero.datasets.formats.svmlight import ZeroBased
from truezero.errors import DataError, OptionError


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
    torchvision: str  # its folder there
    transposed: bool = False  # EMNIST's images are stored column by column

    def files(self) -> tuple[str, ...]:
        prefixes = (self.train_prefix, self.test_prefix)
        return tuple(f"{p}{kind}" for p in prefixes for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"))


_EMNIST = "https://www.nist.gov/itl/products-and-services/emnist-dataset"
_IDX_SETS = {
    "mnist": _IdxSet(
        "handwritten digits, 28×28; the paper's split 50,000 / 10,000 / 10,000",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "train-", "t10k-", 10_000, "MNIST",
    ),
    "fashion-mnist": _IdxSet(
        "pictures of clothes, 28×28; 50,000 / 10,000 / 10,000",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "train-", "t10k-", 10_000, "FashionMNIST",
    ),
    "emnist-letters": _IdxSet(
        "handwritten letters, 28×28, 26 classes; 104,000 / 20,800 / 20,800", _EMNIST,
        "emnist-letters-train-", "emnist-letters-test-", 20_800, "EMNIST", transposed=True,
    ),
    "emnist-digits": _IdxSet(
        "handwritten digits, 28×28; 200,000 / 40,000 / 40,000", _EMNIST,
        "emnist-digits-train-", "emnist-digits-test-", 40_000, "EMNIST", transposed=True,
    ),
    "emnist-balanced": _IdxSet(
        "handwritten characters, 28×28, 47 classes; 94,000 / 18,800 / 18,800", _EMNIST,
        "emnist-balanced-train-", "emnist-balanced-test-", 18_800, "EMNIST", transposed=True,
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
    known = _IDX_SETS[name]
    missing = tuple(file for file in known.files() if _find(name, file, data_dir) is None)
    return DatasetInfo(name, known.description, known.source, str(data_folder(data_dir) / name), missing)


def _find(name: str, file: str, data_dir: str | os.PathLike[str] | None) -> Path | None:
    """A file of a data set: in its folder or where torchvision puts it, however it was unpacked."""
    root, torchvision = data_folder(data_dir), Path(_IDX_SETS[name].torchvision, "raw")
    folders = (root / name, root / name / "raw", root / name / torchvision, root / torchvision)
    dotted = file.replace("-idx", ".idx")  # so some programs unpack it
    names = (f"{file}.gz", file, f"{dotted}.gz", dotted)
    return next((f / n for f in folders for n in names if (f / n).is_file()), None)


def load_dataset(
    name: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    n_features: int | None = None,
    zero_based: ZeroBased = "auto",
    target: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Load a data set by its name, or a file by its path.

    Parameters
    ----------
    name : str or path-like
        A name of `list_datasets`, or a file as `load_file` takes it.
    data_dir : path-like, optional
        Where named data sets lie, each in a folder of its name, or as torchvision keeps them; see
        `data_folder`.
    n_features : int, optional
        Width that the rows must have; see `load_file`.
    zero_based : bool or "auto"
        How a file counts features; see `load_file`.
    target : path-like, optional
        File with the labels of a file; see `load_file`.

    Returns
    -------
    Dataset

    Raises
    ------
    DataError
        If there is neither such a data set nor such a file, or the files are missing or damaged.
    OptionError
        If `n_features` or `zero_based` cannot be used, or a named data set is given a target.
    """
    text = os.fspath(name)
    if text in _MADE or text in _IDX_SETS:
        if target is not None:
            raise OptionError(f"target is for files; {text} has its own labels")
        data = _MAKERS[text]() if text in _MADE else _load_idx_set(text, data_dir)
        check_width(data, n_features)
        return data
    if os.path.exists(text) or os.sep in text or Path(text).suffix:
        return load_file(text, n_features=n_features, zero_based=zero_based, target=target)
    known = [*_MADE, *_IDX_SETS]
    close = difflib.get_close_matches(text, known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise DataError(
        f"unknown data set '{printable(text)}'{hint}; known: {', '.join(known)}, or the path of a file"
    )


def _load_idx_set(name: str, data_dir: str | os.PathLike[str] | None) -> Dataset:
    known, info = _IDX_SETS[name], _describe(name, data_dir)
    if info.missing:
        raise DataError(
            f"{name}: {info.missing[0]}[.gz] is not in {info.location}; get it from {info.source} and put it "
            f"there, or say where it is with --data-dir or TRUEZERO_DATA (the folder that holds {name}/)"
        )
    files = [_find(name, file, data_dir) or Path(file) for file in known.files()]
    X, X_test = read_images(files[0]), read_images(files[2])
    y, y_test = read_labels(files[1], len(X)), read_labels(files[3], len(X_test))
    if known.transposed:
        X, X_test = X.transpose(0, 2, 1), X_test.transpose(0, 2, 1)
    n_train = len(X) - known.n_validation
    if n_train < 1:
        raise DataError(
            f"{name}: {len(X)} training images, fewer than the {known.n_validation} for validation"
        )
    shape = (1, X.shape[1], X.shape[2])
    X, X_test = (images.reshape(len(images), math.prod(images.shape[1:])) for images in (X, X_test))
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


_MAKERS = {"digits": _digits, "synthetic": _synthetic}
