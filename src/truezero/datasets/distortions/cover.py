"""What comes before or behind a character: parts of others, textures, scratches."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from truezero.datasets.distortions.draws import SIDE, Draws, Images, below, between, normal
from truezero.datasets.distortions.resampling import COLUMNS, ROWS, moved

_CENTRE = SIDE // 2 - 1  # of a rectangle of an occluder
_ANGLES = 1024
_COSINES, _SINES = (
    np.array([wave(math.pi * k / _ANGLES) for k in range(_ANGLES)], np.float32)
    for wave in (math.cos, math.sin)
)


def occlusion(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """A rectangle of another character laid over this one; of two pixels the lighter one is seen.

    The rectangle goes |N(8 × complexity, 2²)| pixels up, down, left and right from the middle of the other
    character. It is put near the left or the right edge, or, half as bright, over the middle.
    """
    other = draws.glyphs[draws.whole(2, len(draws.glyphs))].astype(np.float32) / np.float32(255)
    drawn = draws.more(5)
    spread = np.minimum(2, 8 * complexity)
    up, down, left, right = (
        np.minimum(np.abs(8 * complexity + spread * normal(drawn[:, side])), 15).astype(np.int64)
        for side in range(4)
    )
    where = draws.whole(3, 3)  # at the left, at the right, in the middle
    row, column = np.arange(SIDE)[:, np.newaxis], np.arange(SIDE)

    def each(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return values[:, np.newaxis, np.newaxis]

    inside = (
        (row >= each(_CENTRE - up)) & (row <= each(_CENTRE + down))
        & (column >= each(_CENTRE - left)) & (column <= each(_CENTRE + right))
    )  # fmt: skip
    other *= inside
    other *= np.where(where == 2, 0.5, 1.0).astype(np.float32)[:, np.newaxis, np.newaxis]
    other *= (complexity > 0)[:, np.newaxis, np.newaxis]
    aside = np.abs(draws.normal(4) * 2).astype(np.int64)
    to_side = np.where(where == 0, aside - (_CENTRE - left), SIDE - 1 - aside - (_CENTRE + right))
    below_middle = (draws.normal(5) * 3).astype(np.int64)
    below_middle = np.clip(below_middle, up - _CENTRE, SIDE - 1 - _CENTRE - down)
    middle = where == 2
    covering = moved(other, np.where(middle, 1, below_middle), np.where(middle, 1, to_side))
    return np.maximum(images, covering)


def background(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """A random texture behind the character, as bright as up to the complexity."""
    textures = draws.tables.textures
    kind = draws.whole(2, len(textures))
    out = np.empty_like(images)
    for number, texture in enumerate(textures):
        chosen = np.flatnonzero(kind == number)
        out[chosen] = draws.take(chosen).window(texture, 3)
    least = out.min(axis=(1, 2), keepdims=True)
    span = out.max(axis=(1, 2), keepdims=True) - least
    out -= least
    out *= draws.uniform(4, 0, complexity)[:, np.newaxis, np.newaxis] / span
    out *= 1 - images
    out += images
    return out


def scratches(images: Images, complexity: NDArray[np.float32], draws: Draws) -> Images:
    """One, two or three (50, 30, 20 %) white, slightly bent strokes.

    They are the longer and the thinner the higher the complexity. Their angles are those of a "1" that is
    turned by N(0, (100 × complexity)²) degrees.
    """
    n, most = len(images), 3
    number = draws.uniform(2)
    n_scratches = 1 + (number >= np.float32(0.5)).astype(np.int64) + (number >= np.float32(0.8))
    drawn = draws.more(5 * most).reshape(n, 5, most)
    out = images.copy()
    spread = complexity * 100 / 180 * _ANGLES  # in steps of the angle
    for scratch in range(most):
        chosen = np.flatnonzero((n_scratches > scratch) & (complexity > 0))
        if not len(chosen):
            break
        place = drawn[chosen, :, scratch]
        turned = spread[chosen] * normal(place[:, 0])
        angle = (np.rint(turned).astype(np.int64) + _ANGLES // 2) % _ANGLES
        cosine, sine = (wave[angle][:, np.newaxis, np.newaxis] for wave in (_COSINES, _SINES))
        x, y = (
            COLUMNS - below(place[:, 1], SIDE).astype(np.float32)[:, np.newaxis, np.newaxis],
            ROWS - below(place[:, 2], SIDE).astype(np.float32)[:, np.newaxis, np.newaxis],
        )
        along, beside = x * cosine + y * sine, y * cosine - x * sine
        bend = between(place[:, 3], -0.01, 0.01)[:, np.newaxis, np.newaxis]
        reach = SIDE * complexity[chosen] * between(place[:, 4], 0.5, 1.0)
        width = np.float32(1) - np.float32(0.6) * complexity[chosen]  # half of it
        line = width[:, np.newaxis, np.newaxis] + np.float32(0.5) - np.abs(beside - bend * along * along)
        end = reach[:, np.newaxis, np.newaxis] + np.float32(0.5) - np.abs(along)
        out[chosen] = np.maximum(out[chosen], np.clip(np.minimum(line, end), 0, 1))
    return out
