"""What ONNX nodes without data come to: the few by which exporters say weights and shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.errors import ModelFileError
from truezero.interchange.onnx_file import Graph, tensor_values

Array = NDArray[Any]
# Stands in a shape for the number of rows, which is not known.
ROWS = -(2**40)
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
}
_CASTS = {1: np.float32, 11: np.float64, 6: np.int32, 7: np.int64}


def attributes(node: Any) -> dict[str, Any]:
    """Attributes of a node, tensors as they are.

    Raises
    ------
    ModelFileError
        If one holds a graph.
    """
    found: dict[str, Any] = {}
    for attribute in node.attribute:
        kind = attribute.type
        if kind in (attribute.GRAPH, attribute.GRAPHS, attribute.SPARSE_TENSOR):
            raise ModelFileError(f"its attribute {attribute.name!r} is more than numbers")
        found[attribute.name] = {
            attribute.FLOAT: attribute.f,
            attribute.INT: attribute.i,
            attribute.STRING: attribute.s,
            attribute.TENSOR: attribute.t,
            attribute.FLOATS: list(attribute.floats),
            attribute.INTS: list(attribute.ints),
            attribute.STRINGS: [text.decode("utf-8", "replace") for text in attribute.strings],
        }.get(kind)
    return found


def axes_of(node: Any, graph: Graph, said: dict[str, Any]) -> list[int] | None:
    """Axes of Squeeze and Unsqueeze, an attribute before opset 13 and an input since."""
    if len(node.input) > 1 and node.input[1]:
        return [int(axis) for axis in graph.constant(node.input[1]).reshape(-1)]
    return said.get("axes")


def fold(node: Any, graph: Graph) -> Array | None:
    """What a node of constants alone comes to, no larger than they are together; None of an unknown one.

    Raises
    ------
    ModelFileError
        If it is malformed, or what it comes to is larger.
    """
    said = attributes(node)
    given = [graph.constant(name) for name in node.input if name]
    with np.errstate(all="ignore"):  # what is not finite is refused where the network is made
        try:
            result = _result(node, graph, said, given)
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise ModelFileError(f"cannot be worked out: {error}") from error
    return None if result is None else np.asarray(result)


def _result(node: Any, graph: Graph, said: dict[str, Any], given: list[Array]) -> Any:
    kind = node.op_type
    if kind == "Constant":
        return _constant(said, graph)
    if kind in _ARITHMETIC:
        first, second = given
        n = np.prod(np.broadcast_shapes(first.shape, second.shape), dtype=object)
        if n > first.size + second.size:
            raise ValueError(f"it has {n} numbers, more than what it is made of")
        return _ARITHMETIC[kind](first, second).astype(first.dtype)
    if kind == "Identity":
        return given[0]
    if kind == "Cast":
        return given[0].astype(_CASTS[said["to"]])
    if kind == "Transpose":
        return np.transpose(given[0], said.get("perm"))
    if kind == "Reshape":
        return given[0].reshape([int(n) for n in given[1]])
    if kind == "Unsqueeze":
        return np.expand_dims(given[0], tuple(axes_of(node, graph, said) or ()))
    if kind == "Squeeze":
        axes = axes_of(node, graph, said)
        return np.squeeze(given[0], None if axes is None else tuple(axes))
    if kind == "Gather":
        return np.take(given[0], given[1].astype(np.int64), axis=said.get("axis", 0)) if _few(given) else None
    if kind == "Concat":
        return np.concatenate(given, axis=said["axis"])
    return None


def _few(given: list[Array]) -> bool:
    """Whether they are parts of a shape, and not weights."""
    return all(values.size <= 32 for values in given)


def _constant(said: dict[str, Any], graph: Graph) -> Array | None:
    if said.get("value") is not None:
        return tensor_values(said["value"], graph.folder)
    for name, dtype in (("value_float", np.float32), ("value_int", np.int64)):
        if name in said:
            return np.array(said[name], dtype)
    for name, dtype in (("value_floats", np.float32), ("value_ints", np.int64)):
        if name in said:
            return np.array(said[name], dtype)
    return None
