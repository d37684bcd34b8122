"""The command line as a whole: its commands, how it ends, and what it imports."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from truezero import OptionError
from truezero.cli import main
from truezero.cli.app import COMMANDS


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of a command line, in this process."""
    monkeypatch.setattr(sys, "argv", ["truezero", *arguments])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # which main replaces
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_there_and_takes_debug(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, command, "--help") == 0
    shown = capsys.readouterr().out
    assert f"Usage: truezero {command} " in shown
    assert "--debug" in shown


def test_help_lists_the_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    for command, text in COMMANDS.items():
        (line,) = [line for line in shown.splitlines() if line.split()[:1] == [command]]
        assert line.endswith(text)  # it is not cut short


@pytest.mark.parametrize("arguments", [(), ("data",), ("bench",)])
def test_nothing_said_is_a_mistake_that_help_answers(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("Usage: truezero ")
    assert not shown.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("inspect", "nowhere"),
        ("inspect", "nowhere", "--n-threads=many"),
        ("train", "digits"),
        ("data", "list", "--jsn"),
        ("data", "lst"),
    ],
)
def test_debug_is_taken_anywhere(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, *arguments) == 2
    plain = capsys.readouterr().err
    assert plain.startswith("truezero: ")
    assert plain.count("\n") == 1
    for place in range(len(arguments) + 1):
        assert run(monkeypatch, *arguments[:place], "--debug", *arguments[place:]) == 2
        shown = capsys.readouterr().err
        assert shown.endswith(plain)
        if arguments[0] in ("inspect", "train"):  # all its words are known
            assert shown.startswith("Traceback")


@pytest.mark.parametrize(
    ("raised", "code", "message"),
    [
        (OptionError("a\nmistake"), 2, "truezero: a mistake\n"),
        (
            RuntimeError("broken"),
            1,
            "truezero: RuntimeError: broken (a fault of truezero; --debug shows where)\n",
        ),
        (KeyboardInterrupt(), 130, "truezero: interrupted\n"),
    ],
)
def test_errors_are_one_line(
    raised: BaseException,
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def list_datasets(folder: str | None) -> NoReturn:
        warnings.warn("two\nlines", stacklevel=1)
        raise raised

    monkeypatch.setattr(importlib.import_module("truezero.cli.data"), "list_datasets", list_datasets)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run(monkeypatch, "data", "list") == code
    assert capsys.readouterr().err == "truezero: warning: two lines\n" + message


@pytest.mark.parametrize(
    ("arguments", "pretrain", "resume"),
    [
        ((), None, False),
        (("--pretrain",), "auto", False),
        (("--pretrain", "--resume"), "auto", True),
        (("--pretrain", "--debug"), "auto", False),
        (("--pretrain", "linear-quadratic"), "linear-quadratic", False),
        (("--resume", "--pretrain=auto"), "auto", True),
    ],
)
def test_pretrain_alone_is_auto(
    arguments: tuple[str, ...], pretrain: str | None, resume: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: dict[str, Any] = {}

    def train_to_file(*of: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
        called.update(options)
        return SimpleNamespace(interrupted_=False), {}

    monkeypatch.setattr(importlib.import_module("truezero.cli.train"), "train_to_file", train_to_file)
    assert run(monkeypatch, "train", "digits", "--out", "m", "--json", *arguments) == 0
    assert (called["pretrain"], called["resume"]) == (pretrain, resume)


SLOW = {"matplotlib", "jinja2", "rich", "typer", "pandas", "torch"}


@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import truezero; truezero.load", SLOW),
        (
            "from truezero.cli import main; sys.argv[1:] = ['--help']\ntry: main()\nexcept SystemExit: pass",
            SLOW - {"typer"} | {"docstring_parser", "sklearn", "numpy", "truezero.estimators"},
        ),
    ],
    ids=["import", "help"],
)
def test_what_takes_long_is_imported_when_it_is_used(code: str, unwanted: set[str]) -> None:
    # What the package itself asks for: scikit-learn may load pandas and rich, where they are installed, too.
    program = f"""
import builtins, sys
wanted, load = set(), builtins.__import__
def noting(name, globals=None, *rest, **more):
    if str((globals or {{}}).get("__name__")).startswith("truezero"):
        wanted.update((name, name.split(".")[0]))
    return load(name, globals, *rest, **more)
builtins.__import__ = noting
{code}
wanted.update(name for name in sys.modules if name.startswith("truezero"))
print(*wanted, sep="\\n", file=sys.stderr)
"""
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True
    )
    imported = process.stderr.split()
    assert "truezero" in imported
    assert not unwanted.intersection(imported)


def test_the_package_imports_nothing_until_it_is_used() -> None:
    program = """
import sys, truezero
assert not {"numpy", "truezero.estimators"} & set(sys.modules)
from truezero import *
assert Network and load and truezero.core.network.Network is Network
assert set(truezero.__all__) <= set(dir(truezero))
try: truezero.nothing
except AttributeError as error: print(error)
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert process.stdout == "module 'truezero' has no attribute 'nothing'\n", process.stderr


def test_the_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("truezero ")


def test_a_folder_of_results_is_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").mkdir()
    for verb in ("list", "clean"):
        assert run(monkeypatch, "runs", verb, str(tmp_path)) == 2
        assert f"did you mean {tmp_path / 'runs'}?" in capsys.readouterr().err
