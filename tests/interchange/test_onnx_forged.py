"""ONNX files that are damaged, or that somebody has made to do harm: one clear error, and nothing done."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from onnx_files import LAYERS, TWO, W2, X, before, node, onnx_package, write

from truezero import Network
from truezero.errors import ModelFileError

pytest.importorskip("onnx")


def test_folders_are_not_left(tmp_path: Path) -> None:
    onnx = onnx_package()
    inside = tmp_path / "models"
    inside.mkdir()
    (tmp_path / "secret").write_bytes(W2.tobytes())
    (inside / "link").symlink_to(tmp_path / "secret")
    (inside / "W2").write_bytes(W2.tobytes())
    os.mkfifo(inside / "pipe")
    model = onnx.load(write(inside / "m", LAYERS, TWO))
    tensor = next(t for t in model.graph.initializer if t.name == "W2")
    tensor.ClearField("raw_data")
    tensor.data_location = tensor.EXTERNAL

    def read(location: str, **more: str) -> Network:
        del tensor.external_data[:]
        for key, value in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=value)
        (inside / "m").write_bytes(model.SerializeToString())
        return Network.from_onnx(inside / "m")

    assert (read("W2")(X) == Network.from_onnx(write(tmp_path / "n", LAYERS, TWO))(X)).all()
    for location in (
        "../secret",
        str(tmp_path / "secret"),
        "a/../../secret",
        "..\\secret",
        "C:\\x",
        "link",
        "",
        "x\0",
    ):
        with pytest.raises(ModelFileError, match=r"outside of its folder|out of its folder"):
            read(location)
    with pytest.raises(ModelFileError, match="regular"):
        read("pipe")
    for more in ({"offset": "-4"}, {"offset": "4"}, {"length": "8"}, {"offset": "x"}, {"offset": "9" * 30}):
        with pytest.raises(ModelFileError):
            read("W2", **more)


def test_damaged_files(tmp_path: Path) -> None:
    whole = write(tmp_path / "m", LAYERS, TWO).read_bytes()
    good = Network.from_onnx(tmp_path / "m")
    (tmp_path / "d").write_bytes(b"")
    with pytest.raises(ModelFileError, match="no ONNX file"):
        Network.from_onnx(tmp_path / "d")
    with pytest.raises(FileNotFoundError):
        Network.from_onnx(tmp_path / "none")
    with pytest.raises(ModelFileError):
        Network.from_onnx(tmp_path)
    random = np.random.default_rng(1)
    for place in range(0, len(whole), 3):
        for damaged in (whole[:place], whole[:place] + bytes([random.integers(256)]) + whole[place + 1 :]):
            (tmp_path / "d").write_bytes(damaged)
            network, said = None, ""
            try:
                network = Network.from_onnx(tmp_path / "d")
            except ModelFileError as error:
                said = str(error)
            if network is None:
                assert said.startswith(str(tmp_path / "d"))
                assert "\n" not in said
            else:  # a number was hit, or a name
                assert network.layer_sizes[0] == good.layer_sizes[0]


def test_shapes_that_promise_too_much(tmp_path: Path) -> None:
    onnx = onnx_package()
    for dims in ((2**31, 2**31), (-1, 3), (2**40, 3)):
        model = onnx.load(write(tmp_path / "m", LAYERS, TWO))
        tensor = next(t for t in model.graph.initializer if t.name == "W2")
        tensor.dims[:] = dims
        (tmp_path / "m").write_bytes(model.SerializeToString())
        with pytest.raises(ModelFileError, match="W2"):
            Network.from_onnx(tmp_path / "m")
    with pytest.raises(ModelFileError, match="does not fit"):
        Network.from_onnx(write(tmp_path / "n", before(node("Flatten", ["x"], "r")), TWO, (1, 2**40, 2**40)))
