"""ONNX files as they lie on disk: the graph, and its constants; nothing in them is believed unchecked."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.errors import ModelFileError, OptionError
from truezero.interchange.files import read_beside, read_bytes

OLDEST = 7  # opset in which broadcasting became NumPy's
# Type of a tensor -> how its bytes are read, and where it has its numbers if not as bytes.
_TYPES = {
    1: ("<f4", "float_data"),
    11: ("<f8", "double_data"),
    6: ("<i4", "int32_data"),
    7: ("<i8", "int64_data"),
    9: ("|b1", "int32_data"),
}
_TEXT = 8


def onnx_package() -> Any:
    """Package `onnx`.

    Raises
    ------
    OptionError
        If it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise OptionError(
            f"ONNX files need the package onnx (pip install 'truezero[onnx]'): {error}"
        ) from error
    return onnx


@dataclass
class Graph:
    """A graph, and what is known of it without running it.

    Attributes
    ----------
    nodes : list of NodeProto
        Those that the outputs need, in the file's order.
    inputs, outputs : list of ValueInfoProto
        Inputs without those that are constants.
    opset : int
        Version of the operators.
    """

    nodes: list[Any]
    inputs: list[Any]
    outputs: list[Any]
    opset: int
    folder: Path
    _tensors: dict[str, Any]
    _constants: dict[str, NDArray[Any]] = field(default_factory=dict)

    def is_constant(self, name: str) -> bool:
        """Whether a name stands for a constant."""
        return name in self._constants or name in self._tensors

    def constant(self, name: str) -> NDArray[Any]:
        """Constant of that name."""
        if name not in self._constants:
            self._constants[name] = tensor_values(self._tensors[name], self.folder)
        return self._constants[name]

    def add_constant(self, name: str, values: NDArray[Any]) -> None:
        """Note what a node without data comes to."""
        self._constants[name] = values


def read_graph(path: Path) -> Graph:
    """Read a file's graph.

    Raises
    ------
    ModelFileError
        If it is no ONNX file, or one that cannot be made sense of.
    """
    onnx = onnx_package()
    model, content = onnx.ModelProto(), read_bytes(path)
    try:
        model.ParseFromString(content)
    except MemoryError:
        raise
    except Exception as error:  # protocol buffers' own error has no name in `onnx`
        raise ModelFileError("is no ONNX file, or is damaged") from error
    graph = model.graph
    if not graph.node or not graph.output:
        raise ModelFileError("is no ONNX file, or holds no network")
    versions = {opset.domain: opset.version for opset in model.opset_import}
    opset = versions.get("", versions.get("ai.onnx", 0))
    if opset < OLDEST:
        raise ModelFileError(f"is of opset {opset}; export it with opset {OLDEST} or a newer one")
    if graph.sparse_initializer:
        raise ModelFileError("has sparse weights, which are not supported")
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    return Graph(
        _needed(graph.node, [value.name for value in graph.output]),
        [value for value in graph.input if value.name not in tensors],
        list(graph.output),
        opset,
        Path(os.path.abspath(path)).parent,
        tensors,
    )


def _needed(nodes: Iterable[Any], names: list[str]) -> list[Any]:
    """Nodes that these values come from."""
    wanted, kept = set(names), []
    for node in reversed(list(nodes)):
        if any(name in wanted for name in node.output if name):
            kept.append(node)
            wanted.update(name for name in node.input if name)
    return kept[::-1]


def tensor_values(tensor: Any, folder: Path) -> NDArray[Any]:
    """Numbers, or texts, of a tensor in the file or beside it.

    Raises
    ------
    ModelFileError
        If it does not hold what its shape says, or is of a type that networks do not have.
    """
    what = f"the constant {printable(tensor.name)!r}"
    shape = tuple(tensor.dims)
    if any(n < 0 for n in shape) or len(shape) > 32:
        raise ModelFileError(f"{what} has the shape {printable(shape)}")
    count = math.prod(shape)
    if tensor.data_type == _TEXT:
        if len(tensor.string_data) != count:
            raise ModelFileError(f"{what} does not hold what its shape {printable(shape)} says")
        texts = [text.decode("utf-8", "replace") for text in tensor.string_data]
        return np.array(texts, dtype=str).reshape(shape)
    if tensor.data_type not in _TYPES or tensor.HasField("segment"):
        raise ModelFileError(f"{what} is of a type that is not supported; float32 and float64 are")
    code, values_field = _TYPES[tensor.data_type]
    dtype = np.dtype(code)
    if tensor.data_location == tensor.EXTERNAL:
        flat = _beside(tensor, what, folder, dtype, count)
    elif tensor.HasField("raw_data"):
        if len(tensor.raw_data) != count * dtype.itemsize:
            raise ModelFileError(f"{what} does not hold what its shape {printable(shape)} says")
        flat = np.frombuffer(tensor.raw_data, dtype)
    else:
        values = getattr(tensor, values_field)
        if len(values) != count:
            raise ModelFileError(f"{what} does not hold what its shape {printable(shape)} says")
        flat = np.array(values, dtype)
    return flat.astype(dtype.newbyteorder("="), copy=False).reshape(shape)


def _beside(tensor: Any, what: str, folder: Path, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    said = {entry.key: entry.value for entry in tensor.external_data}
    try:
        offset = int(said.get("offset", 0))
        length = int(said["length"]) if "length" in said else None
    except ValueError as error:
        raise ModelFileError(f"{what} does not say where it begins and ends: {error}") from error
    return read_beside(folder, said.get("location", ""), dtype, count, offset, length)
