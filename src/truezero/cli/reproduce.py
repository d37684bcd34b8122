"""`truezero reproduce`: a table or figure of the paper."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from truezero import studies
from truezero.cli.command import CommandLine
from truezero.cli.options import (
    DataDirOption,
    EncodingOption,
    JsonOption,
    TargetOption,
    TextOption,
    ThreadsOption,
)
from truezero.cli.terminal import out_console, progress_of_runs
from truezero.core.atomic import check_folder, make_folder, write_text
from truezero.core.text import printable
from truezero.errors import OptionError, TruezeroError
from truezero.report import study_claims, study_tables, study_texts, write_figures, write_report
from truezero.runs import Executor, IncompleteError, Processes, RunStore, Serial, Shard
from truezero.studies import STUDIES

app = CommandLine()


@app.command()
def reproduce(
    study: Annotated[str, typer.Argument(help=f"One of: {', '.join(STUDIES)}.", metavar="STUDY")],
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="Data set to run it on; a file of rated texts, too, for a study of them. "
            "[default: digits, or the study's own]",
        ),
    ] = None,
    scale: Annotated[str, typer.Option("--scale", help="How much of it: smoke, laptop or paper.")] = "laptop",
    n_seeds: Annotated[
        int | None, typer.Option("--n-seeds", help="Seeds of each network. [default: the scale's]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the results. [default: results-STUDY-DATA]")
    ] = None,
    jobs: Annotated[
        int, typer.Option("--jobs", min=1, help="Runs at once, each in a process and on one thread.")
    ] = 1,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard",
            metavar="I/N",
            help="Do one of N shares of the runs, 0 to N - 1. Where rates are to be chosen, merge the stores "
            "and do it again.",
        ),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask",
            metavar="ADDRESS",
            help="Do the runs on a Dask cluster, tcp://HOST:8786 say: `dask scheduler`, and `dask worker "
            "ADDRESS` on its machines.",
        ),
    ] = None,
    dask_data_dir: Annotated[
        str | None,
        typer.Option(
            "--dask-data-dir",
            metavar="DIR",
            help="Folder where the cluster's machines read named data; else rows are sent, to each once.",
        ),
    ] = None,
    text: TextOption = None,
    target: TargetOption = None,
    unlabeled: Annotated[
        str | None,
        typer.Option("--unlabeled", metavar="DATA", help="Texts without ratings to pre-train on as well."),
    ] = None,
    encoding: EncodingOption = None,
    data_dir: DataDirOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a table or figure of the paper; finished runs are kept and not repeated."""
    if study not in STUDIES:
        raise OptionError(f"unknown study {study!r}; known: {', '.join(STUDIES)}")
    if out is not None:
        check_folder(out)
    share = _shard(shard)
    if dask is not None and jobs != 1:
        raise OptionError("--jobs is for this machine, --dask for a cluster: give one of them")
    if dask is None and dask_data_dir is not None:
        raise OptionError("--dask-data-dir is for a cluster: give its scheduler with --dask")
    names = STUDIES[study].data if data is None else (data,)
    of_texts = {"text": text, "target": target, "unlabeled": unlabeled, "encoding": encoding}
    given = {name: value for name, value in of_texts.items() if value is not None}
    datasets = STUDIES[study].load_all(names, data_dir=data_dir, **given)
    of = f"-{_file_name(names[0])}" if len(names) == 1 else ""
    folder = out or Path(f"results-{study}{of}")
    store = RunStore(folder / "runs")
    # Refuses what cannot be before anything is written.
    STUDIES[study].on(datasets, scale, store, n_seeds=n_seeds).close()
    executor: Executor = Serial() if jobs == 1 else Processes(jobs)
    if dask is not None:
        from truezero.runs.cluster import Cluster  # only where there is one

        executor = Cluster(dask, data_dir=dask_data_dir)
    make_folder(folder)
    try:
        with progress_of_runs(
            f"{study} on {', '.join(names)}" if names else study, lines=not as_json
        ) as show:
            result = studies.reproduce(
                STUDIES[study], datasets, store,
                scale=scale, n_seeds=n_seeds, executor=executor, shard=share,
                n_threads=n_threads, on_progress=show,
            )  # fmt: skip
    except IncompleteError as error:
        if error.failures:
            ours = next((e for e in error.failures if not isinstance(e, TruezeroError)), None)
            raise error if ours is None else ours from None
        if as_json:
            print(json.dumps({"complete": False, "reason": str(error)}))
        else:
            print(printable(f"truezero: {error}", 1000), file=sys.stderr)
        return
    result.provenance["command"] = _command(study, data, scale, n_seeds, given)
    text = json.dumps(result.to_json(), indent=1)
    write_text(folder / "results.json", text + "\n")
    write_report(result, folder / "report.html")
    pictures = write_figures(result, folder / "figures")
    if as_json:
        print(text)
        return
    for table in study_tables(result, out_console.width):
        out_console.print(table)
    for paragraph in study_texts(result):
        out_console.print(paragraph, end="\n\n")
    if claims := study_claims(result):
        print(claims)
    print(f"results: {printable(folder / 'results.json', 1000)}")
    print(f"report:  {printable(folder / 'report.html', 1000)}")
    if pictures:
        print(f"figures: {printable(folder / 'figures', 1000)}, each as PNG and as SVG")


def _command(study: str, data: str | None, scale: str, n_seeds: int | None, texts: dict[str, str]) -> str:
    """Write what finds the same again, wherever its runs are kept and however they are carried out."""
    options = {"data": data, "scale": scale, "n-seeds": n_seeds, **texts}
    parts = [(f"--{name}", str(value)) for name, value in options.items() if value is not None]
    return shlex.join(["truezero", "reproduce", study, *(part for pair in parts for part in pair)])


def _file_name(data: str) -> str:
    """Name a folder after data: of a file's path the name without its ending."""
    return re.sub(r"[^\w.-]+", "-", Path(data).stem).strip("-.")[:100] or "data"


def _shard(shard: str | None) -> Shard | None:
    if shard is None:
        return None
    number, slash, of = shard.partition("/")
    if not (slash and number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
        raise OptionError(f"--shard must be I/N, such as 0/2, got {shard!r}")
    return Shard(int(number), int(of))
