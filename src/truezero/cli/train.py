"""`truezero train`: data in, a model's file out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from truezero.cli.command import Command, CommandLine
from truezero.cli.options import (
    DataArgument,
    DataDirOption,
    DerivedOptions,
    EncodingOption,
    FeaturesOption,
    JsonOption,
    TargetOption,
    TextOption,
    ZeroBasedOption,
    with_options,
)
from truezero.cli.output import show
from truezero.cli.terminal import progress
from truezero.core.reconstruction import reconstruction_names
from truezero.core.text import printable
from truezero.datasets.formats.tables import listed
from truezero.estimators import BagOfWords, DeepRectifierClassifier, StackedDenoisingAutoencoder
from truezero.models import data_form, estimator_of
from truezero.runs import train_to_file, unfinished_files

app = CommandLine()

# Parameters that make no sense on a command line, or are options of the command itself.
_LEFT_OUT = (
    "callbacks", "pretraining", "prefit", "warm_start", "verbose", "code_layer", "sparse_output",
)  # fmt: skip
# Of pre-training: what is the network's own, or what --pretrain itself says.
_OF_THE_NETWORK = (
    "hidden_layer_sizes", "activation", "softplus_scale", "sign_mask", "use_biases", "dtype", "engine",
    "n_threads", "random_state", "reconstruction",
)  # fmt: skip


class TrainCommand(Command):
    """`--pretrain` alone lets the library choose the reconstruction."""

    bare_values: ClassVar = {"--pretrain": "auto"}


@app.command(cls=TrainCommand)
@with_options(
    parameters=DerivedOptions(DeepRectifierClassifier, leave_out=_LEFT_OUT),
    pretraining_parameters=DerivedOptions(
        StackedDenoisingAutoencoder, prefix="pretrain", leave_out=(*_LEFT_OUT, *_OF_THE_NETWORK)
    ),
    words=DerivedOptions(BagOfWords),
)
def train(
    *,
    data: DataArgument,
    out: Annotated[Path, typer.Option("--out", help="File for the model (safetensors).", metavar="MODEL")],
    regression: Annotated[bool, typer.Option("--regression", help="Predict numbers, not classes.")] = False,
    ratings: Annotated[
        bool | None,
        typer.Option(
            "--ratings/--classes",
            help="Targets are ordered ratings, whose expected value is predicted, or classes. [default: "
            "ratings where text has three different numbers or more as targets]",
        ),
    ] = None,
    pretrain: Annotated[
        str | None,
        typer.Option(
            "--pretrain",
            metavar="RECONSTRUCTION",
            help="Pre-train the hidden layers with this reconstruction: auto (if none is named), "
            + ", ".join(reconstruction_names())
            + ". The --pretrain- options say how.",
        ),
    ] = None,
    unlabeled: Annotated[
        str | None,
        typer.Option("--unlabeled", metavar="DATA", help="Rows without labels to pre-train on as well."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where a killed training of the same kind stopped.")
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option(
            "--log",
            metavar="FILE.csv|DIR",
            help="Keep the figures of every epoch: in a CSV file, or in a folder for TensorBoard.",
        ),
    ] = None,
    text: TextOption = None,
    target: TargetOption = None,
    encoding: EncodingOption = None,
    n_features: FeaturesOption = None,
    zero_based: ZeroBasedOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    parameters: dict[str, Any],
    pretraining_parameters: dict[str, Any],
    words: dict[str, Any],
) -> None:
    """Train a network: on a data set's training rows, its validation rows select, its test rows measure."""
    try:
        model, result = train_to_file(
            data, out, regression=regression, ratings=ratings, pretrain=pretrain, unlabeled=unlabeled,
            resume=resume, data_dir=data_dir, parameters=parameters,
            pretraining_parameters=pretraining_parameters, verbose=not as_json, log=log,
            n_features=n_features,
            zero_based="auto" if zero_based is None else zero_based, target=target, text=text,
            encoding=encoding, words=words, busy=_busy,
            note=(lambda note: None) if as_json else _note,
        )  # fmt: skip
    except KeyboardInterrupt:
        if unfinished_files(out):
            print("truezero: stopped; the same command with --resume goes on from here", file=sys.stderr)
        raise
    show(result, as_json)
    form = data_form(model)
    if "columns" in form:
        print(f"truezero: features are the columns {listed(form['columns'])}", file=sys.stderr)
    if zero_based is None and form.get("zero_based") is False:
        shown = printable(data, 300)
        print(
            f"truezero: {shown} was read as counting features from 1, as none is number 0; if it counts "
            "from 0, say --zero-based",
            file=sys.stderr,
        )
    if estimator_of(model).interrupted_:
        raise KeyboardInterrupt


def _note(note: str) -> None:
    print(f"train: {printable(note)}", file=sys.stderr)


@contextmanager
def _busy(note: str) -> Iterator[None]:
    with progress("train") as show_note:
        show_note(note)
        yield
