"""Figures as pictures: inside of a page, where they take its colours, and as files."""

from __future__ import annotations

import base64
import html
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from truezero.core.atomic import make_folder, writing
from truezero.plots import draw, draw_apart, rendered
from truezero.plots.style import BLUE, GREY, INK, SKY
from truezero.studies import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawn

_LARGEST = 300_000  # characters of an SVG that a page has
_LARGER = 1.5  # pixels of a point at most: writing is to be as large as the page's
# Colours that the page has a variant of for a dark ground.
_OF_THE_PAGE = {INK: "currentColor", BLUE: "var(--blue)", SKY: "var(--sky)"}
_LEFT_OUT = re.compile(
    r'<metadata>.*?</metadata>|<style type="text/css">.*?</style>|<!--.*?-->| xmlns(:\w+)?="[^"]*"', re.DOTALL
)


def inside(figure: Figure, number: int) -> list[str]:
    """HTML of a figure's pictures, one per panel.

    Line art and small images are SVG in the ink of the page, on the page's ground, light or dark; what is
    large is PNG, in a grey that is read on both.

    Parameters
    ----------
    figure : Figure
    number : int
        Of the figure on its page: marks of pictures must differ.
    """
    found = []
    for panel, drawn in enumerate(draw_apart(figure.kind, figure.data)):
        picture = _svg(drawn, f"f{number}p{panel}", f"{figure.title}: {figure.caption}")
        if len(picture) > _LARGEST:
            grey = draw_apart(figure.kind, figure.data, GREY)[panel]
            data = base64.b64encode(rendered(grey, "png", GREY, transparent=True)).decode()
            alternative = html.escape(f"{figure.title}: {figure.caption}")
            picture = f'<img alt="{alternative}" src="data:image/png;base64,{data}">'
        found.append(picture)
    return found


def _svg(drawn: Drawn, mark: str, label: str) -> str:
    text = rendered(drawn, "svg", transparent=True).decode()
    text = _LEFT_OUT.sub("", text[text.index("<svg") :])
    text = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{mark}-", text)
    text = text.replace("xlink:href", "href")
    for colour, on_the_page in _OF_THE_PAGE.items():
        text = text.replace(colour.lower(), on_the_page)
    _, _, rest = text.partition(">")
    width, height = (72 * inches for inches in drawn.get_size_inches())
    return (
        f'<svg role="img" aria-label="{html.escape(label)}" viewBox="0 0 {width:g} {height:g}" '
        f'style="max-width:{_LARGER * width:.0f}px">{rest.strip()}'
    )


def write_figures(figures: list[Figure], folder: str | os.PathLike[str]) -> list[Path]:
    """Write every figure, whole, as a PNG and an SVG file on a white ground.

    Parameters
    ----------
    figures : list of Figure
    folder : path-like
        Made if it is not there. Files are named after the figures' titles.

    Returns
    -------
    list of Path
        Of the files.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    made: list[Path] = []
    names: set[str] = set()
    for figure in figures:
        stem = name = _file_name(figure.title)
        number = 1
        while name in names:
            number += 1
            name = f"{stem}-{number}"
        names.add(name)
        drawn = draw(figure.kind, figure.data)
        for ending in ("png", "svg"):
            path = make_folder(folder) / f"{name}.{ending}"
            with writing(path) as beside:
                beside.write_bytes(rendered(drawn, ending))
            made.append(path)
    return made


def _file_name(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "figure"
