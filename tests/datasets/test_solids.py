"""Solids as a camera sees them, held to points tried along the rays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truezero.datasets.solids import Solid, Surface, box, ellipsoid, rod
from truezero.datasets.toy_shapes import KINDS, N_INSTANCES, toy

SIDE = 24
SIZE = 8.0
MIDDLE = (SIDE - 1) / 2


def inside(solid: Solid, points: Any, more: float = 0.0) -> Any:
    """Whether points (..., 3) lie in a solid; `more` makes it larger."""
    w = (points - solid.centre) @ solid.axes.T / (solid.half + more)
    if solid.kind == "ellipsoid":
        return (w**2).sum(-1) <= 1
    if solid.kind == "box":
        return np.abs(w).max(-1) <= 1
    radius = (1 + solid.taper) / 2 + (solid.taper - 1) / 2 * w[..., 2]
    return (np.abs(w[..., 2]) <= 1) & (np.hypot(w[..., 0], w[..., 1]) <= radius)


def turned(random: np.random.Generator) -> Any:
    q, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def points_of(view: Any, depths: Any) -> Any:
    """Points of all pixels at depths (in pixels), shape (side, side, n, 3), in the solids' coordinates."""
    x = (np.arange(SIDE) - MIDDLE) / SIZE
    grid = np.stack(np.broadcast_arrays(x[None, :, None], -x[:, None, None], depths / SIZE), -1)
    return grid @ view


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["ellipsoid", "box", "cone"]),
    taper=st.sampled_from([0.0, 0.3, 0.99, 1.0, 1.7]),
    seed=st.integers(0, 10**6),
    straight=st.booleans(),
)
def test_every_pixel_shows_what_is_nearest(kind: Any, taper: float, seed: int, straight: bool) -> None:
    random = np.random.default_rng(seed)
    axes, view = (np.eye(3), np.eye(3)) if straight else (turned(random), turned(random))
    solid = Solid(kind, random.normal(size=3) * 0.3, axes, random.uniform(0.2, 1.1, 3), taper)
    surface = Surface(SIDE)
    surface.add([solid], view, (MIDDLE, MIDDLE), SIZE)
    along = np.linspace(-3, 3, 241) * SIZE
    tried = inside(solid, points_of(view, along))
    hit = tried.any(-1)
    # Rays that pass the edge by less than is tried may be decided either way.
    assert not (hit & ~surface.seen & inside(solid, points_of(view, along), -0.02).any(-1)).any()
    assert not (surface.seen & ~inside(solid, points_of(view, along), 0.05).any(-1)).any()
    both = hit & surface.seen
    last = along[241 - 1 - tried[..., ::-1].argmax(-1)]
    step = along[1] - along[0]
    assert (np.abs(surface.depth - last)[both] <= step * 1.01 + 0.05).mean() > 0.97
    # Outwards is towards the camera wherever it looks.
    assert (surface.normal[2][surface.seen] >= -1e-4).all()


def test_depth_and_normals_of_a_ball() -> None:
    surface = Surface(SIDE)
    surface.add([ellipsoid((0, 0, 0.5), (1, 1, 1))], np.eye(3), (MIDDLE, MIDDLE), SIZE)
    x = (np.arange(SIDE) - MIDDLE) / SIZE
    square = x[None, :] ** 2 + x[:, None] ** 2
    z = np.sqrt(np.maximum(1 - square, 0))
    assert (surface.seen == (square < 1)).all()
    assert np.allclose(surface.depth[surface.seen], ((0.5 + z) * SIZE)[surface.seen], atol=1e-3)
    unit = surface.normal / np.linalg.norm(surface.normal, axis=0).clip(1e-9)
    assert np.allclose(unit[2][surface.seen], z[surface.seen], atol=1e-4)
    assert np.allclose(unit[1][surface.seen], (-x[:, None] + 0 * x)[surface.seen], atol=1e-4)


def test_light_falls_on_what_faces_it() -> None:
    surface = Surface(SIDE)
    surface.add([box((0, 0, 0), (1, 1, 1))], np.eye(3), (MIDDLE, MIDDLE), SIZE)
    lights = [np.array([[0, 0, 0.5]]), np.array([[0, 0.5, 0]]), np.array([[0, 0, -1.0]])]
    bright = [float(surface.lit(light.astype(np.float32))[12, 12]) for light in lights]
    assert bright == pytest.approx([0.7, 0.2, 0.2])


def test_the_nearer_solid_hides_the_other_whatever_the_order() -> None:
    near, far = ellipsoid((0, 0, 1), (0.5, 0.5, 0.5)), rod((-1, 0, 0), (1, 0, 0), 0.3)
    depths = []
    for solids in ([near, far], [far, near]):
        surface = Surface(SIDE)
        surface.add(solids, np.eye(3), (MIDDLE, MIDDLE), SIZE)
        depths.append(surface.depth)
    assert (depths[0] == depths[1]).all()
    assert depths[0].max() > 1.2 * SIZE


def test_what_reaches_out_of_the_picture_is_cut_off() -> None:
    surface = Surface(SIDE)
    for place in ((-3, 5), (SIDE + 3, 5), (5, -200), (MIDDLE, SIDE)):
        surface.add([box((0, 0, 0), (1, 1, 1))], np.eye(3), place, SIZE)
    assert surface.seen[:, 0].any()
    assert not surface.seen[:8, 8:16].any()


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_toys_differ_and_fit_their_ball(kind: int) -> None:
    toys = [toy(kind, instance) for instance in range(N_INSTANCES)]
    for solids in toys:
        corners = np.concatenate([solid.corners() for solid in solids])
        assert np.linalg.norm(corners, axis=1).max() == pytest.approx(1)
        for solid in solids:
            assert np.allclose(solid.axes @ solid.axes.T, np.eye(3))
            assert (solid.half > 0).all()
    volumes = [sum(solid.half.prod() for solid in solids) for solids in toys]
    assert len(np.unique(np.round(volumes, 6))) == N_INSTANCES
