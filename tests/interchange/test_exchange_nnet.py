"""Networks from Stanford's NNet files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from truezero import Network
from truezero.errors import ModelFileError

W1, B1 = np.array([[1.5, -2], [0.5, 1], [3, 0.25]]), np.array([0.1, -0.2, 0.3])
W2, B2 = np.array([[1, -1, 0.5]]), np.array([0.75])
MEANS, RANGES = np.array([10, -5, 7]), np.array([4, 2, 0.5])


def lines() -> list[str]:
    def row(numbers: object) -> str:
        return ",".join(map(repr, np.asarray(numbers, float).tolist())) + ","

    return [
        "// a network", "// of two layers", "2,2,1,3,", "2,3,1,", "0,", row([0, -9]), row([20, 0]), row(MEANS),
        row(RANGES), *map(row, W1), *(row([b]) for b in B1), *map(row, W2), *(row([b]) for b in B2),
    ]  # fmt: skip


def written(path: Path, content: list[str]) -> Path:
    path.write_text("\n".join(content) + "\n", encoding="ascii")
    return path


def test_its_answers(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(9, 2)) * 5
    net = Network.from_nnet(written(tmp_path / "m.nnet", lines()))
    assert (net.layer_sizes, net.activations) == ((2, 3, 1), ("rectifier",))
    assert net.output == "linear"
    assert net.dtype == np.float32
    h = np.maximum((X - MEANS[:2]) / RANGES[:2] @ W1.T + B1, 0)
    expected = (h @ W2.T + B2) * RANGES[2] + MEANS[2]
    np.testing.assert_allclose(net(X.astype(np.float32)), expected, rtol=1e-5)
    net = Network.from_nnet(tmp_path / "m.nnet", dtype="float64")
    np.testing.assert_allclose(net(X), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("place", "line", "said"),
    [
        (2, "0,2,1,3,", "0 layers"),
        (2, "1e9,2,1,3", "layers"),
        (2, "two", "no numbers"),
        (3, "2,3,", "sizes"),
        (3, "2,1e30,1", "whole numbers"),
        (3, "2,nan,1", "whole numbers"),
        (7, "1,2,", "means"),
        (8, "0,1,1,", "range of the input is 0"),
        (9, "1,", "weights of layer 0"),
        (9, "1,inf,", "NaN or infinite"),
        (16, "1,2,3", "biases of layer 1"),
        (16, "1,\n1", "more than its sizes say"),
    ],
)
def test_damaged_files(place: int, line: str, said: str, tmp_path: Path) -> None:
    content = lines()
    content[place] = line
    with pytest.raises(ModelFileError, match=said):
        Network.from_nnet(written(tmp_path / "m.nnet", content))


def test_files_that_end_early(tmp_path: Path) -> None:
    for n in range(len(lines())):
        with pytest.raises(ModelFileError, match="ends before"):
            Network.from_nnet(written(tmp_path / "m.nnet", lines()[:n]))
    (tmp_path / "b").write_bytes(b"\xff\x00")
    with pytest.raises(ModelFileError, match="no NNet file"):
        Network.from_nnet(tmp_path / "b")


def test_real_files(real_data: Path) -> None:
    folder = real_data / "networks"
    if not folder.is_dir():
        pytest.skip("there are no networks in TRUEZERO_DATA")
    assert Network.from_nnet(folder / "nnet" / "resources_nnet_mnist_mnist10x10.nnet").layer_sizes[0] == 784
    net = Network.from_nnet(folder / "nnet" / "nnet_TestNetwork2.nnet", dtype="float64")
    pytest.importorskip("onnx")
    inner = Network.from_onnx(folder / "onnx" / "nnet_TestNetwork2.onnx", dtype="float64")
    header = (folder / "nnet" / "nnet_TestNetwork2.nnet").read_text().splitlines()[6:8]
    means, ranges = (np.array([float(word) for word in line.split(",") if word]) for line in header)
    X = means[:5] + ranges[:5] * np.random.default_rng(0).uniform(-0.5, 0.5, (20, 5))
    np.testing.assert_allclose(net(X), inner(X), rtol=1e-5)  # the one in float64, the other as it was rounded
