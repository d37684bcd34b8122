"""The command line put together, and how it ends: exit codes, and errors in one line."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TextIO

import typer

from truezero._version import __version__
from truezero.cli.command import ClickException, CommandLine, Deferred
from truezero.cli.interrupts import Interrupts
from truezero.core.text import printable
from truezero.errors import TruezeroError

# Each is a file beside this one.
COMMANDS = {
    "reproduce": "Run a table or figure of the paper.",
    "train": "Train a network on a data set.",
    "predict": "Predict rows.",
    "runs": "Say what a store of runs holds; merge stores.",
    "inspect": "Say what a model is, and how it does on data.",
    "import": "Make a model of a network from elsewhere.",
    "export": "Write a model as an ONNX file.",
    "info": "Say which versions, engines and threads are in use.",
    "bench": "Time truezero against other libraries.",
    "data": "Data sets.",
}

app = CommandLine()


def _say_version(value: bool) -> None:
    if value:
        print(f"truezero {__version__}")
        raise typer.Exit()


@app.callback()
def _truezero(
    version: Annotated[
        bool, typer.Option("--version", help="Say the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Train deep sparse rectifier networks, and get paid for the zeros."""


def _imported_when_run() -> None: ...


for _name, _help in COMMANDS.items():
    app.command(_name, cls=Deferred, help=_help)(_imported_when_run)


def run(arguments: Sequence[str], interrupts: Interrupts | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    arguments : sequence of str
        Without the program's name.
    interrupts : Interrupts, optional
        Who handles Ctrl-C.

    Returns
    -------
    int
        The exit code: 2 for the user's mistakes, files and disks, 1 for ours, with one line either way; 130
        after Ctrl-C. A reader that has seen enough, such as `head`, is no mistake.
    """
    interrupts = Interrupts() if interrupts is None else interrupts
    state: dict[str, Any] = {"at work": interrupts.work}
    with _streams(), warnings.catch_warnings():
        warnings.showwarning = _show_warning  # type: ignore[assignment] # its other arguments do not matter
        try:
            code = _command(arguments, state)
            sys.stdout.flush()
        except BrokenPipeError:
            _give_up(sys.stdout)
            code = 0
        except BaseException as error:
            code = _told(error, state, interrupts)
    return code


def _command(arguments: Sequence[str], state: dict[str, Any]) -> int:
    try:
        # Not `app()`, which would end some errors in ways of its own.
        group = typer.main.get_command(app)
        with group.make_context("truezero", list(arguments), obj=state) as context:
            group.invoke(context)
    except typer.Exit as end:  # all has been said, help for instance
        return end.exit_code
    return 0


def _told(error: BaseException, state: dict[str, Any], interrupts: Interrupts) -> int:
    """Say in one line how the command failed; return the exit code."""
    if isinstance(error, SystemExit):
        raise error
    if interrupts.came or isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return interrupts.say()
    if state.get("debug"):
        traceback.print_exception(error)
    if isinstance(error, ClickException):
        return _say(error.format_message() or "say what to do; see truezero --help", 2)
    if isinstance(error, TruezeroError):
        return _say(str(error), 2)
    if isinstance(error, MemoryError):
        return _say(f"there is not enough memory: {error}".rstrip(": "), 2)
    if isinstance(error, OSError) and error.filename is not None:
        name = printable(os.fsdecode(error.filename), _LONGEST // 2)
        return _say(f"{name}: {error.strerror}", 2)
    if isinstance(error, OSError) and error.errno in _DISK:
        _give_up(sys.stdout)
        return _say(f"cannot write the output: {error.strerror}", 2)
    return _say(f"{type(error).__name__}: {error} (a fault of truezero; --debug shows where)", 1)


# What a disk, not a program, is to blame for.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
_LONGEST = 2000


@contextmanager
def _streams() -> Iterator[None]:
    """Have somewhere to write to, whatever the terminal's alphabet is."""
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started us
        nowhere = open(os.devnull, "w")  # noqa: SIM115 - until the process ends
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    yield


def _give_up(stream: TextIO) -> None:
    """Let what a stream still holds go nowhere, at the end of the process too."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _say(message: str, code: int) -> int:
    _print_line("truezero: " + message)
    return code


def _show_warning(message: Warning | str, *_: Any) -> None:
    _print_line(f"truezero: warning: {message}")


def _print_line(line: str) -> None:
    """Print a line on standard error, if there is somebody to read it."""
    try:
        print(printable(" ".join(line.split()), _LONGEST), file=sys.stderr, flush=True)
    except OSError:
        _give_up(sys.stderr)
