"""Model files of networks and estimators that are damaged, or that somebody has changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forging import as_of_before, content_of, damage, forge

from truezero import (
    DeepRectifierClassifier,
    DeepRectifierRegressor,
    RatingPredictor,
    StackedDenoisingAutoencoder,
    load,
    save,
)
from truezero.core.initial import initialize
from truezero.errors import ModelFileError


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a model file of every kind."""
    folder = tmp_path_factory.mktemp("models")
    random = np.random.default_rng(0)
    X, y = random.random((80, 6)) * 20, np.array(["no", "yes"])[random.integers(0, 2, 80)]
    options: dict[str, Any] = {"sign_mask": "half", "max_iter": 3, "random_state": 0}
    stack = StackedDenoisingAutoencoder((9, 7), reconstruction="sigmoid-cross-entropy", **options)
    save(DeepRectifierClassifier((9, 7), **options).fit(X, y), folder / "classifier")
    save(RatingPredictor((9, 7), **options).fit(X, (y == "yes") * 1.5), folder / "ratings")
    save(DeepRectifierRegressor((9, 7), **options).fit(X, X[:, :2]), folder / "regressor")
    save(stack.fit(X), folder / "stack")
    save(initialize((6, 9, 7, 2), sign_mask="half"), folder / "network")
    return folder


KINDS = ("classifier", "ratings", "regressor", "stack", "network")


def some_weights(tensors: dict[str, Any]) -> str:
    return next(name for name, array in tensors.items() if array.shape == (9, 7))


def cut(_: Any, tensors: Any) -> None:
    name = some_weights(tensors)
    tensors[name] = tensors[name][:, :-1].copy()


def poison(_: Any, tensors: Any) -> None:
    tensors[some_weights(tensors)][0, 0] = np.nan


def remove(_: Any, tensors: Any) -> None:
    del tensors[some_weights(tensors)]


def alter(_: Any, tensors: Any) -> None:
    tensors[some_weights(tensors)][0, 0] += 1


def forget_a_sign_mask(_: Any, tensors: Any) -> None:
    del tensors[next(name for name in tensors if "sign" in name)]


def add(_: Any, tensors: Any) -> None:
    tensors["one more"] = np.zeros(1)


@pytest.mark.parametrize("length", [0, 4, 100, -1, -2])
@pytest.mark.parametrize("kind", KINDS)
def test_files_cut_short_are_refused(files: Path, tmp_path: Path, kind: str, length: int) -> None:
    content = (files / kind).read_bytes()
    length = {-1: len(content) // 2, -2: len(content) - 1}.get(length, length)
    (tmp_path / "cut").write_bytes(content[:length])
    with pytest.raises(ModelFileError, match="cut"):
        load(tmp_path / "cut")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [cut, poison, remove, alter, forget_a_sign_mask, add])
def test_damaged_arrays_are_found_out(files: Path, tmp_path: Path, kind: str, change: Any) -> None:
    with pytest.raises(ModelFileError, match="damaged is damaged: "):
        load(damage(files / kind, tmp_path / "damaged", change))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", [cut, poison, remove])
def test_arrays_that_cannot_be_are_refused_whatever_their_digest(
    files: Path, tmp_path: Path, kind: str, change: Any
) -> None:
    with pytest.raises(ModelFileError, match="forged is damaged: "):
        load(forge(files / kind, tmp_path / "forged", change))
    with (
        pytest.warns(UserWarning, match="no digest"),
        pytest.raises(ModelFileError, match="old is damaged: "),
    ):
        load(as_of_before(files / kind, tmp_path / "old", change))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change", [lambda m: m.clear(), lambda m: m.update(truezero="{"), lambda m: m.pop("digest")]
)
def test_metadata_that_are_gone_are_missed(files: Path, tmp_path: Path, kind: str, change: Any) -> None:
    with pytest.raises(ModelFileError, match="damaged is"):
        load(damage(files / kind, tmp_path / "damaged", lambda metadata, _: change(metadata)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_character_of_the_record_counts(files: Path, tmp_path: Path, kind: str) -> None:
    text = (files / kind).read_bytes()
    end = 8 + int.from_bytes(text[:8], "little")
    for place in range(8, end, max(end // 60, 1)):
        changed = bytearray(text)
        changed[place] ^= 1
        (tmp_path / "changed").write_bytes(changed)
        with pytest.raises(ModelFileError, match="changed"):
            load(tmp_path / "changed")


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_before_load_with_one_warning(files: Path, tmp_path: Path, kind: str) -> None:
    old = as_of_before(files / kind, tmp_path / "old")
    with pytest.warns(UserWarning, match="old is of a version that wrote no digest") as said:
        loaded = load(old)
    assert len(said) == 1
    save(loaded, tmp_path / "new")
    save(load(files / kind), tmp_path / "same")
    new, same = content_of(tmp_path / "new"), content_of(tmp_path / "same")
    assert {name: array.tobytes() for name, array in new[1].items()} == {
        name: array.tobytes() for name, array in same[1].items()
    }


def put(record: Any, at: str, value: Any) -> None:
    *parts, last = at.split(".")
    for part in parts:
        record = record[int(part) if part.isdigit() else part]
    record[int(last) if last.isdigit() else last] = value


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("class", "Pipeline"), ("class", "os.system"), ("class", ["DeepRectifierClassifier"]), ("class", None),
        ("class", "StackedDenoisingAutoencoder"),
        ("parameters", []), ("parameters", None), ("parameters.callbacks", ["print"]), ("parameters.prefit", True),
        ("parameters.__class__", "X"), ("parameters.fit", 1), ("parameters.class_weight", {"dict": [[1], []]}),
        ("parameters.class_weight", {"call": "print"}), ("parameters.class_weight", {"dict": 1, "list": 2}),
        ("parameters.pretraining", {"estimator": "Network"}), ("parameters.pretraining", {"estimator": ["x"]}),
        ("parameters.pretraining", {"estimator": "StackedDenoisingAutoencoder", "__init__": 1}),
        ("fitted", 3), ("fitted.n_features_in", 7), ("fitted.n_features_in", "x"), ("fitted.history", 5),
        ("fitted.history", ["x"]), ("fitted.epoch_selected", 99), ("fitted.epoch_selected", None),
        ("fitted.classes", ["no"]), ("fitted.classes", [["no", "yes"]]), ("fitted.classes", 3), ("fitted.classes", None),
        ("fitted.classes_dtype", "<U999999999"), ("fitted.classes_dtype", "f8"), ("fitted.classes_dtype", {}),
        ("fitted.output_config", "pandas"), ("trained_by", None), ("network.layer_sizes", []),
        ("network.activations", ["relu", "eval"]), ("network", None), ("network.softplus_scale", -1),
    ],
    ids=str,
)  # fmt: skip
def test_forged_records_are_refused(files: Path, tmp_path: Path, at: str, value: Any) -> None:
    with pytest.raises(ModelFileError, match="forged"):
        load(forge(files / "classifier", tmp_path / "forged", lambda record, _: put(record, at, value)))


@pytest.mark.parametrize(
    ("kind", "at", "value"),
    [
        ("classifier", "fitted.history.1.epoch", 7), ("classifier", "fitted.history.0.loss", "0.5"),
        ("classifier", "fitted.history.0.sparsity", [0.5]), ("classifier", "fitted.history.0.sparsity", [0.5, 1.5]),
        ("classifier", "fitted.history.0.dead_units", [0, -1]), ("classifier", "fitted.history.2", {}),
        ("classifier", "fitted.history.0.loss", 10**400), ("classifier", "fitted.history.0.products", "sparse"),
        ("classifier", "fitted.history", []), ("classifier", "fitted.epoch_selected", 0),
        ("classifier", "fitted.epoch_selected", 4), ("classifier", "fitted.epoch_selected", True),
        ("classifier", "fitted.classes", ["yes", "no"]), ("classifier", "fitted.classes", ["no", "no"]),
        ("classifier", "fitted.classes_dtype", "<U2"), ("classifier", "fitted.classes_dtype", "<U999999"),
        ("classifier", "fitted.feature_names_in", ["a"]), ("classifier", "fitted.n_samples", [1]),
        ("classifier", "fitted.interrupted", 1), ("classifier", "fitted.data_form", {"zero_based": "yes"}),
        ("classifier", "network.layer_sizes", [6, 9.0, 7, 2]), ("classifier", "network.use_biases", "no"),
        ("classifier", "network.output", "linear"), ("classifier", "trained_by.engine", {"name": "\u001b[2J"}),
        ("classifier", "trained_by.engine", {"name": "native", "products": [1]}), ("classifier", "format_version", 0),
        ("classifier", "format_version", 2), ("classifier", "format_version", True), ("classifier", "kind", "x" * 10**6),
        ("regressor", "fitted.matrix_target", False), ("regressor", "fitted.matrix_target", 1), ("regressor", "network.output", "softmax"),
        ("stack", "fitted.stack", []), ("stack", "fitted.stack", {}), ("stack", "fitted.stack.0", None), ("stack", "fitted.stack.0.tied", True),
        ("stack", "fitted.stack.0.network", {}), ("stack", "fitted.stack.1.network.softplus_scale", 2.0),
        ("stack", "fitted.stack.0.target", "input\n"), ("stack", "fitted.stack.0.reconstruction", "none"),
        ("stack", "fitted.stack.0.deviation", 0), ("stack", "fitted.seed", -1), ("stack", "fitted.seed", 2**64),
        ("stack", "fitted.history.0.layer", 1), ("stack", "fitted.history.0.layer", 9), ("stack", "fitted.history.5.epoch", 9),
        ("stack", "fitted.history", []), ("stack", "fitted.history.0.sparsity", None),
        ("network", "network.layer_sizes", [6, 9, 7]), ("network", "network.activations", ["rectifier"]),
        ("network", "network.softplus_scale", 10**400), ("network", "network", []),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_used_later_is_checked(files: Path, tmp_path: Path, kind: str, at: str, value: Any) -> None:
    """With the digest of what the file holds, so that no digest finds it out."""
    with pytest.raises(ModelFileError) as raised:
        load(forge(files / kind, tmp_path / "forged", lambda record, _: put(record, at, value)))
    message = str(raised.value)
    assert message.startswith(f"{tmp_path / 'forged'} ")
    assert message.isprintable()
    assert len(message) < 500 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("kind", "name", "array"),
    [
        ("classifier", "signs.0", np.ones(8)), ("classifier", "signs.0", np.full(9, 2, np.float32)),
        ("classifier", "input_scale", np.zeros(6)), ("classifier", "input_scale", np.ones(5)),
        ("regressor", "target_scale", np.array([1.0, 0.0])), ("regressor", "target_shift", np.array([1, 2])),
        ("stack", "stack.0.sign", np.ones(7, np.float32)), ("stack", "stack.1.sign", np.zeros(7, np.float32)),
        ("stack", "stack.0.output_scale", np.zeros(9, np.float32)), ("stack", "stack.0.input_scale", np.ones(6, np.uint8)),
        ("stack", "stack.1.weights.0", np.zeros((8, 7), np.float32)), ("network", "biases.0", np.zeros(9)),
    ],
    ids=str,
)  # fmt: skip
def test_arrays_of_a_wrong_kind_are_refused(
    files: Path, tmp_path: Path, kind: str, name: str, array: Any
) -> None:
    with pytest.raises(ModelFileError, match="forged is damaged"):
        load(forge(files / kind, tmp_path / "forged", lambda _, tensors: tensors.update({name: array})))


@pytest.mark.parametrize("depth", [40, 3000, 200_000])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [("[", "]"), ('{"tuple":[', "]}"), ('{"estimator":"StackedDenoisingAutoencoder","target":', "}")],
)
def test_records_nested_too_deep_are_refused(
    files: Path, tmp_path: Path, depth: int, opening: str, closing: str
) -> None:
    def nest(metadata: Any, _: Any) -> None:
        record = json.loads(metadata["truezero"])
        del record["digest"], record["arrays"], metadata["digest"]
        nested = f'"class_weight": {opening * depth}1{closing * depth}'
        metadata["truezero"] = json.dumps(record).replace('"class_weight": null', nested)

    forged = damage(files / "classifier", tmp_path / "forged", nest)
    if depth < 100:
        with pytest.warns(UserWarning, match="no digest"):
            assert load(forged).class_weight
        return
    with pytest.raises(ModelFileError, match="forged is .*(nested too deep|too many lists)"):
        load(forged)
