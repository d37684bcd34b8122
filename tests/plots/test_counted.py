"""Tables of counts, and clouds."""

from __future__ import annotations

from truezero.plots import draw
from truezero.plots.style import INK


def test_a_table_has_shares_of_its_rows_and_counts() -> None:
    data = {
        "counts": [[3000, 1000], [0, 0], [0, 7]],
        "rows": list("abc"), "columns": ["1", "2"], "x": "guess", "y": "truth",
    }  # fmt: skip
    figure = draw("heatmap", data)
    figure.canvas.draw()
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["75 %\n3,000", "25 %\n1,000", "100 %\n7"]
    assert [text.get_color() for text in axes.texts] == [INK, INK, "white"]
    assert axes.images[0].get_array().tolist() == [[0.75, 0.25], [0, 0], [0, 1]]  # type: ignore[union-attr]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("guess", "truth")


def test_a_panel_for_each_cloud() -> None:
    panel = {
        "title": "one", "x_edges": [0.5, 1.5, 3.5], "y_edges": [-0.5, 0.5, 1.5],
        "counts": [[0, 4], [1, 0]], "medians": [None, 0.0],
    }  # fmt: skip
    figure = draw("clouds", {"panels": [panel, {**panel, "title": "other"}], "x": "x", "y": "y"})
    figure.canvas.draw()
    assert [axes.get_title() for axes in figure.axes[:2]] == ["one", "other"]
    counts = figure.axes[0].collections[0].get_array()
    assert counts is not None
    assert counts.tolist() == [[None, 1], [4, None]]  # along y, then x; nothing is no shade


def test_a_large_table_is_drawn_without_writing() -> None:
    names = [str(n) for n in range(40)]
    table = [[1] * 40] * 40
    figure = draw("heatmap", {"counts": table, "rows": names, "columns": names, "x": "x", "y": "y"})
    figure.canvas.draw()
    assert not figure.axes[0].texts
    assert len(figure.axes[0].get_xticks()) <= 16
    assert max(figure.get_size_inches()) < 20


def test_counts_alone_are_written_where_there_is_no_room_for_shares() -> None:
    names = [str(n) for n in range(10)]
    figure = draw("heatmap", {"counts": [[5] * 10] * 10, "rows": names, "columns": names, "x": "", "y": ""})
    assert {text.get_text() for text in figure.axes[0].texts} == {"5"}
    assert figure.get_figwidth() < 6  # what a phone shows it by half as large
