"""How numbers are written for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truezero.studies import Column

NONE = "—"
_IN_PER_CENT = {"error": 2, "sparsity": 1}


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
    kinds = (("n_train", "training"), ("n_validation", "validation"), ("n_test", "test"))
    rows = [f"{facts[name]:,} {kind}" for name, kind in kinds if name in facts]
    return ", ".join([*parts, *([" · ".join(rows) + " rows"] if rows else [])])


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
