"""`truezero export`: a model's network as an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from truezero.analysis import describe
from truezero.cli.command import CommandLine
from truezero.cli.options import JsonOption, ModelArgument
from truezero.cli.output import show
from truezero.core.atomic import check_not_input, check_writable
from truezero.core.network import Network
from truezero.errors import OptionError
from truezero.estimators import DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor
from truezero.interchange import from_sklearn, write_onnx
from truezero.models import estimator_of, load

app = CommandLine()


@app.command()
def export(
    model: ModelArgument,
    out: Annotated[Path, typer.Option("--out", help="The ONNX file.", metavar="FILE")],
    as_json: JsonOption = False,
) -> None:
    """Write a model as an ONNX file; scalers before it become part of it.

    A classifier gives "label" and "probabilities", a regressor "output" in the targets' units.
    """
    loaded = load(model)
    check_writable(out)
    check_not_input(out, model)
    write(loaded, out)
    show(describe(loaded), as_json)


def write(loaded: Any, out: Path) -> None:
    """Write a loaded model.

    Raises
    ------
    OptionError
        If it is one that does more than a network.
    """
    estimator: Any = estimator_of(loaded)
    if isinstance(estimator, Network):
        write_onnx(estimator, out)
        return
    if not isinstance(estimator, (DeepRectifierClassifier, DeepRectifierRegressor, RatingPredictor)):
        raise OptionError(f"a {type(estimator).__name__} cannot be exported; its network_ can, by to_onnx")
    network = from_sklearn(loaded, scaled_targets=False).network
    if isinstance(estimator, DeepRectifierRegressor):
        write_onnx(network, out, shift=estimator.target_shift_, scale=estimator.target_scale_)
    else:  # the most probable rating is not what is predicted
        labels = None if isinstance(estimator, RatingPredictor) else estimator.classes_
        write_onnx(network, out, classes=labels)
