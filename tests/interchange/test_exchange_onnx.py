"""Networks written to ONNX files: its runtime says of them what the network says, and they come back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_files import check, session

from truezero import Network, initialize
from truezero.errors import DataError, OptionError
from truezero.interchange import read_onnx, write_onnx

pytest.importorskip("onnx")
X = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
KINDS = ["rectifier", "tanh", "sigmoid", "softplus", "rectified-tanh", "abs-tanh", "linear"]


def network(activation: Any = "rectifier", **options: Any) -> Network:
    made = initialize((5, 9, 8, 3), activation, seed=1, **options)
    if made.use_biases:
        for bias in made.biases:
            bias[:] = np.linspace(-0.3, 0.4, len(bias))
    return made


OPTIONS: list[dict[str, Any]] = [
    *({"activation": kind} for kind in KINDS),
    {"activation": ("softplus", "rectifier"), "softplus_scale": 3.0},
    {"sign_mask": "half"}, {"use_biases": False}, {"output": "linear"}, {"dtype": "float64"},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_there_and_back(options: dict[str, Any], tmp_path: Path) -> None:
    net = network(**options)
    net.to_onnx(tmp_path / "m.onnx")
    back = Network.from_onnx(tmp_path / "m.onnx")
    assert back.output == net.output
    assert back.dtype == net.dtype
    assert back.use_biases == net.use_biases
    if options.get("activation") != "linear":
        assert back.activations == net.activations
    np.testing.assert_allclose(back(X.astype(net.dtype)), net(X.astype(net.dtype)), rtol=2e-5, atol=1e-6)
    check(net, tmp_path / "m.onnx", X)


def test_the_same_bits_come_back(tmp_path: Path) -> None:
    net = network()
    net.to_onnx(tmp_path / "m.onnx")
    back = Network.from_onnx(tmp_path / "m.onnx")
    assert back.is_like(net)
    for ours, theirs in zip(net.weights + net.biases, back.weights + back.biases, strict=True):
        assert (ours == theirs).all()


@pytest.mark.parametrize("labels", [["a", "b", "c"], [3, 5, 7], [3.0, 5.0, 7.0]])
def test_labels(labels: Any, tmp_path: Path) -> None:
    net = network()
    write_onnx(net, tmp_path / "m.onnx", classes=np.array(labels))
    read = read_onnx(tmp_path / "m.onnx")
    assert read.classes is not None
    assert read.classes.tolist() == labels
    (said,) = session(tmp_path / "m.onnx").run(["label"], {"input": X})
    assert said.tolist() == np.array(labels)[net(X).argmax(axis=1)].tolist()


def test_targets_are_told_in_float64(tmp_path: Path) -> None:
    net = network(output="linear")
    shift, scale = np.array([2460000.5, 0, 1]), np.array([0.25, 2, 1])
    write_onnx(net, tmp_path / "m.onnx", shift=shift, scale=scale)
    (said,) = session(tmp_path / "m.onnx").run(None, {"input": X})
    np.testing.assert_allclose(said, net(X).astype(np.float64) * scale + shift, rtol=1e-12, atol=1e-5)
    read = read_onnx(tmp_path / "m.onnx", "float64").network
    np.testing.assert_allclose(read(X.astype(np.float64)), said, rtol=1e-6)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="lif"):
        network("lif").to_onnx(tmp_path / "m.onnx")
    with pytest.raises(OptionError, match="labels"):
        write_onnx(network(), tmp_path / "m.onnx", classes=np.array([0.5, 1, 2]))
    with pytest.raises(DataError):
        network().to_onnx(tmp_path / "nowhere" / "m.onnx")
    assert not list(tmp_path.iterdir())
