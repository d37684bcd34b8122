"""Studies: tables and figures of the paper as lists of runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from truezero.studies import table1
from truezero.studies._store import Run, RunResult, RunStore, code_version, environment

STUDIES: dict[str, Callable[..., dict[str, Any]]] = {"table1": table1.reproduce}
"""What `truezero reproduce` can run."""

__all__ = ["STUDIES", "Run", "RunResult", "RunStore", "code_version", "environment"]
