"""NISTP as a data set with three parts, made from a source of characters whose writers are split."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from truezero.datasets.dataset import PARTS, Dataset
from truezero.datasets.distortions import TRANSFORMATIONS, Transformation
from truezero.datasets.distortions.draws import SIDE
from truezero.datasets.glyphs import Parts, emnist_byclass, emnist_files, unipen62, unipen62_files
from truezero.datasets.nistp import Layout, Nistp
from truezero.datasets.rows_ahead import Epochs
from truezero.datasets.shards import write_shards
from truezero.errors import OptionError

HeldOut = Literal["distorted", "clean"]


@dataclass(frozen=True)
class NistpSet:
    """A named set of distorted characters.

    Attributes
    ----------
    description : str
    source : str
        Address of the official files of the characters; empty where there is none.
    folder : str
        Where the files are, in the data folder.
    files : tuple of str
        Their names, without `.gz`.
    load : callable
        Given the folder's path, the characters of the three parts.
    """

    description: str
    source: str
    folder: str
    files: tuple[str, ...]
    load: Callable[[str | os.PathLike[str]], Parts]


NISTP_SETS = {
    "nistp-unipen62": NistpSet(
        "distorted characters of UNIPEN-62, 32×32, 62 classes; 100,000 of many / 14,745 / 19,999",
        "", "unipen62", unipen62_files(), unipen62,
    ),
    "nistp-emnist": NistpSet(
        "distorted characters of EMNIST ByClass, 32×32, 62 classes; 100,000 of many / 116,323 / 116,323",
        "https://www.nist.gov/itl/products-and-services/emnist-dataset",
        "emnist-byclass", emnist_files(), emnist_byclass,
    ),
}  # fmt: skip
"""By name: what stands in for the paper's NISTP, which cannot be had."""


def nistp_of(
    parts: Parts,
    seed: int = 0,
    complexity: float = 0.7,
    transformations: Sequence[Transformation] = TRANSFORMATIONS,
) -> tuple[Nistp, Nistp, Nistp]:
    """Generators of training, validation and test rows.

    Parameters
    ----------
    parts : dict
        Characters of the three parts.
    seed, complexity, transformations
        See `Nistp`.
    """
    train, validation, test = (
        Nistp(parts[name], seed, complexity, tuple(transformations), number)
        for number, name in enumerate(PARTS)
    )
    return train, validation, test


def load_nistp(
    name: str,
    folder: str | os.PathLike[str],
    *,
    n_train: int = 100_000,
    held_out: HeldOut = "distorted",
    seed: int = 0,
    complexity: float = 0.7,
    transformations: Sequence[Transformation] = TRANSFORMATIONS,
    cache: str | os.PathLike[str] | None = None,
    n_processes: int = 0,
) -> Dataset:
    """Make a data set of fixed size: the first rows of the stream, and each held-out character once.

    Parameters
    ----------
    name : {"nistp-unipen62", "nistp-emnist"}
    folder : path-like
        With the files of the characters.
    n_train : int, default=100000
        Distorted training rows.
    held_out : {"distorted", "clean"}
        Validation and test rows: the characters of other writers, in the same order either way. The paper's
        test error on NISTP is of distorted ones.
    seed, complexity, transformations
        See `Nistp`.
    cache : path-like, optional
        Folder of shards for the training rows, which are then made once and mapped into memory.
    n_processes : int, default=0
        See `Epochs`.

    Returns
    -------
    Dataset
        Pixels are uint8, of the scale 1/255.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the cache holds other rows.
    OptionError
        If an option cannot be used.
    """
    if name not in NISTP_SETS:
        raise OptionError(f"unknown set of distorted characters {name!r}; known: {', '.join(NISTP_SETS)}")
    if held_out not in ("distorted", "clean"):
        raise OptionError(f"held_out must be 'distorted' or 'clean', got {held_out!r}")
    parts = NISTP_SETS[name].load(folder)
    return fixed_set(
        name, parts, nistp_of(parts, seed, complexity, transformations), n_train, held_out, cache, n_processes
    )


def fixed_set(
    name: str,
    parts: Parts,
    generators: tuple[Nistp, Nistp, Nistp],
    n_train: int,
    held_out: HeldOut,
    cache: str | os.PathLike[str] | None = None,
    n_processes: int = 0,
) -> Dataset:
    """Make the data set that `load_nistp` loads, from characters in memory."""
    arrays: dict[str, Any] = {}
    arrays["X_train"], arrays["y_train"] = _training_rows(generators[0], n_train, cache, n_processes)
    for part, generator in zip(PARTS[1:], generators[1:], strict=True):
        glyphs = parts[part]
        places = np.arange(len(glyphs))
        clean = glyphs.rows, glyphs.labels
        arrays[f"X_{part}"], arrays[f"y_{part}"] = (
            clean if held_out == "clean" else generator.rows(places, places)
        )
    return Dataset(name, **arrays, scale=1 / 255, image_shape=(1, SIDE, SIDE))


def _training_rows(
    nistp: Nistp, n: int, cache: str | os.PathLike[str] | None, n_processes: int
) -> tuple[Any, Any]:
    if cache is not None:
        rows = write_shards(cache, nistp, n, rows_per_shard=n, n_processes=n_processes).shard(0)
        return rows.features.X, rows.target
    with Epochs(nistp, Layout(n), n_processes) as epochs:
        pieces = list(epochs(1))
    return np.concatenate([p.features.X for p in pieces]), np.concatenate([p.target for p in pieces])
