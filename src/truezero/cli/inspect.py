"""`truezero inspect`: what a model is."""

from __future__ import annotations

from typing import Annotated

import typer

from truezero.analysis import describe, measure
from truezero.cli.command import CommandLine
from truezero.cli.explained import explained, show_explained
from truezero.cli.options import (
    DataDirOption,
    EncodingOption,
    FeaturesOption,
    JsonOption,
    ModelArgument,
    TargetOption,
    ThreadsOption,
    ZeroBasedOption,
)
from truezero.cli.output import show
from truezero.cli.rows import read_rows
from truezero.cli.terminal import progress
from truezero.models import load

app = CommandLine()


@app.command()
def inspect(
    model: ModelArgument,
    data: Annotated[
        str | None, typer.Argument(help="Rows to measure it on: a data set's test rows, or a file.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text",
            show_default=False,
            help="Without DATA a text, of which the words are shown that carry its prediction; with a table "
            "as DATA its column of raw text. [default: as the model's was]",
            metavar="TEXT",
        ),
    ] = None,
    target: TargetOption = None,
    encoding: EncodingOption = None,
    n_features: FeaturesOption = None,
    zero_based: ZeroBasedOption = None,
    data_dir: DataDirOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a model is, how it does on data, or what carries its prediction for a text."""
    loaded = load(model)
    if data is None and text is not None:
        result = explained(loaded, model, text)
        if as_json:
            show(result, as_json)
        else:
            show_explained(loaded, text, result)
        return
    result = describe(loaded)
    if data is not None:
        with progress("inspect") as note:
            note(f"reading {data}")
            X, y = read_rows(
                loaded, model, data, data_dir=data_dir, labelled=True, target=target, text=text,
                encoding=encoding, n_features=n_features, zero_based=zero_based,
            )  # fmt: skip
            note("measuring")
            result |= measure(loaded, X, y, n_threads=n_threads)
    show(result, as_json)
