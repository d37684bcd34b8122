"""A stand-in for NORB: stereo pairs of simple solid toys on clutter, in NORB's own file format.

The toys are of NORB's five kinds, ten instances each, five of them for training and five for testing under
NORB's numbers, seen by two cameras from 9 elevations and 18 azimuths in 6 lightings, jittered in NORB's
ranges, before a textured wall, with other toys of the same side at the rim. The sixth class has no toy in the
middle. They are no photographs: an error on them says nothing about the error on NORB.
"""

from __future__ import annotations

import os
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from truezero.datasets.dataset import Dataset
from truezero.datasets.norb import load_collection
from truezero.datasets.norb_files import TOYS
from truezero.datasets.norb_making import Report, make_collection, sizes_of
from truezero.datasets.scenes import SIDE, Floats, Place
from truezero.datasets.solids import Surface
from truezero.datasets.toy_shapes import KINDS, toy

DESCRIPTION = (
    "a stand-in for NORB: generated stereo pairs of simple solid toys on clutter, 5 kinds and nothing"
)
SIZES: dict[str, tuple[int, int]] = {
    "smoke": (600, 120),
    "laptop": (29_160, 5_832),
    "paper": (291_600, 58_320),
}
"""Training and testing images of each size; `load_toys` keeps 541 of 2,700 training images for validation."""

_INSTANCES = ((4, 6, 7, 8, 9), (0, 1, 2, 3, 5))
_N_ELEVATIONS, _N_AZIMUTHS, _N_LIGHTINGS = 9, 18, 6
_RADIUS = 44.0  # pixels, of a toy at its full size
_HALF_ANGLE = np.radians(2.5)  # between a camera and the middle of both
# Azimuth from the cameras, elevation (degrees) and strength of the lights that are on.
_LIGHTINGS: tuple[tuple[tuple[float, float, float], ...], ...] = (
    ((0, 60, 0.6),),
    ((-70, 35, 0.65), (70, 35, 0.15)),
    ((70, 35, 0.65), (-70, 35, 0.15)),
    ((-40, 60, 0.4), (40, 60, 0.4)),
    ((150, 50, 0.45), (-20, 30, 0.3)),
    ((-150, 50, 0.45), (20, 75, 0.4)),
)


def load_toys(folder: str | os.PathLike[str]) -> Dataset:
    """Load toys that `make_toys` has made: a stand-in for NORB.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    Dataset
        As `load_norb` gives it, by the same code: uint8 (n_samples, 2·32·32), classes 0 to 5.

    Raises
    ------
    DataError
        If files are missing, damaged or do not fit each other.
    """
    return load_collection(folder, TOYS)


def make_toys(
    folder: str | os.PathLike[str],
    size: str | tuple[int, int] = "laptop",
    *,
    seed: int = 2011,
    n_jobs: int | None = None,
    report: Report | None = None,
) -> None:
    """Make toys: a stand-in for NORB.

    Twelve files of images appear in the folder one after the other, each whole or not at all, with the files
    of classes and of how they were made. What is there already is kept, so that what was interrupted goes on.

    Parameters
    ----------
    folder : path-like
        It is made if need be.
    size : "smoke", "laptop", "paper", or (n_train, n_test)
        600 / 120, 29,160 / 5,832 or 291,600 / 58,320 images; of one's own at least 10 and 2.
    seed : int
        Of what is drawn. The toys themselves are always the same.
    n_jobs : int, optional
        Processes; by default as many as there are processors.
    report : callable of (done, all), optional
        Called as files are finished, with numbers of images.

    Raises
    ------
    OptionError
        If size, seed or n_jobs cannot be used.
    DataError
        If the folder holds toys of another size or seed.
    FileError
        If it cannot be written to.
    """
    n_train, n_test = sizes_of(size, SIZES)
    make_collection(folder, TOYS, Toys(), n_train, n_test, seed=seed, n_jobs=n_jobs, report=report)


class Toys:
    """The toys as they look; see `scenes.Objects`."""

    n_kinds = len(KINDS)
    n_views = len(_INSTANCES[0]) * _N_ELEVATIONS * _N_AZIMUTHS * _N_LIGHTINGS

    def info(self, testing: bool, kind: int, view: int) -> tuple[int, int, int, int]:
        """Instance, elevation (0 to 8), azimuth (0, 2, … 34) and lighting (0 to 5) of a view."""
        rest, lighting = divmod(view, _N_LIGHTINGS)
        rest, azimuth = divmod(rest, _N_AZIMUTHS)
        instance, elevation = divmod(rest, _N_ELEVATIONS)
        return _INSTANCES[testing][instance], elevation, 2 * azimuth, lighting

    def show(self, testing: bool, kind: int, view: int, place: Place) -> tuple[Floats, NDArray[np.bool_]]:
        """Grey levels and where the toy is, of both cameras."""
        instance, elevation, azimuth, lighting = self.info(testing, kind, view)
        grey = np.empty((2, SIDE, SIDE), np.float32)
        where = np.empty((2, SIDE, SIDE), bool)
        middle = (SIDE - 1) / 2
        for camera, side in enumerate((-1, 1)):
            seen_from = _camera(30 + 5 * elevation, side * _HALF_ANGLE, place.turn)
            surface = Surface(SIDE)
            surface.add(
                toy(kind, instance),
                seen_from @ _turned_by(10 * azimuth),
                (middle + place.x - side * place.disparity / 2, middle + place.y),
                _RADIUS * place.size,
            )
            np.multiply(
                surface.lit((_lights(lighting) @ seen_from.T).astype(np.float32)), 235, out=grey[camera]
            )
            where[camera] = surface.seen
        return grey, where


def _turned_by(azimuth: float) -> NDArray[np.float64]:
    """Turn the table that the toy stands on, by degrees."""
    c, s = np.cos(np.radians(azimuth)), np.sin(np.radians(azimuth))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _camera(elevation: float, aside: float, turn: float) -> NDArray[np.float64]:
    """What a camera has right, up and towards itself, row by row; `aside` and `turn` in radians."""
    c, s = np.cos(np.radians(elevation)), np.sin(np.radians(elevation))
    right, up, towards = np.array([0, 1.0, 0]), np.array([-s, 0, c]), np.array([c, 0, s])
    right, towards = (
        np.cos(aside) * right - np.sin(aside) * towards,
        np.cos(aside) * towards + np.sin(aside) * right,
    )
    c, s = np.cos(turn), np.sin(turn)
    return np.stack([c * right - s * up, s * right + c * up, towards])


@lru_cache
def _lights(lighting: int) -> NDArray[np.float64]:
    """Towards the lights of a lighting, in the room's coordinates, as long as they are strong."""
    azimuth, elevation, strength = np.array(_LIGHTINGS[lighting]).T
    azimuth, elevation = np.radians(azimuth), np.radians(elevation)
    flat = np.cos(elevation)
    towards = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)], 1)
    return np.asarray(towards * strength[:, None])
