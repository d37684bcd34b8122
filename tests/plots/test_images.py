"""Pictures of images."""

from __future__ import annotations

import numpy as np

from truezero.plots import draw, draw_apart
from truezero.plots.images import contact_sheet


def test_a_contact_sheet_has_a_strip_for_each_row_and_column() -> None:
    strips = np.zeros((3, 5, 32, 32))
    figure = contact_sheet(["clean", "half", "whole"], slant=strips, **{"motion blur": strips})
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["slant", "motion blur"]
    assert [axes.get_title() for axes in figure.axes[:3]] == ["clean", "half", "whole"]
    assert {axes.images[0].get_array().shape for axes in figure.axes} == {(34, 5 * 34)}  # type: ignore[union-attr]


def test_a_gallery_has_a_label_below_each_image() -> None:
    images, labels = np.random.default_rng(0).random((8, 5, 4)), [f"{n} → 0" for n in range(8)]
    figure = draw("gallery", {"images": images, "labels": labels})
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_xlabel() for axes in shown] == labels
    np.testing.assert_array_equal(shown[7].images[0].get_array(), images[7])


def test_groups_of_filters_are_pictures_of_their_own() -> None:
    groups = {"before": np.zeros((24, 3, 3)), "after": np.ones((24, 3, 3))}
    pictures = draw_apart("filters", groups)
    assert len(pictures) == 2
    for picture in (*pictures, draw("filters", groups)):
        picture.canvas.draw()
        assert picture.get_figwidth() < 6
