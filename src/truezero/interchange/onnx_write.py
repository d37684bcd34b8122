"""Networks to ONNX files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero._version import __version__
from truezero.core.atomic import writing
from truezero.core.network import Network
from truezero.errors import OptionError
from truezero.interchange.chain import Chain
from truezero.interchange.onnx_file import onnx_package

_OPSET, _IR = 13, 8  # of 2021; what reads ONNX at all reads these
_NODES = {
    "rectifier": ("Relu",),
    "softplus": ("Softplus",),
    "tanh": ("Tanh",),
    "sigmoid": ("Sigmoid",),
    "rectified-tanh": ("Tanh", "Relu"),
    "abs-tanh": ("Tanh", "Abs"),
    "linear": (),
}
_MOST = 2**31 - 2**20  # bytes of weights; protocol buffers end at 2 GiB


def write_onnx(
    network: Network,
    path: str | os.PathLike[str],
    *,
    classes: NDArray[Any] | None = None,
    shift: NDArray[np.float64] | None = None,
    scale: NDArray[np.float64] | None = None,
) -> None:
    """Write a network to an ONNX file; see `Network.to_onnx`.

    Parameters
    ----------
    network : Network
    path : path-like
    classes : ndarray of shape (n_outputs,), optional
        Whole numbers or texts: the file gives "label", too.
    shift, scale : ndarray of shape (n_outputs,), optional
        Outputs are multiplied by scale, and shift is added, in float64.

    Raises
    ------
    OptionError
        If the package onnx is missing, or the network has units that ONNX does not.
    DataError
        If the file cannot be written.
    """
    onnx = onnx_package()
    helper, types = onnx.helper, onnx.TensorProto
    unknown = [name for name in network.activations if name not in _NODES]
    if unknown:
        raise OptionError(f"ONNX has no units of the kind {unknown[0]!r}")
    plain = _plain(network)
    if sum(w.nbytes + b.nbytes for w, b in zip(plain.weights, plain.biases, strict=True)) > _MOST:
        raise OptionError("the network is too large for an ONNX file, which holds 2 GiB")
    kind = types.DOUBLE if plain.dtype == np.float64 else types.FLOAT
    nodes: list[Any] = []
    constants: list[Any] = []
    tip = "input"

    def constant(name: str, values: NDArray[Any]) -> str:
        constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def step(operation: str, *more: str, **said: Any) -> None:
        nonlocal tip
        made = f"{operation.lower()}_{len(nodes)}"
        nodes.append(helper.make_node(operation, [tip, *more], [made], name=made, **said))
        tip = made

    for layer, (weights, biases) in enumerate(zip(plain.weights, plain.biases, strict=True)):
        given = [constant(f"weights.{layer}", weights)]
        if plain.use_biases:
            given.append(constant(f"biases.{layer}", biases))
        step("Gemm", *given)
        for operation in _NODES[plain.activations[layer]] if layer < plain.n_hidden else ():
            step(operation)
    rows, n_outputs = "rows", plain.layer_sizes[-1]
    outputs: list[Any] = []
    if plain.output == "softmax":
        step("Softmax", axis=-1)
    if classes is not None:
        probabilities = tip
        label_type = _label_type(types, classes)
        step("ArgMax", axis=1, keepdims=0)
        labels = classes.astype(object if label_type == types.STRING else np.int64)
        constants.append(helper.make_tensor("classes", label_type, labels.shape, labels.tolist()))
        nodes.append(helper.make_node("Gather", ["classes", tip], ["label"], name="label", axis=0))
        outputs.append(helper.make_tensor_value_info("label", label_type, [rows]))
        tip = probabilities
    if shift is not None and scale is not None:
        step("Cast", to=types.DOUBLE)
        step("Mul", constant("scale", scale))
        step("Add", constant("shift", shift))
        kind_out = types.DOUBLE
    else:
        kind_out = kind
    name = "probabilities" if plain.output == "softmax" else "output"
    nodes.append(helper.make_node("Identity", [tip], [name], name=name))
    outputs.append(helper.make_tensor_value_info(name, kind_out, [rows, n_outputs]))
    inputs = [helper.make_tensor_value_info("input", kind, [rows, plain.layer_sizes[0]])]
    graph = helper.make_graph(nodes, "network", inputs, outputs, constants)
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR,
        producer_name="truezero",
        producer_version=__version__,
    )
    with writing(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def _plain(network: Network) -> Network:
    """Without sign masks and softplus's scale, which go into the weights."""
    chain = Chain()
    chain.went_through(network)
    plain = chain.network(network.output, network.dtype)
    scale = plain.dtype.type(plain.softplus_scale)
    if scale != 1:
        for layer, name in enumerate(plain.activations):
            if name == "softplus":
                plain.weights[layer] *= scale
                plain.biases[layer] *= scale
                plain.weights[layer + 1] /= scale
    return plain


def _label_type(types: Any, classes: NDArray[Any]) -> Any:
    if all(isinstance(label, str) for label in classes.tolist()):
        return types.STRING
    whole = [label for label in classes.tolist() if isinstance(label, (int, float)) and label == int(label)]
    if len(whole) == len(classes):
        return types.INT64
    raise OptionError(f"labels of ONNX are texts or whole numbers, not {classes.tolist()!r:.100}")
