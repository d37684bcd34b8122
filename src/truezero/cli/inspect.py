"""`truezero inspect`: what a model is."""

from __future__ import annotations

from typing import Annotated

import typer

from truezero.analysis import describe, measure
from truezero.cli.command import CommandLine
from truezero.cli.options import (
    DataDirOption,
    FeaturesOption,
    JsonOption,
    ModelArgument,
    TargetOption,
    ThreadsOption,
    ZeroBasedOption,
    reading,
)
from truezero.cli.output import show
from truezero.cli.terminal import progress
from truezero.datasets import load_dataset
from truezero.models import data_form, load

app = CommandLine()


@app.command()
def inspect(
    model: ModelArgument,
    data: Annotated[
        str | None, typer.Argument(help="Rows to measure it on: a data set's test rows, or a file.")
    ] = None,
    target: TargetOption = None,
    n_features: FeaturesOption = None,
    zero_based: ZeroBasedOption = None,
    data_dir: DataDirOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a model is, and how it does on data."""
    loaded = load(model)
    result = describe(loaded)
    if data is not None:
        form = reading(n_features, zero_based, target, by_default=data_form(loaded))
        with progress("inspect") as note:
            note(f"reading {data}")
            X, y = load_dataset(data, data_dir=data_dir, **form).rows_to_measure()
            note("measuring")
            result |= measure(loaded, X, y, n_threads=n_threads)
    show(result, as_json)
