"""Stereo pairs as NORB has them: an object, jittered, on clutter, with other objects at the rim.

What is in a picture is drawn by Philox words addressed by the picture's number, so that it does not depend
on which process makes it or when. What the objects are, and how they look, is not decided here (`Objects`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from truezero.core.draws import Purpose, permutation, uniform, words

Floats = NDArray[np.float32]

SIDE = 108
_MARGIN = 16  # columns by which the background is wider than a picture, for what the two cameras see of it
_OCTAVES = (4, 8, 16, 32)
_N_PATCHES = 6
_N_DRAWS = 28 + 8 * _N_PATCHES
_TEXTURE = 1  # the epoch that texture is drawn by
_COMBINATIONS = 4  # the layer, less the side, that combinations are drawn by


@dataclass(frozen=True)
class Place:
    """Where and how an object is shown.

    Attributes
    ----------
    x, y : float
        Middle of the object, in pixels from the middle of the picture, right and down.
    size : float
        Relative to its greatest.
    turn : float
        Radians, in the picture, against the clock.
    disparity : float
        Pixels by which its middle lies further right in the left camera's picture than in the right one's.
    """

    x: float
    y: float
    size: float
    turn: float
    disparity: float


class Objects(Protocol):
    """Objects of several kinds, as they look.

    Attributes
    ----------
    n_kinds : int
    n_views : int
        Views of all instances of a kind together, on each side.
    """

    n_kinds: int
    n_views: int

    def show(self, testing: bool, kind: int, view: int, place: Place) -> tuple[Floats, NDArray[np.bool_]]:
        """Grey levels (0 to 255) and where the object is, of both cameras, shape (2, 108, 108)."""

    def info(self, testing: bool, kind: int, view: int) -> tuple[int, int, int, int]:
        """Instance, elevation, azimuth and lighting of a view."""


def classes(n_classes: int, ids: NDArray[np.int64]) -> NDArray[np.int32]:
    """Classes of pictures: they take turns; the last one is "nothing"."""
    return (ids % n_classes).astype(np.int32)


def paint(
    objects: Objects, testing: bool, ids: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Make pictures.

    Parameters
    ----------
    objects : Objects
    testing : bool
        Of the testing or of the training instances.
    ids : ndarray of int64, shape (n,)
        Numbers of the pictures, from 0.
    seed : int

    Returns
    -------
    pairs : ndarray of uint8, shape (n, 2, 108, 108)
    info : ndarray of int32, shape (n, 10)
        Instance, elevation, azimuth, lighting (−1 where nothing is shown), shifts right and down (pixels),
        brightness (grey levels), contrast and size (per cent), rotation (degrees).
    """
    layer = int(testing)
    drawn = uniform(words(seed, Purpose.SCENE, layer=layer, examples=ids, n_units=_N_DRAWS))
    n_texture = sum(n * n for n in _OCTAVES)
    texture = uniform(
        words(seed, Purpose.SCENE, layer=layer, epoch=_TEXTURE, examples=ids, n_units=n_texture)
    ).astype(np.float32)
    pairs = np.empty((len(ids), 2, SIDE, SIDE), np.uint8)
    info = np.empty((len(ids), 10), np.int32)
    kinds = classes(objects.n_kinds + 1, ids)
    for row, (number, kind) in enumerate(zip(ids.tolist(), kinds.tolist(), strict=True)):
        u = drawn[row]
        picture = _background(texture[row], u)
        _put_clutter(picture, objects, testing, u)
        jitter = _jitter(u)
        if kind < objects.n_kinds:
            view = _view(seed, testing, kind, number // (objects.n_kinds + 1), objects.n_views)
            place = Place(
                float(jitter[0]), float(jitter[1]), jitter[4] / 100, float(np.radians(jitter[5])), 0.0
            )
            grey, where = objects.show(testing, kind, view, place)
            _put(picture, grey, where, jitter[2], jitter[3])
            info[row] = (*objects.info(testing, kind, view), *jitter)
        else:
            info[row] = (-1, -1, -1, -1, *jitter)
        np.clip(picture + np.float32(0.5), 0, 255, out=picture)
        pairs[row] = picture
    return pairs, info


def _jitter(u: NDArray[np.float64]) -> NDArray[np.int64]:
    """Shifts, brightness, contrast, size and rotation, evenly from NORB's ranges."""
    low = np.array([-5, -5, -19, 80, 78, -4])
    high = np.array([5, 5, 19, 130, 100, 4])
    jitter: NDArray[np.int64] = low + np.floor(u[:6] * (high - low + 1)).astype(np.int64)
    return jitter


def _view(seed: int, testing: bool, kind: int, turn: int, n_views: int) -> int:
    """View of the picture of a kind whose turn it is: each once before any comes again."""
    order = _order(seed, _COMBINATIONS + int(testing), kind, turn // n_views, n_views)
    return int(order[turn % n_views])


@lru_cache(maxsize=32)
def _order(seed: int, layer: int, kind: int, time: int, n: int) -> NDArray[np.int64]:
    return permutation(seed, Purpose.SCENE, np.arange(n), layer=layer, epoch=(kind << 16) | time)


def _put(picture: Floats, grey: Floats, where: NDArray[np.bool_], brightness: float, contrast: float) -> None:
    shown = (grey - np.float32(128)) * np.float32(contrast / 100) + np.float32(128 + brightness)
    np.copyto(picture, shown, where=where)


def _put_clutter(picture: Floats, objects: Objects, testing: bool, u: NDArray[np.float64]) -> None:
    """Put one or two other objects at the rim, partly outside, in front of the background."""
    for first in (6, 14)[: 1 + int(u[22] < 0.5)]:
        kind, view = int(u[first] * objects.n_kinds), int(u[first + 1] * objects.n_views)
        angle, far = 2 * np.pi * u[first + 2], 46 + 12 * u[first + 3]
        place = Place(
            far * float(np.cos(angle)), far * float(np.sin(angle)), 0.5 + 0.4 * float(u[first + 4]),
            0.6 * float(u[first + 5]) - 0.3, -4 * float(u[first + 6]),
        )  # fmt: skip
        grey, where = objects.show(testing, kind, view, place)
        _put(picture, grey, where, 60 * u[first + 7] - 30, 60 + 60 * u[first + 7])


# ---- background -------------------------------------------------------------------------------------------


def _background(texture: Floats, u: NDArray[np.float64]) -> Floats:
    """Texture with patches on it, as a flat wall behind the object, shape (2, 108, 108)."""
    a, b, c, d = u[24:28]
    wall = np.zeros((SIDE, SIDE + _MARGIN), np.float32)
    start = 0
    for n, weight in zip(_OCTAVES, (1.0, 0.5 + a, 0.3 + 0.7 * b, 0.25 + 0.5 * c), strict=True):
        octave = texture[start : start + n * n].reshape(n, n) - np.float32(0.5)
        wall += np.float32(weight) * (_stretched(n, SIDE) @ octave @ _stretched(n, SIDE + _MARGIN).T)
        start += n * n
    # Waves over the height of the noise: edges, as marble has them.
    waves = np.sin(np.float32(4 + 16 * c) * wall)
    wall = np.float32(100 + 56 * (d - 0.5)) + np.float32(30 + 60 * a) * wall + np.float32(35 * b) * waves
    for patch in u[28:].reshape(_N_PATCHES, 8):
        _put_patch(wall, patch)
    shift = round(4 + 8 * u[23])  # the wall lies behind the object, so the left camera sees it further left
    before, after = (_MARGIN - shift) // 2, (_MARGIN + shift) // 2
    return np.stack([wall[:, after : after + SIDE], wall[:, before : before + SIDE]])


@lru_cache
def _stretched(n: int, to: int) -> Floats:
    """Weights that make n values a smooth curve of more, shape (to, n)."""
    at = np.linspace(0, n - 1, to)
    left = np.minimum(np.floor(at).astype(np.int64), n - 2)
    part = at - left
    part = part * part * (3 - 2 * part)
    weights = np.zeros((to, n), np.float32)
    weights[np.arange(to), left] = 1 - part
    weights[np.arange(to), left + 1] = part
    return weights


def _put_patch(wall: Floats, u: NDArray[np.float64]) -> None:
    """Lay a turned rectangle or an ellipse of one grey over a part of the wall; it shines through."""
    height, width = wall.shape
    x, y = width * u[0], height * u[1]
    half = np.array([6 + 28 * u[2], 3 + 18 * u[3]])
    reach = float(np.hypot(*half)) + 1
    left, right = max(int(x - reach), 0), min(int(x + reach) + 1, width)
    top, bottom = max(int(y - reach), 0), min(int(y + reach) + 1, height)
    across = (np.arange(left, right) - x).astype(np.float32)
    down = (np.arange(top, bottom) - y).astype(np.float32)[:, None]
    c, s = np.cos(np.pi * u[4]), np.sin(np.pi * u[4])
    first = np.abs((across * np.float32(c) + down * np.float32(s)) / np.float32(half[0]))
    second = np.abs((down * np.float32(c) - across * np.float32(s)) / np.float32(half[1]))
    inside = np.maximum(first, second) < 1 if u[5] < 0.6 else first * first + second * second < 1
    part = wall[top:bottom, left:right]
    opaque = np.float32(0.5 + 0.5 * u[6])
    np.copyto(part, part + opaque * (np.float32(20 + 215 * u[7]) - part), where=inside)
