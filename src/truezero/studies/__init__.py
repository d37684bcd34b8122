"""Studies: tables and figures of the paper as lists of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from truezero.studies import figure4, strategies, table1
from truezero.studies.illustration import Arrays

STUDIES: dict[str, Callable[..., tuple[dict[str, Any], Arrays | None]]] = {
    "table1": table1.reproduce,
    "figure4": figure4.reproduce,
    "strategies": strategies.reproduce,
}
"""What `truezero reproduce` can run: each gives its result as JSON holds it, and pictures."""

__all__ = ["STUDIES"]
