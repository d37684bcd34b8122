"""The command line, studies and reports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import succeeded, truezero
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from truezero import DeepRectifierClassifier, StackedDenoisingAutoencoder, load, save
from truezero.datasets import load_dataset

SMALL = ["--hidden-layer-sizes", "20,15", "--max-iter", "3"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    folder = tmp_path_factory.mktemp("model")
    return folder, succeeded("train", "digits", "--out", "m.safetensors", *SMALL, folder=folder)


def test_train_inspect_predict_agree(model: Any) -> None:
    folder, trained = model
    keys = {
        "test_error", "sparsity", "dead_units", "n_train", "n_validation", "n_test", "epoch_selected",
        "seconds", "engine",
    }  # fmt: skip
    assert keys <= set(trained)
    assert (trained["n_train"], trained["n_validation"], trained["n_test"]) == (1097, 350, 350)
    assert trained["engine"]["name"] == "native"
    inspected = succeeded("inspect", "m.safetensors", "digits", folder=folder)
    for key in ("test_error", "sparsity", "dead_units", "n_test", "epoch_selected"):
        assert inspected[key] == trained[key]
    predicted = succeeded("predict", "m.safetensors", "digits", folder=folder)["predictions"]
    wrong = np.mean(np.array(predicted) != load_dataset("digits").y_test)
    assert wrong == pytest.approx(trained["test_error"])
    assert truezero("predict", "m.safetensors", "digits", "--out", "p.txt", folder=folder).returncode == 0
    assert [int(line) for line in (folder / "p.txt").read_text().split()] == predicted
    text = truezero("inspect", "m.safetensors", "digits", folder=folder).stdout
    assert f"{100 * trained['test_error']:.2f} %" in text
    assert "layer sizes:       64-20-15-10" in text


def test_options_reach_the_estimator(tmp_path: Path) -> None:
    options = ["--activation", "tanh,relu", "--l1-activation", "0,1e-3", "--no-early-stopping", "--max-norm", "none",
               "--sign-mask", "half", "--dtype", "float64"]  # fmt: skip
    succeeded("train", "digits", "--out", "m", *SMALL, *options, folder=tmp_path)
    inspected = succeeded("inspect", "m", folder=tmp_path)
    assert inspected["activations"] == ["tanh", "rectifier"]
    assert inspected["dtype"] == "float64"
    help_text = truezero("train", "--help").stdout
    assert "--hidden-layer-sizes" in help_text
    assert "256,256,256" in help_text


def test_own_rows_and_regression(tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((100, 4))
    np.savez(tmp_path / "rows.npz", X=X, y=X[:, 0] * 3)
    trained = succeeded("train", "rows.npz", "--regression", "--out", "m", *SMALL, folder=tmp_path)
    assert (trained["n_train"], trained["n_validation"]) == (90, 10)
    assert len(truezero("predict", "m", "rows.npz", folder=tmp_path).stdout.splitlines()) == 100
    np.savez(tmp_path / "wide.npz", X=np.ones((3, 9)))
    ended = truezero("predict", "m", "wide.npz", folder=tmp_path)
    assert ended.returncode == 2
    assert "wide.npz has 9 features, but the model takes" in ended.stderr


MISTAKES: dict[str, tuple[list[str], str]] = {
    "data": (["train", "digitz", "--out", "m"], "did you mean 'digits'"),
    "missing file": (["train", "rows.npz", "--out", "m"], "rows.npz"),
    "activation": (["train", "digits", "--out", "m", "--activation", "relux"], "unknown activation 'relux'"),
    "engine": (["train", "digits", "--out", "m", "--engine", "gpu"], "unknown engine 'gpu'"),
    "study": (["reproduce", "table9"], "unknown study 'table9'; known: table1"),
    "scale": (["reproduce", "table1", "--scale", "huge", "--out", "r"], "unknown scale 'huge'"),
    "l1": (
        ["train", "digits", "--out", "m", "--l1-activation", "-1"],
        "l1_activation must be a finite number of at least 0, or one per layer, got -1",
    ),
    "no l1": (["train", "digits", "--out", "m", "--l1-activation", "none"], "l1_activation must be a finite"),
    "no sizes": (
        ["train", "digits", "--out", "m", "--hidden-layer-sizes", "none"],
        "hidden_layer_sizes must be a whole number of at least 1, or one per layer, got None",
    ),
    "dropout": (["train", "digits", "--out", "m", "--dropout", "1"], "dropout must be"),
    "size": (["train", "digits", "--out", "m", "--hidden-layer-sizes", "10,0"], "hidden_layer_sizes"),
    "batch": (["train", "digits", "--out", "m", "--batch-size", "0"], "batch_size"),
    "out folder": (["train", "digits", "--out", "nowhere/m"], "cannot write nowhere/m"),
    "out is a folder": (["train", "digits", "--out", "."], "it is a folder"),
    "model": (["inspect", "m"], "m"),
    "no command": (["trian"], "No such command"),
    "no argument": (["train"], "DATA"),
    "no out": (["train", "digits"], "--out"),
    "option": (["train", "digits", "--out", "m", "--epochs", "3"], "--epochs"),
    "class weight": (
        ["train", "digits", "--out", "m", "--regression", "--class-weight", "balanced"],
        "class_weight",
    ),
    "divergence": (["train", "digits", "--out", "m", "--learning-rate-init", "1e9"], "diverged in epoch 1"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_one_line_and_exit_2(name: str, tmp_path: Path) -> None:
    arguments, message = MISTAKES[name]
    ended = truezero(*arguments, folder=tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr
    lines = ended.stderr.strip().splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("truezero: ")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    ended = truezero("inspect", "m", "--debug", folder=tmp_path)
    assert ended.returncode == 2
    assert "Traceback" in ended.stderr


def test_threads_variable_is_checked(tmp_path: Path) -> None:
    ended = truezero("train", "digits", "--out", "m", folder=tmp_path, TRUEZERO_NUM_THREADS="many")
    assert ended.returncode == 2
    assert "TRUEZERO_NUM_THREADS" in ended.stderr


def test_info_and_data_list(tmp_path: Path) -> None:
    info = succeeded("info", folder=tmp_path)
    assert info["engines"] == {"reference": "available", "native": "available"}
    assert info["instruction_set"] in info["instruction_sets"]
    # It is read once in a process.
    forced = subprocess.run(
        [sys.executable, "-m", "truezero", "info", "--json"],
        env={**os.environ, "TRUEZERO_ISA": "baseline"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(forced.stdout)["instruction_set"] == "baseline"
    assert {"digits", "mnist"} <= {entry["name"] for entry in succeeded("data", "list", folder=tmp_path)}
    assert "digits" in truezero("data", "list").stdout


def test_reproduce(tmp_path: Path) -> None:
    ended = truezero(
        "reproduce", "table1", "--scale", "smoke", "--n-seeds", "1", "--out", "r", folder=tmp_path
    )
    assert ended.returncode == 0, ended.stderr
    assert "report.html" in ended.stdout
    assert "(paper" not in ended.stdout
    assert "claims of the paper: 7 not decided" in ended.stdout
    assert "figures: r/figures" in ended.stdout
    report = (tmp_path / "r" / "report.html").read_text()
    assert "truezero reproduce table1 --scale smoke --n-seeds 1</code>" in report  # not where it was kept
    pictures = {path.suffix for path in (tmp_path / "r" / "figures").iterdir()}
    assert pictures == {".png", ".svg"}
    again = succeeded(
        "reproduce", "table1", "--scale", "smoke", "--n-seeds", "1", "--out", "r", folder=tmp_path
    )
    assert again == json.loads((tmp_path / "r" / "results.json").read_text())
    neurons = [row["activation"] for row in again["tables"][0]["rows"]]
    assert neurons[:6] == ["rectifier", "tanh", "softplus"] * 2
    assert len(neurons) == 10
    assert (tmp_path / "r" / "report.html").exists()
    runs = succeeded("runs", "list", "r/runs", folder=tmp_path)
    assert len(runs["runs"]) == 9 + 10  # layers, networks
    assert runs["unfinished"] == []
    key = runs["runs"][0]["key"]
    shown = truezero("runs", "show", "r/runs", key[:9], folder=tmp_path)
    assert json.loads(shown.stdout)["key"] == key
    assert "truezero" in json.loads(shown.stdout)["provenance"]
    assert succeeded("runs", "clean", "r/runs", folder=tmp_path) == {"removed": 0}
    assert key in truezero("runs", "list", "r/runs", folder=tmp_path).stdout


def test_train_with_pretraining(tmp_path: Path) -> None:
    common = ("train", "digits", "--hidden-layer-sizes", "20,10", "--max-iter", "2", "--out", "m")
    result = succeeded(
        *common, "--pretrain", "softplus-quadratic", "--pretrain-max-iter", "3,1", "--unlabeled", "digits",
        "--pretrain-corruption-level", "0.4", "--sign-mask", "half", folder=tmp_path,
    )  # fmt: skip
    assert len(result["pretraining"]["reconstruction_errors"]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m"]
    model = load(tmp_path / "m")
    assert model.pretraining.corruption_level == 0.4
    assert model.pretraining.max_iter == (3, 1)
    for options, message in (
        (("--unlabeled", "digits"), "--unlabeled is for pre-training: add --pretrain auto"),
        (("--pretrain-max-iter", "3"), "--pretrain-max-iter is for pre-training: add --pretrain auto"),
        (("--pretrain", "magic"), "unknown reconstruction 'magic'"),
        (("--pretrain", "auto", "--pretrain-corruption-level", "2"), "corruption_level of masking must be"),
        (("--pretrain", "auto", "--unlabeled", "nowhere"), "nowhere"),
    ):
        ended = truezero(*common, *options, folder=tmp_path)
        assert ended.returncode == 2
        assert message in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_a_stack_is_inspected(tmp_path: Path) -> None:
    X = load_dataset("digits").scaled("train")
    save(StackedDenoisingAutoencoder((10, 5), max_iter=1, random_state=0).fit(X), tmp_path / "m")
    result = succeeded("inspect", "m", "digits", folder=tmp_path)
    assert result["layer_sizes"] == [64, 10, 5, 10]
    assert len(result["reconstruction_errors"]) == len(result["sparsity"]["layers"]) == 2
    assert truezero("inspect", "m", folder=tmp_path).returncode == 0
    ended = truezero("predict", "m", "digits", folder=tmp_path)
    assert ended.returncode == 2
    assert "StackedDenoisingAutoencoder, which predicts nothing" in ended.stderr


def test_unlabeled_rows_of_another_width(tmp_path: Path) -> None:
    np.savez(tmp_path / "u.npz", X=np.ones((30, 7), dtype=np.float32))
    ended = truezero(
        "train", "digits", "--out", "m", "--pretrain", "auto", "--unlabeled", "u.npz", folder=tmp_path
    )
    assert ended.returncode == 2
    assert "u.npz has 7 features" in ended.stderr


def test_a_pipeline_is_inspected_and_predicts(tmp_path: Path) -> None:
    digits = load_dataset("digits")
    pipeline = make_pipeline(StandardScaler(), DeepRectifierClassifier((20,), max_iter=3, random_state=0))
    pipeline.fit(digits.scaled("train"), digits.y_train)
    save(pipeline, tmp_path / "m")
    X, y = digits.scaled("test"), digits.y_test
    inspected = succeeded("inspect", "m", "digits", folder=tmp_path)
    assert inspected["model"] == "Pipeline"
    assert inspected["steps"] == ["StandardScaler", "DeepRectifierClassifier"]
    assert inspected["test_error"] == pytest.approx(1 - pipeline.score(X, y))
    assert succeeded("predict", "m", "digits", folder=tmp_path)["predictions"] == pipeline.predict(X).tolist()
    np.savetxt(tmp_path / "wide.svm", [[1, 2]], fmt=["%d", "70:%d"])
    for verb in ("inspect", "predict"):
        ended = truezero(verb, "m", "wide.svm", folder=tmp_path)
        assert ended.returncode == 2
        assert "wide.svm" in ended.stderr
