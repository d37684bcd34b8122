"""What benchmarks show of their results: tables, figures, the page. Nothing is measured here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from truezero.bench import BENCHMARKS, Table
from truezero.bench.benchmark import file_name
from truezero.bench.page import bench_page
from truezero.cli.app import app


def timing(n: float) -> dict[str, float]:
    return {"median": n, "least": 0.9 * n, "greatest": 1.1 * n}


MACHINE: dict[str, Any] = {
    "processor": "One", "cores": 2, "caches": {"L1 data": "48K"}, "instruction_level": "avx2",
    "platform": "Linux", "truezero": "0", "compiler": "GNU", "python": "3", "numpy": "2", "scipy": "1",
    "peers": {"torch": "2"},
}  # fmt: skip
RESULTS: list[dict[str, Any]] = [
    {
        "benchmark": "train", "data": "mnist", "network": [784, 1000, 10], "activation": "rectifier",
        "batch_size": 10, "learning_rate": 0.1, "l1_activation": 1e-4, "epochs_before": 10,
        "sparsity": {"overall": 0.87, "layers": [0.87]},
        "milliseconds_per_step": {"truezero": timing(0.3), "torch eager": timing(2.5)},
        "n_threads": {"truezero": 2, "torch eager": 2}, "ratio": 8.3, "spread": [8.0, 8.6],
        "threads_ratio": None, "threads_spread": None, "engine": {"name": "native", "products": ["sparse"] * 2},
        "floor": {"rows_touched": [380.0, 500.0], "bytes_read": 6e6, "milliseconds": 0.25, "ratio": 1.2},
        "bandwidth": {"bytes": 1e7, "read": 58.0, "rewrite": 115.0}, "machine": MACHINE,
    },
    {
        "benchmark": "error", "data": "mnist", "network": [784, 1000, 10], "batch_size": 10,
        "learning_rate": 0.1, "l1_activation": 1e-5, "seed": 0, "peer": "torch eager",
        "targets": [
            {"test_error": 0.02, "truezero": {"seconds": 9.0, "epoch": 5}, "torch eager": None, "ratio": None}
        ],
        "histories": {
            name: [{"epoch": 1, "seconds": s, "test_error": 0.03, "selected_test_error": 0.03}]
            for name, s in (("truezero", 2.0), ("torch eager", 13.0))
        },
        "recipe": [
            {"hidden_layer_sizes": [800], "batch_size": 10, "epochs": 3, "first_rate": 0.1, "last_rate": 0.01,
             "seed": 0, "seconds": 3.0, "test_error": 0.017}
        ],
        "machine": MACHINE,
    },
    {
        "benchmark": "predict", "inputs": 784, "input_density": 0.19, "machine": MACHINE,
        "cells": [
            {"width": 1000, "zeros": 0.83, "density": 0.18, "batch_size": b, "ratio": 5.0, "spread": [4.0, 6.0],
             "dense_ratio": 4.0, "dense_spread": [3.0, 5.0],
             "milliseconds": {"truezero": timing(0.05), "torch": timing(0.3), "onnxruntime": timing(0.25)},
             "left_out": {"openvino": "not installed"}}
            for b in (1, 256)
        ] + [
            {"width": 1000, "zeros": 0.83, "density": 0.18, "weights": "bfloat16", "batch_size": 16, "ratio": 5.0,
             "spread": [4.0, 6.0], "exact_ratio": 1.5, "exact_spread": [1.4, 1.6],
             "milliseconds": {"truezero": timing(0.05), "torch": timing(0.3), "onnxruntime": timing(0.25)}}
        ],
    },
    {
        "benchmark": "text", "batch_size": 10, "n_rows": 100, "machine": MACHINE,
        "shapes": [
            {"features": 5000, "density": 0.006, "network": [5000, 10, 2], "nonzeros_per_row": 30.0,
             "milliseconds_per_step": {"truezero": timing(0.3), "scikit-learn": timing(20.0)},
             "n_threads": {"truezero": 2}, "seconds_per_epoch": 0.3, "megabytes": 10.0, "network_megabytes": 20.0,
             "ratio": 10.0, "spread": [9.0, 11.0], "embedding_bag_ratio": 4.0, "embedding_bag_spread": [3.0, 5.0],
             "sklearn_ratio": 60.0, "sklearn_spread": [50.0, 70.0]}
        ],
        "bags": {
            "features": 5000, "density": 0.006, "n_rows": 10000, "network": [5000, 5000, 5000], "sampling": 0.02,
            "reconstruction": "sigmoid-cross-entropy", "corruption": ["salt-and-pepper", 0.8, 0.005],
            "learning_rate": 0.01, "l1_activation": 0.0, "epochs": 3, "seeds": [0, 1], "sparsity": 0.4,
            "reconstruction_error": {"sampled": [85.0, 84.0], "all": [84.0, 84.0]}, "error_of_frequencies": 164.0,
            "error_ratio": 1.006, "error_spread": [1.0, 1.012], "inputs_per_step": 300.0, "outputs_per_step": 600.0,
            "milliseconds_per_step": {"truezero": timing(3.0), "torch eager": timing(50.0)},
            "n_threads": {"truezero": 2, "torch eager": 2}, "left_out": {}, "ratio": 17.0, "spread": [16.0, 18.0],
            "embedding_bag_ratio": 9.0, "embedding_bag_spread": [8.0, 10.0], "all_outputs_ratio": 4.0,
            "all_outputs_spread": [3.0, 5.0], "threads_ratio": None, "threads_spread": None,
            "fine_tuning": {
                "network": [5000, 5000, 5000, 5000, 5], "learning_rate": 0.01, "l1_activation": 1e-5,
                "sparsity": [0.7, 0.6, 0.5], "input_density": 0.006, "seconds_per_epoch": 30.0,
                "milliseconds_per_step": {"truezero": timing(30.0), "torch eager": timing(90.0)},
                "n_threads": {"truezero": 2, "torch eager": 2}, "left_out": {}, "ratio": 3.0, "spread": [2.0, 4.0],
                "embedding_bag_ratio": 2.0, "embedding_bag_spread": [1.0, 3.0], "threads_ratio": None,
                "threads_spread": None,
            },
        },
    },
    {
        "benchmark": "density", "machine": MACHINE,
        "cells": [
            {"width": 256, "batch_size": 10, "density": d, "chosen": "sparse", "ratio": 2.0, "spread": [1.0, 3.0],
             "milliseconds_per_step": {"sparse": timing(d), "dense": timing(1.0), "torch": timing(2.0)}}
            for d in (0.1, 0.9)
        ],
    },
    {
        "benchmark": "pretrain", "data": "mnist", "batch_size": 10, "learning_rate": 0.03, "epochs": 5,
        "corruption": ["masking", 0.25], "reconstruction": "softplus-quadratic", "l1_activations": [0.0, 1e-3, 1.0],
        "layers": [
            {"sizes": [784, 1000, 784], "l1_activation": 1e-3, "sparsity": 0.69, "input_density": 0.19,
             "l1_by_error": [
                 {"l1_activation": 0.0, "reconstruction_error": 6.6, "sparsity": 0.66, "dead_units": 0, "epoch": 5},
                 {"l1_activation": 1e-3, "reconstruction_error": 6.4, "sparsity": 0.69, "dead_units": 0, "epoch": 5},
                 {"l1_activation": 1.0, "reconstruction_error": None, "failed": "layer 1 died"},
             ],
             "milliseconds_per_step": {"truezero": timing(0.4), "torch eager": timing(2.4)},
             "n_threads": {"truezero": 2, "torch eager": 2}, "left_out": {"torch compiled": "no compiler"},
             "ratio": 6.0, "spread": [5.0, 7.0], "threads_ratio": 1.9, "threads_spread": [1.8, 2.0],
             "floor": {"rows_touched": [354.0, 900.0], "bytes_read": 4.4e6, "milliseconds": 0.14, "ratio": 2.5},
             "bandwidth": {"read": 58.0, "rewrite": 115.0}, "engine": {"products": ["sparse", "sparse"]}}
        ],
        "rounds": 7, "ratio": 6.0, "spread": [5.0, 7.0], "machine": MACHINE,
    },
]  # fmt: skip


@pytest.mark.parametrize("result", RESULTS, ids=lambda r: r["benchmark"])
def test_figures(result: dict[str, Any], tmp_path: Path) -> None:
    figure = BENCHMARKS[result["benchmark"]].figure(result)
    figure.savefig(tmp_path / "figure.png")
    assert all(axes.get_xlabel() for axes in figure.axes)


def test_page_is_made_from_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    for result in reversed(RESULTS):
        (folder / f"{result['benchmark']}.json").write_text(json.dumps(result))
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    done = CliRunner().invoke(app, ["bench", "page", str(folder), "--out", str(page)])
    assert done.exit_code == 0
    text = page.read_text()
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == [
        "## A training step, rectifier",
        "## Time to a test error",
        "## Prediction with weights of two bytes",
        "## Wide sparse rows",
        "## Bags of words",
        "## Cost against density and width",
        "## Pre-training",
    ]
    assert "| 1 | failed | – | – | – |" in text
    assert "Left out: torch compiled (no compiler)." in text
    assert "| 0 | 85.00 | 84.00 | 1.0119 |" in text
    assert "![train](../results/train.png)" in text
    assert "**8.30** (8.00–8.60)" in text
    assert "not reached" in text
    assert text == bench_page([(folder / f"{r['benchmark']}.json", r) for r in RESULTS], page.parent)


@pytest.mark.parametrize("result", RESULTS, ids=lambda r: r["benchmark"])
def test_tables(result: dict[str, Any]) -> None:
    shown = BENCHMARKS[result["benchmark"]].tables(result)
    tables = [part for part in shown if isinstance(part, Table)]
    assert tables
    for table in tables:
        assert table.title
        assert {len(row) for row in table.rows} == {len(table.headings)}
    assert all(isinstance(part, str) and "\n" not in part for part in shown if part not in tables)


def test_what_the_tables_say() -> None:
    results = {result["benchmark"]: result for result in RESULTS}
    times, ratio, *_ = BENCHMARKS["train"].tables(results["train"])
    assert isinstance(times, Table)
    assert times.title == "mnist, 784-1000-10, 87.0 % zeros, batches of 10"
    assert times.rows[0] == ("truezero", "2", "0.300", "0.270", "0.330")
    assert ratio == "PyTorch's best / truezero: 8.30 (8.00 to 8.60)"
    predicted, left_out = BENCHMARKS["predict"].tables(results["predict"])
    assert isinstance(predicted, Table)
    assert predicted.headings == ("w", "zeros", "rows", "ms", "torch", "onnxruntime", "best / ours")
    assert predicted.rows[0] == ("1000", "83 %", "1", "0.05", "0.3", "0.25", "5.00")
    assert predicted.rows[2][:3] == ("1000, bf16", "83 %", "16")
    assert left_out == "left out: openvino (not installed)"
    (reached, recipe) = BENCHMARKS["error"].tables(results["error"])
    assert isinstance(reached, Table)
    assert reached.rows == [("2.00", "9.0 (epoch 5)", "not reached", "-")]
    assert recipe == "our own recipe, seed 0: 1.70 % in 3.0 s"
    by_lambda = BENCHMARKS["pretrain"].tables(results["pretrain"])[0]
    assert isinstance(by_lambda, Table)
    assert by_lambda.rows[1:] == [("0.001 *", "6.4", "69.0", "0", "5"), ("1", "failed", "-", "-", "-")]


def test_the_page_says_whether_ours_was_bound() -> None:
    predicted = next(result for result in RESULTS if result["benchmark"] == "predict")
    page = BENCHMARKS["predict"].page
    assert "Ours is the engine called for each batch; with bfloat16 it is a bound network" in page(predicted)
    assert "Ours is a bound network" in page({**predicted, "bound": True})


def test_another_machine_is_named_where_it_measured(tmp_path: Path) -> None:
    other = {**RESULTS[1], "machine": {**MACHINE, "processor": "An Other"}}
    page = bench_page([(tmp_path / "a.json", RESULTS[0]), (tmp_path / "b.json", other)], tmp_path)
    assert page.count("Measured on another one.") == 1
    assert page.index("An Other") > page.index("a.json")


def test_the_page_in_docs_is_made_from_the_results() -> None:
    root = Path(__file__).parents[2]
    results = sorted((root / "results" / "bench").glob("*.json"))
    if not results:
        pytest.skip("the results are in the repository only")
    page = bench_page([(file, json.loads(file.read_text())) for file in results], root / "docs")
    assert page == (root / "docs" / "benchmarks.md").read_text()


def test_names_of_files() -> None:
    assert [file_name(result) for result in RESULTS] == [
        "train-rectifier", "error", "predict", "text", "density", "pretrain",
    ]  # fmt: skip
