"""The command line. It only says what to do; the doing is in the layers below."""

from __future__ import annotations

import json
import os
import platform
import sys
import traceback
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from truezero._version import __version__
from truezero.analysis import measure
from truezero.cli.bench import bench_app
from truezero.cli.options import (
    DataDirOption,
    JsonOption,
    ThreadsOption,
    err_console,
    out_console,
    progress,
    with_estimator_options,
)
from truezero.core.atomic import check_writable, make_folder, write_text
from truezero.core.network import Network
from truezero.core.reconstruction import reconstruction_names
from truezero.datasets import Dataset, list_datasets, load_dataset
from truezero.engines import available_engines, core_hash, get_engine, resolve_threads
from truezero.errors import DataError, OptionError, TruezeroError
from truezero.estimators import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    StackedDenoisingAutoencoder,
)
from truezero.models import check_rows, estimator_of, load, rows_of, save, step_names
from truezero.report import percent, study_table, write_report
from truezero.runs import RunStore, environment
from truezero.studies import STUDIES
from truezero.training import Checkpoint

app = typer.Typer(
    help="Train deep sparse rectifier networks, and get paid for the zeros. --debug shows tracebacks.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(help="Data sets.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")
app.add_typer(data_app, name="data")

DataArgument = Annotated[
    str, typer.Argument(help="A data set's name (see `truezero data list`) or a file.", metavar="DATA")
]
ModelArgument = Annotated[Path, typer.Argument(help="A file that `truezero train` wrote.", metavar="MODEL")]


def main() -> None:
    """Run the command line: exit 2 for the user's mistakes, 1 for ours, one line either way."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    if "--pretrain" in arguments:  # alone, it means auto
        after = arguments.index("--pretrain") + 1
        if after == len(arguments) or arguments[after].startswith("-"):
            arguments.insert(after, "auto")
    warnings.showwarning = _show_warning  # type: ignore[assignment] # its other arguments do not matter
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="truezero", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = _say("interrupted", 130)
    except BrokenPipeError:  # a reader such as `head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except TruezeroError as error:
        if debug:
            traceback.print_exc()
        code = _say(str(error), 2)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # the option parser's own
        if debug:
            traceback.print_exc()
        if type(error).__name__ == "NoArgsIsHelpError" and usage is not None:
            print(usage(), file=sys.stderr)
            code = 2
        elif usage is not None:
            code = _say(usage() or "say what to do; see truezero --help", 2)
        else:
            code = _say(f"{type(error).__name__}: {error} (a fault of truezero; --debug shows where)", 1)
    sys.exit(code or 0)


def _say(message: str, code: int) -> int:
    print("truezero: " + " ".join(message.split()), file=sys.stderr)
    return code


def _show_warning(message: Warning | str, *_: Any) -> None:
    print("truezero: warning: " + " ".join(str(message).split()), file=sys.stderr)


@app.command()
def reproduce(
    study: Annotated[str, typer.Argument(help=f"One of: {', '.join(STUDIES)}.", metavar="STUDY")],
    data: Annotated[str, typer.Option("--data", help="Data set to run it on.")] = "digits",
    scale: Annotated[str, typer.Option("--scale", help="How much of it: smoke, laptop or paper.")] = "laptop",
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the results. [default: results-STUDY-DATA]")
    ] = None,
    data_dir: DataDirOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a table or figure of the paper; finished runs are kept and not repeated."""
    if study not in STUDIES:
        raise OptionError(f"unknown study {study!r}; known: {', '.join(STUDIES)}")
    folder = make_folder(out or f"results-{study}-{data}")
    dataset = load_dataset(data, data_dir=data_dir)
    with progress(f"{study} on {data}") as note:
        where = ""

        def on_run(what: str) -> None:
            nonlocal where
            where = what
            note(what)

        def on_epoch(state: Any) -> None:
            note(f"{where}, epoch {state.history[-1]['epoch']}")

        result, pictures = STUDIES[study](
            dataset,
            scale=scale,
            store=RunStore(folder / "runs"),
            n_threads=n_threads,
            on_run=on_run,
            on_epoch=on_epoch,
        )
    result["environment"] = environment(n_threads)
    text = json.dumps(result, indent=1)
    write_text(folder / "results.json", text + "\n")
    write_report(result, folder / "report.html", pictures)
    if as_json:
        print(text)
        return
    out_console.print(study_table(result))
    out_console.print(
        f"results: {folder / 'results.json'}\nreport:  {folder / 'report.html'}", soft_wrap=True
    )


@app.command()
@with_estimator_options
def train(
    *,
    data: DataArgument,
    out: Annotated[Path, typer.Option("--out", help="File for the model (safetensors).", metavar="MODEL")],
    regression: Annotated[bool, typer.Option("--regression", help="Predict numbers, not classes.")] = False,
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
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    **options: Any,
) -> None:
    """Train a network: on a data set's training rows, its validation rows select, its test rows measure."""
    check_writable(out)
    checkpoint_path = out.with_name(out.name + ".checkpoint")
    pretraining_path = out.with_name(out.name + ".pretraining")
    for path in (checkpoint_path, pretraining_path):
        if path.exists() and not resume:
            raise OptionError(
                f"{path} is left from a training that did not finish: use --resume, or remove it"
            )
    dataset = load_dataset(data, data_dir=data_dir)
    if dataset.y_train is None:
        raise OptionError(f"{data} has no targets to train on")
    options.setdefault("random_state", 0)
    kind = DeepRectifierRegressor if regression else DeepRectifierClassifier
    if regression and "class_weight" in options:
        raise OptionError("class_weight is for classification")
    of_pretraining = {n.removeprefix("pretrain_"): v for n, v in options.items() if n.startswith("pretrain_")}
    options = {n: v for n, v in options.items() if not n.startswith("pretrain_")}
    more: dict[str, Any] = {}
    fingerprint = dataset.fingerprint
    if unlabeled is not None:
        further = load_dataset(unlabeled, data_dir=data_dir)
        if further.X_train.shape[1] != dataset.X_train.shape[1]:
            raise DataError(
                f"{unlabeled} has {further.X_train.shape[1]} features, {data} has {dataset.X_train.shape[1]}"
            )
        more["X_unlabeled"] = [further.scaled("train")]
        fingerprint += further.fingerprint
    if pretrain is not None:
        options["pretraining"] = StackedDenoisingAutoencoder(
            reconstruction=pretrain, **of_pretraining, callbacks=[Checkpoint(pretraining_path, fingerprint)]
        )
    elif of_pretraining or unlabeled is not None:
        given = "--unlabeled" if unlabeled is not None else "--pretrain-" + next(iter(of_pretraining))
        raise OptionError(f"{given.replace('_', '-')} is for pre-training: add --pretrain auto")
    checkpoint = Checkpoint(checkpoint_path, fingerprint)
    model = kind(**options, callbacks=[checkpoint], verbose=not as_json and err_console.is_terminal)
    validation: dict[str, Any] = {}
    if dataset.X_validation is not None:
        validation = {"X_val": dataset.scaled("validation"), "y_val": dataset.y_validation}
    try:
        model.fit(dataset.scaled("train"), dataset.y_train, **more, **validation)
    except KeyboardInterrupt:
        if pretraining_path.exists() or checkpoint_path.exists():
            print("truezero: stopped; the same command with --resume goes on from here", file=sys.stderr)
        raise
    save(model, out)
    if not model.interrupted_:
        checkpoint_path.unlink(missing_ok=True)
        pretraining_path.unlink(missing_ok=True)
    record = model.history_[model.epoch_selected_ - 1]
    result: dict[str, Any] = {
        "test_error": None,
        "validation_error": record["validation_error"],
        "sparsity": {"overall": _overall(model.network_, record["sparsity"]), "layers": record["sparsity"]},
        "dead_units": record["dead_units"],
        "n_test": 0,
    }
    if dataset.X_test is not None:
        result |= measure(model, dataset.scaled("test"), dataset.y_test, n_threads=model.n_threads)
    n_train, n_validation = model.n_samples_
    result |= {
        "n_train": n_train,
        "n_validation": n_validation,
        "epoch_selected": model.epoch_selected_,
        "n_epochs": model.n_iter_,
        "seconds": sum(r["seconds"] for r in model.history_),
        "engine": model.engine_,
        "model": str(out),
    }
    if pretrain is not None:
        before = model.pretraining_
        result["pretraining"] = {
            "reconstruction_errors": before.reconstruction_errors_,
            "sparsity": before.sparsity_,
            "epochs_selected": before.epochs_selected_,
            "seconds": sum(r["seconds"] for r in before.history_),
            "n_unlabeled": sum(X.shape[0] for X in more.get("X_unlabeled", ())),
        }
    _show(result, as_json)
    if model.interrupted_:
        raise KeyboardInterrupt


def _overall(network: Network, layers: list[float]) -> float:
    units = network.layer_sizes[1:-1]
    return float(np.average(layers, weights=units)) if units else 0.0


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
    X, _ = _rows(load_dataset(data, data_dir=data_dir))
    check_rows(loaded, X)
    predicted = loaded.predict(X).tolist()
    text = (
        "\n".join(",".join(map(str, row)) if isinstance(row, list) else str(row) for row in predicted) + "\n"
    )
    if out is not None:
        write_text(out, text)
    if as_json:
        print(json.dumps({"predictions": predicted, "n_test": len(predicted)}))
    elif out is None:
        sys.stdout.write(text)


@app.command()
def inspect(
    model: ModelArgument,
    data: Annotated[
        str | None, typer.Argument(help="Rows to measure it on: a data set's test rows, or a file.")
    ] = None,
    data_dir: DataDirOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a model is, and how it does on data."""
    whole = load(model)
    loaded = estimator_of(whole)
    network = loaded if isinstance(loaded, Network) else loaded.network_
    result: dict[str, Any] = {"model": type(whole).__name__}
    if steps := step_names(whole):
        result["steps"] = steps
    result |= {
        "layer_sizes": list(network.layer_sizes),
        "activations": list(network.activations),
        "dtype": str(network.dtype),
    }
    if isinstance(loaded, StackedDenoisingAutoencoder):
        result |= {
            "engine": loaded.engine_,
            "epochs_selected": loaded.epochs_selected_,
            "reconstruction_errors": loaded.reconstruction_errors_,
            "sparsity": {
                "overall": float(np.average(loaded.sparsity_, weights=network.layer_sizes[1:-1])),
                "layers": loaded.sparsity_,
            },
        }
    elif not isinstance(loaded, Network):
        record = loaded.history_[loaded.epoch_selected_ - 1]
        result |= {
            "engine": loaded.engine_,
            "epoch_selected": loaded.epoch_selected_,
            "n_epochs": loaded.n_iter_,
            "validation_error": record["validation_error"],
            "sparsity": {"overall": _overall(network, record["sparsity"]), "layers": record["sparsity"]},
            "dead_units": record["dead_units"],
        }
    if data is not None:
        X, y = _rows(load_dataset(data, data_dir=data_dir))
        check_rows(whole, X)
        result |= measure(loaded, rows_of(whole, X), y, n_threads=n_threads)
    _show(result, as_json)


def _rows(dataset: Dataset) -> tuple[Any, Any]:
    """Test rows where there are some, else all rows."""
    part = "train" if dataset.X_test is None else "test"
    return dataset.scaled(part), dataset.part(part)[1]  # type: ignore[arg-type]


@data_app.command("list")
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


@app.command()
def info(as_json: JsonOption = False) -> None:
    """Say which versions, engines, instruction set and threads are in use."""
    engines = {name: reason or "available" for name, reason in available_engines().items()}
    result: dict[str, Any] = {
        "truezero": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "engines": engines,
        "default_engine": get_engine("auto").name,
        "n_threads": resolve_threads(None),
        "machine": platform.machine(),
    }
    if available_engines().get("native", "") is None:
        from truezero.engines import native

        result |= {
            "instruction_set": native.instruction_level(),
            "instruction_sets": native.instruction_levels(),
            "compiler": native.COMPILER,
            "core": core_hash()[:16],
        }
    _show(result, as_json)


def _show(result: dict[str, Any], as_json: bool) -> None:
    """Print a result: JSON, or a line per entry with fractions in per cent."""
    if as_json:
        print(json.dumps(result, indent=1))
        return
    for name, value in result.items():
        title = name.replace("_", " ")
        if name in ("test_error", "validation_error"):
            value = "—" if value is None else f"{percent(value)} %" if value <= 1 else f"{value:.6g}"
        elif name == "sparsity":
            layers = ", ".join(f"{percent(layer, 1)} %" for layer in value["layers"])
            value = f"{percent(value['overall'], 1)} % exact zeros" + (
                f" (by layer: {layers})" if layers else ""
            )
        elif name == "seconds":
            value = f"{value:.1f}"
        elif name == "layer_sizes":
            value = "-".join(map(str, value))
        elif isinstance(value, dict):
            value = "; ".join(f"{k.replace('_', ' ')}: {_plain(v)}" for k, v in value.items())
        else:
            value = _plain(value)
        print(f"{title + ':':<18} {value}")


def _plain(value: Any) -> str:
    """Write a value for people: short numbers, and commas between several."""
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
