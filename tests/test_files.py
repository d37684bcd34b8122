"""Model files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from truezero import DeepRectifierClassifier, DeepRectifierRegressor, load, save
from truezero.core.network import Network, initialize
from truezero.errors import DataError, ModelFileError, OptionError

FIRST_FORMAT = Path(__file__).parent / "files" / "format-1.safetensors"


@pytest.fixture(scope="module")
def model() -> Any:
    random = np.random.default_rng(0)
    X, y = random.random((80, 6)) * 20, np.array(["no", "yes"])[random.integers(0, 2, 80)]
    options: dict[str, Any] = {
        "hidden_layer_sizes": (9, 7),
        "sign_mask": "half",
        "max_iter": 3,
        "random_state": 0,
    }
    return DeepRectifierClassifier(**options).fit(X, y), X


def test_what_is_loaded_is_what_was_saved(model: Any, tmp_path: Path) -> None:
    fitted, X = model
    save(fitted, tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert type(loaded) is DeepRectifierClassifier
    assert (loaded.predict_proba(X) == fitted.predict_proba(X)).all()
    assert loaded.classes_.tolist() == ["no", "yes"]
    assert loaded.history_ == fitted.history_
    assert loaded.get_params()["hidden_layer_sizes"] == (9, 7)
    loaded.partial_fit(X, fitted.predict(X))


def test_regressors_and_networks(tmp_path: Path) -> None:
    X = np.random.default_rng(0).random((60, 4))
    fitted = DeepRectifierRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=0).fit(
        X, X[:, :2] * 9 + 3
    )
    save(fitted, tmp_path / "r")
    assert (load(tmp_path / "r").predict(X) == fitted.predict(X)).all()
    network = initialize(
        (3, 4, 2), "lif", sign_mask="half", softplus_scale=2.0, use_biases=False, dtype="float64"
    )
    save(network, tmp_path / "n")
    loaded = load(tmp_path / "n")
    assert isinstance(loaded, Network)
    assert (loaded.activations, loaded.use_biases, loaded.softplus_scale) == (("lif",), False, 2.0)
    assert all((a == b).all() for a, b in zip(network.weights, loaded.weights, strict=True))


def test_a_file_of_the_first_format_is_read() -> None:
    loaded = load(FIRST_FORMAT)
    X = np.arange(12, dtype=np.float64).reshape(2, 6)
    proba = loaded.predict_proba(X)
    np.testing.assert_allclose(proba, np.load(FIRST_FORMAT.with_suffix(".npy")), rtol=1e-5)


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_files_cut_short_are_refused(model: Any, tmp_path: Path, length: int) -> None:
    save(model[0], tmp_path / "m")
    content = (tmp_path / "m").read_bytes()
    (tmp_path / "cut").write_bytes(content[: length if length >= 0 else len(content) // 2])
    with pytest.raises(ModelFileError, match="cut"):
        load(tmp_path / "cut")


def altered(source: Path, target: Path, change: Any) -> None:
    with safe_open(source, framework="numpy") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(tensors, metadata)
    save_file(tensors, target, metadata)


def test_forged_files_are_refused(model: Any, tmp_path: Path) -> None:
    save(model[0], tmp_path / "m")
    with safe_open(tmp_path / "m", framework="numpy") as file:
        weights = next(name for name in file.keys() if file.get_tensor(name).shape == (9, 7))  # noqa: SIM118

    def cut(tensors: Any, _: Any) -> None:
        tensors[weights] = tensors[weights][:, :-1].copy()

    def poison(tensors: Any, _: Any) -> None:
        tensors[weights][0, 0] = np.nan

    def remove(tensors: Any, _: Any) -> None:
        del tensors[weights]

    def forget(_: Any, metadata: Any) -> None:
        metadata.clear()

    def garble(_: Any, metadata: Any) -> None:
        for name in metadata:
            metadata[name] = "{"

    for change in (cut, poison, remove, forget, garble):
        altered(tmp_path / "m", tmp_path / "forged", change)
        with pytest.raises(ModelFileError, match="forged"):
            load(tmp_path / "forged")


def test_what_cannot_be_saved_or_read(model: Any, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="not fitted"):
        save(DeepRectifierClassifier(), tmp_path / "m")
    with pytest.raises(OptionError, match="only a Network"):
        save({}, tmp_path / "m")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="cannot write"):
        save(model[0], tmp_path / "no such folder" / "m")
    with pytest.raises(ModelFileError, match="missing"):
        load(tmp_path / "missing")
    assert not list(tmp_path.iterdir())
