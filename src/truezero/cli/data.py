"""`truezero data`: the data sets that have a name."""

from __future__ import annotations

import json

from truezero.cli.command import CommandLine
from truezero.cli.options import DataDirOption, JsonOption
from truezero.datasets import list_datasets

app = CommandLine()


@app.callback()
def data() -> None:
    """Data sets."""


@app.command("list")
def data_list(data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List the data sets, and which are there."""
    known = list_datasets(data_dir)
    if as_json:
        print(json.dumps([{**vars(dataset), "found": dataset.found} for dataset in known], indent=1))
        return
    for dataset in known:
        print(f"{dataset.name:<16} {'there' if dataset.found else 'missing':<8} {dataset.description}")
        if not dataset.found:
            print(f"{'':<25} its files go to {dataset.location}; they are at {dataset.source}")
