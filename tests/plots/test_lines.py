"""Lines, outlines of histograms, and paths."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from truezero.plots import draw


def legend_of(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def line(name: str, x: list[float], y: list[Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "colour": 0, "dashed": False, "x": x, "y": y, **more}


def test_lines_of_two_panels_have_one_legend() -> None:
    one = {
        "title": "one", "x": "noise", "y": "%", "log": True, "most": 103,
        "lines": [line("a", [0.01, 0.1], [90, 50]), line("b", [0.01, 0.1], [80, None], colour=1, dashed=True)],
        "levels": [{"name": "apart", "colour": 1, "y": 30}],
    }  # fmt: skip
    two = {
        "title": "two", "x": "", "y": "error", "log": False, "ticks": ["input", "layer 0"],
        "lines": [line("a", [0, 1], [3, 4])],
    }  # fmt: skip
    figure = draw("lines", {"panels": [one, two]})
    figure.canvas.draw()
    first, second = figure.axes
    assert legend_of(figure) == ["a", "b", "apart"]
    assert [text.get_text() for text in first.get_xticklabels()] == ["0.01", "0.1"]
    assert [text.get_text() for text in second.get_xticklabels()] == ["input", "layer 0"]
    drawn = first.lines[1]
    assert np.isnan(drawn.get_ydata()[1])  # type: ignore[index]
    assert (drawn.get_linestyle(), first.lines[0].get_linestyle()) == ("--", "-")
    assert drawn.get_color() != first.lines[0].get_color()
    assert drawn.get_marker() != first.lines[0].get_marker()  # told apart without colours, too
    assert (first.get_ylim(), second.get_ylim()[0]) == ((0, 103), 0)
    assert second.get_ylim()[1] > 4


def test_outlines_of_histograms() -> None:
    lines = [
        {"name": "layer 0", "colour": 0, "edges": [0, 1, 2], "counts": [3, 0]},
        {"name": "layer 1", "colour": 1, "edges": [0, 1, 2], "counts": [0, 4000]},
    ]
    panel = {"title": "units", "x": "share", "y": "units", "log": True, "lines": lines}
    figure = draw("histograms", {"panels": [panel, {**panel, "log": False}]})
    figure.canvas.draw()
    assert legend_of(figure) == ["layer 0", "layer 1"]
    outlines = [patch.get_data() for patch in figure.axes[0].patches]  # type: ignore[attr-defined]
    assert [outline.values.tolist() for outline in outlines[::2]] == [[3, 0], [0, 4000]]
    assert figure.axes[0].get_ylim()[1] > 4000
    styles = [patch.get_linestyle() for patch in figure.axes[0].patches[::2]]
    assert len(set(styles)) == 2
    assert figure.get_size_inches()[0] < 4  # a column


def test_paths_run_through_their_units() -> None:
    layers = [
        {"name": "input", "n": 4, "active": [0, 3]},
        {"name": "layer 0", "n": 1000, "active": [7]},
        {"name": "output", "n": 2, "active": [1]},
    ]
    paths = [{"units": [0, 7, 1], "carried": 2.0}, {"units": [3, 7, 1], "carried": -1.0}]
    figure = draw("paths", {"layers": layers, "paths": paths, "title": "to 1"})
    figure.canvas.draw()
    (axes,) = figure.axes
    weak, strong = axes.lines[:2]  # the strongest lies on top
    np.testing.assert_allclose(np.asarray(strong.get_ydata(), float), [0.125, 0.0075, 0.75])
    np.testing.assert_allclose(np.asarray(weak.get_ydata(), float), [0.875, 0.0075, 0.75])
    assert (strong.get_linestyle(), weak.get_linestyle()) == ("-", "--")
    assert strong.get_linewidth() > weak.get_linewidth()
    names = [text.get_text() for text in axes.get_xticklabels()]
    assert names == ["input\n2 of 4", "layer 0\n1 of 1000", "output\n1 of 2"]
    assert [len(marks.get_xdata()) for marks in axes.lines[2:8]] == [2, 2, 999, 1, 1, 1]  # type: ignore[arg-type]
    draw("paths", {"layers": layers, "paths": [], "title": ""}).canvas.draw()
