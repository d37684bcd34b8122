"""Commands: what all of them take, and how they wait to be imported until they are run."""

from __future__ import annotations

import contextlib
import functools
import importlib
import keyword
import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

# The class of all that is said of a command line: Click's, which has been a part of Typer since 0.26 and a
# package beside it before. Either way Typer's BadParameter is a usage error, and that a kind of it.
ClickException: Any = typer.BadParameter.__bases__[0].__bases__[0]

Function = TypeVar("Function", bound=Callable[..., Any])


def _note_debug(context: typer.Context, value: bool) -> bool:
    if value:
        context.ensure_object(dict)["debug"] = True
    return value


@functools.cache
def _debug_option() -> Any:
    """Let typer make the option `--debug`; it leaves "debug" in the context's object."""

    def command(
        debug: Annotated[
            bool,
            typer.Option(
                "--debug",
                help="Show the traceback of an error.",
                callback=_note_debug,
                is_eager=True,  # before another option can fail
                expose_value=False,
            ),
        ] = False,
    ) -> None: ...

    app = typer.Typer(add_completion=False)
    app.command()(command)
    (option,) = typer.main.get_command(app).params
    return option


class Command(TyperCommand):
    """A command that takes `--debug`, and options whose value may be left out.

    Attributes
    ----------
    bare_values : mapping of str to str
        Such options -> the value they have where none follows.
    """

    bare_values: ClassVar[Mapping[str, str]] = {}

    def get_params(self, ctx: Any) -> list[Any]:
        """All that it takes."""
        return [*super().get_params(ctx), _debug_option()]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse its part of the command line."""
        end = args.index("--") if "--" in args else len(args)
        complete = [
            f"{option}={self.bare_values[option]}"
            if option in self.bare_values and (following is None or following.startswith("-"))
            else option
            for option, following in zip(args[:end], [*args[1:end], None], strict=False)
        ]
        return super().parse_args(ctx, [*complete, *args[end:]])

    def invoke(self, ctx: Any) -> Any:
        """Do it; all that it needs is imported, so that Ctrl-C may be what it makes of it."""
        with (ctx.obj or {}).get("at work", contextlib.nullcontext)():
            return super().invoke(ctx)


class Group(TyperGroup):
    """A group of commands that takes `--debug`; given nothing, it says what there is, as a mistake."""

    def get_params(self, ctx: Any) -> list[Any]:
        """All that it takes itself."""
        return [*super().get_params(ctx), _debug_option()]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse its part of the command line."""
        if not args:
            print(ctx.get_help(), file=sys.stderr)
            raise typer.Exit(2)
        return super().parse_args(ctx, args)


class Deferred(TyperCommand):
    """Stands for a command, or a group of them, whose file is imported when it is run.

    Most files need libraries that take long to import, and the list of commands needs none of them. The
    file has the command's name, with "_" after a word of Python's own, and in it `app` holds the command.
    """

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Parse the command line as the real command."""
        return self.imported().make_context(info_name, args, parent=parent, **extra)

    def imported(self) -> Any:
        """The real command."""
        file = f"{self.name}_" if keyword.iskeyword(str(self.name)) else self.name
        return typer.main.get_command(importlib.import_module(f"truezero.cli.{file}").app)


class CommandLine(typer.Typer):
    """A Typer app whose command, or group of commands, takes `--debug`."""

    def __init__(self) -> None:
        # Help is plain text, and mistakes are told by `main`.
        super().__init__(cls=Group, add_completion=False, rich_markup_mode=None)

    def command(
        self, name: str | None = None, *, cls: type[TyperCommand] | None = Command, **settings: Any
    ) -> Callable[[Function], Function]:
        """Make a command of the function below; as in Typer."""
        return super().command(name, cls=cls, **settings)
