"""Small ONNX files, for tests."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero.core.costs import log_softmax
from truezero.core.network import Network


def onnx_package() -> Any:
    return pytest.importorskip("onnx")


def node(kind: str, inputs: Sequence[str], output: str, domain: str = "", **said: Any) -> Any:
    return onnx_package().helper.make_node(kind, inputs, [output], name=output, domain=domain, **said)


RANDOM = np.random.default_rng(0)
W1, B1 = RANDOM.normal(size=(4, 6)).astype(np.float32), RANDOM.normal(size=6).astype(np.float32)
W2, B2 = RANDOM.normal(size=(6, 3)).astype(np.float32), RANDOM.normal(size=3).astype(np.float32)
X = RANDOM.normal(size=(8, 4)).astype(np.float32)
TWO = {"W1": W1, "B1": B1, "W2": W2, "B2": B2}


def layers() -> list[Any]:
    """Two of them, from x over z1 and h1 to y."""
    return [
        node("Gemm", ["x", "W1", "B1"], "z1"),
        node("Relu", ["z1"], "h1"),
        node("Gemm", ["h1", "W2", "B2"], "y"),
    ]


LAYERS = layers() if importlib.util.find_spec("onnx") else []


def before(*nodes: Any) -> list[Any]:
    """Nodes that make r of x, and two layers."""
    return [*nodes, node("Gemm", ["r", "W1", "B1"], "z1"), *LAYERS[1:]]


def write(
    path: Path,
    nodes: Sequence[Any],
    constants: dict[str, Any],
    shape: Any = ("n", 4),
    *,
    outputs: Sequence[str] = ("y",),
    inputs: Sequence[str] = ("x",),
    opset: int = 13,
    as_floats: bool = False,
    listed: bool = False,
    kind: Any = np.float32,
) -> Path:
    """Write a graph; constants are float32, or as they are if they are arrays already."""
    onnx = onnx_package()
    helper, types = onnx.helper, onnx.TensorProto
    code = {np.float32: types.FLOAT, np.float64: types.DOUBLE}[kind]
    tensors = []
    for name, values in constants.items():
        array = values if isinstance(values, np.ndarray) else np.array(values, kind)
        if as_floats and array.dtype == np.float32:
            tensors.append(helper.make_tensor(name, types.FLOAT, array.shape, array.ravel().tolist()))
        elif array.dtype.kind == "U":
            tensors.append(helper.make_tensor(name, types.STRING, array.shape, array.ravel().tolist()))
        else:
            tensors.append(onnx.numpy_helper.from_array(array, name))
    given = [helper.make_tensor_value_info(name, code, shape) for name in inputs]
    if listed:
        given += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors]
    made = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph(nodes, "g", given, made, tensors)
    domains = [("", opset), ("ai.onnx.ml", 1)]
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid(*domain) for domain in domains], ir_version=8
    )
    path.write_bytes(model.SerializeToString())
    return path


def onnxruntime() -> Any:
    """ONNX's own runtime, or the test is skipped."""
    try:
        return importlib.import_module("onnxruntime")
    except ImportError:
        pytest.skip("NOT COMPARED WITH ONNXRUNTIME: python -m pip install onnxruntime")


def session(path: Path) -> Any:
    ort = onnxruntime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def peer(path: Path, X: Any, output: str | None = None) -> Any:
    """What the runtime says of rows, one at a time where the file fixes their number."""
    running = session(path)
    (given,) = running.get_inputs()
    kind = np.float64 if "double" in given.type else np.float32
    sizes = [size if isinstance(size, int) and size > 0 else None for size in given.shape]
    answers = []
    for row in X.astype(kind):
        shape = [1 if size is None else size for size in sizes]
        if len(shape) == 2 and None in sizes:
            shape = [1, len(row)]
        n = int(np.prod(shape)) // len(row)
        answers.append(
            running.run([output] if output else None, {given.name: np.tile(row, n).reshape(shape)})[0]
        )
    return [np.asarray(answer) for answer in answers]


def check(network: Network, path: Path, X: Any, output: str | None = None, tolerance: float = 1e-5) -> None:
    """Assert that a network says what the runtime says of a file."""
    ours = network(X.astype(network.dtype))
    if network.output == "softmax":
        ours = np.exp(log_softmax(ours))
    for row, answer in zip(ours, peer(path, X, output), strict=True):
        theirs = answer.reshape(-1, len(row))[0]
        assert np.isfinite(theirs).all()
        assert np.abs(row - theirs).max() <= tolerance * np.abs(theirs).max(), (row, theirs)
