"""`truezero runs`: what a store of runs holds."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from truezero.cli.command import CommandLine
from truezero.cli.options import JsonOption
from truezero.cli.output import error_text
from truezero.core.text import printable
from truezero.errors import DataError, MissingFileError
from truezero.runs import NUMERICS, RunStore, export_runs, exported_runs, import_runs

app = CommandLine()

StoreArgument = Annotated[
    Path, typer.Argument(help="Folder of runs, as `reproduce` makes it: OUT/runs.", metavar="STORE")
]


def _open(folder: Path) -> RunStore:
    if not folder.is_dir():
        raise MissingFileError(f"there is no folder {folder}", errno.ENOENT, str(folder))
    if (folder / "results.json").exists() or (folder / "runs").is_dir():
        raise DataError(f"{folder} holds no runs itself; did you mean {folder / 'runs'}?")
    return RunStore(folder)


@app.command("list")
def list_runs(store: StoreArgument, as_json: JsonOption = False) -> None:
    """List the finished runs, and those that were begun."""
    opened = _open(store)
    known = [
        {
            "key": key,
            "recipe": about["recipe"],
            "data": about["data"]["name"],
            "parameters": about["parameters"],
            "numerics": about["numerics"],
            "diverged": "diverged" in result,
            "test_error": result.get("test_error"),
            "error_unit": result.get("error_unit"),
            "seconds": result.get("seconds"),
        }
        for key, about, result in opened
    ]
    unfinished = opened.unfinished()
    if as_json:
        print(json.dumps({"runs": known, "unfinished": unfinished}, indent=1))
        return
    for run in known:
        print(f"{run['key']}  {printable(run['recipe']):<15} {printable(run['data']):<15} {_told(run)}")
    for key in unfinished:
        print(f"{printable(key)}  not finished")


def _told(run: dict[str, Any]) -> str:
    if run["diverged"]:
        return "diverged"
    seconds, error = run["seconds"], run["test_error"]
    told = [] if seconds is None else [f"{seconds:.1f} s"]
    if error is not None:
        told.append(f"test error {error_text(error, run['error_unit'])}")
    return ", ".join(told)


@app.command()
def show(
    store: StoreArgument,
    key: Annotated[str, typer.Argument(help="The run, or how its key begins.", metavar="KEY")],
    as_json: JsonOption = False,
) -> None:
    """Show a run: what it is, what it ran on, what it found; always JSON."""
    opened = _open(store)
    found = [entry for entry in opened if entry[0].startswith(key)]
    if len(found) != 1:
        raise DataError(f"{len(found)} runs in {store} have a key that begins with {key!r}")
    name, about, result = found[0]
    made = opened.provenance(name)
    print(json.dumps({"key": name, "run": about, "provenance": made, "result": result}, indent=1))


@app.command()
def clean(store: StoreArgument, as_json: JsonOption = False) -> None:
    """Remove runs of older numerics, and those that were begun and nobody is at work on."""
    removed = _open(store).clean(numerics=NUMERICS)
    print(json.dumps({"removed": removed}) if as_json else f"{removed} runs removed")


@app.command()
def export(
    store: StoreArgument,
    folder: Annotated[Path, typer.Argument(help="Where the files go, one for a run.", metavar="FOLDER")],
    as_json: JsonOption = False,
) -> None:
    """Write finished runs as one small file each, to keep; those that left weights are left out."""
    written, left_out = export_runs(_open(store), folder)
    if as_json:
        print(json.dumps({"written": written, "left_out": left_out}))
    else:
        print(f"{written} runs written; {left_out} that left weights are left out")


@app.command()
def merge(
    store: StoreArgument,
    others: Annotated[
        list[Path],
        typer.Argument(help="Folders whose runs it gets too, stores or of `export`.", metavar="OTHER..."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Copy the finished runs of other stores into one."""
    opened = _open(store) if store.exists() else RunStore(store)
    copied = 0
    for other in others:
        files = exported_runs(other)
        copied += import_runs(opened, files) if files else opened.merge(_open(other))
    print(json.dumps({"copied": copied}) if as_json else f"{copied} runs copied")
