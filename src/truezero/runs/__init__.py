"""Runs: pieces of work that are identified, kept and never repeated. Nothing here knows a study."""

from __future__ import annotations

from truezero.runs import msda as msda
from truezero.runs import recipes as recipes
from truezero.runs.driver import IncompleteError, Progress, Requests, carry_out, together
from truezero.runs.execute import Executor, Processes, Serial, Shard
from truezero.runs.exported import export_runs, exported_runs, import_runs
from truezero.runs.provenance import code_version, environment, software
from truezero.runs.run import NUMERICS, Data, Result, Run
from truezero.runs.store import RunStore
from truezero.runs.train import train_to_file, unfinished_files

__all__ = [
    "NUMERICS",
    "Data",
    "Executor",
    "IncompleteError",
    "Processes",
    "Progress",
    "Requests",
    "Result",
    "Run",
    "RunStore",
    "Serial",
    "Shard",
    "carry_out",
    "code_version",
    "environment",
    "export_runs",
    "exported_runs",
    "import_runs",
    "software",
    "together",
    "train_to_file",
    "unfinished_files",
]
