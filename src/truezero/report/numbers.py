"""How numbers are written for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from truezero.studies import Column, StudyResult

NONE = "—"
_IN_PER_CENT = {"error": 2, "sparsity": 1}

_ROWS = (("n_train", "training"), ("n_validation", "validation"), ("n_test", "test"))
_VERSIONS = ("truezero", "python", "numpy", "scipy", "scikit-learn")


def percent(fraction: float | None, digits: int = 2) -> str:
    """Write a fraction in per cent; an em dash for None."""
    return NONE if fraction is None else f"{100 * fraction:.{digits}f}"


def signed(weight: float) -> str:
    """Write what pulls up or down, with its sign."""
    return _minus(f"{weight:+.3f}")


def about(facts: Mapping[str, Any]) -> str:
    """Write what a study ran on, as far as it says."""
    parts = [str(facts[name]) for name in ("data",) if name in facts]
    if "network" in facts:
        parts.append("–".join(map(str, facts["network"])))
    if "scale" in facts:
        parts.append(f"scale “{facts['scale']}”")
    rows = [f"{facts[name]:,} {kind}" for name, kind in _ROWS if name in facts]
    return ", ".join([*parts, *([" · ".join(rows) + " rows"] if rows else [])])


def facts_of(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a study ran on, by the names that people have for it, as far as it says."""
    found = []
    if "data" in facts:
        found.append(("data", str(facts["data"])))
    rows = [f"{facts[name]:,} {kind}" for name, kind in _ROWS if facts.get(name)]
    if facts.get("n_labels"):
        rows.append(f"{facts['n_labels']:,} labelled")
    if rows:
        found.append(("rows", ", ".join(rows)))
    if "network" in facts:
        sizes = [f"{size:,}" if isinstance(size, int) else str(size) for size in facts["network"]]
        found.append(("network", f"{' – '.join(sizes)} (input, hidden layers, output)"))
    if "scale" in facts:
        found.append(("scale", str(facts["scale"])))
    return found


def ran_by(result: StudyResult) -> list[tuple[str, str]]:
    """What a study's runs were done with, when, and how long they took; as far as that is known."""
    made, found = result.provenance, list[tuple[str, str]]()
    if "n_runs" in made:
        found.append(("runs", f"{made['n_runs']:,}"))
    if made.get("seeds"):
        found.append(("seeds", _listed(made["seeds"])))
    if made.get("engines"):
        found.append(("engine", ", ".join(f"{name} ({n:,} runs)" for name, n in made["engines"].items())))
    if made.get("finished"):
        first, last = (_moment(moment) for moment in made["finished"])
        found.append(("done", first if first == last else f"{first} to {last}"))
    if "wall_seconds" in made:
        known = made.get("cpu_seconds")
        of_cpu = "not recorded by all runs" if known is None else duration(known)
        found.append(("time of all runs", f"{duration(made['wall_seconds'])} on the clock; CPU: {of_cpu}"))
    for of in made.get("runs", ()):
        n = f" ({of['n_runs']:,} runs)" if "n_runs" in of and len(made["runs"]) > 1 else ""
        cores = f", {of['cores']} cores" if "cores" in of else ""
        if "processor" in of:
            level = f", {of['instruction_level']}" if "instruction_level" in of else ""
            found.append((f"machine{n}", f"{of['processor']}{cores}{level}"))
        if "platform" in of:
            found.append(("system", str(of["platform"])))
        versions = [f"{name} {of[name]}" for name in _VERSIONS if name in of]
        if versions:
            found.append(("versions", ", ".join(versions)))
    if made.get("put together by"):
        found.append(("report by", f"truezero {made['put together by']}"))
    if result.facts.get("data_fingerprint"):
        found.append(("data", f"SHA-256 {result.facts['data_fingerprint'][:16]}…"))
    return found


def duration(seconds: float) -> str:
    """Write a time for people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def _moment(iso: str) -> str:
    return datetime.fromisoformat(iso).strftime("%Y-%m-%d %H:%M UTC")


def _listed(numbers: Sequence[int]) -> str:
    """Write whole numbers in ascending order, many in a row by their ends."""
    n, first, last = len(numbers), numbers[0], numbers[-1]
    in_a_row = n > 3 and list(numbers) == list(range(first, last + 1))
    return f"{first} to {last}" if in_a_row else ", ".join(map(str, numbers))


def cell(row: Mapping[str, Any], column: Column) -> str:
    """Write what a row of a table has in a column."""
    value = column.value(row)
    if isinstance(value, list):
        return " · ".join(_written(part, column) for part in value) or NONE
    text = _written(value, column)
    deviation = None if column.deviation is None else column.value(row, column.deviation)
    return text if deviation is None else f"{text} ± {_written(deviation, column)}"


def _written(value: Any, column: Column) -> str:
    if value is None:
        return NONE
    match column.kind:
        case "error" | "sparsity":
            return percent(value, _IN_PER_CENT[column.kind] if column.digits is None else column.digits)
        case "points":
            return _minus(f"{100 * value:+.{2 if column.digits is None else column.digits}f}")
        case "difference":
            return _minus(f"{value:+.{3 if column.digits is None else column.digits}f}")
        case "fraction":
            return f"{100 * value:g}"
        case "count":
            return f"{value:,}"
        case "seconds":
            return f"{value:.1f}"
        case "rmse":
            return f"{value:.{3 if column.digits is None else column.digits}f}"
        case "number":
            return f"{value:.4g}" if column.digits is None else _minus(f"{value:.{column.digits}f}")
        case _:
            return str(value)


def _minus(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")
