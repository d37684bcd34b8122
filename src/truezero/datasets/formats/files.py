"""The user's own files: which kind one is, and the data set that it holds."""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from truezero.core.text import printable
from truezero.datasets.dataset import Dataset
from truezero.datasets.formats import cifar, idx, tars
from truezero.datasets.formats.image_files import read_images_by_class
from truezero.datasets.formats.label_files import load_labels
from truezero.datasets.formats.npz import load_npz
from truezero.datasets.formats.source import named, plain_name, reading, unpacked
from truezero.datasets.formats.svmlight import (
    MOST_FEATURES,
    ZeroBased,
    load_svmlight,
    looks_like_svmlight,
)
from truezero.datasets.formats.table_columns import read_numbers_table
from truezero.datasets.formats.table_files import TABLES, is_table
from truezero.datasets.formats.text_folders import holds_texts
from truezero.errors import DataError, OptionError

_SVMLIGHT = (".svm", ".svmlight", ".libsvm", ".txt")


def load_file(
    path: str | os.PathLike[str],
    *,
    n_features: int | None = None,
    zero_based: ZeroBased = "auto",
    target: str | os.PathLike[str] | None = None,
    columns: Sequence[str] | None = None,
    encoding: str | None = None,
) -> Dataset:
    """Load a file of one's own.

    Parameters
    ----------
    path : path-like
        One of:

        - `.npz` with X and y, or X_train, y_train, X_val, y_val, X_test, y_test;
        - `.npz` as `scipy.sparse.save_npz` writes it, of any form, which becomes CSR, with labels as
          another array y in it, if there are any;
        - svmlight or libsvm text (`.svm`, `.svmlight`, `.libsvm`, `.txt`; also compressed: `.gz`, `.bz2`,
          `.xz`);
        - an IDX file of images (`*idx3*`, also compressed), whose labels lie beside it under the official
          name, if there are any;
        - a batch of CIFAR-10's, `data_batch_*.bin` (also compressed) or `data_batch_*`;
        - a folder or `.tar` (`.tgz`, `.tar.gz`, `.tar.bz2`, `.tar.xz`) of PNG or JPEG images of one size,
          each in a folder of its class, the classes in folders `train`, `validation` and `test` or in none.
          Needs Pillow;
        - a table with named columns, `.csv`, `.tsv`, JSON lines (`.jsonl`) or Parquet (which needs pyarrow):
          its columns of numbers are the features, but for the target's; all but Parquet also compressed, or
          alone in a `.zip`;
        - a file of any other name whose first line is svmlight's: LIBSVM's `a9a`, `a9a.t`.

        Floats of 4 or 8 bytes and uint8 are kept; other numbers become float32, or float64 where that
        would not hold them. Dense rows that take far more memory than the file become CSR.
    n_features : int, optional
        Width the rows must have. svmlight does not say its width: a narrower file is filled up with zeros;
        None takes its greatest index. Sparse rows of more than four million features, and far more than
        the file can use, must be asked for by their width.
    zero_based : bool or "auto"
        Whether an svmlight file counts features from 0. "auto": if it has a feature 0, as scikit-learn
        takes it. Other kinds of files are not counted.
    target : path-like, optional
        Of a table the name of the column of labels. Else a file with the labels, which then count instead of
        any in `path`: `.npz` with y, `.npy`, IDX (`*idx1*`), or `.txt` or `.csv` with one label per line.
    columns : sequence of str, optional
        Of a table the features, in this order; None takes all columns of numbers. Other files have no names.
    encoding : str, optional
        Of the text of a table; None: what a mark at its start says, else UTF-8.

    Returns
    -------
    Dataset
        All rows are training rows unless the file says otherwise. `zero_based` says how features were
        counted, `columns` what they are called.

    Raises
    ------
    DataError
        If a file is missing, no regular file, damaged, or of a kind that is not known; or if rows, labels and
        width do not fit. The message is one line and names the file.
    OptionError
        If `n_features`, `zero_based` or `encoding` cannot be used.
    """
    path = Path(path)
    n_features = _width(n_features)
    if not (isinstance(zero_based, bool) or zero_based == "auto"):
        raise OptionError(f'zero_based must be True, False or "auto", got {zero_based!r}')
    if is_table(path):
        named_target = None if target is None else os.fspath(target)
        table = read_numbers_table(path, named_target, columns, encoding)
        data = Dataset(named(path), **table)
        check_width(data, n_features)
        return data
    data = _load(path, n_features, zero_based)
    if target is not None:
        if data.X_validation is not None or data.X_test is not None:
            raise DataError(
                f"{data.name} holds parts with labels of their own; target is for rows in one part"
            )
        data = replace(data, y_train=load_labels(Path(target), data.X_train.shape[0]))
    check_width(data, n_features)
    return data


def _width(n_features: Any) -> int | None:
    if n_features is None:
        return None
    try:
        width = operator.index(n_features)
    except TypeError:
        width = 0
    if not 1 <= width <= MOST_FEATURES:
        raise OptionError(f"n_features must be a whole number from 1 to {MOST_FEATURES}, got {n_features!r}")
    return width


def check_width(data: Dataset, n_features: int | None) -> None:
    """Refuse a data set of another width than is asked for."""
    if n_features is not None and data.X_train.shape[1] != n_features:
        raise DataError(
            f"{data.name} has {data.X_train.shape[1]} features, but the model takes, or n_features says, "
            f"{n_features}"
        )


def _load(path: Path, n_features: int | None, zero_based: ZeroBased) -> Dataset:
    name, plain = path.name.lower(), plain_name(path)
    if "idx3" in name:
        return _load_idx(path)
    if os.path.isdir(path) and holds_texts(path):
        raise DataError(f"{printable(os.fspath(path), 300)} holds texts, which load_texts reads")
    if os.path.isdir(path) or name.endswith(tars.ENDS):
        return _load_images(path)
    if (read_batch := cifar.reader_of(path)) is not None:
        return Dataset(named(path), *read_batch(path), scale=1 / 255, image_shape=cifar.SHAPE)
    with reading(path) as allowance:
        if name.endswith(".npz"):
            with open(path, "rb") as file:
                parts = load_npz(file, allowance, n_features)
        elif plain.endswith(_SVMLIGHT) or looks_like_svmlight(path):
            with unpacked(path) as text:
                X, y, counted = load_svmlight(text, allowance, n_features, zero_based)
            parts = {"X_train": X, "y_train": y, "zero_based": counted}
        else:
            raise DataError(
                f"is an unknown kind of file; known: .npz, IDX images (*idx3*), {', '.join(_SVMLIGHT)}, "
                f"folders and .tar of images, {', '.join(TABLES)}"
            )
    return Dataset(named(path), **parts)


def _load_idx(path: Path) -> Dataset:
    images = idx.read_images(path)
    n, height, width = images.shape
    beside = idx.labels_beside(path)
    labels = None if beside is None else idx.read_labels(beside, n)
    rows = images.reshape(n, height * width)
    return Dataset(named(path), rows, labels, scale=1 / 255, image_shape=(1, height, width))


_PARTS = {"": "train", "train": "train", "validation": "validation", "val": "validation", "test": "test"}


def _load_images(path: Path) -> Dataset:
    found, _ = read_images_by_class(path)
    arrays: dict[str, Any] = {}
    for folder, images in found.items():
        part = _PARTS.get(folder)
        if part is None or f"X_{part}" in arrays:
            raise DataError(
                f"{printable(os.fspath(path), 300)} has images in '{printable(folder, 100)}'; parts are "
                "train, validation and test"
            )
        order, shape = images.order(), images.pixels[0].shape
        arrays[f"X_{part}"] = images.rows(order)
        arrays[f"y_{part}"] = np.array([images.classes[place] for place in order])
    if "X_train" not in arrays:
        raise DataError(f"{printable(os.fspath(path), 300)} has no images in train/")
    return Dataset(named(path), **arrays, scale=1 / 255, image_shape=(shape[0], shape[1], shape[2]))
