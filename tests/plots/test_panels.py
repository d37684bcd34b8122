"""Panels: beside each other in a file, each by itself where there is no room; one look for all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from truezero import plots
from truezero.plots import draw, draw_apart, rendered
from truezero.plots.style import GREY, INK, PALETTE, PANEL

SEEDS = [[9.0, 5.0, 2.0], [7.0, 3.0]]


def curve(name: str, runs: list[list[float]], colour: int = 0, dashed: bool = False) -> dict[str, Any]:
    return {"name": name, "colour": colour, "dashed": dashed, "runs": runs}


def panel(title: str, *lines: dict[str, Any], log: bool = True) -> dict[str, Any]:
    return {"title": title, "x": "epoch", "y": "error, %", "log": log, "lines": list(lines)}


CURVES = {
    "panels": [
        panel("tanh", curve("tanh", SEEDS), curve("tanh, pre-trained", [[4.0, 1.0]], dashed=True)),
        panel("softplus", curve("softplus", [[40.0, 20.0, 10.0, 10.0]], colour=1)),
    ],
    "shared": True,
}


def coloured(figure: Figure, panel: int = 0) -> list[Any]:
    """Lines of a panel that are not those of the others."""
    return [line for line in figure.axes[panel].lines if line.get_color() != GREY]


def test_seeds_are_thin_and_their_mean_is_thick() -> None:
    one, two, mean, *_ = coloured(draw("curves", CURVES))
    assert one.get_linewidth() == two.get_linewidth() < 1
    assert mean.get_linewidth() > 2
    np.testing.assert_allclose(mean.get_ydata(), [8, 4])  # as long as both ran
    assert list(mean.get_xdata()) == [1, 2]


def test_every_panel_is_a_picture_that_has_the_axes_of_all() -> None:
    apart = draw_apart("curves", CURVES)
    assert [figure.axes[0].get_title() for figure in apart] == ["tanh", "softplus"]
    assert {len(figure.axes) for figure in apart} == {1}
    assert all(figure.get_figwidth() == PANEL[0] for figure in apart)
    together = draw("curves", CURVES)
    limits = {axes.get_ylim() + axes.get_xlim() for figure in (*apart, together) for axes in figure.axes}
    assert len(limits) == 1
    ((*_, low, high),) = [sorted(limits.pop()[:2])]
    assert low < 1
    assert high > 40
    for figure in apart:  # the other panels' means are there, in grey
        assert len([line for line in figure.axes[0].lines if line.get_color() == GREY]) in (1, 2)
    assert [len(coloured(figure)) for figure in apart] == [5, 2]


def test_a_legend_says_no_title_again() -> None:
    first, second = draw_apart("curves", CURVES)
    assert [text.get_text() for text in first.legends[0].get_texts()] == ["tanh", "tanh, pre-trained"]
    assert not second.legends


def test_a_row_holds_three_panels_at_most() -> None:
    figure = draw("curves", {"panels": [panel(str(n), curve("a", SEEDS)) for n in range(7)]})
    figure.canvas.draw()
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 7
    assert figure.get_figwidth() == 3 * PANEL[0]
    assert figure.get_figheight() > 3 * PANEL[1]
    assert len(draw_apart("curves", {"panels": [panel("a", curve("a", SEEDS))]})) == 1


def test_marks_are_told_apart_without_colours() -> None:
    points = [
        {"name": "a", "colour": 0, "x": [1], "y": [2]},
        {"name": "b", "colour": 1, "x": [1], "y": [2], "hollow": True},
        {"name": "the paper", "colour": 0, "x": [1], "y": [2], "star": True},
    ]
    data = {"panels": [{"title": "", "x": "x", "y": "y", "log": "y", "points": points, "spans": []}]}
    figure = draw("scatter", data)
    lines = figure.axes[0].lines
    assert len({line.get_marker() for line in lines}) == 3
    assert [str(line.get_markerfacecolor()).lower() == "none" for line in lines] == [False, True, False]


def test_networks_without_an_error_are_drawn_without_logarithms() -> None:
    none = {"panels": [panel("a", curve("a", [[0.0, 0.0]])), panel("b", curve("b", [[0.0]]))]}
    for shared in (False, True):  # the tests take warnings for errors
        assert [of.get_yscale() for of in draw("curves", {**none, "shared": shared}).axes] == ["linear"] * 2
        some = {"panels": [*none["panels"], panel("c", curve("c", [[3.0, 0.0]]))], "shared": shared}
        assert draw("curves", some).axes[2].get_yscale() == "log"
    points = {"name": "a", "colour": 0, "x": [1.0], "y": [0.0]}
    data = {"panels": [{"title": "", "x": "x", "y": "y", "log": "xy", "points": [points], "spans": []}]}
    (place,) = draw("scatter", data).axes
    assert (place.get_xscale(), place.get_yscale()) == ("log", "linear")
    line = {
        "name": "a",
        "colour": 0,
        "dashed": False,
        "x": [1.0, 2.0],
        "y": [0.0, 0.0],
        "deviation": [0.0, 0.0],
    }
    assert draw("bands", {"x": "x", "y": "y", "lines": [line]}).axes[0].get_yscale() == "linear"


def test_a_row_of_dots_for_each_network() -> None:
    rows = [
        {"name": "rectifier", "values": [10.0, 20.0]},
        {"name": "a name that is far too long for one line beside its dots", "values": [30.0, None]},
    ]
    figure = draw("dots", {"rows": rows, "series": ["layer 1", "layer 2"], "x": "zeros, %"})
    figure.canvas.draw()
    (axes,) = figure.axes
    first, second = axes.lines
    np.testing.assert_array_equal(first.get_xdata(), [10, 30])
    np.testing.assert_array_equal(second.get_xdata(), [20])
    np.testing.assert_array_equal(first.get_ydata(), [0, -1])  # the first row on top
    assert "\n" in axes.get_yticklabels()[1].get_text()
    assert first.get_marker() != second.get_marker()


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_same_figure_is_the_same_file(ending: str) -> None:
    files = {rendered(draw("curves", CURVES), ending) for _ in range(2)}
    assert len(files) == 1


def test_writing_stays_writing_and_is_large_enough() -> None:
    for figure in draw_apart("curves", CURVES):
        svg = rendered(figure, "svg").decode()
        assert ">error, %<" in svg
        sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:\w+ )*([\d.]+)px", svg)]
        assert sizes
        assert min(sizes) >= 9  # points, in a picture as wide as a phone's screen


def test_all_is_drawn_in_the_ink_that_is_asked_for() -> None:
    svg = rendered(draw("curves", CURVES, "#123456"), "svg", "#123456").decode()
    assert "#123456" in svg
    assert INK not in svg


def test_the_palette_is_in_one_place() -> None:
    known = {colour.lower() for colour in PALETTE}
    for path in Path(plots.__file__).parent.glob("*.py"):
        found = {colour.lower() for colour in re.findall(r"#[0-9A-Fa-f]{6}\b", path.read_text("utf-8"))}
        assert path.name == "style.py" or not found & known, path
