"""Plain values in a file: written as JSON and tensors, and read back the same."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from truezero.core.values import ValueReader, ValueWriter
from truezero.errors import ModelFileError, OptionError


def round_trip(value: Any) -> Any:
    writer = ValueWriter()
    described = json.loads(json.dumps(writer.write(value, "it")))
    return ValueReader(writer.tensors).read(described)


def same(a: Any, b: Any) -> bool:
    """Equal in value and type, all the way down."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        return same(a.ravel().tolist(), b.ravel().tolist())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.items()), list(b.items()))
    return bool(a == b) or (a != a and b != b)


LONG = 1000
VALUES = [
    None, True, 0, -(2**70), 0.1, float("nan"), float("inf"), "", "ü\ud800", b"\x00\xff",
    [], (), {}, set(), frozenset(), [1, [2, (3, [])]], (1, "a", None), {1, 2}, frozenset({"a", (1, 2)}),
    {"a": 1, 2: "b", None: [], (1, 2): {"x": ()}, True: 0.5}, {"tuple": [1], "dict": {}},
    slice(None), slice(1, 5, 2), slice("from", "to"),
    np.float32(0.1), np.float64(0.1), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.float16(0.5),
    np.dtype("f4"), np.dtype(object), np.dtype("<U7"), float, int, bool, str, object, np.float32, np.int64,
    np.array(3.5), np.arange(6, dtype=np.uint8).reshape(2, 3), np.zeros((0, 4), np.float32), np.array([True]),
    np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(9)[::2],
    np.array(["a", "bcd", ""]), np.array(["a"], "<U9"), np.array([["a", "ü"]]), np.array([], "<U3"), np.array("x"),
    np.array([b"a", b"bc"]), np.array([], object), np.array([["a", None], [1, 2.5]], object),
    np.array([np.nan, "a", (1, 2), [3]], object),
    list(range(LONG)), [str(i) + "ü" * (i % 3) for i in range(LONG)], [1.5] * LONG, [2**70] * LONG, [True] * LONG,
    [np.int64(i) for i in range(LONG)], {f"t{i}": i for i in range(LONG)}, tuple(range(LONG)),
    np.array([f"t{i}" for i in range(LONG)], object), ["a"] * LONG + [1],
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_what_is_read_is_what_was_written(value: Any) -> None:
    assert same(round_trip(value), value)


def test_numpy_text_becomes_plain_and_order_native() -> None:
    assert same(round_trip(np.str_("a")), "a")
    assert same(round_trip(np.array([1, 2], ">i4")), np.array([1, 2], "i4"))
    assert same(round_trip(np.array(["ab"], ">U2")), np.array(["ab"], "U2"))


def test_long_lists_do_not_go_through_json() -> None:
    writer = ValueWriter()
    terms = {f"term {i}": i for i in range(100_000)}
    assert len(json.dumps(writer.write(terms, "terms"))) < 200
    assert sum(array.nbytes for array in writer.tensors.values()) < 4_000_000


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (lambda: None, "a lambda"),
        (len, "the function len"),
        (object(), "an object"),
        (ValueError, "the class ValueError"),
        (1j, "a complex"),
        (np.array([1j]), "an array of complex128"),
        (np.array([1], "M8[s]"), "an array of datetime64"),
        (np.zeros(2, [("a", "f4")]), "an array of"),
        (np.ma.masked_array([1], [True]), "a MaskedArray"),
        (np.dtype([("a", "f4")]), "a VoidDType"),
        (np.datetime64(1, "s"), "a datetime64"),
        ({"deep": [(print,)]}, "the function print"),
    ],
    ids=lambda value: value if isinstance(value, str) else "value",
)
def test_other_values_are_refused(value: Any, what: str) -> None:
    with pytest.raises(OptionError, match=rf"^the thing is {what}.*: no value that a model file can hold"):
        ValueWriter().write(value, "the thing")


def test_a_list_in_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(OptionError, match="the thing is nested too deep"):
        ValueWriter().write(loop, "the thing")


ARRAYS: dict[str, Any] = {
    "bytes": np.frombuffer(b"abcd", np.uint8), "ends": np.array([1, 4]), "numbers": np.arange(3.0),
    "matrix": np.zeros((2, 2)), "wide": np.zeros((0, 10**6), np.uint32), "codes": np.array([[97, 0x110000]], np.uint32), "flat": np.array(97, np.uint32),
}  # fmt: skip


@pytest.mark.parametrize(
    "described",
    [
        {}, {"tuple": [1], "list": [2]}, {"code": "print()"}, {"tuple": 3}, {"tuple": {"dict": [[], []]}},
        {"dict": [[1, 2], [3]]}, {"dict": [[[]], [1]]}, {"dict": 3}, {"set": [[]]}, {"slice": [1]},
        {"bytes": "xy"}, {"bytes": 3}, {"type": "os.system"}, {"type": ["float"]}, {"dtype": "f4,f8"}, {"dtype": [["a", "f4"]]},
        {"dtype": "M8[s]"}, {"scalar": ["float64", [1, 2]]}, {"scalar": ["object", 1]}, {"scalar": ["float64", "1"]},
        {"array": "missing"}, {"array": ["numbers"]}, {"array": 0}, [{"array": "numbers"}, {"array": "numbers"}],
        {"objects": [[3], [1, 2]]}, {"objects": [[-1], [1, 2]]}, {"objects": [2, [1, 2]]}, {"objects": [["2"], [1, 2]]},
        {"characters": ["U", "codes"]}, {"characters": ["U", "numbers"]}, {"characters": ["O", "codes"]},
        {"characters": ["U", "flat"]}, {"texts": ["numbers", "ends"]}, {"texts": ["bytes", "numbers"]},
        {"texts": ["bytes", "matrix"]}, {"integers": "matrix"}, {"scalars": "missing"}, {"integers": "numbers"}, {"texts": "by"},
        {"dict": [[2**64], [1]]}, {"set": [-(2**63) - 1]}, {"dict": [[{"tuple": [1, 2**70]}], [1]]}, {"dict": "ab"}, {"scalar": "ab"},
        {"objects": [[-1, -2], [1, 2]]}, {"objects": [[2**40, 2**40, 0], []]}, {"objects": [[1] * 40, [1]]}, {"objects": "ab"},
        {"dtype": "<U999999"}, {"dtype": "f3"}, {"dtype": "datetime64"}, {"scalar": ["int8", 300]}, {"characters": ["U", "wide"]},
    ],
    ids=str,
)  # fmt: skip
def test_forged_values_are_found_out(described: Any) -> None:
    with pytest.raises((TypeError, ValueError, OverflowError)) as raised:
        ValueReader(ARRAYS).read(described)
    assert len(str(raised.value)) < 200


def test_no_list_becomes_much_larger_than_it_was() -> None:
    with pytest.raises(ModelFileError, match="a list of 10000001 numbers is too long"):
        ValueReader({"a": np.zeros(10**7 + 1, np.uint8)}).read({"scalars": "a"})
    with pytest.raises(OptionError, match="the thing is an array of"):
        ValueWriter().write(np.zeros(1, "<U100000"), "the thing")


def test_texts_that_overlap_are_found_out() -> None:
    for ends in ([4, 4, 3, 4], [1, 5], [1, 3], [-1, 4]):
        with pytest.raises(ModelFileError, match="do not fit together"):
            ValueReader(ARRAYS | {"ends": np.array(ends)}).read({"texts": ["bytes", "ends"]})


def test_values_nested_too_deep_are_found_out() -> None:
    described: Any = []
    for _ in range(200):
        described = [described]
    with pytest.raises(ModelFileError, match="too deep"):
        ValueReader({}).read(described)
