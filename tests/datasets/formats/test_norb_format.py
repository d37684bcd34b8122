"""NORB's binary matrices."""

from __future__ import annotations

import gzip
import struct
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from truezero.datasets.formats.norb import open_matrix, read_matrix, write_blocks, write_matrix
from truezero.errors import DataError, FileError

BYTES = 0x1E3D4C55


def matrix(magic: int, sizes: tuple[int, ...], content: bytes, n_dimensions: int | None = None) -> bytes:
    """A file as the format is described; at least three sizes are there."""
    n = len(sizes) if n_dimensions is None else n_dimensions
    stored = sizes + (1,) * (3 - len(sizes))
    return struct.pack("<II", magic, n) + struct.pack(f"<{len(stored)}i", *stored) + content


@pytest.mark.parametrize(
    ("magic", "dtype"),
    [(0x1E3D4C51, "<f4"), (0x1E3D4C53, "<f8"), (0x1E3D4C54, "<i4"), (BYTES, "u1"), (0x1E3D4C56, "<i2")],
)
@pytest.mark.parametrize("shape", [(5,), (5, 4), (5, 2, 3), (5, 2, 3, 2)])
def test_files_as_they_are_described(tmp_path: Path, magic: int, dtype: str, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    content = matrix(magic, shape, values.tobytes())
    (tmp_path / "a.mat").write_bytes(content)
    (tmp_path / "a.mat.gz").write_bytes(gzip.compress(content))
    for name in ("a.mat", "a.mat.gz"):
        found = read_matrix(tmp_path / name)
        assert (found == values).all()
        assert found.dtype == np.dtype(dtype).newbyteorder("=")
    write_matrix(tmp_path / "b.mat", values)
    assert (tmp_path / "b.mat").read_bytes() == content
    write_matrix(tmp_path / "b.mat.gz", values.astype(np.dtype(dtype).newbyteorder(">")))
    assert gzip.decompress((tmp_path / "b.mat.gz").read_bytes()) == content


def test_sizes_past_the_last_dimension_mean_nothing(tmp_path: Path) -> None:
    header = struct.pack("<II3i", 0x1E3D4C54, 1, 3, 77, -5)
    (tmp_path / "a.mat").write_bytes(header + np.arange(3, dtype="<i4").tobytes())
    assert (read_matrix(tmp_path / "a.mat") == [0, 1, 2]).all()


@settings(max_examples=60, deadline=None)
@given(
    values=hnp.arrays(
        st.sampled_from([np.uint8, np.int16, np.int32, np.float32, np.float64]),
        hnp.array_shapes(max_dims=6, max_side=4),
    ),
    n_rows=st.integers(1, 5),
    packed=st.booleans(),
)
def test_what_is_written_is_read(values: Any, n_rows: int, packed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.mat.gz" if packed else "a.mat")
        parts = [values[start : start + n_rows] for start in range(0, len(values), n_rows)]
        write_blocks(path, values.shape, values.dtype, parts)
        with open_matrix(path) as file:
            assert file.shape == values.shape
            blocks = list(file.blocks(n_rows))
        assert [len(block) for block in blocks] == [len(part) for part in parts]
        assert np.array_equal(np.concatenate(blocks), values, equal_nan=True)
        assert read_matrix(path).tobytes() == values.tobytes()


WHOLE = matrix(BYTES, (4, 2, 3), bytes(range(24)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a matrix of NORB's format: it begins with nothing"),
        (b"\x55\x4c\x3d", "is not a matrix"),
        (b"MATLAB 5.0 MAT-file", "is not a matrix .* begins with 4d41544c"),
        (struct.pack(">I", BYTES) + WHOLE[4:], "is not a matrix"),
        (matrix(0x1E3D4C52, (4, 2, 3), bytes(24)), "is not a matrix"),  # "packed"
        (WHOLE[:15], "is cut off within its header"),
        (WHOLE[:-1], "is cut off: its header says .*24 bytes, it has 23"),
        (WHOLE[:20], "is cut off: .* it has 0"),
        (WHOLE + b"x", "goes on after its end"),
        (matrix(BYTES, (4, 2, 3), bytes(24), n_dimensions=0), "says 0 dimensions"),
        (matrix(BYTES, (4, 2, 3), bytes(24), n_dimensions=9), "says 9 dimensions"),
        (matrix(BYTES, (4, 0, 3), b""), r"holds nothing: its header says \(4, 0, 3\)"),
        (matrix(BYTES, (4, -2, -3), bytes(24)), "holds nothing"),
        (matrix(BYTES, (2**31 - 1,) * 4, bytes(24)), "is cut off|would take"),
        (matrix(BYTES, (70_000, 2, 108, 108), bytes(24)), "is cut off|would take"),
        (matrix(BYTES, (9000, 2, 108, 108), bytes(24)), "is cut off"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_bad_files_are_refused(tmp_path: Path, content: bytes, message: str, packed: bool) -> None:
    path = tmp_path / ("a.mat.gz" if packed else "a.mat")
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=message) as caught:
        read_matrix(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path, whole = tmp_path / "a.mat.gz", gzip.compress(matrix(BYTES, (40, 50), bytes(range(250)) * 8))
    for content in (whole[:-9], whole[:15], whole[:40] + b"\0\0\0" + whole[43:], b"\x1f\x8bnonsense"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.mat\.gz"):
            read_matrix(path)


@pytest.mark.parametrize("packed", [False, True])
def test_memory_follows_the_block_not_the_file(tmp_path: Path, packed: bool) -> None:
    path, row = tmp_path / ("a.mat.gz" if packed else "a.mat"), np.arange(2000, dtype=np.uint8)
    write_blocks(path, (20_000, 2000), np.uint8, (np.tile(row, (500, 1)) for _ in range(40)))
    with open_matrix(path) as file:
        tracemalloc.start()
        n = sum(len(block) for block in file.blocks(100))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert n == 20_000
    assert peak < 4_000_000  # of 40


def test_a_forged_header_costs_no_memory(tmp_path: Path) -> None:
    for path, packed in ((tmp_path / "a.mat", False), (tmp_path / "a.mat.gz", True)):
        content = matrix(BYTES, (2**31 - 1, 2, 108, 108), bytes(24))
        path.write_bytes(gzip.compress(content) if packed else content)
        tracemalloc.start()
        with pytest.raises(DataError, match=r"TB|GB|cut off"):
            read_matrix(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
        tracemalloc.stop()


@pytest.mark.parametrize(
    "values",
    [
        np.zeros((2, 2)).astype(bool),
        np.zeros((2, 2), np.int64),
        np.zeros((0, 2), np.uint8),
        np.zeros((1,) * 9, np.uint8),
        np.array(3, np.uint8),
    ],
)
def test_what_the_format_cannot_hold(tmp_path: Path, values: Any) -> None:
    with pytest.raises(DataError, match="the matrix format"):
        write_matrix(tmp_path / "a.mat", values)
    assert list(tmp_path.iterdir()) == []


def test_blocks_that_do_not_come_to_the_shape(tmp_path: Path) -> None:
    row = np.zeros((1, 3), np.uint8)
    wrong: list[list[Any]] = [[row], [row] * 3, [row, row[:, :2]], [row, row.astype(np.int16)]]
    for blocks in wrong:
        with pytest.raises(DataError, match="are to be written"):
            write_blocks(tmp_path / "a.mat", (2, 3), np.uint8, blocks)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no"):
        write_matrix(tmp_path / "no" / "a.mat", np.zeros(3, np.uint8))
    with pytest.raises(DataError, match="is not there"):
        read_matrix(tmp_path / "no" / "a.mat")
