"""`truezero import` and `truezero export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import succeeded, truezero
from onnx_files import session
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    Network,
    RatingPredictor,
    StackedDenoisingAutoencoder,
    initialize,
    load,
    save,
)

pytest.importorskip("onnx")
X = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
SMALL: dict[str, Any] = {"hidden_layer_sizes": (6,), "max_iter": 2, "random_state": 0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / "rows.npz", X=X)
    initialize((5, 6, 3), output="linear").to_onnx(tmp_path / "linear.onnx")
    initialize((5, 6, 3), output="softmax").to_onnx(tmp_path / "softmax.onnx")
    return tmp_path


def test_probabilities_become_a_classifier(folder: Path) -> None:
    said = succeeded("import", "softmax.onnx", "--out", "m", folder=folder)
    assert (said["model"], said["layer_sizes"]) == ("DeepRectifierClassifier", [5, 6, 3])
    predicted = succeeded("predict", "m", "rows.npz", folder=folder)["predictions"]
    assert predicted == initialize((5, 6, 3))(X).argmax(axis=1).tolist()
    assert succeeded("inspect", "m", folder=folder) == said
    np.savez(folder / "labelled.npz", X=X, y=np.array(predicted))
    measured = succeeded("inspect", "m", "labelled.npz", folder=folder)
    assert measured["test_error"] == 0
    assert 0 < measured["sparsity"]["overall"] < 1
    pictures = truezero("inspect", "m", "labelled.npz", "--out", "pictures", folder=folder)
    assert pictures.returncode == 0, pictures.stderr


def test_what_outputs_are_is_said(folder: Path) -> None:
    ended = truezero("import", "linear.onnx", "--out", "m", folder=folder)
    assert ended.returncode == 0
    assert "--classes or --regression" in ended.stderr
    assert isinstance(load(folder / "m"), Network)
    succeeded("import", "linear.onnx", "--out", "m", "--classes", "no, yes,maybe", folder=folder)
    assert load(folder / "m").classes_.tolist() == ["maybe", "no", "yes"]
    succeeded("import", "linear.onnx", "--out", "m", "--classes", "3,1,2", folder=folder)
    assert load(folder / "m").classes_.tolist() == [1, 2, 3]
    succeeded("import", "linear.onnx", "--out", "m", "--regression", "--dtype", "float64", folder=folder)
    model = load(folder / "m")
    assert isinstance(model, DeepRectifierRegressor)
    assert model.network_.dtype == np.float64


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.onnx",), "there is no file"),
        (("rows.npz",), "does not end in"),
        (("linear.onnx", "--classes", "a,b"), "3 outputs"),
        (("linear.onnx", "--classes", "a,b,c", "--regression"), "leave it"),
        (("softmax.onnx", "--regression"), "linear output"),
        (("linear.onnx", "--activation", "tanh"), "state dicts"),
        (("linear.onnx", "--dtype", "int8"), "float32 or float64"),
        (("damaged.onnx",), "damaged.onnx"),
        (("damaged.nnet",), "damaged.nnet"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], said: str, folder: Path) -> None:
    for name in ("damaged.onnx", "damaged.nnet"):
        (folder / name).write_bytes(b"\x08nothing")
    ended = truezero("import", *arguments, "--out", "m", folder=folder)
    assert ended.returncode == 2, ended.stderr
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (folder / "m").exists()


MODELS: dict[str, Any] = {
    "classifier": lambda: DeepRectifierClassifier(**SMALL).fit(
        X, np.array(["b", "a", "c", "a"])[np.arange(40) % 4]
    ),
    "regressor": lambda: DeepRectifierRegressor(**SMALL).fit(X, X[:, 0] * 3 + 2e6),
    "pipeline": lambda: make_pipeline(StandardScaler(), DeepRectifierRegressor(**SMALL)).fit(X, X[:, :2]),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_exported_says_the_same(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    save(model, tmp_path / "m")
    succeeded("export", "m", "--out", "m.onnx", folder=tmp_path)
    said = session(tmp_path / "m.onnx").run(None, {"input": X})
    if name == "classifier":
        assert said[0].tolist() == model.predict(X).tolist()
        np.testing.assert_allclose(said[1], model.predict_proba(X), rtol=1e-5)
        succeeded("import", "m.onnx", "--out", "back", folder=tmp_path)
        assert (load(tmp_path / "back").predict_proba(X) == model.predict_proba(X)).all()
        assert load(tmp_path / "back").classes_.tolist() == ["a", "b", "c"]
    else:
        np.testing.assert_allclose(
            said[0].reshape(model.predict(X).shape), model.predict(X), rtol=1e-5, atol=1e-6
        )
        if name == "regressor":
            assert np.abs(said[0][:, 0] - model.predict(X)).max() < 1e-4  # of 2,000,000


def test_ratings_give_their_probabilities(tmp_path: Path) -> None:
    model = RatingPredictor(**SMALL).fit(X, np.arange(40) % 3)
    save(model, tmp_path / "m")
    succeeded("export", "m", "--out", "m.onnx", folder=tmp_path)
    (said,) = session(tmp_path / "m.onnx").run(None, {"input": X})
    np.testing.assert_allclose(said @ model.classes_, model.predict(X), rtol=1e-5)


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    save(StackedDenoisingAutoencoder((4,), max_iter=1, random_state=0).fit(X), tmp_path / "m")
    ended = truezero("export", "m", "--out", "m.onnx", folder=tmp_path)
    assert ended.returncode == 2
    assert "network_" in ended.stderr
    assert truezero("export", "m", "--out", "m", folder=tmp_path).returncode == 2
