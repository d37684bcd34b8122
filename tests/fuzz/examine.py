"""What a reader makes of a damaged file, and whether that is allowed."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import joblib

from fuzz.mutate import Mutant
from fuzz.readers import Reader
from truezero.errors import DataError, ModelFileError

ALLOWED = ("refused", "same", "changed", "exit")


def read(reader: Reader, path: Path) -> str:
    """Read the whole file; what it holds, as a hash."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return str(joblib.hash(reader.read(path)))


def examine(reader: Reader, path: Path, mutant: Mutant, whole: str) -> str:
    """Put the mutant in the file's place and read it.

    Returns
    -------
    str
        "refused", "same" (it holds what it held) or "changed" (and nothing could tell), or what is wrong:
        "silent: …", "message: …", or "other: …" for an exception of another kind.
    """
    path.write_bytes(mutant.content)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = joblib.hash(reader.read(path))
    except (DataError, ModelFileError) as error:
        return _judge(str(error), path)
    except Exception as error:
        return f"other: {type(error).__name__}: {str(error)[:200]!r}"
    if found == whole:
        return "same"
    if reader.covered and not mutant.resealed and not said:
        return "silent: it holds other values than it did"
    return "changed"


def _judge(message: str, path: Path) -> str:
    if not message.isprintable():
        return f"message: not one line of printable text: {message[:200]!r}"
    if len(message) > 600:
        return f"message: {len(message)} characters: {message[:200]!r}"
    if path.name not in message and path.parent.name not in message:
        return f"message: does not name the file: {message[:200]!r}"
    return "refused"


def run(command: tuple[str, ...], path: Path) -> tuple[int, str]:
    """Run `truezero` in this process; its exit code and what it said on stderr."""
    from truezero.cli import main

    words = [word.format(path=path, folder=path.parent) for word in command]
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["truezero", *words]),
        mock.patch.object(warnings, "showwarning", warnings.showwarning),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return code, err.getvalue()


def examine_commands(reader: Reader, path: Path, mutant: Mutant) -> str:
    """Put the mutant in the file's place and run the commands on it: "exit", or what is wrong."""
    path.write_bytes(mutant.content)
    for command in reader.commands:
        code, said = run(command, path)
        if code not in (0, 2):
            return f"exit {code}: {command[0]}: {said[:300]!r}"
        if not said.replace("\n", "").isprintable():
            return f"message: {command[0]}: {said[:300]!r}"
    return "exit"


def peak_bytes(start: bool = False) -> int:
    """Most memory this process held since the last call with `start`; 0 where the system does not say."""
    try:
        if start:
            Path("/proc/self/clear_refs").write_text("5")
        status: Any = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return int(status.split("VmHWM:")[1].split()[0]) << 10


def peak_allowed(path: Path) -> int:
    """500 MB, or 20 times the file."""
    return max(500_000_000, 20 * path.stat().st_size)
