"""truezero: train deep sparse rectifier networks, and get paid for the zeros.

Implements "Deep Sparse Rectifier Neural Networks" (Glorot, Bordes, Bengio, AISTATS 2011).
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # for checkers of types it is True; the module it comes from takes long to import
if TYPE_CHECKING:
    from typing import Any

    from truezero._public import *  # noqa: F403
    from truezero._public import __version__ as __version__


def __getattr__(name: str) -> Any:
    """Import all that there is when the first name of it is used.

    Not before: it takes a second, in which the command line must be able to end well.
    """
    # Python itself asks for names of its own, which are none of the package's.
    if name.startswith("__") and name not in ("__all__", "__version__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    public = importlib.import_module("truezero._public")
    found = {known: getattr(public, known) for known in public.__all__}
    globals().update(found, __all__=public.__all__)
    if name in globals():  # a module of the package among them
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *importlib.import_module("truezero._public").__all__]
