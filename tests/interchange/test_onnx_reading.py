"""Networks from ONNX files say what ONNX's own runtime says; what cannot be is refused by its node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_files import B1, B2, LAYERS, RANDOM, TWO, W1, W2, X, before, check, node, onnx_package, peer, write

from truezero import Network
from truezero.errors import ModelFileError
from truezero.interchange import read_onnx

pytest.importorskip("onnx")


def then(*nodes: Any) -> list[Any]:
    """Two layers, whose output is called z, and nodes after it."""
    return [*LAYERS[:2], node("Gemm", ["h1", "W2", "B2"], "z"), *nodes]


def left(constants: dict[str, Any]) -> dict[str, Any]:
    return {name: values.T if name[0] == "W" else values for name, values in constants.items()}


LEFT = [
    node("MatMul", ["W1", "x"], "m1"), node("Add", ["m1", "B1"], "z1"), node("Relu", ["z1"], "h1"),
    node("MatMul", ["W2", "h1"], "m2"), node("Add", ["B2", "m2"], "y"),
]  # fmt: skip
COLUMNS = {**left(TWO), "B1": B1[:, None], "B2": B2[:, None]}
MEANS = np.array([0.5, -2, 3, 1], np.float32)
SCALES = np.array([2, 0.5, 4, 0.25], np.float32)
BN = {name: RANDOM.random(6).astype(np.float32) + 0.5 for name in ("g", "b", "m", "v")}


def ints(*values: int) -> Any:
    return np.array(values, np.int64)


FILES: dict[str, tuple[list[Any], dict[str, Any], dict[str, Any]]] = {
    "plain": (LAYERS, TWO, {}),
    "numbers in float_data": (LAYERS, TWO, {"as_floats": True}),
    "constants listed as inputs": (LAYERS, TWO, {"listed": True}),
    "a batch of one": (LAYERS, TWO, {"shape": (1, 4)}),
    "a batch of two": (LAYERS, TWO, {"shape": (2, 4)}),
    "no shape of the rows": (LAYERS, TWO, {"shape": ("n", "m")}),
    "one row": (LEFT, left(TWO), {"shape": (4,)}),
    "one row, weights on the right": (
        [node("MatMul", ["x", "W1"], "m"), node("Add", ["m", "B1"], "y")], {"W1": W1, "B1":
        B1}, {"shape": (4,)},
    ),
    "rows as columns": (LEFT, COLUMNS, {"shape": (4, 1)}),
    "columns of a batch": (LEFT, COLUMNS, {"shape": (1, 4, 1)}),
    "many axes": (
        before(node("Sub", ["x", "mean"], "s"), node("Flatten", ["s"], "r")),
        {**TWO, "mean": MEANS.reshape(1, 1, 2, 2)}, {"shape": ("n", 1, 2, 2)},
    ),
    "reshaped": (before(node("Reshape", ["x", "to"], "r")), {**TWO, "to": ints(-1, 4)}, {"shape": ("n", 2, 2)}),
    "reshaped with 0": (before(node("Reshape", ["x", "to"], "r")), {**TWO, "to": ints(0, -1)}, {"shape":
        ("n", 4, 1)}),
    "reshaped by its shape": (
        before(
            node("Shape", ["x"], "shape"), node("Gather", ["shape", "zero"], "rows", axis=0),
            node("Unsqueeze", ["rows", "axes"], "u"), node("Concat", ["u", "rest"], "to", axis=0),
            node("Reshape", ["x", "to"], "r"),
        ),
        {**TWO, "zero": np.array(0, np.int64), "axes": ints(0), "rest": ints(-1)}, {"shape": ("n", 2, 2)},
    ),
    "squeezed": (before(node("Squeeze", ["x", "axes"], "r")), {**TWO, "axes": ints(1)}, {"shape": ("n", 1, 4)}),
    "transposed weights": (
        [node("Transpose", ["V"], "W1", perm=[1, 0]), *LAYERS], {**TWO, "W1": W1, "V":
        W1.T.copy()} | {"W1": None}, {},
    ),
    "gemm's options": (
        [node("Gemm", ["x", "W1", "B1"], "z1", alpha=0.5, beta=2.0, transA=1, transB=1), *LAYERS[1:]],
        {**TWO, "W1": W1.T.copy()}, {"shape": (4, 1)},
    ),
    "gemm with weights on the left": (
        [node("Gemm", ["W1", "x", "B1"], "z1", transA=1, transB=1), node("Relu", ["z1"], "h1"),
         node("Gemm", ["W2", "h1"], "y", transA=1)],
        {"W1": W1, "B1": B1[:, None], "W2": W2}, {},
    ),
    "normalised": (
        before(node("Sub", ["x", "mean"], "s"), node("Div", ["s", "scale"], "t"),
        node("Mul", ["t", "two"], "r")),
        {**TWO, "mean": MEANS, "scale": SCALES, "two": np.float32(2).reshape(())}, {},
    ),
    "a scaler": (
        before(node("Scaler", ["x"], "r", "ai.onnx.ml", offset=MEANS.tolist(), scale=SCALES.tolist())), TWO, {},
    ),
    "constant minus rows": (before(node("Sub", ["mean", "x"], "s"), node("Neg", ["s"], "r")),
        {**TWO, "mean": MEANS}, {}),
    "batch normalisation": (
        [LAYERS[0], node("BatchNormalization", ["z1", "g", "b", "m", "v"], "n1"), node("Relu", ["n1"], "r1"),
         node("BatchNormalization", ["r1", "v", "m", "b", "g"], "h1"), LAYERS[2]],
        {**TWO, **BN}, {},
    ),
    "dropout, casts": (
        [LAYERS[0], node("Cast", ["z1"], "c", to=1), node("Relu", ["c"], "d"), node("Dropout", ["d"], "h1"),
         node("Gemm", ["h1", "W2", "B2"], "i"), node("Identity", ["i"], "y")], TWO, {},
    ),
    "layers in a row": (
        [node("MatMul", ["x", "W1"], "a"), node("MatMul", ["a", "W2"], "b"), node("Relu", ["b"], "h1"),
         node("MatMul", ["h1", "V"], "y")], {"W1": W1, "W2": W2, "V": W1[:3]}, {},
    ),
    "a bottleneck": (
        [node("MatMul", ["x", "V"], "a"), node("MatMul", ["a", "U"], "y")], {"V": W1[:, :1], "U": W1[:1]}, {},
    ),
    "rectifiers by other names": (
        [LAYERS[0], node("Clip", ["z1", "zero"], "c"), node("Max", ["zero", "c"], "h1"), LAYERS[2]],
        {**TWO, "zero": np.float32(0).reshape(())}, {},
    ),
    "leaky by nothing": ([LAYERS[0], node("LeakyRelu", ["z1"], "h1", alpha=0.0), LAYERS[2]], TWO, {}),
    "tanh": ([LAYERS[0], node("Tanh", ["z1"], "h1"), LAYERS[2]], TWO, {}),
    "sigmoid": ([LAYERS[0], node("Sigmoid", ["z1"], "h1"), LAYERS[2]], TWO, {}),
    "softplus": ([LAYERS[0], node("Softplus", ["z1"], "h1"), LAYERS[2]], TWO, {}),
    "rectified tanh": ([LAYERS[0], node("Tanh", ["z1"], "t"), node("Relu", ["t"], "h1"), LAYERS[2]], TWO, {}),
    "absolute tanh": ([LAYERS[0], node("Tanh", ["z1"], "t"), node("Abs", ["t"], "h1"), LAYERS[2]], TWO, {}),
    "an activation at the end": (then(node("Tanh", ["z"], "y")), TWO, {}),
    "rectifiers first": (before(node("Relu", ["x"], "r")), TWO, {}),
    "float64": (LAYERS, {name: values.astype(np.float64) for name, values in TWO.items()}, {"kind":
        np.float64}),
    "a softmax": (then(node("Softmax", ["z"], "y", axis=-1)), TWO, {}),
    "a softmax of before": (then(node("Softmax", ["z"], "y")), TWO, {"opset": 11}),
    "what lies idle": ([*LAYERS, node("Conv", ["x", "W1"], "nobody")], TWO, {"shape": ("n", 4)}),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_what_the_runtime_says(name: str, tmp_path: Path) -> None:
    nodes, constants, options = FILES[name]
    constants = {of: values for of, values in constants.items() if values is not None}
    path = write(tmp_path / "m.onnx", nodes, constants, **options)
    network = Network.from_onnx(path)
    assert network.dtype == options.get("kind", np.float32)
    if name == "what lies idle":  # which the runtime would not load
        path = write(tmp_path / "n.onnx", LAYERS, TWO)
    check(network, path, X)


def test_what_is_folded(tmp_path: Path) -> None:
    def sizes(name: str) -> Any:
        nodes, constants, options = FILES[name]
        network = Network.from_onnx(write(tmp_path / "m.onnx", nodes, constants, **options))
        return network.layer_sizes, network.activations, network.output

    assert sizes("layers in a row") == ((4, 3, 6), ("rectifier",), "linear")
    assert sizes("a bottleneck") == ((4, 1, 6), ("linear",), "linear")
    assert sizes("batch normalisation") == ((4, 6, 3), ("rectifier",), "linear")
    assert sizes("rectified tanh") == ((4, 6, 3), ("rectified-tanh",), "linear")
    assert sizes("an activation at the end") == ((4, 6, 3, 3), ("rectifier", "tanh"), "linear")
    assert sizes("a softmax") == ((4, 6, 3), ("rectifier",), "softmax")


def test_biases_are_there_if_the_file_has_some(tmp_path: Path) -> None:
    bare = [node("MatMul", ["x", "W1"], "z1"), node("Relu", ["z1"], "h1"), node("MatMul", ["h1", "W2"], "y")]
    assert not Network.from_onnx(write(tmp_path / "a", bare, {"W1": W1, "W2": W2})).use_biases
    assert Network.from_onnx(write(tmp_path / "b", LAYERS, {**TWO, "B1": 0 * B1, "B2": 0 * B2})).use_biases


def test_a_normalisation_that_float32_would_lose(tmp_path: Path) -> None:
    nodes = before(node("Sub", ["x", "mean"], "s"), node("Mul", ["s", "scale"], "r"))
    far = {**TWO, "mean": np.array([3000, 1, 2, 3], np.float32), "scale": np.array([20, 1, 1, 1], np.float32)}
    path = write(tmp_path / "m", nodes, far)
    network = Network.from_onnx(path)
    assert network.dtype == np.float64
    rows = X + np.array([3000, 0, 0, 0], np.float32)
    check(network, path, rows)
    assert Network.from_onnx(path, dtype="float32").dtype == np.float32


HEAD = [
    node("ArgMax", ["p"], "a", axis=1),
    node("ArrayFeatureExtractor", ["classes", "a"], "f", "ai.onnx.ml"),
    node("Reshape", ["f", "flat"], "label"),
]


@pytest.mark.parametrize("labels", [np.array([5, 7, 9]), np.array(["a", "b", "c"])])
def test_classes_of_scikit_learns_heads(labels: Any, tmp_path: Path) -> None:
    nodes = then(node("Softmax", ["z"], "p", axis=1), *HEAD)
    path = write(tmp_path / "m", nodes, {**TWO, "classes": labels, "flat": ints(-1)}, outputs=("label", "p"))
    read = read_onnx(path)
    assert read.classes is not None
    assert read.classes.tolist() == labels.tolist()
    check(read.network, path, X, "p")
    kind = "classlabels_strings" if labels.dtype.kind == "U" else "classlabels_int64s"
    zipped = node("ZipMap", ["p"], "zipped", "ai.onnx.ml", **{kind: labels.tolist()})
    named = read_onnx(
        write(tmp_path / "n", then(node("Softmax", ["z"], "p", axis=1), zipped), TWO, outputs=("zipped",))
    )
    assert named.classes is not None
    assert named.classes.tolist() == labels.tolist()
    assert (named.network(X) == read.network(X)).all()


def test_two_classes_of_one_sigmoid(tmp_path: Path) -> None:
    one = {"W1": W1, "B1": B1, "W2": W2[:, :1], "B2": B2[:1], "one": np.float32(1).reshape(())}
    nodes = then(
        node("Sigmoid", ["z"], "s"), node("Sub", ["one", "s"], "q"), node("Concat", ["q", "s"],
        "p", axis=1), *HEAD
    )  # fmt: skip
    constants = {**one, "classes": np.array([0, 1]), "flat": ints(-1)}
    path = write(tmp_path / "m", nodes, constants, outputs=("label", "p"))
    read = read_onnx(path)
    assert read.network.layer_sizes == (4, 6, 2)
    check(read.network, path, X, "p")
    alone = Network.from_onnx(write(tmp_path / "n", then(node("Sigmoid", ["z"], "y")), one))
    assert (alone(X) == read.network(X)).all()


def test_weights_in_a_file_beside(tmp_path: Path) -> None:
    onnx = onnx_package()
    model = onnx.load(write(tmp_path / "all", LAYERS, TWO))
    onnx.save_model(
        model, tmp_path / "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=0
    )
    network = Network.from_onnx(tmp_path / "m.onnx")
    check(network, tmp_path / "m.onnx", X)
    (tmp_path / "m.onnx.data").write_bytes(b"short")
    with pytest.raises(ModelFileError, match=r"m.onnx.data' does not hold|m.onnx.data does not hold"):
        Network.from_onnx(tmp_path / "m.onnx")
    (tmp_path / "m.onnx.data").unlink()
    with pytest.raises(FileNotFoundError, match=r"m\.onnx\.data"):
        Network.from_onnx(tmp_path / "m.onnx")


CONV = np.ones((1, 1, 1, 1), np.float32)
REFUSED: dict[str, tuple[str, list[Any], dict[str, Any], dict[str, Any]]] = {
    "convolutions": (r"node 'c' \(Conv\)", [node("Conv", ["x", "K"], "c"), node("Flatten", ["c"], "r"),
        *before()],
                     {**TWO, "K": CONV}, {"shape": ("n", 1, 2, 2)}),
    "leaky": (r"node 'h1' \(LeakyRelu\)", [LAYERS[0], node("LeakyRelu", ["z1"], "h1", alpha=0.1),
        LAYERS[2]], TWO, {}),
    "bounded": (r"node 'h1' \(Clip\)", [LAYERS[0], node("Clip", ["z1", "zero", "six"], "h1"), LAYERS[2]],
                {**TWO, "zero": np.float32(0).reshape(()), "six": np.float32(6).reshape(())}, {}),
    "a branch": (r"node 'y' \(Add\): it takes 'x' a second time; branches", [LAYERS[0],
        node("Relu", ["z1"], "h"),
                 node("MatMul", ["h", "V"], "g"), node("Add", ["g", "x"], "y")], {**TWO, "V": W1.T.copy()}, {}),
    "a branch at the end": (r"output 'h1'", LAYERS, TWO, {"outputs": ("y", "h1")}),
    "several inputs": (r"2 inputs \(x, u\)", [*LAYERS[:2], node("Gemm", ["h1", "W2", "B2"], "z"),
                       node("Add", ["z", "u"], "y")], TWO, {"inputs": ("x", "u")}),
    "no layer": ("no layer of weights", [node("Relu", ["x"], "y")], {}, {}),
    "a softmax between": (r"node 'h1' \(Softmax\)|node 'y' \(Gemm\).*softmax|node 'y' \(Gemm\)",
                          [LAYERS[0], node("Softmax", ["z1"], "h1"), LAYERS[2]], TWO, {}),
    "a softmax over rows": (r"node 'y' \(Softmax\)", then(node("Softmax", ["z"], "y", axis=0)), TWO, {}),
    "rows turned": (r"node 't' \(Transpose\)", before(node("Transpose", ["x"], "t", perm=[0, 2, 1]),
                    node("Transpose", ["t"], "r", perm=[0, 2, 1])), TWO, {"shape": ("n", 2, 2)}),
    "rows mixed": (r"node 'r' \(Reshape\)", before(node("Reshape", ["x", "to"], "r")),
                   {**TWO, "to": ints(2, 2)}, {"shape": ("n", 2, 2)}),
    "a constant for each row": (r"node 'r' \(Add\)", before(node("Add", ["x", "c"], "r")),
                                {**TWO, "c": np.ones((2, 4), np.float32)}, {"shape": (2, 4)}),
    "more features": (r"node 'r' \(Add\)", before(node("Add", ["x", "c"], "r")),
                      {**TWO, "c": np.ones((3, 4, 1), np.float32)}, {}),
    "division by rows": (r"node 'r' \(Div\)", before(node("Div", ["c", "x"], "r")),
                         {**TWO, "c": np.float32(1).reshape(())}, {}),
    "another width": ("input of \\?×7 does not fit", LAYERS, TWO, {"shape": ("n", 7)}),
    "half precision": ("float32 and float64", LAYERS, {**TWO, "W2": W2.astype(np.float16)}, {}),
    "NaN": ("NaN", LAYERS, {**TWO, "W2": W2 * np.nan}, {}),
    "a division by 0": ("NaN|infinite", before(node("Div", ["x", "c"], "r")), {**TWO, "c":
        np.zeros(4, np.float32)}, {}),
    "other domains": (r"node 'h1' \(Relu\)", [LAYERS[0], node("Relu", ["z1"], "h1", "com.acme"),
        LAYERS[2]], TWO, {}),
    "a bomb of constants": (r"node 'W2' \(Add\)", [node("Add", ["p", "q"], "W2"), *LAYERS],
                            {"W1": W1, "B1": B1, "B2": B2, "p": np.zeros((10**5, 1), np.float32),
                             "q": np.zeros((1, 10**5), np.float32)}, {}),
    "nothing makes it": ("nothing makes 'w'", before(node("Add", ["x", "w"], "r")), TWO, {}),
    "an old one": ("opset 6", LAYERS, TWO, {"opset": 6}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str, tmp_path: Path) -> None:
    said, nodes, constants, options = REFUSED[name]
    path = write(tmp_path / "m.onnx", nodes, constants, **options)
    with pytest.raises(ModelFileError, match=said) as caught:
        Network.from_onnx(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


REAL_REFUSED = {
    "benchmarks_verivital_Convnet_maxpool": "Conv_0",
    "resources_onnx_mnist5x20_leaky_relu": "LeakyRelu_3",
    "resources_onnx_multiInput_add": "X1, X2",
}


def test_real_files(real_data: Path) -> None:
    folder = real_data / "networks" / "onnx"
    if not folder.is_dir():
        pytest.skip("there are no networks in TRUEZERO_DATA")
    paths = sorted(folder.rglob("*.onnx"))
    assert len(paths) > 20
    random = np.random.default_rng(0)
    for path in paths:
        if path.stem in REAL_REFUSED:
            with pytest.raises(ModelFileError, match=REAL_REFUSED[path.stem]):
                Network.from_onnx(path)
            continue
        read = read_onnx(path)
        rows = random.random((3, read.network.layer_sizes[0]))
        if "zipmap" in path.stem:
            assert read.classes is not None
            assert read.classes.tolist() == list(range(10))
            answers = peer(path, rows, "output_probability")
            z = np.exp(read.network(rows.astype(np.float32)))
            for row, (answer,) in zip(z / z.sum(axis=1, keepdims=True), answers, strict=True):
                np.testing.assert_allclose(row, [answer[label] for label in range(10)], rtol=1e-5)
        elif "logsoftmax" in path.stem:
            answers = peer(path, rows)
            z = read.network(rows.astype(np.float32)).astype(float)
            z -= np.log(np.exp(z).sum(axis=1, keepdims=True))
            np.testing.assert_allclose(z, [answer[0] for answer in answers], rtol=1e-5)
        else:
            check(
                read.network,
                path,
                rows,
                "probabilities" if "skl2onnx_mlpc" in path.stem or "scaler" in path.stem else None,
            )
