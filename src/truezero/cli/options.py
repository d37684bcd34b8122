"""Options of commands: those that several share, and those derived from a function's own parameters."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from truezero.errors import OptionError

DataArgument = Annotated[
    str, typer.Argument(help="A data set's name (see `truezero data list`) or a file.", metavar="DATA")
]
ModelArgument = Annotated[Path, typer.Argument(help="A file that `truezero train` wrote.", metavar="MODEL")]
DataDirOption = Annotated[
    str | None,
    typer.Option(
        "--data-dir", help="Folder of the named data sets. [default: $TRUEZERO_DATA, else the cache]"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]
ThreadsOption = Annotated[
    int | None, typer.Option("--n-threads", help="Threads; the result does not depend on it.")
]


ZeroBasedOption = Annotated[
    bool | None,
    typer.Option(
        "--zero-based/--one-based",
        show_default=False,
        help="Features of svmlight files are counted from 0, or from 1. [default: as the model's were, else "
        "as the file looks]",
    ),
]
FeaturesOption = Annotated[
    int | None,
    typer.Option(
        "--n-features",
        show_default=False,
        help="Features of a row, where a file does not say. [default: as many as the model takes, else as "
        "the file has]",
    ),
]
TargetOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        show_default=False,
        help="Of a table the column of the labels; else their file, where they are not with the rows.",
        metavar="COLUMN",
    ),
]
TextOption = Annotated[
    str | None,
    typer.Option(
        "--text",
        show_default=False,
        help="Column of raw text in a table (CSV, TSV, JSON lines, Parquet). [default: as the model's was]",
        metavar="COLUMN",
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        show_default=False,
        help="Of text files: cp1252, mac_roman say. [default: what a mark at the start says, else utf-8]",
        metavar="NAME",
    ),
]


@dataclass(frozen=True)
class DerivedOptions:
    """Options made of the parameters of a function or class.

    `max_iter=100` becomes `--max-iter VALUE`, described by the numpydoc docstring; a parameter that is
    True or False by default becomes `--shuffle/--no-shuffle`. What is not given on the command line is
    not handed on, so the function's own default holds; one without a default must be given.

    Attributes
    ----------
    function : callable
        A function, or a class.
    prefix : str
        Put before every name: "pretrain" makes `--pretrain-max-iter`.
    leave_out : collection of str
        Parameters that are no options.
    help, metavar : mapping of str to str
        Parameter -> what is said of it instead of the docstring's words, and instead of VALUE.
    """

    function: Callable[..., Any]
    prefix: str = ""
    leave_out: Collection[str] = ()
    help: Mapping[str, str] = field(default_factory=dict)
    metavar: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The function's parameters that are options, by the names a command gives them."""
        return {
            self._name(name): parameter
            for name, parameter in inspect.signature(self.function, eval_str=True).parameters.items()
            if name not in self.leave_out
        }

    def declarations(self) -> list[inspect.Parameter]:
        """Parameters of a command, annotated as typer wants them."""
        described = {**descriptions(self.function.__doc__), **self.help}
        return [self._declaration(p, described.get(p.name, "")) for p in self.parameters.values()]

    def values(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Values of the parameters that were given on the command line.

        Parameters
        ----------
        given : mapping
            What typer hands a command with these `declarations`: texts and flags, None where not given.

        Returns
        -------
        dict
            By the function's own names.

        Raises
        ------
        OptionError
            If a text is no value of the kind its parameter's annotation says.
        """
        values = {}
        for name, parameter in self.parameters.items():
            value = given[name]
            if isinstance(value, str):
                values[parameter.name] = read_value(value, parameter.annotation, self._flag(parameter.name))
            elif value is not None:
                values[parameter.name] = value
        return values

    def _name(self, parameter: str) -> str:
        return f"{self.prefix}_{parameter}" if self.prefix else parameter

    def _flag(self, parameter: str) -> str:
        return "--" + self._name(parameter).replace("_", "-")

    def _declaration(self, parameter: inspect.Parameter, text: str) -> inspect.Parameter:
        name, flag = parameter.name, self._flag(parameter.name)
        required = parameter.default is parameter.empty
        if not required:
            text = f"{text} [default: {_shown(parameter.default)}]".lstrip()
        annotation: Any
        if isinstance(parameter.default, bool):
            flags = f"{flag}/{self._flag(f'no_{name}')}"
            annotation = Annotated[bool | None, typer.Option(flags, help=text, show_default=False)]
        else:
            metavar = self.metavar.get(name, "VALUE")
            option = typer.Option(flag, help=text, show_default=False, metavar=metavar)
            annotation = Annotated[str if required else str | None, option]
        return inspect.Parameter(
            self._name(name),
            parameter.KEYWORD_ONLY,
            default=parameter.empty if required else None,
            annotation=annotation,
        )


def with_options(**derived: DerivedOptions) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Put derived options in the place of a command's parameters of these names.

    The command gets each as a dict of the values that were given.

    Parameters
    ----------
    **derived : DerivedOptions
        By the command's parameter that takes them.

    Returns
    -------
    callable
        A decorator of the command, to stand below `app.command()`.
    """

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            if parameter.name in derived:
                parameters += derived[parameter.name].declarations()
            else:
                parameters.append(parameter.replace(kind=parameter.KEYWORD_ONLY))

        @functools.wraps(command)
        def wrapper(**given: Any) -> None:
            values = {name: options.values(given) for name, options in derived.items()}
            taken = {name for options in derived.values() for name in options.parameters}
            command(**{name: value for name, value in given.items() if name not in taken}, **values)

        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapper

    return decorate


def read_value(text: str, annotation: Any, flag: str) -> Any:
    """Read the text of an option as the kind its parameter is annotated with.

    Parameters
    ----------
    text : str
    annotation : type
        int, float, str, a sequence of one of them ("1000,500"), one of some words (`Literal`), or one of
        these or None ("none").
        Whatever else says nothing: a value is what it looks like then.
    flag : str
        The option, for the message.

    Returns
    -------
    object

    Raises
    ------
    OptionError
        If it is none.
    """
    arguments = typing.get_args(annotation)
    if len(arguments) == 2 and types.NoneType in arguments:
        if text.strip().lower() == "none":
            return None
        annotation = next(kind for kind in arguments if kind is not types.NoneType)
        arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        if text not in arguments:
            *words, last = arguments
            raise OptionError(f"{flag} must be {', '.join(words)} or {last}, got {text!r}")
        return text
    if annotation in _KINDS:
        try:
            return annotation(text)
        except ValueError:
            raise OptionError(f"{flag} must be {_KINDS[annotation][0]}, got {text!r}") from None
    if typing.get_origin(annotation) in (Sequence, tuple, list) and arguments[0] in _KINDS:
        kind = arguments[0]
        try:
            return tuple(kind(part) for part in text.split(",") if part.strip())
        except ValueError:
            raise OptionError(f"{flag} must be {_KINDS[kind][1]} and commas, got {text!r}") from None
    return _as_it_looks(text)


# What an option takes, one and several.
_KINDS: dict[Any, tuple[str, str]] = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a word", "words"),
}


def _as_it_looks(text: str) -> Any:
    """Read none, a whole number, a number, a word, or several after commas."""
    if "," in text:
        return tuple(_as_it_looks(part) for part in text.split(",") if part.strip())
    text = text.strip()
    if text.lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _shown(default: Any) -> str:
    if isinstance(default, (tuple, list)):
        return ",".join(map(str, default))
    return default if isinstance(default, str) else str(default).lower()


def descriptions(docstring: str | None) -> dict[str, str]:
    """What a numpydoc docstring says of each parameter, in one line each."""
    from docstring_parser.numpydoc import parse  # only where options are made

    return {
        name.strip(): " ".join((entry.description or "").split())
        for entry in parse(docstring or "").params
        if entry.args[0] == "param"
        for name in entry.arg_name.split(",")
    }
