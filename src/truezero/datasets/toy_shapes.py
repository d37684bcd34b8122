"""Fifty toys, ten of each of NORB's five kinds, put together from simple solids.

A toy stands on the ground (third axis up) and looks along the first axis. Its proportions, and which parts it
has, are drawn once and for all: instance 3 of the trucks is always the same truck.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from truezero.core.draws import Purpose, uniform, words
from truezero.datasets.solids import Solid, box, ellipsoid, rod

KINDS = ("animal", "human", "plane", "truck", "car")
N_INSTANCES = 10
_SEED = 2004
_N_DRAWS = 24


class _Dice:
    """Draws of a toy, one after the other."""

    def __init__(self, kind: int, instance: int) -> None:
        drawn = words(
            _SEED, Purpose.SCENE, layer=2, examples=[kind * N_INSTANCES + instance], n_units=_N_DRAWS
        )
        self._left = list(uniform(drawn)[0])

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self._left.pop())

    def one_of(self, n: int) -> int:
        return int(self.between(0, n))


@cache
def toy(kind: int, instance: int) -> tuple[Solid, ...]:
    """Solids of a toy, in the ball of radius 1 about the origin.

    Parameters
    ----------
    kind : int
        0 to 4, see `KINDS`.
    instance : int
        0 to 9.

    Returns
    -------
    tuple of Solid
    """
    solids = _BUILDERS[kind](_Dice(kind, instance))
    corners = np.concatenate([solid.corners() for solid in solids])
    middle = (corners.min(0) + corners.max(0)) / 2
    radius = float(np.sqrt(((corners - middle) ** 2).sum(1).max()))
    return tuple(solid.moved(-middle, 1 / radius) for solid in solids)


def _by(x: float, y: float, z: float) -> NDArray[np.float64]:
    return np.array([x, y, z])


def _animal(dice: _Dice) -> list[Solid]:
    length, height, width = dice.between(0.6, 1.0), dice.between(0.24, 0.45), dice.between(0.2, 0.36)
    legs, thick = dice.between(0.3, 0.95), dice.between(0.06, 0.12)
    back = legs + height * 0.7
    body = (
        ellipsoid((0, 0, back), (length, width, height))
        if dice.one_of(2)
        else rod((-length, 0, back), (length, 0, back), height * 0.8, height * dice.between(0.7, 0.95))
    )
    solids = [body]
    for x in (-0.62 * length, 0.62 * length):
        step = dice.between(-0.15, 0.15)
        for y in (-0.6 * width, 0.6 * width):
            solids.append(rod((x, y, back), (x + np.sign(y) * step, y, 0), thick, thick * 0.8))
    rise, reach = dice.between(0.05, 1.0), dice.between(0.25, 0.5)
    shoulder = np.array([0.8 * length, 0, back + 0.2 * height])
    head = shoulder + _by(reach, 0, rise)
    size = dice.between(0.16, 0.27)
    solids.append(rod(shoulder, head, height * 0.55, size * 0.7))
    solids.append(ellipsoid(head + _by(size * 0.5, 0, 0), (size * 1.4, size * 0.8, size * 0.85)))
    end = dice.one_of(3)
    for y in (-0.6 * size, 0.6 * size):
        top = head + _by(0, y, 0.5 * size)
        if end == 0:
            solids.append(rod(top, top + _by(-0.1, 2 * y, dice.between(0.2, 0.5)), 0.06, 0.0))
        else:
            solids.append(ellipsoid(top + _by(0, y, 0.1), (0.05, 0.08 * end + 0.03, 0.14 * end)))
    drop, tail = dice.between(-0.7, 0.35), dice.between(0.15, 0.6)
    rear = np.array([-0.9 * length, 0, back + 0.2 * height])
    solids.append(rod(rear, rear + _by(-tail, 0, drop * 0.6), dice.between(0.05, 0.16), 0.03))
    if dice.one_of(3) == 0:  # a trunk
        mouth = head + _by(1.7 * size, 0, 0)
        solids.append(rod(mouth, mouth + _by(0.2, 0, -0.6), 0.1, 0.05))
    return solids


def _human(dice: _Dice) -> list[Solid]:
    legs, torso = dice.between(0.75, 1.05), dice.between(0.55, 0.8)
    shoulders, waist = dice.between(0.22, 0.34), dice.between(0.16, 0.28)
    thick = dice.between(0.07, 0.13)
    stride, spread = dice.between(-0.35, 0.35), dice.between(0.0, 0.2)
    hips, neck = legs, legs + torso
    torso_half = np.array([waist * 0.65, waist, torso / 2])
    solids = [Solid("cone", _by(0, 0, hips + torso / 2), np.eye(3), torso_half, shoulders / waist)]
    size = dice.between(0.15, 0.21)
    solids.append(ellipsoid((0, 0, neck + size * 1.1), (size, size * 0.85, size * 1.2)))
    for side in (-1, 1):
        foot = np.array([side * stride, side * (0.12 + spread), 0])
        solids.append(rod((0, side * 0.12, hips), foot, thick * 1.3, thick))
        solids.append(box(foot + _by(0.08, 0, 0.05), (0.16, 0.08, 0.05)))
        raised, bent = dice.between(-1.4, 1.2), dice.between(-0.6, 0.9)
        shoulder = np.array([0, side * (shoulders + 0.03), neck - 0.1])
        elbow = shoulder + _by(0.1 * bent, side * 0.3 * np.cos(raised), 0.32 * np.sin(raised))
        hand = elbow + _by(0.3 * bent, side * 0.08, 0.3 * np.sin(raised * 0.8))
        solids.append(rod(shoulder, elbow, thick * 0.9, thick * 0.75))
        solids.append(rod(elbow, hand, thick * 0.75, thick * 0.6))
    worn = dice.one_of(3)
    top = neck + size * 1.7
    if worn == 1:
        solids.append(rod((0, 0, top), (0, 0, top + 0.3), size * 1.2, 0.0))
    elif worn == 2:
        solids.append(rod((0, 0, top), (0, 0, top + 0.05), size * 1.7))
        solids.append(rod((0, 0, top), (0, 0, top + 0.2), size))
    if dice.one_of(3) == 0:  # something held
        solids.append(rod(hand + _by(0, 0, -0.6), hand + _by(0, 0, 0.6), 0.04))
    return solids


def _plane(dice: _Dice) -> list[Solid]:
    length, radius = 1.0, dice.between(0.1, 0.19)
    span, chord, sweep = dice.between(0.65, 1.15), dice.between(0.13, 0.26), dice.between(0.0, 0.7)
    tilt = dice.between(-0.1, 0.15)  # of the whole plane, nose up
    solids = [
        ellipsoid((0, 0, 0), (length, radius, radius))
        if dice.one_of(2)
        else rod((-length, 0, 0), (0.7 * length, 0, 0), radius * 0.5, radius)
    ]
    solids.append(ellipsoid((0.7 * length, 0, 0), (0.3 * length, radius, radius)))
    heights = [dice.between(-0.8, 0.9) * radius]
    if dice.one_of(4) == 0:  # two pairs of wings
        heights.append(heights[0] + 0.45)
    along, small = dice.between(-0.1, 0.3), dice.between(0.3, 0.45)
    for side in (-1, 1):
        for height in heights:
            middle = (along - 0.5 * span * np.sin(sweep), side * 0.5 * span * np.cos(sweep), height)
            solids.append(box(middle, (chord, 0.5 * span, 0.03), turn=side * sweep))
        tail = (-0.85 * length - 0.15 * np.sin(sweep), side * 0.5 * small, 0.02)
        solids.append(box(tail, (0.12, 0.5 * small, 0.025), turn=side * sweep * 0.7))
    fin = dice.between(0.2, 0.4)
    solids.append(box((-0.88 * length, 0, 0.5 * fin), (0.12, 0.025, 0.5 * fin + 0.05)))
    engines, out = dice.one_of(3), dice.between(0.3, 0.55)
    for place in np.arange(1, engines + 1) * out * span / max(engines, 1) * 1.6:
        for side in (-1, 1):
            x, y = along - np.tan(sweep) * place + 0.1, side * place * np.cos(sweep)
            solids.append(rod((x - 0.15, y, heights[0] - 0.09), (x + 0.2, y, heights[0] - 0.09), 0.08))
    if engines == 0:
        solids.append(box((length, 0, 0), (0.02, 0.05, 0.4), turn=0.0))
    lift = np.array([[np.cos(tilt), 0, np.sin(tilt)], [0, 1, 0], [-np.sin(tilt), 0, np.cos(tilt)]])
    return [Solid(s.kind, s.centre @ lift, s.axes @ lift, s.half, s.taper) for s in solids]


def _truck(dice: _Dice) -> list[Solid]:
    length, width, wheel = dice.between(0.85, 1.15), dice.between(0.3, 0.4), dice.between(0.13, 0.2)
    floor = wheel * 1.3
    cab, cab_height = dice.between(0.2, 0.32), dice.between(0.28, 0.42)
    solids = [box((0, 0, floor), (length, width * 0.8, 0.07))]
    front = length - cab
    solids.append(box((front, 0, floor + cab_height), (cab, width, cab_height)))
    if dice.one_of(3) == 0:  # a bonnet before the cab
        solids.append(box((length + 0.15, 0, floor + 0.2), (0.2, width * 0.85, 0.2)))
    load = (front - cab - 0.08 + length) / 2  # half of what is left behind the cab
    behind = -length + load
    kind, high = dice.one_of(4), dice.between(0.3, 0.6)
    if kind == 0:
        solids.append(box((behind, 0, floor + high), (load, width, high)))
    elif kind == 1:
        radius = width * 1.05
        z = floor + radius + 0.05
        solids.append(rod((behind - load, 0, z), (behind + load, 0, z), radius))
    elif kind == 2:  # open, and tipped
        tip = dice.between(0.0, 0.5)
        z = floor + 0.2 + load * np.sin(tip)
        solids.append(box((behind, 0, z), (load, width, 0.06), tilt=tip))
        for side in (-1, 1):
            solids.append(box((behind, side * width, z + 0.15), (load, 0.04, 0.2), tilt=tip))
    else:  # a crane
        solids.append(ellipsoid((behind, 0, floor + 0.2), (0.3, width, 0.22)))
        solids.append(rod((behind, 0, floor + 0.25), (behind + load, 0, floor + 0.4 + 2 * high), 0.09, 0.05))
    axles = [front, behind + load * 0.1, behind - load * 0.55][: 2 + dice.one_of(2)]
    if len(axles) == 2:
        axles[1] = behind - load * 0.4
    for x in axles:
        for side in (-1, 1):
            solids.append(rod((x, side * width * 0.75, wheel), (x, side * width * 1.1, wheel), wheel))
    return solids


def _car(dice: _Dice) -> list[Solid]:
    length, width, wheel = dice.between(0.85, 1.05), dice.between(0.36, 0.46), dice.between(0.14, 0.2)
    low, body = wheel * 0.9, dice.between(0.13, 0.2)
    solids = [
        box((0, 0, low + body), (length, width, body))
        if dice.one_of(2)
        else ellipsoid((0, 0, low + body), (length * 1.1, width * 1.1, body * 1.6))
    ]
    cabin, high, along = dice.between(0.38, 0.6), dice.between(0.16, 0.26), dice.between(-0.3, 0.05)
    roof = low + 2 * body
    kind = dice.one_of(3)
    if kind == 0:
        solids.append(box((along, 0, roof + high), (cabin, width * 0.85, high)))
    elif kind == 1:
        solids.append(ellipsoid((along, 0, roof), (cabin * 1.3, width * 0.9, high * 2)))
    else:  # a roof smaller than its base
        solids.append(
            Solid(
                "cone", np.array([along, 0, roof + high]), np.eye(3),
                np.array([cabin * 1.3, width * 0.95, high]), dice.between(0.5, 0.8),
            )
        )  # fmt: skip
    nose = dice.one_of(3)
    if nose == 1:
        solids.append(ellipsoid((length, 0, low + body), (0.2, width * 0.95, body)))
    elif nose == 2:  # a spoiler
        solids.append(box((-length, 0, roof + 0.15), (0.12, width, 0.03)))
        solids.append(box((-length, 0, roof + 0.07), (0.03, width * 0.6, 0.08)))
    for x in (-dice.between(0.52, 0.65) * length, dice.between(0.52, 0.65) * length):
        for side in (-1, 1):
            solids.append(rod((x, side * width * 0.8, wheel), (x, side * width * 1.08, wheel), wheel))
    return solids


_BUILDERS: tuple[Callable[[_Dice], list[Solid]], ...] = (_animal, _human, _plane, _truck, _car)
