"""Simple solids, seen by a camera: ellipsoids, boxes and cones, as depth and surface normals of each pixel.

Rays are parallel, so all that a ray needs of a solid is affine in the pixel's place: in the solid's own
coordinates, in which it is a unit ball, cube or cone, the ray of pixel (x, y) is ``w(x, y) + t d``, with one
direction d for all pixels. What remains is one quadratic equation, or three intervals, a pixel, and only
pixels of the solid's bounding rectangle are asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]
_NEARLY_0 = 1e-4


@dataclass(frozen=True)
class Solid:
    """A solid.

    Attributes
    ----------
    kind : "ellipsoid", "box" or "cone"
        A cone has its axis along the third of its own axes; where it is cut off, see `taper`.
    centre : ndarray, shape (3,)
    axes : ndarray, shape (3, 3)
        Its own axes, row by row, orthonormal.
    half : ndarray, shape (3,)
        Half its size along each of them.
    taper : float
        Of a cone, the radius at its far end divided by that at its near end: 1 is a cylinder, 0 has a tip.
    """

    kind: Literal["ellipsoid", "box", "cone"]
    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    half: NDArray[np.float64]
    taper: float = 1.0

    def moved(self, by: NDArray[np.float64], times: float) -> Solid:
        """Shift, then make larger about the origin."""
        return replace(self, centre=(self.centre + by) * times, half=self.half * times)

    def corners(self) -> NDArray[np.float64]:
        """Corners of the box around it, shape (8, 3)."""
        signs = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), -1).reshape(8, 3)
        corners: NDArray[np.float64] = self.centre + (signs * self._bounds()) @ self.axes
        return corners

    def extent(self, directions: NDArray[np.float64]) -> NDArray[np.float64]:
        """How far it reaches from its centre, at most, along unit vectors, shape (n, 3)."""
        along = np.abs(directions @ self.axes.T) * self._bounds()
        if self.kind == "box":
            reach: NDArray[np.float64] = along.sum(1)
        elif self.kind == "ellipsoid":
            reach = np.sqrt((along**2).sum(1))
        else:
            reach = np.hypot(along[:, 0], along[:, 1]) + along[:, 2]
        return reach

    def _bounds(self) -> NDArray[np.float64]:
        wide = max(self.taper, 1.0) if self.kind == "cone" else 1.0
        return self.half * [wide, wide, 1.0]


def ellipsoid(centre: ArrayLike, half: ArrayLike, *, turn: float = 0.0, tilt: float = 0.0) -> Solid:
    """Ellipsoid, turned about the vertical and tilted up at its front (radians)."""
    return Solid("ellipsoid", np.asarray(centre, float), _axes(turn, tilt), np.asarray(half, float))


def box(centre: ArrayLike, half: ArrayLike, *, turn: float = 0.0, tilt: float = 0.0) -> Solid:
    """Box, turned about the vertical and tilted up at its front (radians)."""
    return Solid("box", np.asarray(centre, float), _axes(turn, tilt), np.asarray(half, float))


def rod(start: ArrayLike, end: ArrayLike, radius: float, end_radius: float | None = None) -> Solid:
    """Round rod from one point to another; its radius may change on the way, to 0 for a tip."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    length = float(np.linalg.norm(b - a))
    along = (b - a) / length
    aside = np.cross(along, [0.0, 0.0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0.0, 0.0])
    aside /= np.linalg.norm(aside)
    axes = np.stack([aside, np.cross(along, aside), along])
    taper = 1.0 if end_radius is None else end_radius / radius
    return Solid("cone", (a + b) / 2, axes, np.array([radius, radius, length / 2]), taper)


def _axes(turn: float, tilt: float) -> NDArray[np.float64]:
    c, s, ct, st = np.cos(turn), np.sin(turn), np.cos(tilt), np.sin(tilt)
    return np.array([[c * ct, s * ct, st], [-s, c, 0.0], [-c * st, -s * st, ct]])


class Surface:
    """What a camera sees: of each pixel the nearest surface.

    Attributes
    ----------
    depth : ndarray of float32, shape (side, side)
        Towards the camera, in pixels; −inf where nothing is.
    normal : ndarray of float32, shape (3, side, side)
        Vectors outwards, of any length: right, up, towards the camera.
    """

    def __init__(self, side: int) -> None:
        self.depth: Floats = np.full((side, side), -np.inf, np.float32)
        self.normal: Floats = np.zeros((3, side, side), np.float32)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Where anything is, shape (side, side)."""
        return np.isfinite(self.depth)

    def lit(self, lights: NDArray[np.float32]) -> Floats:
        """How bright directed lights make it, and one from everywhere, more of it from above.

        Parameters
        ----------
        lights : ndarray of float32, shape (n, 3)
            Towards the lights, right, up, towards the camera; as long as they are strong.

        Returns
        -------
        ndarray of float32, shape (side, side)
        """
        length = np.sqrt(np.maximum(np.einsum("kij,kij->ij", self.normal, self.normal), np.float32(1e-12)))
        brightness = np.float32(0.2) * length + np.float32(0.1) * self.normal[1]
        for light in lights:
            brightness += np.maximum(np.einsum("k,kij->ij", light, self.normal), 0)
        lit: Floats = brightness / length
        return lit

    def add(
        self, solids: Sequence[Solid], view: NDArray[np.float64], place: tuple[float, float], size: float
    ) -> None:
        """Put solids into the picture, each where it is nearer than what is there.

        Parameters
        ----------
        solids : sequence of Solid
        view : ndarray, shape (3, 3)
            Row by row what is right, up, and towards the camera, in the solids' coordinates; orthonormal.
        place : (float, float)
            Pixel, column and row, of the solids' origin.
        size : float
            Pixels that a length of 1 takes.
        """
        side = len(self.depth)
        for solid in solids:
            x, y = (view[:2] @ solid.centre) * size * [1, -1] + place
            reach_x, reach_y = solid.extent(view[:2]) * size + 1
            left, right = max(int(x - reach_x), 0), min(int(x + reach_x) + 2, side)
            top, bottom = max(int(y - reach_y), 0), min(int(y + reach_y) + 2, side)
            if left < right and top < bottom:
                part = np.s_[top:bottom, left:right]
                across = ((np.arange(left, right) - x) / size).astype(np.float32)
                down = ((y - np.arange(top, bottom)) / size).astype(np.float32)[:, None]
                # Own coordinates, in which it is a unit solid, from right, up and towards the camera.
                own = ((solid.axes @ view.T) / solid.half[:, None]).astype(np.float32)
                grid = own[:, :1, None] * across + own[:, 1:2, None] * down
                hit, near, normal = _HITS[solid.kind](own, grid, solid.taper)
                near = near * np.float32(size) + np.float32(view[2] @ solid.centre * size)
                seen = hit & (near > self.depth[part])
                np.copyto(self.depth[part], near, where=seen)
                np.copyto(self.normal[:, top:bottom, left:right], normal, where=seen)


# A solid's own coordinates: rows of `own` give them from right, up and towards the camera, w is where the
# rays of all pixels pass the solid's middle, shape (3, height, width), and the last column of `own` is how
# they go on. Of each ray comes back whether it hits, where it leaves the solid, and an outward normal there
# of any length.
_Hit = tuple[NDArray[np.bool_], Floats, Floats]


def _safe(value: Floats) -> Floats:
    """Keep away from 0, by less than can be seen."""
    safe: Floats = np.where(np.abs(value) > _NEARLY_0, value, np.float32(_NEARLY_0))
    return safe


def _turned(own: Floats, gradient: Floats) -> Floats:
    """Gradients in a solid's own coordinates, in those of the camera."""
    turned: Floats = (own.T @ gradient.reshape(3, -1)).reshape(gradient.shape)
    return turned


def _hit_ellipsoid(own: Floats, w: Floats, taper: float) -> _Hit:
    d = own[:, 2]
    a = d @ d
    b = np.einsum("k,kij->ij", d, w)
    under = b * b - a * (np.einsum("kij,kij->ij", w, w) - 1)
    t = (np.sqrt(np.maximum(under, 0)) - b) / a
    return under > 0, t, _turned(own, w + t * d[:, None, None])


def _hit_box(own: Floats, w: Floats, taper: float) -> _Hit:
    d = own[:, 2]
    inverse = 1 / _safe(d)[:, None, None]
    middle, half = w * -inverse, abs(inverse)
    ends = middle + half
    t = ends.min(0)
    faces = own * np.sign(d)[:, None]
    normal: Floats = faces.T[:, ends.argmin(0)]
    return t > (middle - half).max(0), t, normal


def _hit_cone(own: Floats, w: Floats, taper: float) -> _Hit:
    d = own[:, 2]
    # The radius is mean + slope w[2] for w[2] from −1 to 1.
    mean, slope = np.float32((taper + 1) / 2), np.float32((taper - 1) / 2)
    inverse = 1 / _safe(d[2])
    middle, half = w[2] * -inverse, abs(inverse)
    cap_end, cap_start = middle + half, middle - half
    radius = mean + slope * w[2]
    a = _safe(d[0] * d[0] + d[1] * d[1] - slope * slope * d[2] * d[2])
    b = w[0] * d[0] + w[1] * d[1] - (slope * d[2]) * radius
    under = b * b - a * (w[0] * w[0] + w[1] * w[1] - radius * radius)
    root = np.sqrt(np.maximum(under, 0))
    if a > 0:
        end = (root - b) / a
        t = np.minimum(end, cap_end)
        hit = (under > 0) & (t > np.maximum((-root - b) / a, cap_start))
    elif slope * d[2] > 0:  # the ray ends within the cone, and only its far end stops it
        t = cap_end
        end, hit = t + 1, t > np.maximum((-root - b) / a, cap_start)
    else:
        end = (root - b) / a
        t = np.minimum(end, cap_end)
        hit = t > cap_start
    at = w + t * d[:, None, None]
    at[2] = (mean + slope * at[2]) * -slope
    cap = own[2] * np.sign(d[2])
    return hit, t, np.where(end <= cap_end, _turned(own, at), cap[:, None, None])


_HITS = {"ellipsoid": _hit_ellipsoid, "box": _hit_box, "cone": _hit_cone}
