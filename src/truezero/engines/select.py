"""Which engines there are, which one runs, and on how many threads. Nobody else tries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from scipy import sparse

from truezero.core.activations import Array, get_activation
from truezero.core.constraints import whole_number
from truezero.core.network import Network, run_networks_by
from truezero.core.rows import as_features
from truezero.engines.contract import Engine
from truezero.engines.reference import ReferenceEngine
from truezero.errors import EngineUnavailableError, OptionError

THREADS = whole_number(1) | None

_engines: dict[str, Engine] = {"reference": ReferenceEngine()}
_unavailable: dict[str, str] = {}
_core_hash = ""
try:
    from truezero.engines import native

    _engines["native"], _core_hash = native.NativeEngine(), native.SOURCE_HASH
except ImportError as error:  # a build without the compiled core still works
    _unavailable["native"] = str(error)


def available_engines() -> dict[str, str | None]:
    """Name of every engine; None if it can be used, else the reason why not."""
    return {**dict.fromkeys(_engines, None), **_unavailable}


def core_hash() -> str:
    """Hash of the sources the compiled core was made from; empty without one."""
    return _core_hash


def instruction_level() -> str | None:
    """Name of the compiled core's instruction level in use; None without one."""
    return native.instruction_level() if "native" in _engines else None


def get_engine(name: str, what: Network | Sequence[str] | None = None) -> Engine:
    """Look an engine up.

    Parameters
    ----------
    name : {"auto", "native", "reference"}
        "auto" is native where it is there and knows all of the activations.
    what : Network or sequence of str, optional
        What it shall run: a network, or the names of its activations.

    Raises
    ------
    EngineUnavailableError
        If it is unknown, is not there, or cannot run the network.
    """
    names = what.activations if isinstance(what, Network) else what or ()
    unknown = tuple(name for name in names if get_activation(name).native_code is None)
    if name == "auto":
        return _engines["native" if "native" in _engines and not unknown else "reference"]
    if name in _unavailable:
        raise EngineUnavailableError(f"the engine {name!r} is not available here: {_unavailable[name]}")
    if name not in _engines:
        raise EngineUnavailableError(f"unknown engine {name!r}; known: auto, {', '.join(_engines)}")
    if name == "native" and unknown:
        raise EngineUnavailableError(
            f"the engine 'native' does not know the activation {unknown[0]!r}; use engine='reference'"
        )
    return _engines[name]


def resolve_threads(n_threads: int | None) -> int:
    """Number of threads: the argument, else TRUEZERO_NUM_THREADS, OMP_NUM_THREADS, affinity.

    Raises
    ------
    OptionError
        If it is not a whole number above 0.
    """
    THREADS.check("n_threads", n_threads)
    if n_threads is not None:
        return int(n_threads)
    names = ("TRUEZERO_NUM_THREADS", "OMP_NUM_THREADS")
    source = next((name for name in names if os.environ.get(name)), "")
    chosen = os.environ[source] if source else str(_cpus())
    if not chosen.isascii() or not chosen.isdigit() or int(chosen) < 1:
        raise OptionError(f"{source} must be a whole number above 0, got {chosen!r}")
    return int(chosen)


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Automatic:
    """Runs networks that are called: on the engine "auto", whose choice depends on the activations."""

    def forward(self, network: Network, X: Any) -> Array:
        features = as_features(X, network.dtype)
        return get_engine("auto", network).forward(network, features, n_threads=resolve_threads(None))

    def encode(self, network: Network, X: Any, layer: int) -> sparse.csr_array[Any]:
        features = as_features(X, network.dtype)
        return get_engine("auto", network).encode(network, features, layer, n_threads=resolve_threads(None))


run_networks_by(_Automatic())
