"""Figures from arrays; only this package knows matplotlib, and it knows nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from matplotlib.figure import Figure

from truezero.plots.counted import clouds, heatmap
from truezero.plots.curves import bands, curves
from truezero.plots.images import examples, filters, pairs
from truezero.plots.lines import histograms, lines, paths
from truezero.plots.scatter import scatter

KINDS: dict[str, Callable[..., Figure]] = {
    "curves": curves,
    "bands": bands,
    "filters": filters,
    "examples": examples,
    "pairs": pairs,
    "scatter": scatter,
    "heatmap": heatmap,
    "clouds": clouds,
    "lines": lines,
    "histograms": histograms,
    "paths": paths,
}
"""Kinds of figures; each is drawn from the arguments of its function."""


def draw(kind: str, data: dict[str, Any]) -> Figure:
    """Draw a figure of a kind from its data."""
    return KINDS[kind](**data)
