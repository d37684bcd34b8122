"""The container is safetensors' own, byte for byte."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors.numpy import load_file, save

from truezero.core.container import Container, write_container

KINDS = ("?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8")
ARRAYS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=5).filter(lambda name: name != "__metadata__"),
    st.sampled_from(KINDS).flatmap(
        lambda kind: npst.arrays(kind, npst.array_shapes(min_dims=0, min_side=0, max_side=3))
    ),
    max_size=5,
)


@given(ARRAYS, st.text(st.characters(codec="utf-8")))
def test_it_is_what_safetensors_writes(tmp_path: Path, arrays: dict[str, Any], text: str) -> None:
    write_container(tmp_path / "f", arrays, {"key": text})
    assert (tmp_path / "f").read_bytes() == save(arrays, {"key": text})
    with Container(tmp_path / "f") as file:
        assert file.metadata == {"key": text}
        found = file.arrays()
    assert set(found) == set(load_file(tmp_path / "f")) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_nothing_lies_beside_it_while_it_is_written(tmp_path: Path) -> None:
    write_container(tmp_path / "f", {"a": np.zeros(10)}, {})
    node = (tmp_path / "f").stat().st_ino
    write_container(tmp_path / "f", {"a": np.ones(10)}, {})
    assert (tmp_path / "f").stat().st_ino == node  # it is the file that was made for it
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
