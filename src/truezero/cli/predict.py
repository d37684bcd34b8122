"""`truezero predict`: what a model says of rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from truezero.cli.command import CommandLine
from truezero.cli.options import DataArgument, DataDirOption, JsonOption, ModelArgument
from truezero.core.atomic import check_writable, write_text
from truezero.core.network import Network
from truezero.datasets import load_dataset
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
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Predict rows: the test rows of a named data set, or all rows of a file."""
    loaded = load(model)
    estimator = estimator_of(loaded)
    if isinstance(estimator, (Network, StackedDenoisingAutoencoder)):
        raise OptionError(
            f"{model} holds a {type(estimator).__name__}, which predicts nothing; predict needs a "
            "classifier or regressor"
        )
    if out is not None:
        check_writable(out)
    X, _ = load_dataset(data, data_dir=data_dir).rows_to_measure()
    check_rows(loaded, X)
    predicted = predictions_of(loaded, X).tolist()
    text = (
        "\n".join(",".join(map(str, row)) if isinstance(row, list) else str(row) for row in predicted) + "\n"
    )
    if out is not None:
        write_text(out, text)
    if as_json:
        print(json.dumps({"predictions": predicted, "n_test": len(predicted)}))
    elif out is None:
        sys.stdout.write(text)
