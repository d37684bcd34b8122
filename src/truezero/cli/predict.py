"""`truezero predict`: what a model says of rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from truezero.cli.command import CommandLine
from truezero.cli.options import (
    DataArgument,
    DataDirOption,
    EncodingOption,
    FeaturesOption,
    JsonOption,
    ModelArgument,
    TextOption,
    ZeroBasedOption,
)
from truezero.cli.rows import read_rows
from truezero.cli.terminal import progress
from truezero.core.atomic import check_not_input, check_writable, write_text
from truezero.core.network import Network
from truezero.core.text import printable
from truezero.errors import OptionError
from truezero.estimators import StackedDenoisingAutoencoder
from truezero.models import check_rows, estimator_of, load
from truezero.models import predict as predictions_of

app = CommandLine()


@app.command()
def predict(
    model: ModelArgument,
    data: DataArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the predictions there, one row per line.")
    ] = None,
    text: TextOption = None,
    encoding: EncodingOption = None,
    n_features: FeaturesOption = None,
    zero_based: ZeroBasedOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Predict rows: the test rows of a named data set, or all rows of a file.

    A line a row; characters of labels that do not print, line ends among them, are written as escapes.
    """
    loaded = load(model)
    estimator = estimator_of(loaded)
    if isinstance(estimator, (Network, StackedDenoisingAutoencoder)):
        raise OptionError(
            f"{model} holds a {type(estimator).__name__}, which predicts nothing; predict needs a "
            "classifier or regressor"
        )
    if out is not None:
        check_writable(out)
        check_not_input(out, model, data)
    with progress("predict") as note:
        note(f"reading {data}")
        X, _ = read_rows(
            loaded, model, data, data_dir=data_dir, labelled=False, text=text, encoding=encoding,
            n_features=n_features, zero_based=zero_based,
        )  # fmt: skip
        check_rows(loaded, X)
        note("predicting")
        predicted = predictions_of(loaded, X).tolist()
    lines = "".join(f"{_line(row)}\n" for row in predicted)
    if out is not None:
        write_text(out, lines)
    if as_json:
        print(json.dumps({"predictions": predicted, "n_test": len(predicted)}))
    elif out is None:
        sys.stdout.write(lines)


def _line(row: Any) -> str:
    """Write what is predicted for a row in one line."""
    parts = row if isinstance(row, list) else [row]
    return ",".join(printable(part, most=sys.maxsize) for part in parts)
