"""Networks from ONNX files."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from truezero.core.text import printable
from truezero.errors import ModelFileError, OptionError
from truezero.interchange.chain import Chain, Imported
from truezero.interchange.files import MALFORMED, reading
from truezero.interchange.onnx_constants import ROWS, attributes, axes_of, fold
from truezero.interchange.onnx_file import Graph, read_graph
from truezero.interchange.onnx_shapes import Layout

_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_ACTIVATIONS = {
    "Relu": "rectifier",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Abs": "abs",
}
_SAME = ("Identity", "Cast", "Dropout")
_SHAPES = ("Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze")
_ELEMENTWISE = ("Add", "Sub", "Mul", "Div")
_OF_LABELS = ("Identity", "Cast", "Reshape", "Squeeze", "Flatten")
_OTHERS = (
    "MatMul", "Gemm", "Softmax", "LogSoftmax", "BatchNormalization", "Scaler", "Neg", "LeakyRelu", "Max",
    "Clip", "Shape", "Gather", "Concat", "ArgMax", "ZipMap", "ArrayFeatureExtractor",
)  # fmt: skip
_KNOWN = {*_ACTIVATIONS, *_SAME, *_SHAPES, *_ELEMENTWISE, *_OTHERS}


def read_onnx(path: str | os.PathLike[str], dtype: DTypeLike | None = None) -> Imported:
    """Read an ONNX file; see `Network.from_onnx`, whose network comes with the classes here.

    Parameters
    ----------
    path : path-like
    dtype : {"float32", "float64"}, optional

    Returns
    -------
    Imported

    Raises
    ------
    OptionError
        If the package onnx is missing.
    ModelFileError
        If the file is missing, damaged, or holds what is no network of fully connected layers.
    """
    from truezero.interchange.onnx_file import onnx_package

    onnx_package()
    with reading(path) as file:
        return _Walk(read_graph(file)).imported(dtype)


def _called(node: Any) -> str:
    """Name of a node, for messages."""
    name = node.name or (node.output[0] if node.output else "")
    return f"node {printable(name)!r} ({printable(node.op_type, 40)})"


class _Walk:
    """Goes along the nodes of a graph with the one tensor of rows that there is."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.chain = Chain()
        self.classes: NDArray[Any] | None = None
        self.ended_by: str | None = None  # a softmax
        self.labels: set[str] = set()
        self.passed: set[str] = set()  # data of which something else was made
        self.skipped: set[int] = set()
        self.tip = ""
        self.layout = Layout((), None)

    @np.errstate(all="ignore")  # what is not finite is refused where the network is made
    def imported(self, dtype: DTypeLike | None) -> Imported:
        """Go all the way."""
        left = [node for node in self.graph.nodes if not self._fold(node)]
        for node in left:
            if node.op_type not in _KNOWN or node.domain not in _DOMAINS:
                raise ModelFileError(f"{_called(node)}: networks of fully connected layers have no such node")
        self._begin(left)
        for place, node in enumerate(left):
            if place in self.skipped:
                continue
            try:
                self._step(node, left)
            except (ModelFileError, OptionError) as error:
                raise ModelFileError(f"{_called(node)}: {error}") from error
            except MALFORMED as error:
                raise ModelFileError(f"{_called(node)}: it is malformed: {error}") from error
        outputs = [value.name for value in self.graph.outputs]
        for name in outputs:
            if name != self.tip and name not in self.labels:
                raise ModelFileError(f"its output {printable(name)!r} is not the last layer's")
        ended = "softmax" if self.ended_by else "linear"
        network = self.chain.network(ended, dtype)  # type: ignore[arg-type] # it is one of both
        if self.classes is not None and self.classes.shape != network.layer_sizes[-1:]:
            raise ModelFileError(
                f"{self.classes.size} classes and {network.layer_sizes[-1]} outputs disagree"
            )
        return Imported(network, self.classes)

    def _fold(self, node: Any) -> bool:
        """Work a node out that takes no data, if there is such a one."""
        if len(node.output) != 1 or not all(self.graph.is_constant(name) for name in node.input if name):
            return False
        try:
            result = fold(node, self.graph)
        except ModelFileError as error:
            raise ModelFileError(f"{_called(node)}: {error}") from error
        if result is not None:
            self.graph.add_constant(node.output[0], result)
        return result is not None

    # ---- where rows come in ---------------------------------------------------------------------

    def _begin(self, nodes: list[Any]) -> None:
        taken = {name for node in nodes for name in node.input}
        inputs = [value for value in self.graph.inputs if value.name in taken]
        if len(inputs) != 1:
            named = ", ".join(printable(value.name, 40) for value in inputs[:5])
            raise ModelFileError(f"has {len(inputs)} inputs ({named}), a network has one")
        self.tip = inputs[0].name
        first, columns = self._first_matrix(nodes)
        kind = inputs[0].type.tensor_type
        dims = [
            axis.dim_value if axis.HasField("dim_value") and axis.dim_value > 0 else None
            for axis in kind.shape.dim
        ]
        self.layout = Layout.of_input(dims, first, columns=columns)
        self.chain.n_inputs = first

    def _first_matrix(self, nodes: list[Any]) -> tuple[int, bool]:
        """Inputs of the first layer, and whether rows come to it as columns."""
        for node in nodes:
            if node.op_type not in ("MatMul", "Gemm") or len(node.input) < 2:
                continue
            left, right = (self.graph.is_constant(name) for name in node.input[:2])
            if left == right:
                continue
            shape = self.graph.constant(node.input[0 if left else 1]).shape
            if len(shape) != 2:
                break
            said = {attribute.name: attribute.i for attribute in node.attribute}
            if left:
                return shape[0 if said.get("transA") else 1], not said.get("transB")
            return shape[1 if said.get("transB") else 0], bool(said.get("transA"))
        raise ModelFileError("has no layer of weights, a fully connected one")

    # ---- node after node ------------------------------------------------------------------------

    def _step(self, node: Any, nodes: list[Any]) -> None:
        kind, said = node.op_type, attributes(node)
        if self._fold(node):  # the shape that it takes has been known since
            return
        data = [name for name in node.input if name and not self.graph.is_constant(name)]
        if data and all(name in self.labels for name in data):
            self._of_labels(node)
            return
        for name in data:
            if name in self.passed:
                raise ModelFileError(
                    f"it takes {printable(name)!r} a second time; branches are not supported"
                )
            if name != self.tip:
                raise ModelFileError(f"nothing makes {printable(name)!r}, which it takes")
        if len(data) != 1:
            raise ModelFileError("it does not take data once, and constants besides")
        if kind == "Shape":
            shape = [ROWS if axis == self.layout.rows else n for axis, n in enumerate(self.layout.sizes)]
            self.graph.add_constant(node.output[0], np.array(shape[said.get("start", 0) : said.get("end")]))
            return
        if kind in ("ArgMax", "ZipMap"):
            self._decided(node, said)
            return
        if self.ended_by and kind not in (*_SAME, *_SHAPES):
            raise ModelFileError(f"it comes after {self.ended_by}, which must be the last")
        self._data(node, said)
        self.passed.add(self.tip)
        self.tip = node.output[0]
        if kind == "Sigmoid":
            self._two_probabilities(nodes)

    def _data(self, node: Any, said: dict[str, Any]) -> None:
        """Let the rows go through a node."""
        kind = node.op_type
        if kind in _ACTIVATIONS:
            self.chain.activated(_ACTIVATIONS[kind])
        elif kind in _ELEMENTWISE:
            self._elementwise(kind, node)
        elif kind == "MatMul":
            self._matmul(node)
        elif kind == "Gemm":
            self._gemm(node, said)
        elif kind in _SHAPES:
            self._reshape(kind, node, said)
        elif kind in ("Softmax", "LogSoftmax"):
            self._softmax(node, said)
        elif kind == "BatchNormalization":
            self._batch_normalization(node, said)
        elif kind == "Scaler":
            offset, scale = (np.array(said.get(name) or [base], np.float64)
                             for name, base in (("offset", 0.0), ("scale", 1.0)))  # fmt: skip
            self.layout = self.layout.broadcast(offset.shape).broadcast(scale.shape)
            self.chain.scaled(shift=-self._per_unit(offset))
            self.chain.scaled(self._per_unit(scale))
        elif kind == "Neg":
            self.chain.scaled(-1.0)
        elif self._is_rectifier(node, said):
            self.chain.activated("rectifier")
        elif kind == "Cast" and said.get("to") not in (1, 11):
            raise ModelFileError("rows stay float32 or float64")
        elif kind == "Dropout" and len(node.input) > 2 and node.input[2]:
            if bool(np.any(self._constant(node.input[2]))):
                raise ModelFileError("it is in training mode; export the model for inference")
        elif kind not in _SAME:
            raise ModelFileError("a network of fully connected layers has none like it")

    def _constant(self, name: str) -> NDArray[Any]:
        values = self.graph.constant(name)
        if values.dtype.kind not in "fib":
            raise ModelFileError(f"{printable(name)!r} is text")
        return values

    def _per_unit(self, values: NDArray[Any]) -> NDArray[Any]:
        """Constant as the chain takes it: one number, or one per feature of a row."""
        if values.size == 1:
            return values.reshape(())
        return np.broadcast_to(values, self.layout.sizes).reshape(-1)

    def _elementwise(self, kind: str, node: Any) -> None:
        first = self.graph.is_constant(node.input[0])
        constant = self._constant(node.input[0 if first else 1])
        self.layout = self.layout.broadcast(constant.shape)
        values = self._per_unit(constant.astype(np.float64))
        if kind == "Mul":
            self.chain.scaled(values)
        elif kind == "Div":
            if first:
                raise ModelFileError("it divides by the data")
            self.chain.scaled(1 / values)
        else:
            self.chain.scaled(-1.0 if first and kind == "Sub" else 1.0)
            self.chain.scaled(shift=-values if kind == "Sub" and not first else values)

    def _matmul(self, node: Any) -> None:
        left = self.graph.is_constant(node.input[0])
        matrix = self._constant(node.input[0 if left else 1])
        if matrix.ndim != 2:
            raise ModelFileError(f"its weights are of shape {matrix.shape}, no matrix")
        n = len(self.layout.sizes)
        self._multiply(matrix.T if left else matrix, max(n - 2, 0) if left else n - 1)

    def _multiply(self, matrix: NDArray[Any], axis: int) -> None:
        """Multiply along one axis, which must have all features."""
        sizes = self.layout.sizes
        if not self.layout.only_axis(axis) or sizes[axis] != matrix.shape[0]:
            raise ModelFileError(f"weights of shape {matrix.shape} do not take rows of {self.layout.width}")
        self.chain.multiplied(matrix)
        self.layout = self.layout.changed(
            (*sizes[:axis], matrix.shape[1], *sizes[axis + 1 :]), self.layout.rows
        )

    def _gemm(self, node: Any, said: dict[str, Any]) -> None:
        left = self.graph.is_constant(node.input[0])
        if len(self.layout.sizes) != 2 or left == self.graph.is_constant(node.input[1]):
            raise ModelFileError("it is no product of rows and weights")
        matrix = self._constant(node.input[0 if left else 1])
        if matrix.ndim != 2:
            raise ModelFileError(f"its weights are of shape {matrix.shape}, no matrix")
        turned = said.get("transB" if left else "transA", 0)
        if said.get("transA" if left else "transB", 0):
            matrix = matrix.T
        if turned:
            self.layout = self.layout.transposed([1, 0])
        self._multiply(matrix.T if left else matrix, 0 if left else 1)
        self.chain.scaled(said.get("alpha", 1.0))
        if len(node.input) > 2 and node.input[2]:
            constant = self._constant(node.input[2])
            self.layout = self.layout.broadcast(constant.shape)
            self.chain.scaled(shift=self._per_unit(constant.astype(np.float64)) * said.get("beta", 1.0))

    def _reshape(self, kind: str, node: Any, said: dict[str, Any]) -> None:
        if kind == "Flatten":
            self.layout = self.layout.flattened(said.get("axis", 1))
        elif kind == "Transpose":
            self.layout = self.layout.transposed(said.get("perm"))
        elif kind == "Squeeze":
            self.layout = self.layout.squeezed(axes_of(node, self.graph, said))
        elif kind == "Unsqueeze":
            self.layout = self.layout.unsqueezed(axes_of(node, self.graph, said) or [])
        else:
            target = [int(n) for n in self._constant(node.input[1]).reshape(-1)[:33]]
            self.layout = self.layout.reshaped(target, bool(said.get("allowzero", 0)))

    def _batch_normalization(self, node: Any, said: dict[str, Any]) -> None:
        if said.get("training_mode"):
            raise ModelFileError("it is in training mode; export the model for inference")
        if len(node.input) != 5 or len(self.layout.sizes) < 2 or self.layout.rows != 0:
            raise ModelFileError("it does not normalise the features of rows")
        channels = (1, self.layout.sizes[1], *[1] * (len(self.layout.sizes) - 2))
        numbers = [self._constant(name).astype(np.float64) for name in node.input[1:]]
        if any(values.shape != (channels[1],) for values in numbers):
            raise ModelFileError(f"it does not have {channels[1]} numbers of each kind")
        scale, shift, mean, variance = numbers
        factor = scale / np.sqrt(variance + said.get("epsilon", 1e-5))
        self.chain.scaled(
            self._per_unit(factor.reshape(channels)),
            self._per_unit((shift - mean * factor).reshape(channels)),
        )

    def _is_rectifier(self, node: Any, said: dict[str, Any]) -> bool:
        """Whether it is max(z, 0) in other words."""
        if node.op_type == "LeakyRelu":
            return bool(said.get("alpha", 0.01) == 0)
        if node.op_type == "Max" and len(node.input) == 2:
            bounds = [self._constant(name) for name in node.input if self.graph.is_constant(name)]
            return len(bounds) == 1 and bounds[0].size == 1 and not bounds[0].any()
        if node.op_type == "Clip":
            given = [self._constant(name) if name else None for name in node.input[1:]]
            least, most = (*given, None, None)[:2]
            return (
                (least is not None and not least.any() if given else said.get("min") == 0)
                and (most is None or bool((most >= np.finfo(np.float32).max).all()))
                and said.get("max", np.inf) >= np.finfo(np.float32).max
            )
        return False

    # ---- the end --------------------------------------------------------------------------------

    def _softmax(self, node: Any, said: dict[str, Any]) -> None:
        axis = self.layout.axis(said.get("axis", 1 if self.graph.opset < 13 else -1))
        rows = self.layout.rows
        if self.graph.opset < 13:
            whole = math.prod(self.layout.sizes[axis:]) == self.layout.width and (rows is None or rows < axis)
        else:
            whole = self.layout.only_axis(axis)
        if not whole:
            raise ModelFileError("it is not over all outputs of a row")
        self.ended_by = _called(node)

    def _two_probabilities(self, nodes: list[Any]) -> None:
        """Go over what scikit-learn's converters put after the sigmoid of two classes: [1 − p, p]."""
        places = [place for place, node in enumerate(nodes) if self.tip in node.input]
        if self.layout.width != 1 or len(places) != 2:
            return
        other, joined = nodes[places[0]], nodes[places[1]]
        if (
            (other.op_type, joined.op_type) == ("Sub", "Concat")
            and list(other.input)[1:] == [self.tip]
            and list(joined.input) == [other.output[0], self.tip]
            and self.graph.is_constant(other.input[0])
            and np.all(self._constant(other.input[0]) == 1)
            and attributes(joined).get("axis") in (1, -1)
        ):
            self.skipped.update(places)
            self.passed |= {self.tip, other.output[0]}
            self.tip, self.ended_by = joined.output[0], _called(joined)
            self.layout = self.layout.changed((1, 2), 0)

    def _decided(self, node: Any, said: dict[str, Any]) -> None:
        """Note what names the most probable class, or all of them."""
        if node.op_type == "ZipMap":
            for kind in ("classlabels_int64s", "classlabels_strings"):
                if said.get(kind):
                    self._note_classes(np.array(said[kind]))
        elif not self.layout.only_axis(said.get("axis", 0)) or said.get("select_last_index"):
            raise ModelFileError("it is not the first of the largest outputs of a row")
        self.ended_by = self.ended_by or _called(node)
        self.labels.add(node.output[0])

    def _of_labels(self, node: Any) -> None:
        if node.op_type in ("ArrayFeatureExtractor", "Gather") and self.graph.is_constant(node.input[0]):
            self._note_classes(self.graph.constant(node.input[0]).reshape(-1))
        elif node.op_type not in _OF_LABELS:
            raise ModelFileError("what it makes of the label is not supported")
        self.labels.add(node.output[0])

    def _note_classes(self, classes: NDArray[Any]) -> None:
        if self.classes is not None and not np.array_equal(classes, self.classes):
            raise ModelFileError("it names other classes than were named before")
        self.classes = classes
