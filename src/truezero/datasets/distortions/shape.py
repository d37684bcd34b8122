"""Transformations of a character's shape: thickness, slant, affine, local elastic and pinch."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from truezero.datasets.distortions.draws import SIDE, Draws, Images, elastic_level, rounded
from truezero.datasets.distortions.resampling import COLUMNS, MIDDLE, ROWS, bilinear, nearest

# Structuring elements by size, up to 5 × 5, made of steps: a pixel to the right, left, down or up, or the
# cross of a pixel and its four neighbours.
_ELEMENTS = ("", "r", "d", "rd", "+", "rldu", "rlrdu", "++", "rlrdud", "+rldu", "rlrldudu")
_DILATIONS, _EROSIONS = 10, 6
_ERASED = 0.2  # of all that is bright: what erosion leaves must be more


def thickness(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Dilation or erosion by one of the smallest round(m × complexity) elements, or none.

    m is 10 for dilation and 6 for erosion, which is left out where it would erase the character.
    """
    eroded = draws.whole(2, 2) == 1
    n = np.rint(np.where(eroded, _EROSIONS, _DILATIONS) * complexity).astype(np.int64)
    element = np.minimum(draws.uniform(3, 0, n + 1).astype(np.int64), n)
    out = images.copy()
    for erode in (False, True):
        for number in range(1, len(_ELEMENTS)):
            chosen = np.flatnonzero((element == number) & (eroded == erode))
            if len(chosen):
                out[chosen] = _morphed(images[chosen], _ELEMENTS[number], erode)
    return out


def _morphed(images: Images, steps: str, erode: bool) -> Images:
    better = np.minimum if erode else np.maximum
    out = images
    for step in steps:
        before, out = out, out.copy()
        if step in "r+":
            better(out[:, :, 1:], before[:, :, :-1], out=out[:, :, 1:])
        if step in "l+":
            better(out[:, :, :-1], before[:, :, 1:], out=out[:, :, :-1])
        if step in "d+":
            better(out[:, 1:], before[:, :-1], out=out[:, 1:])
        if step in "u+":
            better(out[:, :-1], before[:, 1:], out=out[:, :-1])
    if not erode:
        return out
    left = out.sum(axis=(1, 2)) >= np.float32(_ERASED) * images.sum(axis=(1, 2))
    return np.where(left[:, np.newaxis, np.newaxis], out, images)


def slant(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Rows shifted in proportion to their height above the middle, by a slant of ±complexity."""
    slope = draws.uniform(2, -complexity, complexity)
    shift = np.rint(slope[:, np.newaxis] * (COLUMNS - np.float32(MIDDLE))).astype(np.int64)
    framed = np.pad(images, ((0, 0), (0, 0), (SIDE // 2, SIDE // 2)))
    windows = sliding_window_view(framed, SIDE, axis=2)
    return np.asarray(windows[np.arange(len(images))[:, np.newaxis], np.arange(SIDE), SIDE // 2 + shift])


def affine(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Nearest pixel to (ax + by + c, dx + ey + f), seen from the middle.

    Scales are 1 ± complexity / 3, the others ± complexity / 3, and shifts ± 4 × complexity pixels.
    """
    third, shift = complexity / 3, 4 * complexity
    a, e = (draws.uniform(unit, 1 - third, 1 + third)[:, np.newaxis] for unit in (2, 3))
    b, d = (draws.uniform(unit, -third, third)[:, np.newaxis] for unit in (4, 5))
    c, f = (draws.uniform(unit, -shift, shift)[:, np.newaxis] for unit in (6, 7))
    place, middle = COLUMNS - np.float32(MIDDLE), np.float32(MIDDLE)
    across = (a * place + (c + middle))[:, np.newaxis, :] + (b * place)[:, :, np.newaxis]
    down = (d * place + (f + middle))[:, np.newaxis, :] + (e * place)[:, :, np.newaxis]
    return nearest(images, down, across)


_STRENGTH_STEPS = 4096
_STRENGTHS = rounded(10 * np.cbrt(np.arange(_STRENGTH_STEPS + 1) / _STRENGTH_STEPS))


def elastic(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Pixels displaced by smoothed noise (Simard, Steinkraus, Platt 2003).

    Displacements of −1 to 1, smoothed over σ = 10 − 7 × complexity^(1/3) pixels, times 10 × complexity^(1/3).
    """
    alpha = _STRENGTHS[np.rint(complexity * _STRENGTH_STEPS).astype(np.int64)][:, np.newaxis, np.newaxis]
    level = elastic_level(complexity)
    windows = sliding_window_view(draws.tables.elastic, (SIDE, SIDE), axis=(1, 2))
    n = windows.shape[1]
    fields = []
    for unit in (2, 3):
        place = draws.words[:, unit]
        fields.append(windows[level, place % n, (place // n) % n])
        fields[-1] *= alpha
    down, across = fields
    down += ROWS
    across += COLUMNS
    return bilinear(images, down, across)


# Distances of pixels from the middle, within the circle around it that touches the edges; beyond, nothing
# moves.
_RADIUS = SIDE / 2
_SQUARES, _DISTANCE_OF = np.unique(
    np.minimum((2 * ROWS - 2 * MIDDLE) ** 2 + (2 * COLUMNS - 2 * MIDDLE) ** 2, (2 * _RADIUS) ** 2).ravel(),
    return_inverse=True,
)
_PINCHES = 256  # steps of a pinch of 1
_FACTORS = rounded(
    np.sin(math.pi * np.sqrt(_SQUARES.astype(np.float64)) / (4 * _RADIUS))
    ** (np.arange(_PINCHES, -_PINCHES - 1, -1)[:, np.newaxis] / _PINCHES)
)


def pinch(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Pressed or pulled in the middle: GIMP's "whirl and pinch" without whirl.

    A pixel at a distance d from the middle comes from sin(πd / 2r)^(−p) × d, with p from −complexity to
    0.7 × complexity.
    """
    amount = draws.uniform(2, -complexity, np.float32(0.7) * complexity)
    level = np.rint(amount * _PINCHES).astype(np.int64) + _PINCHES
    factor = np.take(_FACTORS[level], _DISTANCE_OF, axis=1).reshape(images.shape)
    middle = np.float32(MIDDLE)
    down, across = factor * (ROWS - middle), factor * (COLUMNS - middle)
    down += middle
    across += middle
    return bilinear(images, down, across)
