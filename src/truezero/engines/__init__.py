"""Engines: what does the arithmetic. One contract, several implementations, one place that chooses.

An engine takes a `Network`, examples, an order of examples and a seed, and does whole stretches of
minibatches per call. For one seed all engines give the same numbers to rounding, and each gives the
same bits for any number of threads, run after run.
"""

from __future__ import annotations

from truezero.core.rows import Examples, Features, Unlabeled
from truezero.engines.contract import AutoencoderSettings, Engine, Evaluation, StepSettings, Tally
from truezero.engines.select import (
    THREADS,
    available_engines,
    core_hash,
    get_engine,
    instruction_level,
    resolve_threads,
)

__all__ = [
    "THREADS",
    "AutoencoderSettings",
    "Engine",
    "Evaluation",
    "Examples",
    "Features",
    "StepSettings",
    "Tally",
    "Unlabeled",
    "available_engines",
    "core_hash",
    "get_engine",
    "instruction_level",
    "resolve_threads",
]
