"""What made a result: the code, the machine, the libraries. None of it is part of a run's identity."""

from __future__ import annotations

import functools
import hashlib
import platform
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn

from truezero._version import __version__
from truezero.engines import core_hash, instruction_level, resolve_threads
from truezero.engines.cores import available_cores

# Packages whose code can change what a run finds.
_ARITHMETIC = ("core", "engines", "training", "estimators", "models", "datasets", "analysis", "runs")


PEAK_MEMORY = "peak_memory"
"""In a run's provenance the most bytes that its process held meanwhile; absent where that is not known."""

FINISHED, WALL, CPU, CORES = "finished", "wall_seconds", "cpu_seconds", "cores"
"""Also there, since there are reports that say so: when a run was finished (UTC), the seconds that it took on
the clock and of the processor, and the cores that were free to its process."""


class Spent:
    """What a piece of work takes, from when this is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def so_far(self) -> dict[str, Any]:
        """Seconds until now, and what time it is, as provenance has them.

        Those of the processor are of all threads of this process. Of a run that went on from a checkpoint,
        only what was done since then is counted.
        """
        return {
            FINISHED: datetime.now(UTC).isoformat(timespec="seconds"),
            WALL: round(time.perf_counter() - self._wall, 3),
            CPU: round(time.process_time() - self._cpu, 3),
        }


@functools.cache
def code_version(packages: tuple[str, ...] = ()) -> str:
    """Version of truezero with a hash of its code, Python and C++.

    Parameters
    ----------
    packages : tuple of str
        Count the Python files of these alone; of all if none is named.
    """
    digest = hashlib.sha256(core_hash().encode())
    root = Path(__file__).resolve().parents[1]
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        if not packages or relative.parts[0] in packages:
            digest.update(str(relative).encode() + b"\0" + path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:16]}"


def arithmetic_version() -> str:
    """Version with a hash of the code that can change what a run finds; a checkpoint is of one of them."""
    return code_version(_ARITHMETIC)


def environment(n_threads: int | None = None) -> dict[str, Any]:
    """What a run ran on: versions, machine, threads.

    Parameters
    ----------
    n_threads : int, optional
        As an estimator takes it.
    """
    return {**software(), CORES: available_cores(), "n_threads": resolve_threads(n_threads)}


def software() -> dict[str, Any]:
    """Versions and the machine, which are the same for all runs made at once."""
    return {
        "truezero": code_version(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": processor(),
        "instruction_level": instruction_level(),
    }


@functools.cache
def processor() -> str:
    """Name of the processor with its family and model, where the system tells them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    facts = dict(reversed([line.split(":", 1) for line in lines if ":" in line]))
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    name = facts.get("model name", platform.machine())
    if "model" in facts:
        name += f" (family {facts.get('cpu family', '?')}, model {facts['model']})"
    return name
