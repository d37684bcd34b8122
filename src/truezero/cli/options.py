"""What commands share: options, consoles, progress; options made from the estimators' own parameters."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from truezero.estimators import DeepRectifierClassifier, StackedDenoisingAutoencoder

out_console = Console()
err_console = Console(stderr=True)

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

# Parameters that make no sense on a command line, or are options of the commands themselves.
_LEFT_OUT = (
    "self", "callbacks", "pretraining", "prefit", "warm_start", "verbose", "code_layer",
    "sparse_output",
)  # fmt: skip
# Of pre-training: what is the network's own, or what --pretrain itself says.
_OF_THE_NETWORK = (
    "hidden_layer_sizes", "activation", "softplus_scale", "sign_mask", "use_biases", "dtype", "engine",
    "n_threads", "random_state", "reconstruction",
)  # fmt: skip


def with_estimator_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace a command's `**options` by one option per parameter of the estimators.

    Those of pre-training begin with `--pretrain-`. All are optional; those not given are not handed on,
    so the estimator's default holds.
    """
    signature = inspect.signature(command)
    hints = {n: h for n, h in typing.get_type_hints(command, include_extras=True).items() if n != "options"}
    own = [p.replace(annotation=hints[p.name]) for p in signature.parameters.values() if p.name in hints]
    added = [
        *_options(DeepRectifierClassifier, DeepRectifierClassifier.__doc__, "", _LEFT_OUT),
        *_options(
            StackedDenoisingAutoencoder,
            StackedDenoisingAutoencoder.__doc__,
            "pretrain_",
            (*_LEFT_OUT, *_OF_THE_NETWORK),
        ),
    ]
    names = {parameter.name for parameter in added}
    hints |= {parameter.name: parameter.annotation for parameter in added}

    def wrapper(**given: Any) -> None:
        options = {n: _parse(v) for n, v in given.items() if n in names and v is not None}
        command(**{n: v for n, v in given.items() if n not in names}, **options)

    wrapper.__doc__ = command.__doc__
    wrapper.__name__ = command.__name__
    wrapper.__annotations__ = hints
    wrapper.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    return wrapper


def _options(
    estimator: type, docstring: str | None, prefix: str, left_out: Collection[str]
) -> list[inspect.Parameter]:
    """Make an option of each of an estimator's parameters."""
    described = _descriptions(docstring or "")
    added = []
    for parameter in inspect.signature(estimator).parameters.values():
        if parameter.name in left_out:
            continue
        name = prefix + parameter.name
        flag = "--" + name.replace("_", "-")
        text = f"{described[parameter.name]} [default: {_shown(parameter.default)}]"
        annotation: Any
        if isinstance(parameter.default, bool):
            flags = f"{flag}/--{prefix.replace('_', '-')}no-{parameter.name.replace('_', '-')}"
            annotation = Annotated[bool | None, typer.Option(flags, help=text, show_default=False)]
        else:
            option = typer.Option(flag, help=text, show_default=False, metavar="VALUE")
            annotation = Annotated[str | None, option]
        added.append(inspect.Parameter(name, parameter.KEYWORD_ONLY, default=None, annotation=annotation))
    return added


def _parse(value: str | bool) -> Any:
    """Read an option's value: none, a whole number, a number, a word, or several after commas."""
    if isinstance(value, bool):
        return value
    if "," in value:
        return tuple(_parse(part) for part in value.split(",") if part.strip())
    text = value.strip()
    if text.lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _shown(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default).lower()


def _descriptions(docstring: str) -> dict[str, str]:
    """First sentences of the parameters in a numpydoc docstring."""
    section = docstring.split("Parameters\n", 1)[1].split("Attributes\n", 1)[0]
    entry = re.compile(r"^    ([\w, ]+) : .*\n((?:        .*\n)+)", re.MULTILINE)
    found = {}
    for names, text in entry.findall(section):
        for name in names.split(","):
            found[name.strip()] = " ".join(text.split())
    return found


@contextmanager
def progress(title: str) -> Iterator[Any]:
    """Give a function that shows a note beside a spinner, on a terminal."""
    bar = Progress(
        SpinnerColumn(), TextColumn(title), TextColumn("{task.description}"), TimeElapsedColumn(),
        console=err_console, transient=True, disable=not err_console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("")
        yield lambda note: bar.update(task, description=note)
