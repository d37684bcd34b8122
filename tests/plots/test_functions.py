"""Functions side by side, and what goes through a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from truezero.plots import draw, draw_apart
from truezero.plots.style import PANEL


def test_functions_have_axes_where_0_is_in_sight() -> None:
    lines = [
        {"name": name, "colour": place, "x": [-1.0, 0.0, 1.0], "y": [0.5, value, 2.0]}
        for place, (name, value) in enumerate((("f", 1.0), ("g", 1.5)))
    ]
    panel = {"title": "t", "x": "z", "y": "out", "lines": lines, "marks": [{"name": "here", "x": 0.5}]}
    figure = draw("functions", {"panels": [panel, {**panel, "lines": lines[:1], "marks": []}]})
    first, second = figure.axes
    drawn = [line for line in first.lines if line.get_label() in ("f", "g")]
    assert [np.asarray(line.get_ydata()).tolist() for line in drawn] == [[0.5, 1.0, 2.0], [0.5, 1.5, 2.0]]
    assert drawn[0].get_linestyle() != drawn[1].get_linestyle()
    others = [np.asarray(line.get_xdata()).tolist() for line in first.lines if line not in drawn]
    assert others == [[0, 0], [0.5, 0.5]]  # y = 0 is out of sight
    assert [text.get_text() for text in first.texts] == ["here"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["f", "g"]
    assert [line.get_label() for line in second.lines[:1]] == ["f"]


def panel(**changes: Any) -> dict[str, Any]:
    layers = [
        {"name": "input", "n": 9, "units": [2, 5, 7], "active": [2, 3, 7], "n_active": 3},
        {"name": "layer 1", "n": 2, "units": [0, 1], "active": [1], "n_active": 1},
        {"name": "output", "n": 2, "units": [0, 1], "active": [0, 1], "n_active": None, "names": ["a", "b"]},
    ]
    carried = [[[1.0, 4.0], [5.0, 6.0], [7.0, -2.0]], [[0.0, 0.0], [-3.0, 3.0]]]
    return {"title": "t", "layers": layers, "carried": carried, "output": 1, "image": None} | changes


def connections(figure: Figure) -> list[LineCollection]:
    return [found for found in figure.axes[0].collections if isinstance(found, LineCollection)]


def test_connections_that_carry_something_are_drawn_by_how_much() -> None:
    figure = draw("propagation", {"panels": [panel()]})
    off, up, down, off_above, up_above, down_above = connections(figure)
    # From inputs 2 and 7, which are active, to unit 1, which is.
    assert [len(found.get_segments()) for found in (off, up, down)] == [4, 1, 1]
    assert [len(found.get_segments()) for found in (off_above, up_above, down_above)] == [2, 1, 1]
    (strong,), (weak,) = np.asarray(up.get_linewidth()), np.asarray(down.get_linewidth())
    assert weak / strong == pytest.approx(0.5)
    np.testing.assert_allclose(up.get_segments()[0], [[0, -0.5 / 3], [1, -0.75]])
    np.testing.assert_allclose(down.get_segments()[0], [[0, -2.5 / 3], [1, -0.75]])
    assert not np.array_equal(up.get_edgecolor(), down.get_edgecolor())


def test_units_that_are_active_are_filled_and_counted() -> None:
    figure = draw("propagation", {"panels": [panel(), panel(image=np.eye(3))]})
    axes = figure.axes[0]
    inputs_off, inputs_on = axes.lines[:2]
    assert len(np.asarray(inputs_off.get_xdata())) == 1
    assert len(np.asarray(inputs_on.get_xdata())) == 2
    assert inputs_off.get_markerfacecolor() == "none"  # the ground may be dark
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == ["input\n3 of 9\nactive\n3 drawn", "layer 1\n1 of 2\nactive", "output"]
    (largest,) = [line for line in axes.lines if line.get_marker() == "s"]
    assert np.asarray(largest.get_ydata()).tolist() == [-0.75]
    assert [text.get_text() for text in axes.texts] == ["a", "b"]
    assert len(figure.axes[1].child_axes) == 1
    assert not axes.child_axes


@pytest.mark.parametrize("kind", ["functions", "propagation"])
def test_each_panel_is_a_picture_as_wide_as_others_with_a_legend(kind: str) -> None:
    line = {"name": "f", "colour": 0, "x": [0, 1], "y": [0, 1]}
    one = panel() if kind == "propagation" else {"title": "t", "x": "z", "y": "out", "lines": [line]}
    apart = draw_apart(kind, {"panels": [one, {**one, "title": "u"}]})
    assert [figure.axes[0].get_title() for figure in apart] == ["t", "u"]
    assert {figure.get_figwidth() for figure in apart} == {PANEL[0]}
    named = ["f"] if kind == "functions" else ["active", "0", "carries up", "carries down", "carries nothing"]
    for figure in apart:
        assert [text.get_text() for text in figure.legends[0].get_texts()] == named


def test_a_row_of_zeros_is_drawn() -> None:
    nothing = panel()
    for layer in nothing["layers"][:2]:
        layer |= {"active": [], "n_active": 0}
    found = connections(draw("propagation", {"panels": [nothing]}))
    assert [len(lines.get_segments()) for lines in found] == [6, 4]
