"""`truezero import`: a network from another library's file becomes a model's file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from truezero.analysis import describe
from truezero.cli.command import CommandLine
from truezero.cli.options import JsonOption
from truezero.cli.output import show
from truezero.core.atomic import check_not_input, check_writable
from truezero.core.text import printable
from truezero.errors import OptionError
from truezero.estimators import DeepRectifierClassifier, DeepRectifierRegressor
from truezero.interchange import Imported, read_file
from truezero.models import save

app = CommandLine()


@app.command()
def import_network(
    file: Annotated[
        Path,
        typer.Argument(
            help="An ONNX file (.onnx), PyTorch's state dict (.pth, .pt), or a .nnet.", metavar="FILE"
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="File for the model (safetensors).", metavar="MODEL")],
    classes: Annotated[
        str | None,
        typer.Option(
            "--classes",
            metavar="A,B,…",
            help="Labels of the outputs in their order, of a classifier. [default: the file's, else 0,1,…, "
            "where outputs are probabilities]",
        ),
    ] = None,
    regression: Annotated[bool, typer.Option("--regression", help="Outputs are predicted numbers.")] = False,
    activation: Annotated[
        str | None,
        typer.Option(
            "--activation",
            help="Of a state dict's hidden layers, which does not say it. [default: rectifier]",
        ),
    ] = None,
    dtype: Annotated[
        str | None, typer.Option("--dtype", help="float32 or float64. [default: as in the file]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a model of a network that was trained elsewhere: to predict with, inspect, and train further."""
    if dtype not in (None, "float32", "float64"):
        raise OptionError(f"dtype must be float32 or float64, got {printable(dtype)!r}")
    if regression and classes is not None:
        raise OptionError("--classes are of a classifier; leave it or --regression out")
    check_writable(out)
    check_not_input(out, file)
    found = read_file(file, activation=activation, dtype=dtype)
    model = _model(found, classes, regression=regression)
    save(model, out)
    show(describe(model), as_json)
    if model is found.network:
        print(
            "truezero: whether its outputs are classes the file does not say: it is a network alone, which "
            "predicts nothing; --classes or --regression makes more of it",
            file=sys.stderr,
        )


def _model(found: Imported, classes: str | None, *, regression: bool) -> Any:
    if regression:
        return DeepRectifierRegressor.from_network(found.network)
    if classes is not None:
        return DeepRectifierClassifier.from_network(found.network, _labels(classes))
    if found.network.output == "softmax":
        return DeepRectifierClassifier.from_network(found.network, found.classes)
    return found.network


def _labels(said: str) -> list[Any]:
    words = [word.strip() for word in said.split(",")]
    try:
        return [int(word) for word in words]
    except ValueError:
        return words
