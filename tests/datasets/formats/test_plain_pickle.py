"""Pickles are read without running them: plain data come out as they went in, all else is refused."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import subprocess
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truezero.datasets.formats.plain_pickle import read_plain
from truezero.errors import DataError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.binary(max_size=4), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@given(PLAIN, st.integers(2, 5))
def test_plain_data_come_out_as_they_went_in(value: Any, protocol: int) -> None:
    for content in (pickle.dumps(value, protocol), pickletools.optimize(pickle.dumps(value, protocol))):
        assert read_plain(content) == value


class Call:
    def __init__(self, function: Any, *given: Any) -> None:
        self.how = (function, given)

    def __reduce__(self) -> Any:
        return self.how


class Thing:
    def __init__(self) -> None:
        self.a = 1


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        Call(os.system, "touch /tmp/it-ran"),
        Call(subprocess.Popen, ["false"]),
        Call(eval, "1"),
        Call(getattr, "", "upper"),
        Call(np.dtype, "O"),
        Call(np.dtype, "f8"),
        Thing(),
        OrderedDict(a=1),
        {1, 2},
        1.5,
        2**2200,
        np.zeros(3),
        np.array([{}], object),
        np.float64(1),
        range(3),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_anything_else_is_refused(value: Any, protocol: int) -> None:
    for whole in (value, {"data": value}, [value]):
        with pytest.raises(DataError, match="is not read|is damaged or no pickle|is damaged: ") as raised:
            read_plain(pickle.dumps(whole, protocol))
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        b"", b".", b"N", b"(.", b"N0.", b"NN.", b"(q\x00.", b"h\x00.", b"]a.", b"}K\x01s.", b"(K\x01d.", b"\x85.",
        b"cnumpy\nndarray\n)R.", b"cnumpy\ndtype\n)R.", b"c_codecs\nencode\n(K\x01X\x06\x00\x00\x00latin1tR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR.",  # never filled
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.", b"T\xff\xff\xff\x7fabc.", b"I" + b"9" * 6000 + b"\n.",
        b"}(](K\x01eK\x02u.", b"}(K\x01K\x02K\x01K\x03u.", b"(" * 100_000 + b".", b"]" * 600_000 + b".",
    ],
)  # fmt: skip
def test_what_is_no_pickle(content: bytes) -> None:
    with pytest.raises(DataError):
        read_plain(content)


def test_arrays_say_how_many_values_they_have() -> None:
    content = pickle.dumps({"data": np.zeros((2, 3), np.uint8)}, 2)
    with pytest.raises(DataError, match=r"an array of shape \(2, 4\) has 6 values"):
        read_plain(content.replace(b"K\x02K\x03\x86", b"K\x02K\x04\x86"))
    shared = np.arange(6, dtype=np.uint8)
    assert io.BytesIO(read_plain(pickle.dumps({"a": shared}))["a"]).read() == shared.tobytes()
