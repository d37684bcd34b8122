"""Noise on pixels: exchanged, added, replaced."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truezero.datasets.distortions.draws import SIDE, Draws, Images


def pixel_permutation(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """A share of complexity / 3 of the pixels, each exchanged with one of its four neighbours.

    Exchanges with the neighbours to the left and right come first, then those above and below, each time
    with pixels that begin at an even place and then those at an odd one, so that no pixel is wanted twice.
    """
    share = (complexity / 3)[:, np.newaxis, np.newaxis]
    drawn = draws.window(draws.tables.uniform, 2)
    with np.errstate(divide="ignore"):
        direction = np.minimum(drawn * (4 / share), 4).astype(np.int8)  # 4: stays
    out = images.copy()
    for axis in (2, 1):
        for odd in (0, 1):
            n = 2 * ((SIDE - odd) // 2)
            first, second = slice(odd, odd + n, 2), slice(odd + 1, odd + n, 2)
            here, there = (
                (slice(None), slice(None), part) if axis == 2 else (slice(None), part)
                for part in (first, second)
            )
            wanted = 2 * (axis - 1) + odd
            exchanged = (direction[here] == wanted) ^ (direction[there] == wanted)
            kept = out[here].copy()
            out[here] = np.where(exchanged, out[there], kept)
            out[there] = np.where(exchanged, kept, out[there])
    return out


def gaussian_noise(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Noise with a standard deviation of complexity / 10 on every pixel."""
    noise = draws.window(draws.tables.normal, 2)
    noise *= (complexity / 10)[:, np.newaxis, np.newaxis]
    noise += images
    return np.clip(noise, 0, 1, out=noise)


def salt_and_pepper(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """A share of 0.2 × complexity of the pixels gets a grey level of 0 to 1."""
    share = (complexity / 5)[:, np.newaxis, np.newaxis]
    chosen = draws.window(draws.tables.uniform, 2) < share
    return np.where(chosen, draws.window(draws.tables.uniform, 3), images)


def contrast(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """Grey levels brought from [0, 1] into an interval around 1/2, and half of the images inverted.

    The interval is as wide as C, which is drawn from 1 − 0.85 × complexity to 1.
    """
    width = draws.uniform(2, 1 - np.float32(0.85) * complexity, 1.0)
    inverted = (draws.whole(3, 2) == 1) & (complexity > 0)
    slope = np.where(inverted, -width, width)[:, np.newaxis, np.newaxis]
    return np.asarray((images - np.float32(0.5)) * slope + np.float32(0.5))
