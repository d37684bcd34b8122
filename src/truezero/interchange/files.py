"""What files of others are read through: regular files, of a bounded size, whose numbers fit."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.errors import MissingModelError, ModelFileError, OptionError

# What numbers, names and attributes of other types than they should be of lead to.
MALFORMED = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError)
MOST = 2**31 - 1  # bytes; what protocol buffers can hold


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Name a file in whatever goes wrong with it.

    Raises
    ------
    ModelFileError
        If the file is missing, no regular file, or cannot be read, and for what is raised within.
    """
    shown = printable(os.fspath(path), 300)
    try:
        yield Path(path)
    except FileNotFoundError as error:
        raise MissingModelError(f"there is no file {printable(error.filename or shown, 300)}") from error
    except OSError as error:
        raise ModelFileError(f"cannot read {shown}: {error.strerror or error}") from error
    except MemoryError as error:
        raise ModelFileError(f"{shown} holds more than fits into memory") from error
    except (OptionError, ModelFileError) as error:
        raise ModelFileError(f"{shown}: {error}") from error
    except MALFORMED as error:
        message = printable(" ".join(str(error).split()), 200)
        raise ModelFileError(f"{shown} is damaged: {message}") from error


def read_bytes(path: Path) -> bytes:
    """All of a regular file."""
    _check_regular(path)
    with path.open("rb") as file:
        content = file.read(MOST + 1)
    if len(content) > MOST:
        raise ModelFileError(f"is larger than {MOST} bytes")
    return content


def read_beside(
    folder: Path, location: str, dtype: np.dtype[Any], count: int, offset: int, length: int | None
) -> NDArray[Any]:
    """Read numbers of a file that lies in a folder, or below it; nothing leads out of there.

    Raises
    ------
    ModelFileError
        If the place is outside, or the file does not hold as much.
    """
    shown = printable(location, 200)
    parts = location.replace("\\", "/").split("/")
    if (
        not location
        or location.startswith(("/", "\\"))
        or ".." in parts
        or ":" in parts[0]
        or "\0" in location
    ):
        raise ModelFileError(f"its weights are said to be in {shown!r}, which is outside of its folder")
    path = folder / location
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ModelFileError(f"its weights are said to be in {shown!r}, a link that leads out of its folder")
    _check_regular(path)
    n_bytes = count * dtype.itemsize
    if offset < 0 or (length is not None and length != n_bytes) or offset + n_bytes > path.stat().st_size:
        raise ModelFileError(f"{shown} does not hold the {n_bytes} bytes at {offset} that it should")
    return np.fromfile(path, dtype, count, offset=offset)


def _check_regular(path: Path) -> None:
    if not stat.S_ISREG(path.stat().st_mode):
        raise ModelFileError("is no regular file")
