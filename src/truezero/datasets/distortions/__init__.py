"""Distortions of characters, after Bengio et al. 2010.

The paper is "Deep self-taught learning for handwritten character recognition" (arXiv 1009.3589). All work on
images of 32 × 32 grey levels, a character white on black, many at a time. What is random in a row depends on
the seed and the row's id alone: not on the rows beside it, nor on which other transformations there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truezero.core.draws import Purpose, words
from truezero.datasets.distortions import blur, cover, noise, shape
from truezero.datasets.distortions.draws import SIDE, UNITS, Draws, Images, between

__all__ = ["SHAPE", "SIDE", "TRANSFORMATIONS", "Transformation", "distort"]


@dataclass(frozen=True)
class Transformation:
    """One kind of distortion.

    Attributes
    ----------
    number : int
        What its draws are addressed by; it never changes.
    name : str
    apply : callable
        Given images, float32 from 0 to 1 of shape (n, 32, 32), the complexity of each and their draws, it
        returns new ones.
    probability : float
        Of being applied to a row at all.
    """

    number: int
    name: str
    apply: Callable[[Images, NDArray[np.float32], Draws], Images]
    probability: float = 1.0


TRANSFORMATIONS = (
    Transformation(1, "thickness", shape.thickness),
    Transformation(2, "slant", shape.slant),
    Transformation(3, "affine", shape.affine),
    Transformation(4, "local elastic", shape.elastic),
    Transformation(5, "pinch", shape.pinch),
    Transformation(6, "motion blur", blur.motion_blur),
    Transformation(7, "occlusion", cover.occlusion, 0.4),
    Transformation(8, "gaussian smoothing", blur.gaussian_smoothing, 0.25),
    Transformation(9, "pixel permutation", noise.pixel_permutation, 0.2),
    Transformation(10, "gaussian noise", noise.gaussian_noise, 0.3),
    Transformation(11, "background", cover.background),
    Transformation(12, "salt and pepper", noise.salt_and_pepper, 0.25),
    Transformation(13, "spatially gaussian", blur.spatially_gaussian, 0.25),
    Transformation(14, "scratches", cover.scratches, 0.15),
    Transformation(15, "grey level and contrast", noise.contrast),
)
"""All, in the order they are applied in."""

SHAPE = TRANSFORMATIONS[:5]
"""Those of the character's shape alone, without noise."""


def first_words(seed: int, part: int, ids: NDArray[np.int64]) -> NDArray[np.uint32]:
    """First words of some rows, shape (n, 16, UNITS): the row's own, then each transformation's."""
    n = UNITS * (len(TRANSFORMATIONS) + 1)
    return words(seed, Purpose.DISTORTION, epoch=part, examples=ids, n_units=n).reshape(len(ids), -1, UNITS)


def distort(
    images: Images,
    drawn: NDArray[np.uint32],
    ids: NDArray[np.int64],
    glyphs: NDArray[np.uint8],
    *,
    seed: int,
    part: int,
    complexity: float,
    transformations: Sequence[Transformation],
) -> Images:
    """Apply transformations one after the other, each with a complexity of its own.

    Parameters
    ----------
    images : ndarray of float32, shape (n, 32, 32)
        From 0 to 1; changed in place.
    drawn : ndarray of uint32, shape (n, 16, UNITS)
        What `first_words` gives.
    ids : ndarray of int64, shape (n,)
    glyphs : ndarray of uint8, shape (n_glyphs, 32, 32)
        Characters that may be put over others.
    seed, part : int
        As for `first_words`.
    complexity : float
        That of each transformation is drawn from 0 to this.
    transformations : sequence of Transformation

    Returns
    -------
    ndarray of float32, shape (n, 32, 32)
        From 0 to 1.
    """
    for transformation in transformations:
        own = drawn[:, transformation.number]
        draws = Draws(seed, part, transformation.number, ids, own, glyphs)
        complexities = between(own[:, 1], 0, complexity)
        if transformation.probability == 1:
            images = transformation.apply(images, complexities, draws)
            continue
        chosen = np.flatnonzero(between(own[:, 0]) < np.float32(transformation.probability))
        if len(chosen):
            images[chosen] = transformation.apply(images[chosen], complexities[chosen], draws.take(chosen))
    return images
