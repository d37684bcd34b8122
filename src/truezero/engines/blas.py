"""BLAS on one thread, so that the bits of its products do not depend on the machine's load."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import scipy.linalg.blas  # noqa: F401  (loads the library)
from threadpoolctl import ThreadpoolController

_controller = ThreadpoolController().select(user_api="blas")
_alone = threading.Lock()
_limits: list[Any] = []  # one per training now running; the first one's remembers how BLAS was set before


def blas_name() -> str:
    """Name and version of SciPy's BLAS."""
    libraries = sorted(_controller.info(), key=lambda library: "scipy.libs" not in library["filepath"])
    return f"{libraries[0]['internal_api']} {libraries[0]['version']}" if libraries else "BLAS"


@contextmanager
def blas_alone() -> Iterator[None]:
    """Keep BLAS to one thread a call while any training calls it.

    The setting is the process's: the first training makes it, the last one takes it back.
    """
    with _alone:
        _limits.append(_limits[0] if _limits else _controller.limit(limits=1))
    try:
        yield
    finally:
        with _alone:
            if _limits:  # else this is a child that was forked meanwhile
                limit = _limits.pop()
                if not _limits:
                    limit.restore_original_limits()


def _in_child() -> None:
    """Give a forked child its threads back: the trainings that asked for one are not in it."""
    global _alone
    _alone = threading.Lock()
    if _limits:
        _limits[0].restore_original_limits()
        _limits.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
