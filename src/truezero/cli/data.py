"""`truezero data`: the data sets that have a name."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from truezero.cli.command import CommandLine
from truezero.cli.options import DataDirOption, JsonOption
from truezero.cli.terminal import progress, progress_of_bytes
from truezero.core.text import printable
from truezero.datasets import DatasetInfo, fetch_dataset, list_datasets, make_dataset, verify_dataset
from truezero.errors import DataError

app = CommandLine()

NameArgument = Annotated[
    str, typer.Argument(help="Name of a data set; see `truezero data list`.", metavar="NAME")
]
NameOption = Annotated[
    str | None, typer.Argument(help="One of them alone.", metavar="NAME", show_default=False)
]


@app.callback()
def data() -> None:
    """Data sets: which there are, and how they are had."""


@app.command("list")
def data_list(name: NameOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List the data sets, and which are there."""
    known = list_datasets(data_dir)
    if name is not None:
        known = [dataset for dataset in known if dataset.name == name]
        if not known:
            raise DataError(f"unknown data set '{printable(name)}'; `truezero data list` lists them")
    if as_json:
        print(json.dumps([{**vars(dataset), "found": dataset.found} for dataset in known], indent=1))
        return
    for dataset in known:
        print(f"{dataset.name:<18} {'there' if dataset.found else 'missing':<8} {dataset.description}")
        for line in _about(dataset):
            print(f"{'':<27} {printable(line, 1000)}")


def _about(dataset: DatasetInfo) -> list[str]:
    """What is said of a data set in the lines below its name."""
    lines = []
    if dataset.stand_in_for is not None:
        lines.append(f"stands in for {dataset.stand_in_for}")
    if dataset.source:
        lines.append(f"from {dataset.source}; licence: {dataset.licence}")
    if not dataset.found:
        lines.append(f"its files go to {dataset.location}; {dataset.how}")
    return lines


@app.command()
def fetch(name: NameArgument, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Download a data set's files; what was cut off goes on where it ended."""
    with progress_of_bytes(lines=not as_json) as told:
        files = fetch_dataset(name, data_dir=data_dir, on_progress=told)
    if as_json:
        print(json.dumps({"name": name, "files": [str(file) for file in files]}, indent=1))
        return
    for file in files:
        print(printable(str(file), 1000))


@app.command()
def verify(name: NameOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Compare files with their published checksums; all that are there, if no name is given."""
    names = [name] if name is not None else [d.name for d in list_datasets(data_dir) if d.found]
    checked = {each: verify_dataset(each, data_dir=data_dir) for each in names}
    if as_json:
        print(json.dumps({each: [vars(one) for one in files] for each, files in checked.items()}, indent=1))
    else:
        for each, files in checked.items():
            if not files:
                print(f"{each:<18} nothing is published to compare it with")
            for one in files:
                print(f"{each:<18} {one.state:<12} {printable(one.path, 1000)}")
    bad = [(each, one) for each, files in checked.items() for one in files if one.state == "changed"]
    if bad:
        each, one = bad[0]
        difference = f"{one.found} instead of {one.published}"
        raise DataError(f"{each}: {printable(one.path, 300)} is not what is published ({difference})")
    if name is not None and any(one.state == "missing" for one in checked[name]):
        raise DataError(f"{name}: {next(o.name for o in checked[name] if o.state == 'missing')} is not there")


@app.command()
def make(
    name: NameArgument,
    size: Annotated[
        str,
        typer.Option(
            "--size",
            help="How many rows: smoke, laptop or paper, or the number of training rows (of NORB's "
            "stand-ins with those that validate).",
            metavar="NAME|N",
        ),
    ] = "laptop",
    seed: Annotated[
        int | None, typer.Option("--seed", help="Of all that is drawn. [default: the set's own]")
    ] = None,
    n_jobs: Annotated[int | None, typer.Option("--jobs", help="Processes. [default: as it sees fit]")] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a data set that is generated."""
    rows = int(size) if size.isascii() and size.isdigit() and len(size) < 20 else size
    options: dict[str, Any] = {"size": rows, "seed": seed, "n_jobs": n_jobs}
    with progress(f"making {name}", lines=not as_json) as report:
        folder = make_dataset(name, data_dir=data_dir, report=report, **options)
    if as_json:
        print(json.dumps({"name": name, "folder": str(folder), **options}, indent=1))
        return
    print(printable(str(folder), 1000))
