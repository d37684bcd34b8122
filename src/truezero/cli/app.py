"""The command line put together, and how it ends: exit codes, and errors in one line."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from typing import Annotated, Any

import typer

from truezero._version import __version__
from truezero.cli.command import ClickException, CommandLine, Deferred
from truezero.errors import TruezeroError

# Each is a file beside this one.
COMMANDS = {
    "reproduce": "Run a table or figure of the paper.",
    "train": "Train a network on a data set.",
    "predict": "Predict rows.",
    "runs": "Say what a store of runs holds; merge stores.",
    "inspect": "Say what a model is, and how it does on data.",
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


def main() -> None:
    """Run the command line: exit 2 for the user's mistakes, 1 for ours, one line either way."""
    warnings.showwarning = _show_warning  # type: ignore[assignment] # its other arguments do not matter
    state: dict[str, bool] = {}
    try:
        # Not `app()`, which would end some errors in ways of its own.
        with typer.main.get_command(app).make_context("truezero", sys.argv[1:], obj=state) as context:
            context.command.invoke(context)
        code = 0
    except typer.Exit as end:  # all has been said, help for instance
        code = end.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = _say("interrupted", 130)
    except BrokenPipeError:  # a reader such as `head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if state.get("debug"):
            traceback.print_exc()
        if isinstance(error, ClickException):
            code = _say(error.format_message() or "say what to do; see truezero --help", 2)
        elif isinstance(error, TruezeroError):
            code = _say(str(error), 2)
        else:
            code = _say(f"{type(error).__name__}: {error} (a fault of truezero; --debug shows where)", 1)
    sys.exit(code)


def _say(message: str, code: int) -> int:
    print("truezero: " + " ".join(message.split()), file=sys.stderr)
    return code


def _show_warning(message: Warning | str, *_: Any) -> None:
    print("truezero: warning: " + " ".join(str(message).split()), file=sys.stderr)
