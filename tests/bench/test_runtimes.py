"""Other libraries that run networks, and PyTorch's step by hand: that they do the same work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from peers import require_torch

from truezero import bench
from truezero.bench import peers, runtimes, timing
from truezero.bench.torch_by_hand import TorchByHand
from truezero.core.initial import initialize


@pytest.mark.parametrize("activation", ["rectifier", "tanh", "softplus"])
def test_pytorch_by_hand_does_what_autograd_does(activation: str) -> None:
    require_torch()
    network = initialize((6, 5, 4, 3), activation, seed=1)
    X, classes = np.random.default_rng(0).random((20, 6)).astype(np.float32), np.arange(20) % 3
    batches = peers.torch_batches(X, classes, np.arange(20), 8)
    by_hand = TorchByHand(network, learning_rate=0.5, l1=0.1)
    autograd = peers.TorchTraining(network, "torch eager", learning_rate=0.5, l1=0.1)
    for model in (by_hand, autograd):
        assert model.train(batches) > 0
    for ours, theirs in zip(by_hand.weights(), autograd.weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert peers.disagreement(network, by_hand.weights(), initialize((6, 5, 4, 3), seed=2)) > 0.001


@pytest.mark.parametrize("activation", ["rectifier", "tanh"])
def test_runtimes_compute_the_same(activation: str) -> None:
    network = initialize((6, 5, 4, 3), activation, seed=1)
    found, left_out = runtimes.runtimes(network)
    assert set(found) | set(left_out) == set(runtimes.NAMES)
    assert not set(found) & set(left_out)
    rows = np.random.default_rng(0).random((4, 6)).astype(np.float32)
    for opened in found.values():
        np.testing.assert_allclose(opened(1, 4)(rows), network(rows), rtol=1e-4, atol=1e-5)


def test_runtimes_that_are_not_there_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    require_torch()

    def missing(name: str) -> Any:
        raise ImportError(name) if name in ("onnxruntime", "openvino") else AssertionError(name)

    for seconds in ("_PAUSE", "_WARM_UP", "_AT_LEAST"):
        monkeypatch.setattr(timing, seconds, 0)
    monkeypatch.setattr(runtimes, "_onnx", lambda network: b"")
    monkeypatch.setattr("importlib.import_module", missing)
    result = bench.bench_predict(widths=(24,), zeros=(0.5,), batch_sizes=(2,), rounds=1, n_threads=1)
    assert result["cells"][0]["left_out"] == dict.fromkeys(("onnxruntime", "openvino"), "not installed")
    said = "left out: onnxruntime (not installed)"
    assert said in bench.predict.tables(result)
    assert f"{said.capitalize()}.\n" in bench.predict.page(result)
