"""What the sections of the page share: tables, times and ratios in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Write a table."""
    headings = list(headings)
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def time(t: Mapping[str, float]) -> str:
    """Write milliseconds: the median, and from the least to the greatest."""
    return f"{t['median']:.3f} ({t['least']:.3f}–{t['greatest']:.3f})"


def ratio(part: Mapping[str, Any], key: str = "") -> str:
    """Write a part's ratio with its spread; `key` begins their names."""
    value, spread = part[f"{key}ratio"], part[f"{key}spread"]
    return "–" if value is None else f"**{value:.2f}** ({spread[0]:.2f}–{spread[1]:.2f})"


def times(part: Mapping[str, Any]) -> str:
    """Write the table of a part's `milliseconds_per_step`, the fastest first."""
    ordered = sorted(part["milliseconds_per_step"].items(), key=lambda item: item[1]["median"])
    rows = ((name, str(part["n_threads"].get(name, "")), time(t)) for name, t in ordered)
    return table(("", "threads", "ms a step"), rows)


def against_pytorch(part: Mapping[str, Any]) -> tuple[str, str]:
    """Write everybody's times, and what PyTorch's best variant takes."""
    left_out = "".join(f" Left out: {name} ({reason})." for name, reason in part["left_out"].items())
    return times(part), f"PyTorch's best over ours: {ratio(part)}.{left_out}\n"


def traffic(part: Mapping[str, Any], *, with_size: bool = False) -> str:
    """Write what a step moves at least, how fast that goes here, and how a step compares."""
    floor, speed = part["floor"], part["bandwidth"]
    over = f", measured over {speed['bytes'] / 2**20:.0f} MB," if with_size else ""
    return (
        f"{floor['bytes_read'] / 1e6:.1f} MB read forward, as much read and written backward. "
        f"At {speed['read']:.0f} GB/s read and {speed['rewrite']:.0f} GB/s read and written{over} that is "
        f"{floor['milliseconds']:.3f} ms; a step takes **{floor['ratio']:.2f}** times that."
    )
