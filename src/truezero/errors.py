"""Every error that is the user's to mend, so that one `except` finds them all."""

from __future__ import annotations

import os
from typing import Any

from truezero.core.text import printable


class TruezeroError(ValueError):
    """Something truezero was given cannot be used; the message says what, where, and what to do.

    The command line prints the message in one line and exits with status 2.
    """


class OptionError(TruezeroError):
    """An option or parameter has a value that cannot be used."""


class DataError(TruezeroError):
    """Data are missing, damaged, or of a wrong shape or type."""


class FileError(DataError, OSError):
    """A file cannot be read or written; an `OSError` too.

    Attributes
    ----------
    errno : int or None
        What the operating system said, by its number.
    strerror : str or None
        In words.
    filename : str or None
    """

    def __init__(self, message: str, errno: int | None = None, filename: str | None = None) -> None:
        super().__init__(message)
        self.errno, self.filename = errno, filename
        self.strerror = None if errno is None else os.strerror(errno)

    def __str__(self) -> str:  # OSError's would begin with the number
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.errno, self.filename)


class MissingFileError(FileError, FileNotFoundError):
    """There is no such file, or no folder for it; a `FileNotFoundError` too."""


def file_error(what: str, path: str | os.PathLike[str], error: Exception) -> FileError:
    """Make the error of what the operating system refused.

    Parameters
    ----------
    what : str
        What could not be done, "cannot write" say.
    path : path-like
        The file.
    error : Exception
        What was raised.

    Returns
    -------
    FileError
        A `MissingFileError` where something is missing.
    """
    reason = getattr(error, "strerror", None) or str(error)
    separator = ":" if reason else ""
    kind = MissingFileError if isinstance(error, FileNotFoundError) else FileError
    shown = printable(os.fspath(path), most=1000)
    return kind(
        f"{what} {shown}{separator} {reason}".rstrip(), getattr(error, "errno", None), os.fspath(path)
    )


class ModelFileError(TruezeroError):
    """A model or checkpoint file is missing, damaged, or does not fit what it is used for."""


class MissingModelError(ModelFileError, FileNotFoundError):
    """There is no such model or checkpoint file; a `FileNotFoundError` too."""


class EngineUnavailableError(OptionError):
    """The engine asked for is unknown, or is not available on this machine."""


class DivergenceError(TruezeroError):
    """Training diverged: the cost or a weight became infinite, NaN, or exploded."""
