"""What a terminal shows of a benchmark: tables as plain data, and lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """A table for the terminal.

    Attributes
    ----------
    title : str
    headings : sequence of str
        An empty one stands above names, the others above figures.
    rows : sequence of sequence of str
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


def times(part: Mapping[str, Any], title: str) -> Table:
    """Make the table of a part's `milliseconds_per_step`, the fastest first."""
    ordered = sorted(part["milliseconds_per_step"].items(), key=lambda item: item[1]["median"])
    rows = [
        (
            name,
            str(part["n_threads"].get(name, "")),
            *(f"{t[k]:.3f}" for k in ("median", "least", "greatest")),
        )
        for name, t in ordered
    ]
    return Table(title, ("", "threads", "ms", "least", "greatest"), rows)


def ratio(part: Mapping[str, Any], key: str = "") -> str:
    """Write a part's ratio with its spread; `key` begins their names."""
    value, spread = part[f"{key}ratio"], part[f"{key}spread"]
    return "-" if value is None else f"{value:.2f} ({spread[0]:.2f} to {spread[1]:.2f})"


def sizes(layers: Sequence[int]) -> str:
    """Write a network as its layer sizes."""
    return "-".join(map(str, layers))
