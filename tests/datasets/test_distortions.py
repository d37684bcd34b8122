"""Each transformation: what it may depend on, and what it does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from characters import characters
from numpy.typing import NDArray

from truezero.datasets import distortions
from truezero.datasets.distortions import SHAPE, TRANSFORMATIONS, Transformation, first_words
from truezero.datasets.distortions.draws import Draws, Images, below, between

GLYPHS = characters()
N = len(GLYPHS)
IDS = np.arange(1000, 1000 + N)
# Characters, and grey everywhere: what is black on the edges could hide something.
KINDS = {
    "characters": GLYPHS.images.astype(np.float32) / np.float32(255),
    "grey": np.random.default_rng(0).random((N, 32, 32), dtype=np.float32),
}

every_transformation = pytest.mark.parametrize("transformation", TRANSFORMATIONS, ids=lambda t: t.name)


def draws(transformation: Transformation, seed: int = 3, part: int = 0) -> Draws:
    own = first_words(seed, part, IDS)[:, transformation.number]
    return Draws(seed, part, transformation.number, IDS, own, GLYPHS.images)


def applied(
    transformation: Transformation, images: Images, complexity: Any, how: Draws | None = None
) -> Images:
    levels = np.broadcast_to(np.float32(complexity), (len(images),)).astype(np.float32)
    return transformation.apply(images.copy(), levels, draws(transformation) if how is None else how)


@every_transformation
@pytest.mark.parametrize("kind", KINDS)
def test_a_row_does_not_depend_on_the_rows_beside_it(transformation: Transformation, kind: str) -> None:
    images, complexity = KINDS[kind], np.linspace(0, 1, N, dtype=np.float32)
    how = draws(transformation)
    whole = applied(transformation, images, complexity, how)
    for rows in (np.array([0]), np.array([N - 1]), np.arange(N)[::-1], np.arange(0, N, 7), np.arange(33)):
        some = applied(transformation, images[rows], complexity[rows], how.take(rows))
        assert some.tobytes() == whole[rows].tobytes()


@every_transformation
@pytest.mark.parametrize("kind", KINDS)
def test_grey_levels_stay_in_their_range_and_images_as_they_were(
    transformation: Transformation, kind: str
) -> None:
    images, before = KINDS[kind].copy(), KINDS[kind]
    for complexity in (0.0, 0.01, 0.35, 0.7, 1.0):
        out = transformation.apply(images, np.full(N, complexity, np.float32), draws(transformation))
        assert out.shape == images.shape
        assert out.dtype == np.float32
        assert -1e-5 <= out.min() <= out.max() <= 1 + 1e-5
        assert images.tobytes() == before.tobytes()


@every_transformation
def test_nothing_happens_without_complexity_and_more_with_more(transformation: Transformation) -> None:
    images = KINDS["characters"]
    changes = [
        float(np.abs(applied(transformation, images, complexity) - images).mean())
        for complexity in (0.0, 0.05, 0.3, 0.9)
    ]
    assert np.abs(applied(transformation, images, 0.0) - images).max() < 1e-5
    assert changes[0] < 1e-6
    if transformation.name != "grey level and contrast":  # inverts half of the images at once
        assert changes[1] < 0.03
        assert changes[1] < changes[2] < changes[3]
    assert changes[3] > 0.005


@every_transformation
def test_each_row_seed_and_part_has_draws_of_its_own(transformation: Transformation) -> None:
    same = np.repeat(KINDS["characters"][:1], N, axis=0)
    first, again = (applied(transformation, same, 0.7) for _ in range(2))
    assert first.tobytes() == again.tobytes()
    assert len({image.tobytes() for image in first}) >= (2 if transformation.name == "thickness" else 20)
    for other in (draws(transformation, seed=4), draws(transformation, part=1)):
        assert applied(transformation, same, 0.7, other).tobytes() != first.tobytes()


def test_the_order_is_the_paper_s_and_the_numbers_are_fixed() -> None:
    assert [t.number for t in TRANSFORMATIONS] == list(range(1, 16))
    assert [t.name for t in SHAPE] == ["thickness", "slant", "affine", "local elastic", "pinch"]
    skipped = {t.name: round(1 - t.probability, 2) for t in TRANSFORMATIONS if t.probability < 1}
    assert skipped == {
        "occlusion": 0.6, "gaussian smoothing": 0.75, "pixel permutation": 0.8, "gaussian noise": 0.7,
        "salt and pepper": 0.75, "spatially gaussian": 0.75, "scratches": 0.85,
    }  # fmt: skip


def test_how_often_a_transformation_is_applied() -> None:
    ids = np.arange(4000)
    drawn = first_words(0, 0, ids)
    grey = np.full((len(ids), 32, 32), 0.5, np.float32)
    for number, probability in ((10, 0.3), (12, 0.25), (9, 0.0)):
        changed = distortions.distort(
            grey.copy(), drawn, ids, GLYPHS.images, seed=0, part=0, complexity=0.7,
            transformations=[TRANSFORMATIONS[number - 1]],
        )  # fmt: skip
        share = (changed != grey).any(axis=(1, 2)).mean()
        assert share == pytest.approx(
            probability, abs=0.03
        )  # exchanged pixels of one grey level are the same


def test_a_transformation_does_not_depend_on_which_others_there_are() -> None:
    drawn = first_words(5, 0, IDS)

    def distorted(names: list[str]) -> NDArray[np.float32]:
        chosen = [t for t in TRANSFORMATIONS if t.name in names]
        return distortions.distort(
            KINDS["characters"].copy(), drawn, IDS, GLYPHS.images, seed=5, part=0, complexity=0.7,
            transformations=chosen,
        )  # fmt: skip

    slanted = distorted(["slant"])
    contrast = next(t for t in TRANSFORMATIONS if t.name == "grey level and contrast")
    own = drawn[:, contrast.number]
    by_hand = contrast.apply(
        slanted, between(own[:, 1], 0, 0.7), Draws(5, 0, contrast.number, IDS, own, GLYPHS.images)
    )
    assert distorted(["slant", "grey level and contrast"]).tobytes() == by_hand.tobytes()


def test_pixels_that_are_exchanged_stay_the_same_ones() -> None:
    permutation = next(t for t in TRANSFORMATIONS if t.name == "pixel permutation")
    images = KINDS["grey"]
    out = applied(permutation, images, 1.0)
    assert (np.sort(out.reshape(N, -1)) == np.sort(images.reshape(N, -1))).all()
    assert (out != images).mean() == pytest.approx(0.5, abs=0.1)


def test_erosion_leaves_something() -> None:
    thickness = TRANSFORMATIONS[0]
    line = np.zeros((N, 32, 32), np.float32)
    line[:, 4:28, 15:17] = 1
    out = applied(thickness, line, 1.0)
    assert out.sum(axis=(1, 2)).min() >= 0.2 * line[0].sum()
    assert out.sum(axis=(1, 2)).max() > 2 * line[0].sum()


def test_words_as_numbers() -> None:
    ends = np.array([0, 2**32 - 1], np.uint32)
    assert below(ends, 62).tolist() == [0, 61]
    drawn = between(ends, -1.0, 1.0)
    assert drawn[0] == -1
    assert 0.999 < drawn[1] <= 1
