"""Data sets under LIBSVM's own names: a file of training rows, and perhaps one of test rows, NAME.t."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from truezero.core.draws import Purpose, permutation
from truezero.datasets.dataset import Dataset
from truezero.datasets.formats.files import load_file
from truezero.datasets.formats.source import COMPRESSED
from truezero.datasets.formats.svmlight import ZeroBased
from truezero.datasets.named import Folders, NamedDataset, RemoteFile, find_file
from truezero.errors import DataError

FOLDER = "libsvm"
_PAGE = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/"
_SPLIT_SEED = 2011


def find(folders: Folders, name: str) -> Path | None:
    """Find a file under LIBSVM's name for it, compressed or not."""
    return find_file(folders, [name, *(name + end for end in COMPRESSED)])


def load_libsvm(
    name: str,
    folders: Folders,
    n_validation: int = 0,
    n_features: int | None = None,
    zero_based: ZeroBased = "auto",
) -> Dataset:
    """Load a pair of training and test rows, or training rows alone.

    Parameters
    ----------
    name : str
    folders : sequence of Path
        Where the files may be.
    n_validation : int, default=0
        Training rows that are drawn for validation, always the same ones.
    n_features, zero_based
        See `load_file`. The test file is read as the training file was: of the same width, and counted from
        the same base.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the test rows have a feature that training rows do not.
    """
    path, test_path = find(folders, name), find(folders, f"{name}.t")
    if path is None:
        raise DataError(f"{name} is not there")
    data = replace(load_file(path, n_features=n_features, zero_based=zero_based), name=name)
    if test_path is not None:
        test = load_file(
            test_path,
            n_features=data.X_train.shape[1],
            zero_based=zero_based if data.zero_based is None else data.zero_based,
        )
        data = replace(data, X_test=test.X_train, y_test=test.y_train)
    n = data.X_train.shape[0]
    if not n_validation:
        return data
    if n_validation >= n:
        raise DataError(f"{name}: {n} training rows, no more than the {n_validation} for validation")
    order = permutation(_SPLIT_SEED, Purpose.SPLIT, np.arange(n))
    kept, held_out = np.sort(order[n_validation:]), np.sort(order[:n_validation])
    X, y = data.X_train, data.y_train
    assert y is not None  # svmlight rows have labels
    return replace(data, X_train=X[kept], y_train=y[kept], X_validation=X[held_out], y_validation=y[held_out])


def _missing(names: tuple[str, ...], folders: Folders) -> tuple[str, ...]:
    return tuple(f"{name}[.gz]" for name in names if find(folders, name) is None)


def _remote(name: str, sha256: str, size: int, *also: str) -> RemoteFile:
    return RemoteFile(name, f"{_PAGE}binary/{name}", f"sha256:{sha256}", size, also)


LIBSVM_SETS = (
    NamedDataset(
        "a9a",
        "who earns more than 50,000 dollars, 123 features of 11 % ones, 2 classes; 29,305 / 3,256 / 16,281",
        partial(load_libsvm, "a9a", n_validation=3_256), partial(_missing, ("a9a", "a9a.t")),
        "CC BY 4.0 (Adult, UCI repository)", f"{_PAGE}binary.html#a9a", FOLDER, ("a9a",),
        (
            _remote("a9a", "f5d5ffd8d865ff41328e7ee043e4b020816914ff6843ff15b98905ddbedce906", 2_329_875),
            _remote("a9a.t", "1f448a153f0320399a7e40836eb207655b0bde0f21fc941cc472193daa9f5de9", 1_164_628),
        ),
    ),
    NamedDataset(
        "heart_scale", "heart disease, 13 features scaled to [-1, 1], 2 classes; 270 training rows",
        partial(load_libsvm, "heart_scale"), partial(_missing, ("heart_scale",)),
        "CC BY 4.0 (Statlog Heart, UCI repository)", f"{_PAGE}binary.html#heart", FOLDER, ("heart_scale",),
        (
            _remote(
                "heart_scale", "5defa0a4c4c5bdaf3f55ae3828310252e8565c13ee37ce279e0b86d82e7f4ce9", 27_670
            ),
        ),
    ),
)  # fmt: skip
"""Those that are known; any other in the folder `libsvm` can be named as well."""
