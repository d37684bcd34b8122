"""Transformations that blur: along a line, everywhere, and in places."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from truezero.datasets.distortions.draws import SIDE, Draws, Images, below
from truezero.datasets.distortions.resampling import moved

_ANGLES = 1024
_COSINES, _SINES = (
    np.array([wave(2 * math.pi * k / _ANGLES) for k in range(_ANGLES)]) for wave in (math.cos, math.sin)
)
_WIDTHS = 64  # steps between no smoothing and the widest
_PLACES = 14
_WIDEST = {"everywhere": 1.5, "in places": 8.0}  # standard deviations of Gaussians, in pixels


def motion_blur(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Mean of the first pixels in some direction, round(|N(0, (3 × complexity)²)|) of them, one at least."""
    length = np.rint(np.abs(draws.normal(2)) * 3 * complexity).astype(np.int64)
    angle = draws.whole(3, _ANGLES)
    out = images.copy()
    for step in range(1, int(length.max(initial=0))):
        blurred = np.flatnonzero(length > step)
        down, across = (np.rint(step * wave[angle[blurred]]).astype(np.int64) for wave in (_SINES, _COSINES))
        out[blurred] += moved(images[blurred], down, across)
    return np.asarray(out / np.maximum(length, 1).astype(np.float32)[:, np.newaxis, np.newaxis])


def gaussian_smoothing(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Smoothing by a Gaussian of a standard deviation of up to 1.5 × complexity pixels."""
    width = (draws.uniform(2, 0, complexity) * (_WIDTHS - 1)).astype(np.int64)
    smoothed = _smoothed(images, _SMOOTHERS["everywhere"][width])
    return np.where((width > 0)[:, np.newaxis, np.newaxis], smoothed, images)


def spatially_gaussian(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Smoothing in the places around 3 to 3 + 10 × complexity pixels.

    The filter has a standard deviation of 2 to 2 + 6 × complexity, and reaches 6 to 6 + 10 × complexity, in
    pixels. The result is (image + filtered × mask) / (mask + 1), where the mask is a sum of the filter's
    shape, of height 1, around each of the pixels.
    """
    n = len(images)
    sigma = draws.uniform(2, 2, 2 + 6 * complexity)
    width = np.minimum(np.rint(sigma / _WIDEST["in places"] * (_WIDTHS - 1)).astype(np.int64), _WIDTHS - 1)
    reach = draws.uniform(3, 6, 6 + 10 * complexity).astype(np.int64)
    n_places = draws.uniform(4, 3, 4 + 10 * complexity).astype(np.int64)
    drawn = draws.more(2 * _PLACES).reshape(n, 2, _PLACES)  # not fewer: a row's must not depend on others'
    centres = below(drawn, SIDE)[..., np.newaxis]
    distance = np.abs(np.arange(SIDE) - centres)  # of rows and columns from each centre
    shape = _HEIGHTS[width[:, np.newaxis, np.newaxis, np.newaxis], distance]
    shape[distance > reach[:, np.newaxis, np.newaxis, np.newaxis]] = 0
    shape[:, 0][np.arange(_PLACES) >= n_places[:, np.newaxis]] = 0  # these are no places of this row
    mask = np.matmul(shape[:, 0].transpose(0, 2, 1), shape[:, 1])
    # None where nothing shall happen.
    mask *= (np.minimum(complexity * 20, 1) / np.float32(_HEIGHT**2))[:, np.newaxis, np.newaxis]
    return np.asarray((images + _smoothed(images, _SMOOTHERS["in places"][width]) * mask) / (mask + 1))


# Products of matrices are of whole numbers with sums below 2²⁴, which float32 holds: so they are exact, in
# whatever order and by whatever instructions they are added, and rows are the same on every machine.
_ONE = 2**12  # of grey levels and weights
_HEIGHT = 2**10  # of the shapes whose products are added up in a mask


def _smoothed(images: Images, smoothers: NDArray[np.float32]) -> Images:
    """Smooth the columns, then the rows."""
    levels = np.rint(images * np.float32(_ONE - 1))
    levels = np.rint(np.matmul(smoothers, levels) * np.float32(1 / _ONE))
    levels = np.rint(np.matmul(levels, smoothers.transpose(0, 2, 1)) * np.float32(1 / _ONE))
    return np.asarray(levels * np.float32(1 / (_ONE - 1)))


def _gaussians(widest: float) -> NDArray[np.float64]:
    """Values at whole distances, 1 at 0, shape (_WIDTHS, SIDE)."""
    sigma = np.maximum(np.linspace(0, widest, _WIDTHS), 1e-3)[:, np.newaxis]
    return np.asarray(np.exp(-((np.arange(SIDE) / sigma) ** 2) / 2))


def _smoothers(widest: float) -> NDArray[np.float32]:
    """Matrices that smooth a column, times _ONE, shape (_WIDTHS, SIDE, SIDE); beyond the edges is black."""
    shape = _gaussians(widest)
    weights = np.rint(shape / (shape.sum(axis=1, keepdims=True) * 2 - 1) * _ONE)
    weights[:, 0] = _ONE - 2 * weights[:, 1:].sum(axis=1)
    distance = np.abs(np.arange(SIDE)[:, np.newaxis] - np.arange(SIDE))
    return np.asarray(weights[:, distance], np.float32)


_HEIGHTS = np.rint(_gaussians(_WIDEST["in places"]) * _HEIGHT).astype(np.float32)
_SMOOTHERS = {where: _smoothers(widest) for where, widest in _WIDEST.items()}
