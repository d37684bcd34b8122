"""`truezero info`: what is installed, and what would run."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np

from truezero._version import __version__
from truezero.cli.command import CommandLine
from truezero.cli.options import JsonOption
from truezero.cli.output import show
from truezero.engines import available_engines, core_hash, get_engine, resolve_threads

app = CommandLine()


@app.command()
def info(as_json: JsonOption = False) -> None:
    """Say which versions, engines, instruction set and threads are in use."""
    engines = {name: reason or "available" for name, reason in available_engines().items()}
    result: dict[str, Any] = {
        "truezero": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "engines": engines,
        "default_engine": get_engine("auto").name,
        "n_threads": resolve_threads(None),
        "machine": platform.machine(),
    }
    if engines.get("native") == "available":
        from truezero.engines import native  # there is nothing to import where it is not

        result |= {
            "instruction_set": native.instruction_level(),
            "instruction_sets": native.instruction_levels(),
            "compiler": native.COMPILER,
            "core": core_hash()[:16],
        }
    show(result, as_json)
