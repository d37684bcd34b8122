"""The command line in this process, for tests: what it prints, and how it ends."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truezero.cli.app import run


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@contextmanager
def _in(folder: Path | None, environment: dict[str, str]) -> Iterator[None]:
    before, kept = os.getcwd(), dict(os.environ)
    try:
        if folder is not None:
            os.chdir(folder)
        os.environ.update(environment)
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(kept)


def truezero(*arguments: str, folder: Path | None = None, **environment: str) -> Ended:
    """Run a command line, in a folder and with further variables of the environment."""
    out, err = io.StringIO(), io.StringIO()
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = out, err
    try:
        with _in(folder, environment), warnings.catch_warnings():
            # As outside of tests: shown, but for files that some other test has left to the garbage collector.
            warnings.simplefilter("default")
            warnings.simplefilter("ignore", ResourceWarning)
            code = run(arguments)
    finally:
        sys.stdout, sys.stderr = kept
    return Ended(code, out.getvalue(), err.getvalue())


def succeeded(*arguments: str, folder: Path) -> Any:
    """What a command says with `--json`."""
    ended = truezero(*arguments, "--json", folder=folder)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)
