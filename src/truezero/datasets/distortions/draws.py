"""What is random in a distortion: words addressed by the row's id, and tables of noise to cut windows from.

A row needs some hundred numbers of its own, which are Philox words, and thousands for noise on every pixel,
which would cost more than all the rest. Those come from tables that are drawn once for a seed: a row has the
window that lies at a place of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.special import ndtri

from truezero.core.draws import Purpose, uniform, words

Images = NDArray[np.float32]

SIDE = 32
"""Height and width of all images."""
UNITS = 8
"""Words that every transformation has of its own in the first draw of a row."""
_TABLE = 256  # height and width of a table of noise
_TABLES_LAYER = 256  # draws of tables, above the layers of transformations
_LEVELS = 10
_TEXTURES = ((0.8, 1.0), (1.2, 1.0), (1.2, 3.0), (1.2, 1 / 3))  # slope of the spectrum, how stretched


def rounded(table: NDArray[np.float64]) -> Images:
    """A table as float32, so coarse that the last bits, which machines disagree on, do not matter."""
    return (np.rint(table * 2.0**16) * 2.0**-16).astype(np.float32)


_NORMAL = rounded(ndtri((np.arange(4096) + 0.5) / 4096))


@dataclass(frozen=True)
class Draws:
    """What one transformation draws for some rows.

    Attributes
    ----------
    seed : int
    part : int
        Which set the rows are of; each has draws of its own.
    number : int
        Of the transformation.
    ids : ndarray of int64, shape (n,)
    words : ndarray of uint32, shape (n, UNITS)
    glyphs : ndarray of uint8, shape (n_glyphs, SIDE, SIDE)
        Characters that may be put over others.
    """

    seed: int
    part: int
    number: int
    ids: NDArray[np.int64]
    words: NDArray[np.uint32]
    glyphs: NDArray[np.uint8]

    def take(self, rows: NDArray[Any]) -> Draws:
        """Draws of some of the rows."""
        return Draws(self.seed, self.part, self.number, self.ids[rows], self.words[rows], self.glyphs)

    def uniform(self, unit: int, low: Any = 0.0, high: Any = 1.0) -> NDArray[np.float32]:
        """Numbers from an interval, which may be each row's own, shape (n,)."""
        return between(self.words[:, unit], low, high)

    def whole(self, unit: int, n: int) -> NDArray[np.int64]:
        """Whole numbers 0 .. n − 1, shape (n,)."""
        return below(self.words[:, unit], n)

    def normal(self, unit: int) -> NDArray[np.float32]:
        """Numbers of a standard normal distribution, within ±3.7, shape (n,)."""
        return normal(self.words[:, unit])

    def more(self, n_units: int) -> NDArray[np.uint32]:
        """Further words, shape (n, n_units)."""
        return words(
            self.seed, Purpose.DISTORTION, layer=self.number, epoch=self.part, examples=self.ids,
            n_units=n_units,
        )  # fmt: skip

    def window(self, table: Images, unit: int) -> Images:
        """A window of a table for every row, shape (n, SIDE, SIDE)."""
        place = self.words[:, unit]
        return np.asarray(
            sliding_window_view(table, (SIDE, SIDE))[place % _TABLE, (place // _TABLE) % _TABLE]
        )

    @property
    def tables(self) -> Tables:
        """Tables of noise of the seed."""
        return tables(self.seed)


def between(drawn: NDArray[np.uint32], low: Any = 0.0, high: Any = 1.0) -> NDArray[np.float32]:
    """Words as float32 from [low, high)."""
    low = np.asarray(low, np.float32)
    unit = (drawn >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return np.asarray(low + unit * (np.asarray(high, np.float32) - low))


def normal(drawn: NDArray[np.uint32]) -> NDArray[np.float32]:
    """Words as numbers of a standard normal distribution, within ±3.7."""
    return np.asarray(_NORMAL[drawn >> np.uint32(20)])


def below(drawn: NDArray[np.uint32], n: int) -> NDArray[np.int64]:
    """Words as whole numbers 0 .. n − 1."""
    return ((drawn.astype(np.uint64) * np.uint64(n)) >> np.uint64(32)).astype(np.int64)


@dataclass(frozen=True)
class Tables:
    """Noise that goes on without a seam; each table is continued, so that every window lies within it.

    Attributes
    ----------
    uniform, normal : ndarray of float32
    elastic : ndarray of float32, with one more axis, of levels of complexity
        Displacements of −1 to 1, smoothed the less the higher the level.
    textures : ndarray of float32, with one more axis, of kinds
        Random images with the spectrum of photographs.
    """

    uniform: Images
    normal: Images
    elastic: Images
    textures: Images


@lru_cache(maxsize=4)
def tables(seed: int) -> Tables:
    """Tables of a seed."""
    drawn = uniform(
        words(seed, Purpose.DISTORTION, layer=_TABLES_LAYER, examples=np.arange(4 * _TABLE), n_units=_TABLE)
    ).reshape(4, _TABLE, _TABLE)
    smoothed = [
        _smoothed(2 * drawn[2] - 1, elastic_sigma((level + 0.5) / _LEVELS)) for level in range(_LEVELS)
    ]
    textures = [_texture(ndtri(drawn[3]), *kind) for kind in _TEXTURES]
    return Tables(
        _continued(drawn[0]),
        _continued(ndtri(drawn[1])),
        np.stack([_continued(field) for field in smoothed]),
        np.stack([_continued(texture / np.abs(texture).max()) for texture in textures]),
    )


def elastic_level(complexity: NDArray[np.float32]) -> NDArray[np.int64]:
    """Index of the table of displacements for a complexity."""
    return np.minimum((complexity * _LEVELS).astype(np.int64), _LEVELS - 1)


def elastic_sigma(complexity: float) -> float:
    """How far displacements are smoothed, in pixels (Bengio et al. 2010)."""
    return 10 - 7 * math.cbrt(complexity)


def _continued(table: NDArray[np.float64]) -> Images:
    return np.pad(rounded(table), (0, SIDE - 1), mode="wrap")


def _smoothed(field: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    """Convolve with exp(−(x/σ)²).

    The authors' code cuts the kernel off at ±0.75 σ, which leaves jags and larger displacements. Here it is
    whole, and the displacements are as large as theirs.
    """
    cut, whole = (_kernel(sigma, reach) for reach in (int(0.75 * sigma), int(3 * sigma)))
    reach = len(whole) // 2
    for axis in (0, 1):
        parts = (w * np.roll(field, k, axis) for k, w in zip(range(-reach, reach + 1), whole, strict=True))
        field = sum(parts, np.zeros_like(field))
    return np.asarray(field * (cut**2).sum() / (whole**2).sum())


def _kernel(sigma: float, reach: int) -> NDArray[np.float64]:
    weights = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2))
    return np.asarray(weights / weights.sum())


def _texture(noise: NDArray[np.float64], slope: float, stretch: float) -> NDArray[np.float64]:
    """Noise whose amplitudes fall with the frequency, as those of photographs do."""
    down, across = np.fft.fftfreq(_TABLE)[:, np.newaxis] * stretch, np.fft.rfftfreq(_TABLE)
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf  # no mean
    return np.asarray(np.fft.irfft2(np.fft.rfft2(noise) / np.maximum(frequency, 1 / SIDE) ** slope))
