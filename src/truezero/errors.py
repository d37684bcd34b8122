"""Every error that is the user's to mend, so that one `except` finds them all."""

from __future__ import annotations


class TruezeroError(ValueError):
    """Something truezero was given cannot be used; the message says what, where, and what to do.

    The command line prints the message in one line and exits with status 2.
    """


class OptionError(TruezeroError):
    """An option or parameter has a value that cannot be used."""


class DataError(TruezeroError):
    """Data are missing, damaged, or of a wrong shape or type."""


class ModelFileError(TruezeroError):
    """A model or checkpoint file is missing, damaged, or does not fit what it is used for."""


class EngineUnavailableError(OptionError):
    """The engine asked for is unknown, or is not available on this machine."""


class DivergenceError(TruezeroError):
    """Training diverged: the cost or a weight became infinite, NaN, or exploded."""
