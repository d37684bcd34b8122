"""`truezero reproduce`: a table or figure of the paper."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from truezero.cli.command import CommandLine
from truezero.cli.options import DataDirOption, JsonOption, ThreadsOption
from truezero.cli.terminal import out_console, progress
from truezero.core.atomic import make_folder, write_text
from truezero.datasets import load_dataset
from truezero.errors import OptionError
from truezero.report import study_table, write_report
from truezero.runs import RunStore, environment
from truezero.studies import STUDIES

app = CommandLine()


@app.command()
def reproduce(
    study: Annotated[str, typer.Argument(help=f"One of: {', '.join(STUDIES)}.", metavar="STUDY")],
    data: Annotated[str, typer.Option("--data", help="Data set to run it on.")] = "digits",
    scale: Annotated[str, typer.Option("--scale", help="How much of it: smoke, laptop or paper.")] = "laptop",
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the results. [default: results-STUDY-DATA]")
    ] = None,
    data_dir: DataDirOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a table or figure of the paper; finished runs are kept and not repeated."""
    if study not in STUDIES:
        raise OptionError(f"unknown study {study!r}; known: {', '.join(STUDIES)}")
    folder = make_folder(out or f"results-{study}-{data}")
    dataset = load_dataset(data, data_dir=data_dir)
    with progress(f"{study} on {data}") as note:
        where = ""

        def on_run(what: str) -> None:
            nonlocal where
            where = what
            note(what)

        def on_epoch(state: Any) -> None:
            note(f"{where}, epoch {state.history[-1]['epoch']}")

        result, pictures = STUDIES[study](
            dataset,
            scale=scale,
            store=RunStore(folder / "runs"),
            n_threads=n_threads,
            on_run=on_run,
            on_epoch=on_epoch,
        )
    result["environment"] = environment(n_threads)
    text = json.dumps(result, indent=1)
    write_text(folder / "results.json", text + "\n")
    write_report(result, folder / "report.html", pictures)
    if as_json:
        print(text)
        return
    out_console.print(study_table(result))
    out_console.print(
        f"results: {folder / 'results.json'}\nreport:  {folder / 'report.html'}", soft_wrap=True
    )
