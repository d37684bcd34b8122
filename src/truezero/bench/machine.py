"""The machine a benchmark ran on."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from truezero.runs import environment

_PEERS = ("torch", "jax", "scikit-learn", "onnxruntime", "openvino")


def machine(n_threads: int) -> dict[str, Any]:
    """Processor, caches, cores, instruction level, compiler, and the versions of everything timed."""
    from truezero.engines.native import COMPILER  # not there without the compiled core

    peers = {}
    for name in _PEERS:
        try:
            peers[name] = version(name)
        except PackageNotFoundError:
            continue
    return environment(n_threads) | {
        "caches": _caches(),
        "cores": os.cpu_count(),
        "compiler": COMPILER,
        "peers": peers,
    }


def _caches() -> dict[str, str]:
    """Sizes by level, as the kernel names them; empty where it does not say."""
    sizes = {}
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        try:
            kind = (cache / "type").read_text(encoding="ascii").strip()
            level = (cache / "level").read_text(encoding="ascii").strip()
            sizes[f"L{level} {kind.lower()}"] = (cache / "size").read_text(encoding="ascii").strip()
        except OSError:
            continue
    return sizes
