"""The safetensors container: whatever a header says, nothing is read that the file does not have."""

from __future__ import annotations

import json
import os
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forging import as_of_before, damage
from safetensors import safe_open
from safetensors.numpy import save_file

from truezero.core.tensors import read_tensors, write_tensors
from truezero.errors import DataError, ModelFileError

ARRAYS: dict[str, Any] = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([True, False]), "c": np.array(3.5),
    "d": np.zeros((0, 4), np.int16), "e": np.array([1, 2], ">i4"), "f": np.asfortranarray(np.eye(3, 2)),
    "g": np.arange(9, dtype=np.uint8)[::2], "h": np.array([0.5], np.float16), "ü": np.array([2**63], np.uint64),
}  # fmt: skip


def container(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    """Put a file together by hand; a header that is no text is written as JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(dtype: str = "U8", shape: Any = (4,), offsets: Any = (0, 4)) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


RECORD = {"__metadata__": {"truezero": json.dumps({"format_version": 1, "kind": "test"})}}


def test_arrays_come_back(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t", ARRAYS, {"what": [1, "ü"]}, kind="test")
    tensors, record = read_tensors(tmp_path / "t", kind="test")
    assert record["what"] == [1, "ü"]
    assert list(record["arrays"]) == sorted(ARRAYS)
    with safe_open(tmp_path / "t", framework="numpy") as file:  # it is the format
        for name, array in ARRAYS.items():
            assert tensors[name].dtype == array.dtype.newbyteorder("=")
            np.testing.assert_array_equal(tensors[name], array)
            np.testing.assert_array_equal(file.get_tensor(name), array)
            assert tensors[name].flags.c_contiguous
            assert tensors[name].flags.writeable


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        ({}, b"", "some other program's file"), ([], b"", "header is no object"), (b"{", b"", "damaged"), (b"", b"", "damaged"),
        (b"\xff\xfe", b"", "decode"), (b"[" * 200_000 + b"]" * 200_000, b"", "too many|too deep"),
        (b"[" * 50_000 + b"]" * 50_000, b"", "too deep"), (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, b"", "too deep"),
        (b'{"a": 1, "a": 2}', b"", "'a' is in it twice"), (b'{"a": ' + b"9" * 5000 + b"}", b"", "limit"),
        (b'{"__metadata__": {"truezero": "null", "truezero": "{}"}}', b"", "in it twice"),
        ({"__metadata__": 3}, b"", "metadata are no texts"), ({"__metadata__": {"truezero": 3}}, b"", "metadata are no texts"),
        ({"__metadata__": {"truezero": "["}}, b"", "damaged"), ({"__metadata__": {"truezero": "[]"}}, b"", "some other program's file"),
        ({"__metadata__": {"truezero": "{}"}}, b"", "it is: None"), ({"a": None}, b"", "a must be an object"),
        ({"a": {"dtype": "U8", "shape": [4]}}, b"    ", "it lacks a.data_offsets"), ({"a": entry("BF16", (2,))}, b"    ", "a.dtype must be"),
        ({"a": entry("F8_E4M3")}, b"    ", "a.dtype must be"), ({"a": entry(shape=(-4,))}, b"    ", "must be a whole number of at least 0"),
        ({"a": entry(shape=(4.0,))}, b"    ", "must be a whole number"), ({"a": entry(shape=(True,), offsets=(0, 1))}, b" ", "whole number"),
        ({"a": entry(shape=(5,))}, b"    ", "must be at"), ({"a": entry(offsets=(0, 5))}, b"     ", "must be at"),
        ({"a": entry(offsets=(1, 5))}, b"     ", "must be at"), ({"a": entry(offsets=(4, 0))}, b"    ", "must be at"),
        ({"a": entry(), "b": entry()}, b"    ", "must be at"), ({"a": entry(), "b": entry(offsets=(3, 7))}, b"       ", "must be at"),
        ({"a": entry()}, b"   ", "4 bytes, and there are 3"), ({"a": entry()}, b"     ", "4 bytes, and there are 5"),
        ({"a": entry("F64", (7_500_000_000,), (0, 60_000_000_000))}, b"    ", "60000000000 bytes, and there are 4"),
        ({"a": entry("F64", (2**32, 2**32), (0, 2**63 - 1))}, b"    ", "too large"), ({"a": entry("F64", (10**30,), (0, 8))}, b"    ", "whole number"),
        ({"a": entry("U8", (0, 2**62), (0, 0))}, b"", "too large"), ({"a": entry("U8", (1,) * 40, (0, 1))}, b" ", "0 to 32 items"),
        ({"a": entry("BOOL")}, b"\0\1\2\1", "truth values that are none"), ({"\x1b[2J": entry("X")}, b"    ", r"\\x1b\[2J.dtype"),
    ],
    ids=range(38),
)  # fmt: skip
def test_headers_that_cannot_be(tmp_path: Path, header: Any, data: bytes, message: str) -> None:
    if isinstance(header, dict) and header and "__metadata__" not in header:
        header = {**RECORD, **header}
    with pytest.raises(ModelFileError, match=f"t is not a truezero test.*({message})") as raised:
        read_tensors(container(tmp_path / "t", header, data), kind="test")
    assert str(raised.value).isprintable()


@pytest.mark.parametrize("length", [3, 100, 10**8, 10**8 + 1, 2**63, 2**64 - 1])
def test_headers_longer_than_the_file(tmp_path: Path, length: int) -> None:
    path = container(tmp_path / "t", RECORD, length=length)
    with pytest.raises(ModelFileError, match="t is not a truezero test, or is damaged"):
        read_tensors(path, kind="test")


def test_a_header_of_more_than_a_hundred_megabytes(tmp_path: Path) -> None:
    path = container(tmp_path / "t", b"{", length=10**8 + 1)
    os.truncate(path, 2 * 10**8)  # takes no place on the disk
    with pytest.raises(ModelFileError, match="header of 100000001 bytes is too long"):
        read_tensors(path, kind="test")


@pytest.mark.parametrize("inside", ["[],", "{},", '{"a":[]},', "[[],[]],"])
def test_small_texts_do_not_become_large_in_memory(tmp_path: Path, inside: str) -> None:
    text = "[" + inside * (3_000_000 // len(inside)) + "1]"
    path = container(tmp_path / "t", {"__metadata__": {"truezero": text}})
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="too many lists and objects"):
            read_tensors(path, kind="test")
        assert tracemalloc.get_traced_memory()[1] < 20 * path.stat().st_size
    finally:
        tracemalloc.stop()


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ""):
        with pytest.raises(ModelFileError, match="no regular file"):
            read_tensors(tmp_path / name, kind="test")


def test_every_byte_of_record_and_arrays_is_in_the_digest(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t", ARRAYS, {"what": "it"}, kind="test")
    content = (tmp_path / "t").read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 4
        (tmp_path / "changed").write_bytes(changed)
        try:
            tensors, record = read_tensors(tmp_path / "changed", kind="test")
        except ModelFileError:
            continue
        # White space at the header's end, which pads it, is all that there is besides.
        assert chr(content[place]).isspace()
        assert record["what"] == "it"
        np.testing.assert_array_equal(tensors["a"], ARRAYS["a"])


def swapped(_: Any, tensors: Any) -> None:
    tensors["a"], tensors["f"] = tensors["f"], tensors["a"]


def reshaped(_: Any, tensors: Any) -> None:
    tensors["a"] = tensors["a"].reshape(3, 2)


def of_another_dtype(_: Any, tensors: Any) -> None:
    tensors["a"] = tensors["a"].view(np.int32)


def renamed(_: Any, tensors: Any) -> None:
    tensors["A"] = tensors.pop("a")


def without_digest(metadata: Any, _: Any) -> None:
    del metadata["digest"]


@pytest.mark.parametrize("change", [swapped, reshaped, of_another_dtype, renamed, without_digest])
def test_names_shapes_and_dtypes_are_in_the_digest(tmp_path: Path, change: Any) -> None:
    write_tensors(tmp_path / "t", ARRAYS, {}, kind="test")
    with pytest.raises(ModelFileError, match="changed is damaged: "):
        read_tensors(damage(tmp_path / "t", tmp_path / "changed", change), kind="test")


def test_files_of_before_are_read_with_a_warning(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t", ARRAYS, {}, kind="test")
    as_of_before(tmp_path / "t", tmp_path / "old")
    with pytest.warns(UserWarning, match="^[^\n]*old is of a version that wrote no digest[^\n]*$"):
        tensors, _ = read_tensors(tmp_path / "old", kind="test")
    assert set(tensors) == set(ARRAYS)


def test_kinds_are_shown_cut_and_escaped(tmp_path: Path) -> None:
    for kind in ("x" * 10**6, "\x1b[2J\n"):
        save_file(
            {"a": np.zeros(1)}, tmp_path / "t", {"truezero": json.dumps({"format_version": 1, "kind": kind})}
        )
        with pytest.raises(ModelFileError, match="is not a truezero test") as raised:
            read_tensors(tmp_path / "t", kind="test")
        assert len(str(raised.value)) < 400
        assert str(raised.value).isprintable()


def test_a_full_disk_is_said_with_the_name_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("truezero.core.tensors.write_container", full)
    with pytest.raises(
        DataError, match=f"^cannot write {re.escape(str(tmp_path / 't'))}: {os.strerror(28)}$"
    ):
        write_tensors(tmp_path / "t", ARRAYS, {}, kind="test")
    assert not list(tmp_path.iterdir())


def test_a_record_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write .*what describes it takes 40"):
        write_tensors(tmp_path / "t", {}, {"a": "x" * 40_000_000}, kind="test")
    assert not list(tmp_path.iterdir())
