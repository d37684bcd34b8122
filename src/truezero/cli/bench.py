"""`truezero bench`: what is timed, shown as tables, as JSON, and as a picture."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from truezero.bench import BENCHMARKS, Benchmark, Table
from truezero.bench.benchmark import file_name
from truezero.bench.page import bench_page
from truezero.cli.command import CommandLine
from truezero.cli.options import DataDirOption, DerivedOptions, JsonOption, with_options
from truezero.cli.terminal import out_console, progress
from truezero.core.atomic import check_folder, check_writable, make_folder, write_text, writing
from truezero.core.text import printable
from truezero.datasets import load_dataset
from truezero.errors import DataError, file_error

app = CommandLine()

OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for the result as JSON and as a picture (PNG).")
]


@app.callback()
def bench() -> None:
    """Time truezero against other libraries."""


def _add(name: str, benchmark: Benchmark) -> None:
    """Make a command of a benchmark, with an option for each parameter of its `run`."""

    def on_data(
        *,
        data: Annotated[str, typer.Option("--data", help="Data set to train on.")] = "mnist",
        parameters: dict[str, Any],
        out: OutOption = None,
        data_dir: DataDirOption = None,
        as_json: JsonOption = False,
    ) -> None:
        _check(out)
        _run(name, {"dataset": load_dataset(data, data_dir=data_dir), **parameters}, out, as_json)

    def without_data(
        *, parameters: dict[str, Any], out: OutOption = None, as_json: JsonOption = False
    ) -> None:
        _check(out)
        _run(name, parameters, out, as_json)

    command = on_data if "dataset" in inspect.signature(benchmark.run).parameters else without_data
    derived = DerivedOptions(benchmark.run, leave_out=("dataset", "on_progress"))
    summary = (benchmark.run.__doc__ or "").partition("\n")[0]
    app.command(name, help=summary)(with_options(parameters=derived)(command))


def _check(out: Path | None) -> None:
    """Refuse before the measurement what its result could not be written into."""
    if out is not None:
        check_folder(out)


def _run(name: str, parameters: dict[str, Any], out: Path | None, as_json: bool) -> None:
    with progress(f"bench {name}", lines=not as_json) as note:
        result = BENCHMARKS[name].run(**parameters, on_progress=note)
    text = json.dumps(result, indent=1)
    if out is not None:
        file = make_folder(out) / f"{file_name(result)}.json"
        write_text(file, text + "\n")
        _draw(result, file.with_suffix(".png"))
    if as_json:
        print(text)
        return
    if out is not None:
        print(f"result: {printable(file, 1000)}, picture: {printable(file.with_suffix('.png'), 1000)}")
    for part in BENCHMARKS[name].tables(result):
        if isinstance(part, str):
            print(printable(part, 1000))
        else:
            _print(part)


def _print(table: Table) -> None:
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(title=Text(printable(table.title)))
    for heading in table.headings:
        shown.add_column(Text(printable(heading)), justify="right" if heading else "left")
    for row in table.rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    out_console.print(shown)


def _draw(result: dict[str, Any], path: Path) -> None:
    with writing(path) as beside:
        BENCHMARKS[result["benchmark"]].figure(result).savefig(beside, dpi=120, format="png")


for _name, _benchmark in BENCHMARKS.items():
    _add(_name, _benchmark)


@app.command("page")
def page(
    results: Annotated[Path, typer.Argument(help="Folder that the other benchmarks wrote with --out.")],
    out: Annotated[Path, typer.Option("--out", help="The page, Markdown.")],
) -> None:
    """Write a page of all results in a folder, and draw their pictures anew."""
    check_writable(out)
    found = []
    for file in sorted(results.glob("*.json")):
        try:
            found.append((file, json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, RecursionError) as error:
            raise DataError(f"{file} is not JSON: {error}") from None
        except OSError as error:
            raise file_error("cannot read", file, error) from None
    if not found:
        raise DataError(f"{results} holds no results; run a benchmark with --out {results} first")
    for file, result in found:
        if not isinstance(result, dict) or result.get("benchmark") not in BENCHMARKS:
            raise DataError(f"{file} is not the result of a benchmark; keep other files out of {results}")
        _draw(result, file.with_suffix(".png"))
    write_text(out, bench_page(found, out.parent))
    print(f"page: {printable(out, 1000)}")
