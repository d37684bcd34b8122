"""A Sphinx extension: what the code knows is put into the pages as they are read, so it cannot be stale.

- a block ``{api} MODULE`` that lists names becomes the reference of these names of the module;
- a block ``{cli}`` becomes the reference of every command of the command line;
- the lists of links on the first page become the tree of pages.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

from truezero.cli.app import app
from truezero.cli.command import Deferred

INDEX = "docs/index"
_BLOCK = re.compile(r"^```\{(api|cli)\} *(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"^- \[(.+?)\]\((\S+?)\.md\)", re.MULTILINE)


def expanded(page: str) -> str:
    """Put what the blocks of a page stand for in their places."""
    return _BLOCK.sub(
        lambda found: reference(found[2], found[3].split()) if found[1] == "api" else commands(), page
    )


def listed(page: str) -> dict[str, list[str]]:
    """Names that a page's blocks list, by module."""
    found: dict[str, list[str]] = {}
    for kind, module, names in _BLOCK.findall(page):
        if kind == "api":
            found.setdefault(module, []).extend(names.split())
    return found


def reference(module: str, names: list[str]) -> str:
    """Directives that document names of a module, each under a heading."""
    return "\n\n".join(f"### {name}\n\n```{{eval-rst}}\n{_directive(module, name)}\n```" for name in names)


def _directive(module: str, name: str) -> str:
    made = getattr(importlib.import_module(module), name)
    if inspect.isclass(made):
        kind = "autoexception" if issubclass(made, Exception) else "autoclass"
        return f".. {kind}:: {module}.{name}\n   :members:\n   :inherited-members: {_foreign(made)}\n"
    return f".. {'autofunction' if callable(made) else 'autodata'}:: {module}.{name}\n"


def _foreign(made: type) -> str:
    """Bases whose methods are not our own."""
    return ", ".join(base.__name__ for base in made.__mro__ if not base.__module__.startswith("truezero"))


def commands() -> str:
    """Every command with its arguments and options, as `--help` has them."""
    group: Any = typer.main.get_command(app)
    return "\n\n".join(_described(group, group.context_class(group, info_name="truezero"), 2))


def _described(group: Any, context: Any, level: int) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        command = command.imported() if isinstance(command, Deferred) else command
        own = command.context_class(command, info_name=name, parent=context)
        yield f"{'#' * level} {own.command_path}"
        yield f"```\n{' '.join(own.get_usage().split()).removeprefix('Usage: ')}\n```"
        yield _plain(command.help or "")
        if hasattr(command, "list_commands"):
            yield from _described(command, own, level + 1)
        else:
            yield _options(command, own)


def _options(command: Any, context: Any) -> str:
    rows = []
    for parameter in command.get_params(context):
        if getattr(parameter, "hidden", False):
            continue
        if parameter.param_type_name == "argument":
            record = (parameter.metavar or parameter.name.upper(), parameter.help or "")
        else:
            record = parameter.get_help_record(context) or ("", "")
        first, text = record
        rows.append(f"| `{_cell(first)}` | {_plain(_cell(text))} |")
    return "\n".join(["| | |", "|---|---|", *rows])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text without what Markdown would take for HTML or a link."""
    return text.replace("<", "&lt;").replace("[", "\\[").replace("*", "\\*")


def with_tree(page: str) -> str:
    """The first page, with a tree of the pages that it lists under each heading."""
    found = []
    for section in re.split(r"^(?=## )", page, flags=re.MULTILINE):
        links = _LINK.findall(section)
        if links:
            heading = section.splitlines()[0].removeprefix("## ")
            entries = "\n".join(f"{text} <{target}>" for text, target in links)
            section += f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{entries}\n```\n\n"
        found.append(section)
    return "".join(found)


def _read(_: Any, name: str, source: list[str]) -> None:
    source[0] = expanded(source[0])
    if name == INDEX:
        source[0] = with_tree(source[0])


def _skip(_: Any, kind: str, name: str, member: Any, skipped: bool, __: Any) -> bool | None:
    """Leave out what scikit-learn adds to estimators by itself."""
    return True if re.fullmatch(r"set_\w+_request", name) else None


def _marks(_: Any, kind: str, name: str, made: Any, options: Any, lines: list[str]) -> None:
    """Keep |h| and the * of parameters that are one value or one per layer from being markup."""
    lines[:] = [re.sub(r"\|(\w)\|", r"\\|\1\\|", line).replace(" *,", r" \*,") for line in lines]


def setup(app: Any) -> dict[str, bool]:
    """Have Sphinx call us."""
    app.connect("source-read", _read)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _marks, priority=100)  # before numpydoc
    return {"parallel_read_safe": True}
