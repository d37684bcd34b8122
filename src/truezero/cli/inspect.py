"""`truezero inspect`: what a model is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from truezero.analysis import active_units, describe, measure
from truezero.analysis.rows import network_of
from truezero.cli.command import CommandLine
from truezero.cli.explained import explained, show_explained
from truezero.cli.inspected import inspected, layers_of, show_layers, write
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
from truezero.core.atomic import check_folder
from truezero.core.text import printable
from truezero.errors import OptionError
from truezero.models import load

app = CommandLine()

# Of the result, what people get as a table or in pictures.
_IN_TABLE = (
    "layers", "overlap", "probe", "beside", "regions", "paths", "weight_norms", "balancing_factors",
    "figures",
)  # fmt: skip


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
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for pictures of its code of DATA, and the result as JSON."),
    ] = None,
    beside: Annotated[
        Path | None,
        typer.Option("--beside", help="Another model of DATA to compare in the pictures.", metavar="MODEL"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a model is, how it does on data, or what carries its prediction for a text."""
    if out is not None:
        if data is None:
            raise OptionError("--out needs DATA: rows of which to draw the code")
        check_folder(out)
    elif beside is not None:
        raise OptionError("--beside needs --out: a folder for the pictures")
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

        def read(loaded: Any, file: Path) -> tuple[Any, Any]:
            return read_rows(
                loaded, file, data, data_dir=data_dir, labelled=True, target=target, text=text,
                encoding=encoding, n_features=n_features, zero_based=zero_based,
            )  # fmt: skip

        with progress("inspect") as note:
            note(f"reading {data}")
            X, y = read(loaded, model)
            note("measuring")
            result |= measure(loaded, X, y, n_threads=n_threads)
            if out is not None:
                other = None
                if beside is not None:
                    compared = load(beside)
                    other = (beside.stem, compared, read(compared, beside)[0])
                found = inspected(model.stem, loaded, X, y, other, note)
                result |= found.result
                note("drawing")
                result["figures"] = [f"{name}.png" for name in found.pictures]
                write(found, result, out)
            elif network_of(loaded).n_hidden:
                result["layers"] = layers_of(active_units(loaded, X))
    if as_json or data is None:
        show(result, as_json)
        return
    show({name: value for name, value in result.items() if name not in _IN_TABLE}, as_json)
    if "layers" in result:
        show_layers(result)
    if out is not None:
        print(f"{'pictures:':<18} {printable(out, 1000)}: {', '.join(result['figures'])}")
