"""Data sets that need no files: scikit-learn's digits, and the smallest generated set of each kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from truezero.core.draws import Purpose, permutation, uniform, words
from truezero.datasets.dataset import Dataset
from truezero.datasets.named import NamedDataset

_SEED = 2011
_SIZES = (600, 200, 200)  # of the small ones


def _drawn(n: int, n_values: int, epoch: int) -> NDArray[np.float64]:
    """Uniform numbers, always the same; each set has an epoch of its own."""
    return uniform(words(_SEED, Purpose.SPLIT, epoch=epoch, examples=np.arange(n), n_units=n_values))


def _in_parts(name: str, X: Any, y: NDArray[Any], **about: Any) -> Dataset:
    a, b = _SIZES[0], _SIZES[0] + _SIZES[1]
    return Dataset(name, X[:a], y[:a], X[a:b], y[a:b], X[b:], y[b:], **about)


def _digits() -> Dataset:
    """scikit-learn's digits in a fixed random order: 1,097 / 350 / 350."""
    from sklearn.datasets import load_digits  # here, as it takes long to import

    bunch = load_digits()
    order = permutation(_SEED, Purpose.SPLIT, np.arange(len(bunch.target)))
    X, y = bunch.data.astype(np.uint8)[order], bunch.target.astype(np.int64)[order]
    return Dataset(
        "digits", X[:1097], y[:1097], X[1097:1447], y[1097:1447], X[1447:], y[1447:],
        scale=1 / 16, image_shape=(1, 8, 8),
    )  # fmt: skip


def _synthetic(n: int = 14_000, n_features: int = 784, n_classes: int = 10) -> Dataset:
    """Rows that are noisy, thinned-out copies of one sparse pattern per class."""
    drawn = _drawn(n, n_features + 1, 0)
    prototype = _drawn(n_classes, n_features, 1)
    y = np.floor(drawn[:, -1] * n_classes).astype(np.int64)
    # A feature is on with probability 0.55 where the class's pattern has it, 0.07 elsewhere.
    on = drawn[:, :-1] < np.where(prototype[y] < 0.25, 0.55, 0.07)
    X = np.where(on, 1 - drawn[:, :-1], 0).astype(np.float32)
    a, b = n - 4000, n - 2000
    return Dataset("synthetic", X[:a], y[:a], X[a:b], y[a:b], X[b:], y[b:], stand_in_for=_IMAGES_OF_THE_PAPER)


def _synthetic_images(side: int = 12, n_classes: int = 4) -> Dataset:
    """A bright bar of one of four directions through a random point near the middle, and noise."""
    n = sum(_SIZES)
    drawn = _drawn(n, side * side + 3, 2)
    y = np.floor(drawn[:, -1] * n_classes).astype(np.int64)
    angle = np.pi * y / n_classes
    rows, columns = np.divmod(np.arange(side * side), side)
    centre = (side - 1) / 2 + 3 * (drawn[:, -3:-1] - 0.5)
    across = (rows - centre[:, :1]) * np.cos(angle)[:, None] - (columns - centre[:, 1:]) * np.sin(angle)[
        :, None
    ]
    grey = np.where(abs(across) < 1, 0.75, 0.05) + 0.2 * drawn[:, :-3]
    X = np.round(255 * grey).astype(np.uint8)
    return _in_parts(
        "synthetic-images",
        X,
        y,
        scale=1 / 255,
        image_shape=(1, side, side),
        stand_in_for=_IMAGES_OF_THE_PAPER,
    )


def _synthetic_text(n_words: int = 500, n_ratings: int = 5) -> Dataset:
    """Bags of words of reviews rated 1 to 5: each rating has words of its own, which its neighbours share."""
    n = sum(_SIZES)
    drawn = _drawn(n, n_words + 1, 3)
    y = 1 + np.floor(drawn[:, -1] * n_ratings).astype(np.int64)
    # Words are used more rarely the later they come; every other one is about a rating.
    often = 0.4 / (1 + np.arange(n_words)) ** 0.5
    about = np.where(np.arange(n_words) % 2, 1 + (np.arange(n_words) // 2) % n_ratings, 0)
    distance = abs(y[:, None] - about)
    chance = often * np.where(about == 0, 1, np.where(distance == 0, 3, np.where(distance == 1, 1, 0.3)))
    X = sparse.csr_array((drawn[:, :-1] < chance).astype(np.float32))
    return _in_parts("synthetic-text", X, y, stand_in_for="OpenTable")


def _synthetic_table(n_columns: int = 12, n_classes: int = 3) -> Dataset:
    """Columns in units of their own, some of them zero in most rows; classes differ in two directions."""
    n = sum(_SIZES)
    drawn = _drawn(n, 2 * n_columns, 4)
    # About normal, of mean 0: the sum of two uniform numbers.
    values = (drawn[:, :n_columns] + drawn[:, n_columns:] - 1) * 6**0.5
    score = values[:, 0] + values[:, 1] * values[:, 2] + 0.3 * values[:, 3]
    y = np.digitize(score, np.quantile(score, np.arange(1, n_classes) / n_classes)).astype(np.int64)
    X = values * 10.0 ** (np.arange(n_columns) % 4 - 1) + np.arange(n_columns)
    X[:, -3:] *= values[:, -3:] > 0.8
    return _in_parts("synthetic-table", X.astype(np.float32), y)


_IMAGES_OF_THE_PAPER = "the paper's images"
GENERATED = (
    NamedDataset(
        "digits", "handwritten digits, 8×8, from scikit-learn; 1,097 / 350 / 350",
        lambda folders: _digits(),
        licence="CC BY 4.0 (Optical Recognition of Handwritten Digits, UCI repository)",
    ),
    NamedDataset(
        "synthetic",
        "generated: 784 features of which 19 % are not zero, 10 classes; 10,000 / 2,000 / 2,000",
        lambda folders: _synthetic(), stand_in_for=_IMAGES_OF_THE_PAPER,
    ),
    NamedDataset(
        "synthetic-images", "generated: bars in four directions, 12×12, 4 classes; 600 / 200 / 200",
        lambda folders: _synthetic_images(), stand_in_for=_IMAGES_OF_THE_PAPER,
    ),
    NamedDataset(
        "synthetic-text", "generated: bags of 500 words, sparse, rated 1 to 5; 600 / 200 / 200",
        lambda folders: _synthetic_text(), stand_in_for="OpenTable",
    ),
    NamedDataset(
        "synthetic-table", "generated: 12 columns in units of their own, 3 classes; 600 / 200 / 200",
        lambda folders: _synthetic_table(),
    ),
)  # fmt: skip
