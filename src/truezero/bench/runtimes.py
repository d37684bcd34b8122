"""What else runs a network: PyTorch, onnxruntime and OpenVINO, each opened on so many threads."""

from __future__ import annotations

import dataclasses
import importlib
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.bench import peers
from truezero.bench.timing import Contestant, timed
from truezero.core.network import Network
from truezero.errors import OptionError

Predict = Callable[[NDArray[Any]], NDArray[Any]]
"""Rows to outputs."""
Runtime = Callable[[int, int], Predict]
"""Opens a network for so many threads, and rows a call."""

NAMES = ("torch", "onnxruntime", "openvino")


def runtimes(network: Network, weights: str = "float32") -> tuple[dict[str, Runtime], dict[str, str]]:
    """Give the network to every library that is there.

    Parameters
    ----------
    network : Network
        Of float32. What is compared is z of its output layer.
    weights : {"float32", "bfloat16"}
        With the latter who can computes with less than a float32's digits; others do as before.

    Returns
    -------
    found : dict of str to Runtime
        By name, of `NAMES`.
    left_out : dict of str to str
        The others, and why they cannot take part.
    """
    found: dict[str, Runtime] = {}
    left_out: dict[str, str] = {}
    if peers.torch_installed():
        found["torch"] = _torch(network)
    else:
        left_out["torch"] = "not installed"
    try:
        model = _onnx(network)
    except OptionError as error:  # the package onnx is missing, or it has no such units
        return found, left_out | dict.fromkeys(NAMES[1:], str(error))
    precision = "bf16" if weights == "bfloat16" else "f32"
    for name, give in (("onnxruntime", _onnxruntime), ("openvino", partial(_openvino, precision))):
        try:
            found[name] = give(importlib.import_module(name), model)
        except ImportError:
            left_out[name] = "not installed"
        except OptionError as error:
            left_out[name] = str(error)
    return found, left_out


def contestant(predict: Predict, batches: Sequence[NDArray[Any]]) -> Contestant:
    """Prediction of one batch after the other, again and again: seconds per call."""
    turn = cycle(batches)
    return timed(lambda: predict(next(turn)))


def _onnx(network: Network) -> bytes:
    """Write the network as an ONNX file that ends before the softmax."""
    from truezero.interchange.onnx_write import write_onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        write_onnx(dataclasses.replace(network, output="linear"), path)
        return path.read_bytes()


def _torch(network: Network) -> Runtime:
    import torch

    activations = {
        "rectifier": torch.nn.ReLU, "tanh": torch.nn.Tanh, "softplus": torch.nn.Softplus,
        "sigmoid": torch.nn.Sigmoid, "linear": torch.nn.Identity,
    }  # fmt: skip
    layers: list[Any] = []
    for place, (weights, biases) in enumerate(zip(network.weights, network.biases, strict=True)):
        layers.append(peers.torch_linear(weights, biases))
        if place < network.n_hidden:
            layers.append(activations[network.activations[place]]())
    model = torch.nn.Sequential(*layers).eval()

    def opened(n_threads: int, n_rows: int) -> Predict:
        def predict(rows: NDArray[Any]) -> NDArray[Any]:
            if torch.get_num_threads() != n_threads:  # it is one number for all models
                torch.set_num_threads(n_threads)
            with torch.inference_mode():
                return model(torch.from_numpy(rows)).numpy()  # type: ignore[no-any-return, unused-ignore]

        return predict

    return opened


def _onnxruntime(ort: Any, model: bytes) -> Runtime:
    def opened(n_threads: int, n_rows: int) -> Predict:
        options = ort.SessionOptions()
        options.intra_op_num_threads = n_threads
        options.log_severity_level = 3
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return lambda rows: session.run(None, {"input": rows})[0]

    return opened


def _openvino(precision: str, ov: Any, model: bytes) -> Runtime:
    if precision == "bf16" and "BF16" not in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise OptionError("it would not compute in bfloat16 on this processor")

    def opened(n_threads: int, n_rows: int) -> Predict:
        core = ov.Core()
        read = core.read_model(model=model)
        read.reshape([n_rows, read.inputs[0].partial_shape[1].get_length()])  # a known shape is faster
        hints = {
            "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": n_threads,
        }  # fmt: skip
        request = core.compile_model(read, "CPU", hints).create_infer_request()

        def predict(rows: NDArray[Any]) -> NDArray[Any]:
            outputs = request.infer([rows], share_inputs=True, share_outputs=True)
            return np.asarray(outputs[0])

        return predict

    return opened
