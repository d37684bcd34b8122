"""How a result is printed: as JSON, or line by line."""

from __future__ import annotations

import json
from typing import Any

from truezero.core.text import printable


def show(result: dict[str, Any], as_json: bool) -> None:
    """Print a result: JSON, or a line per entry with fractions in per cent."""
    if as_json:
        print(json.dumps(result, indent=1))
        return
    from truezero.report import percent  # only people need it, and it takes long to import

    unit = result.get("error_unit")
    for name, value in result.items():
        title = name.replace("_", " ")
        if name == "error_unit":
            continue  # it stands beside the errors
        if name == "tried":
            _show_tried(value, unit)
            continue
        if name in ("test_error", "validation_error"):
            value = error_text(value, unit)
        elif name == "sparsity":
            layers = ", ".join(f"{percent(layer, 1)} %" for layer in value["layers"])
            value = f"{percent(value['overall'], 1)} % exact zeros" + (
                f" (by layer: {layers})" if layers else ""
            )
        elif name == "seconds":
            value = f"{value:.1f}"
        elif name == "layer_sizes":
            value = "-".join(map(str, value))
        elif isinstance(value, dict):
            value = "; ".join(f"{k.replace('_', ' ')}: {_plain(v)}" for k, v in value.items())
        else:
            value = _plain(value)
        print(f"{title + ':':<18} {printable(value, 10_000)}")


def _show_tried(tried: list[dict[str, Any]], unit: str | None) -> None:
    """Print settings that were tried, a line each, and which were chosen."""
    for number, trial in enumerate(tried):
        settings = {k: v for k, v in trial.items() if k not in ("validation_error", "seconds", "chosen")}
        said = "; ".join(f"{k.replace('_', ' ')} {_plain(v)}" for k, v in settings.items())
        title = "" if number else "tried:"
        mark = ", chosen" if trial["chosen"] else ""
        error = error_text(trial["validation_error"], unit)
        print(f"{title:<18} {printable(said, 1000)}: {error}, {trial['seconds']:.1f} s{mark}")


def _plain(value: Any) -> str:
    """Write a value for people: short numbers, and commas between several."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def error_text(error: float | None, unit: str | None) -> str:
    """Write an error for people: a share of rows in per cent, any other with its unit, if that is known."""
    if error is None:
        return "—"
    return f"{100 * error:.2f} %" if unit == "fraction" else f"{error:.6g} {unit or ''}".rstrip()
