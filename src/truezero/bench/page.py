"""The page of the benchmarks, made from their result files alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from truezero.bench import BENCHMARKS


def bench_page(results: Sequence[tuple[Path, dict[str, Any]]], folder: Path) -> str:
    """Write Markdown with every result's figures, its picture, and the machine it ran on.

    Parameters
    ----------
    results : sequence of (path, dict)
        Result files, `NAME.json` with `NAME.png` beside it, and what they hold.
    folder : path
        Where the page will lie; pictures are linked from there.

    Returns
    -------
    str
    """
    places = list(BENCHMARKS)
    ordered = sorted(results, key=lambda item: (places.index(item[1]["benchmark"]), item[0].name))
    first = ordered[0][1]["machine"]
    parts = [
        "# Benchmarks\n",
        "Made by `truezero bench page` from the result files that the commands below wrote; nothing is typed "
        "in. Contestants run in turn, round after round; figures are medians, with the least and the "
        "greatest in brackets. A ratio is another library's time over ours: above 1, truezero is faster.\n",
        _machine(first),
    ]
    for path, result in ordered:
        parts.append(BENCHMARKS[result["benchmark"]].page(result))
        picture = path.with_suffix(".png")
        if picture.exists():
            parts.append(f"![{path.stem}]({os.path.relpath(picture, folder)})\n")
        machine = result["machine"]
        if machine["processor"] != first["processor"]:
            parts.append(f"Measured on another one. {_machine(machine)}")
        made_by = machine["truezero"]
        parts.append(f"Result file: [{path.name}]({os.path.relpath(path, folder)}), of truezero {made_by}.\n")
    return "\n".join(parts)


def _machine(m: dict[str, Any]) -> str:
    caches = ", ".join(f"{name} {size}" for name, size in m["caches"].items())
    peers = ", ".join(f"{name} {version}" for name, version in m["peers"].items())
    return (
        f"**Machine:** {m['processor']}, {m['cores']} cores, {caches}; {m['instruction_level']}; "
        f"{m['platform']}. **Software:** {m['compiler']}, Python {m['python']}, NumPy {m['numpy']}, "
        f"SciPy {m['scipy']}, {peers}.\n"
    )
