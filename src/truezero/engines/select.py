"""Which engines there are, which one runs, and on how many threads. Nobody else tries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from scipy import sparse

from truezero.core.activations import Array, get_activation
from truezero.core.bfloat16 import with_rounded_weights
from truezero.core.constraints import Constraint, whole_number
from truezero.core.network import Network, run_networks_by
from truezero.core.predictor import Predictor
from truezero.core.rows import Features, as_features
from truezero.engines.contract import Engine
from truezero.engines.cores import available_cores
from truezero.engines.reference import ReferenceEngine
from truezero.errors import EngineUnavailableError, OptionError

_MOST = 1 << 15  # threads; no machine has so many cores
_whole = whole_number()
THREADS = (
    Constraint(
        ("a whole number above 0", "−1 for all cores (−2 for all but one, …)"),
        lambda value: _whole.admits(value) and value != 0,
    )
    | None
)

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
    """Number of threads: the argument, else TRUEZERO_NUM_THREADS, OMP_NUM_THREADS, the cores there are.

    An engine never uses more than there are cores, whatever the number.

    Parameters
    ----------
    n_threads : int or None
        −1: as many as cores; −2: one less, and so on, but at least 1.

    Raises
    ------
    OptionError
        If it, or TRUEZERO_NUM_THREADS, is no such number.
    """
    THREADS.check("n_threads", n_threads)
    if n_threads is not None:
        n = int(n_threads)
        return min(n, _MOST) if n > 0 else max(1, available_cores() + 1 + n)
    ours = os.environ.get("TRUEZERO_NUM_THREADS", "")
    number = _count(ours)
    if ours and number is None:
        raise OptionError(f"TRUEZERO_NUM_THREADS must be a whole number above 0, got {ours!r}")
    if number is not None:
        return number
    # Another library's variable is not ours to refuse: OpenMP, too, goes on where it cannot read it.
    return _count(os.environ.get("OMP_NUM_THREADS", "").split(",")[0]) or available_cores()


def _count(text: str) -> int | None:
    """A whole number above 0, with spaces around; None if it is none."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        return None
    return min(int(text[-19:]) if not text[:-19].strip("0") else _MOST, _MOST) or None


def _finite(X: Any, network: Network) -> Features:
    """Rows that are finite in what is computed with: a zero times infinity would be skipped unseen."""
    features = as_features(X, network.dtype)
    features.check_finite(network.dtype)
    return features


class _Automatic:
    """Runs networks that are called: on the engine "auto", whose choice depends on the activations."""

    def forward(self, network: Network, X: Any) -> Array:
        features = _finite(X, network)
        return get_engine("auto", network).forward(network, features, n_threads=resolve_threads(None))

    def encode(self, network: Network, X: Any, layer: int) -> sparse.csr_array[Any]:
        features = _finite(X, network)
        return get_engine("auto", network).encode(network, features, layer, n_threads=resolve_threads(None))

    def bind(self, network: Network, n_threads: int | None, *, bfloat16: bool) -> Predictor:
        if bfloat16:
            network = with_rounded_weights(network)
        if not network.frozen:
            network = network.copy().freeze()
        forward = get_engine("auto", network).bound(network, bfloat16=bfloat16)
        return Predictor(network, forward, resolve_threads(n_threads))


run_networks_by(_Automatic())
