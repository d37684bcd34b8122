"""Runs: pieces of work that are identified, kept and never repeated. Nothing here knows a study."""

from __future__ import annotations

from truezero.runs.run import PretrainingRun, Run, RunResult, code_version, environment
from truezero.runs.store import RunStore
from truezero.runs.train import train_to_file, unfinished_files

__all__ = [
    "PretrainingRun",
    "Run",
    "RunResult",
    "RunStore",
    "code_version",
    "environment",
    "train_to_file",
    "unfinished_files",
]
