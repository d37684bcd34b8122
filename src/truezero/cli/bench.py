"""`truezero bench`: what is timed, shown as a table, as JSON, and as a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from truezero.bench.page import BENCHMARKS, bench_page
from truezero.cli.command import CommandLine
from truezero.cli.options import DataDirOption, JsonOption, ThreadsOption
from truezero.cli.terminal import out_console, progress
from truezero.core.atomic import make_folder, write_text, writing
from truezero.datasets import load_dataset
from truezero.errors import DataError, OptionError
from truezero.plots.benchmarks import bench_figure
from truezero.report import percent

app = CommandLine()


@app.callback()
def bench() -> None:
    """Time truezero against other libraries."""


OutOption = Annotated[
    Path | None, typer.Option("--out", help="Folder for the result as JSON and as a picture (PNG).")
]
RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="Interleaved measurements of each.")]
SizesOption = Annotated[str, typer.Option("--hidden-layer-sizes", help="Numbers and commas.")]
DataOption = Annotated[str, typer.Option("--data", help="Data set to train on.")]


def _numbers(text: str, option: str, kind: Callable[[str], Any] = int) -> tuple[Any, ...]:
    try:
        return tuple(kind(number) for number in text.split(","))
    except ValueError:
        raise OptionError(f"{option} must be numbers and commas, got {text!r}") from None


def _finish(result: dict[str, Any], name: str, out: Path | None, as_json: bool) -> bool:
    """Write and print what was asked for; True if a table is still wanted."""
    if out is not None:
        folder = make_folder(out)
        write_text(folder / f"{name}.json", json.dumps(result, indent=1) + "\n")
        _draw(result, folder / f"{name}.png")
    if as_json:
        print(json.dumps(result, indent=1))
    elif out is not None:
        print(f"result: {out / f'{name}.json'}, picture: {out / f'{name}.png'}")
    return not as_json


def _draw(result: dict[str, Any], path: Path) -> None:
    with writing(path) as beside:
        bench_figure(result).savefig(beside, dpi=120, format="png")


def _times(timings: dict[str, dict[str, float]], threads: dict[str, int], title: str) -> Table:
    table = Table(title=title)
    for heading in ("", "threads", "ms", "least", "greatest"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, t in sorted(timings.items(), key=lambda item: item[1]["median"]):
        numbers = (f"{t[key]:.3f}" for key in ("median", "least", "greatest"))
        table.add_row(name, str(threads.get(name, "")), *numbers)
    return table


def _ratio(value: float | None, spread: list[float] | None) -> str:
    if value is None or spread is None:
        return "-"
    return f"{value:.2f} ({spread[0]:.2f} to {spread[1]:.2f})"


@app.command("train")
def train(
    data: DataOption = "mnist",
    hidden_layer_sizes: SizesOption = "1000,1000,1000",
    activation: Annotated[
        str, typer.Option("--activation", help="rectifier, tanh or softplus.")
    ] = "rectifier",
    learning_rate_init: Annotated[float, typer.Option("--learning-rate-init")] = 0.1,
    l1_activation: Annotated[float, typer.Option("--l1-activation")] = 1e-4,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Epochs trained before.")] = 10,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps per measurement.")] = 1000,
    rounds: RoundsOption = 7,
    out: OutOption = None,
    data_dir: DataDirOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time a training step against PyTorch, JAX and scikit-learn, and against the traffic it needs."""
    from truezero.bench import bench_train

    if activation not in ("rectifier", "tanh", "softplus"):
        raise OptionError(f"--activation must be rectifier, tanh or softplus, got {activation!r}")
    sizes = _numbers(hidden_layer_sizes, "--hidden-layer-sizes")
    dataset = load_dataset(data, data_dir=data_dir)
    with progress("bench train") as note:
        result = bench_train(
            dataset, hidden_layer_sizes=sizes, activation=activation, learning_rate=learning_rate_init,
            l1_activation=l1_activation, epochs=epochs, steps=steps, rounds=rounds, n_threads=n_threads,
            on_progress=note,
        )  # fmt: skip
    if not _finish(result, f"train-{activation}", out, as_json):
        return
    zeros = percent(result["sparsity"]["overall"], 1)
    title = f"{data}, {'-'.join(map(str, result['network']))}, {zeros} % zeros, batches of 10"
    out_console.print(_times(result["milliseconds_per_step"], result["n_threads"], title))
    floor, speed = result["floor"], result["bandwidth"]
    print(f"PyTorch's best / truezero: {_ratio(result['ratio'], result['spread'])}")
    print(f"one thread / all: {_ratio(result['threads_ratio'], result['threads_spread'])}")
    print(
        f"memory: {speed['read']:.0f} GB/s read, {speed['rewrite']:.0f} GB/s read and written; "
        f"traffic floor {floor['milliseconds']:.3f} ms, truezero takes {floor['ratio']:.2f} times that"
    )


@app.command("error")
def error(
    data: DataOption = "mnist",
    hidden_layer_sizes: SizesOption = "1000,1000,1000",
    learning_rate_init: Annotated[float, typer.Option("--learning-rate-init")] = 0.1,
    l1_activation: Annotated[float, typer.Option("--l1-activation")] = 1e-5,
    targets: Annotated[
        str, typer.Option("--targets", help="Test errors, fractions, falling.")
    ] = "0.02,0.015",
    max_iter: Annotated[int, typer.Option("--max-iter", min=1, help="Epochs at most.")] = 40,
    seed: Annotated[int, typer.Option("--random-state", min=0)] = 0,
    out: OutOption = None,
    data_dir: DataDirOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time how long training takes to a test error, against PyTorch doing the same."""
    from truezero.bench import bench_error

    wanted = _numbers(targets, "--targets", float)
    sizes = _numbers(hidden_layer_sizes, "--hidden-layer-sizes")
    dataset = load_dataset(data, data_dir=data_dir)
    with progress("bench error") as note:
        result = bench_error(
            dataset, hidden_layer_sizes=sizes, learning_rate=learning_rate_init, l1_activation=l1_activation,
            targets=wanted, max_epochs=max_iter, seed=seed, n_threads=n_threads, on_progress=note,
        )  # fmt: skip
    if not _finish(result, "error", out, as_json):
        return
    table = Table(title=f"seconds to a test error, {data}, {'-'.join(map(str, result['network']))}")
    for heading in ("test error, %", "truezero", result["peer"], "ratio"):
        table.add_column(heading, justify="right")
    for target in result["targets"]:
        reached = (target["truezero"], target[result["peer"]])
        gain = target["ratio"]
        table.add_row(
            percent(target["test_error"]),
            *(f"{r['seconds']:.1f} (epoch {r['epoch']})" if r else "not reached" for r in reached),
            "-" if gain is None else f"{gain:.2f}",
        )
    out_console.print(table)
    for run in result["recipe"]:
        print(f"our own recipe, seed {run['seed']}: {percent(run['test_error'])} % in {run['seconds']:.1f} s")


@app.command("predict")
def predict(
    widths: Annotated[str, typer.Option("--widths", help="Units of each hidden layer.")] = "1000,4096",
    zeros: Annotated[str, typer.Option("--zeros", help="Shares of zeros.")] = "0.5,0.7,0.83,0.9,0.95",
    batch_sizes: Annotated[str, typer.Option("--batch-sizes", help="Rows per call.")] = "1,16,256,4096",
    rounds: RoundsOption = 5,
    out: OutOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time prediction against PyTorch and our own dense path, by batch size, width and zeros."""
    from truezero.bench import bench_predict

    with progress("bench predict") as note:
        result = bench_predict(
            widths=_numbers(widths, "--widths"), zeros=_numbers(zeros, "--zeros", float),
            batch_sizes=_numbers(batch_sizes, "--batch-sizes"), rounds=rounds, n_threads=n_threads,
            on_progress=note,
        )  # fmt: skip
    if not _finish(result, "predict", out, as_json):
        return
    table = Table(title="a forward pass of 784-w-w-w-10")
    for heading in (
        "w",
        "zeros, %",
        "density",
        "batch",
        "ms",
        "PyTorch, ms",
        "PyTorch / ours",
        "own dense / ours",
    ):
        table.add_column(heading, justify="right")
    for cell in result["cells"]:
        times = cell["milliseconds"]
        table.add_row(
            str(cell["width"]), f"{100 * cell['zeros']:g}", f"{cell['density']:.3f}", str(cell["batch_size"]),
            f"{times['truezero']['median']:.3f}", f"{times['torch']['median']:.3f}",
            f"{cell['ratio']:.2f}", f"{cell['dense_ratio']:.2f}",
        )  # fmt: skip
    out_console.print(table)


@app.command("text")
def text(
    hidden_layer_sizes: SizesOption = "1000,1000",
    n_rows: Annotated[int, typer.Option("--n-rows", min=10, help="Rows of an epoch.")] = 10_000,
    rounds: RoundsOption = 5,
    out: OutOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time an epoch on wide sparse binary rows, CSR, against PyTorch and scikit-learn."""
    from truezero.bench import bench_text

    sizes = _numbers(hidden_layer_sizes, "--hidden-layer-sizes")
    with progress("bench text") as note:
        result = bench_text(
            hidden_layer_sizes=sizes, n_rows=n_rows, rounds=rounds, n_threads=n_threads, on_progress=note
        )
    if not _finish(result, "text", out, as_json):
        return
    for shape in result["shapes"]:
        title = f"{shape['features']} features, {100 * shape['density']:g} % not zero"
        out_console.print(_times(shape["milliseconds_per_step"], shape["n_threads"], title))
        print(f"PyTorch's best of dense and sparse input / ours: {_ratio(shape['ratio'], shape['spread'])}")
        bag = _ratio(shape["embedding_bag_ratio"], shape["embedding_bag_spread"])
        print(f"PyTorch rewritten with an embedding bag / ours: {bag}")
        print(f"scikit-learn / ours: {_ratio(shape['sklearn_ratio'], shape['sklearn_spread'])}")


@app.command("density")
def density(
    widths: Annotated[str, typer.Option("--widths", help="Units of each hidden layer.")] = "256,1000,2000",
    batch_sizes: Annotated[str, typer.Option("--batch-sizes", help="Rows of a minibatch.")] = "10,256",
    rounds: RoundsOption = 5,
    out: OutOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time a training step by density and width: skipping zeros, taking layers whole, and PyTorch."""
    from truezero.bench import bench_density

    with progress("bench density") as note:
        result = bench_density(
            widths=_numbers(widths, "--widths"), batch_sizes=_numbers(batch_sizes, "--batch-sizes"),
            rounds=rounds, n_threads=n_threads, on_progress=note,
        )  # fmt: skip
    if not _finish(result, "density", out, as_json):
        return
    table = Table(title="milliseconds a training step of 784-w-w-w-10")
    for heading in ("w", "batch", "density", "sparse", "dense", "chosen", "PyTorch", "PyTorch / ours"):
        table.add_column(heading, justify="right")
    for cell in result["cells"]:
        times = cell["milliseconds_per_step"]
        table.add_row(
            str(cell["width"]), str(cell["batch_size"]), f"{cell['density']:g}",
            f"{times['sparse']['median']:.3f}", f"{times['dense']['median']:.3f}", cell["chosen"],
            f"{times['torch']['median']:.3f}" if "torch" in times else "-",
            _ratio(cell["ratio"], cell["spread"]),
        )  # fmt: skip
    out_console.print(table)


@app.command("pretrain")
def pretrain(
    data: DataOption = "mnist",
    hidden_layer_sizes: SizesOption = "1000,1000",
    learning_rate_init: Annotated[float, typer.Option("--learning-rate-init")] = 0.03,
    l1_activation: Annotated[
        str, typer.Option("--l1-activation", help="Coefficients; the one with the lowest error is taken.")
    ] = "0,1e-5,1e-4,1e-3,1e-2",
    corruption_level: Annotated[
        float, typer.Option("--corruption-level", help="Share of the input set to 0.")
    ] = 0.25,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Epochs trained before.")] = 5,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps per measurement.")] = 1000,
    rounds: RoundsOption = 7,
    with_text: Annotated[bool, typer.Option("--text/--no-text", help="Bags of words too.")] = True,
    text_features: Annotated[int, typer.Option("--text-features", min=2, help="Words, and units.")] = 5000,
    n_rows: Annotated[int, typer.Option("--n-rows", min=10, help="Bags of an epoch.")] = 10_000,
    text_epochs: Annotated[int, typer.Option("--text-epochs", min=1, help="Epochs of bags.")] = 3,
    text_learning_rate_init: Annotated[float, typer.Option("--text-learning-rate-init")] = 0.01,
    sampling: Annotated[
        float, typer.Option("--sampling", help="Share sampled of the outputs of words that are not there.")
    ] = 0.1,
    out: OutOption = None,
    data_dir: DataDirOption = None,
    n_threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time a step of pre-training, layer by layer and on bags of words, against PyTorch."""
    from truezero.bench import bench_pretrain

    sizes = _numbers(hidden_layer_sizes, "--hidden-layer-sizes")
    l1 = _numbers(l1_activation, "--l1-activation", float)
    dataset = load_dataset(data, data_dir=data_dir)
    with progress("bench pretrain") as note:
        result = bench_pretrain(
            dataset, hidden_layer_sizes=sizes, learning_rate=learning_rate_init, l1_activations=l1,
            corruption_level=corruption_level, epochs=epochs, steps=steps, rounds=rounds, text=with_text,
            text_features=text_features, text_rows=n_rows, text_epochs=text_epochs,
            text_learning_rate=text_learning_rate_init, sampling=sampling, n_threads=n_threads,
            on_progress=note,
        )  # fmt: skip
    if not _finish(result, "pretrain", out, as_json):
        return
    for number, layer in enumerate(result["layers"], 1):
        table = Table(title=f"layer {number}, {'-'.join(map(str, layer['sizes']))}: λ by its error")
        for heading in ("λ", "reconstruction error", "zeros, %", "dead units", "epoch"):
            table.add_column(heading, justify="right")
        for line in layer["l1_by_error"]:
            mark = " *" if line["l1_activation"] == layer["l1_activation"] else ""
            name = f"{line['l1_activation']:g}{mark}"
            if line["reconstruction_error"] is None:
                table.add_row(name, "failed", "-", "-", "-")
                continue
            table.add_row(
                name, f"{line['reconstruction_error']:.4g}", percent(line["sparsity"], 1),
                str(line["dead_units"]), str(line["epoch"]),
            )  # fmt: skip
        out_console.print(table)
        zeros = percent(layer["sparsity"], 1)
        title = f"λ {layer['l1_activation']:g}, {zeros} % zeros, batches of {result['batch_size']}"
        out_console.print(_times(layer["milliseconds_per_step"], layer["n_threads"], title))
        print(f"PyTorch's best / truezero: {_ratio(layer['ratio'], layer['spread'])}")
        print(f"one thread / all: {_ratio(layer['threads_ratio'], layer['threads_spread'])}")
        floor = layer["floor"]
        print(f"traffic floor {floor['milliseconds']:.3f} ms, truezero takes {floor['ratio']:.2f} times that")
    bags = result["text"]
    if bags is None:
        return
    zeros = percent(bags["sparsity"], 1)
    title = f"bags of words, {'-'.join(map(str, bags['network']))}, {zeros} % zeros"
    out_console.print(_times(bags["milliseconds_per_step"], bags["n_threads"], title))
    print(f"PyTorch's dense decoder, best / truezero: {_ratio(bags['ratio'], bags['spread'])}")
    with_bag = _ratio(bags["embedding_bag_ratio"], bags["embedding_bag_spread"])
    print(f"PyTorch's encoder rewritten with an embedding bag / truezero: {with_bag}")
    errors = bags["reconstruction_error"]
    for seed, sampled, every in zip(bags["seeds"], errors["sampled"], errors["all"], strict=True):
        print(f"seed {seed}: reconstruction error {sampled:.2f} sampled, {every:.2f} with all outputs")
    print(f"sampled / all outputs: {_ratio(bags['error_ratio'], bags['error_spread'])}")
    print(f"of giving every word its frequency: {bags['error_of_frequencies']:.2f}")


@app.command("page")
def page(
    results: Annotated[Path, typer.Argument(help="Folder that the other benchmarks wrote with --out.")],
    out: Annotated[Path, typer.Option("--out", help="The page, Markdown.")],
) -> None:
    """Write a page of all results in a folder, and draw their pictures anew."""
    found = []
    for file in sorted(results.glob("*.json")):
        try:
            found.append((file, json.loads(file.read_text(encoding="utf-8"))))
        except ValueError as error:
            raise DataError(f"{file} is not JSON: {error}") from None
    if not found:
        raise DataError(f"{results} holds no results; run a benchmark with --out {results} first")
    for file, result in found:
        if not isinstance(result, dict) or result.get("benchmark") not in BENCHMARKS:
            raise DataError(f"{file} is not the result of a benchmark; keep other files out of {results}")
        _draw(result, file.with_suffix(".png"))
    write_text(out, bench_page(found, out.parent))
    print(f"page: {out}")
