"""Pictures of images."""

from __future__ import annotations

import numpy as np

from truezero.plots.images import contact_sheet


def test_a_contact_sheet_has_a_strip_for_each_row_and_column() -> None:
    strips = np.zeros((3, 5, 32, 32))
    figure = contact_sheet(["clean", "half", "whole"], slant=strips, **{"motion blur": strips})
    assert [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()] == ["slant", "motion blur"]
    assert [axes.get_title() for axes in figure.axes[:3]] == ["clean", "half", "whole"]
    assert {axes.images[0].get_array().shape for axes in figure.axes} == {(34, 5 * 34)}  # type: ignore[union-attr]
