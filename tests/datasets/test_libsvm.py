"""LIBSVM's own names: no ending, `.t` for the test rows, compressed or not."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from truezero.datasets import load_dataset, load_file
from truezero.datasets.formats.svmlight import looks_like_svmlight
from truezero.datasets.libsvm import load_libsvm
from truezero.errors import DataError, OptionError

TRAIN = b"+1 1:0.5 3:1 5:-2 \n-1 2:1 \n" * 10
TEST = b"-1 1:1 4:1 \n+1 3:1 \n"  # lacks the last feature, as a9a.t does
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress
}  # fmt: skip


def write(folder: Path, name: str, train: bytes = TRAIN, test: bytes | None = TEST, end: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / (name + end)).write_bytes(PACK[end](train))
    if test is not None:
        (folder / (name + ".t" + end)).write_bytes(PACK[end](test))


@pytest.mark.parametrize("end", PACK)
def test_a_pair_is_of_one_width_and_base(tmp_path: Path, end: str) -> None:
    write(tmp_path / "libsvm", "mine", end=end)
    data: Any = load_dataset("mine", data_dir=tmp_path)
    assert data.X_train.shape == (20, 5)
    assert data.X_test.toarray().tolist() == [[1, 0, 0, 1, 0], [0, 0, 1, 0, 0]]
    assert np.array_equal(data.y_test, [-1, 1])
    assert data.zero_based is False
    alone = load_dataset("mine.t", data_dir=tmp_path, n_features=5)
    assert (alone.X_train != data.X_test).nnz == 0
    assert load_file(tmp_path / "libsvm" / f"mine{end}").X_train.shape == (20, 5)
    with pytest.raises(OptionError, match="mine has its own labels"):
        load_dataset("mine", data_dir=tmp_path, target=tmp_path / "y.txt")


def test_counted_from_0_because_the_training_rows_are(tmp_path: Path) -> None:
    write(tmp_path, "mine", b"1 0:1 4:1\n0 1:1\n" * 5)
    data = load_libsvm("mine", [tmp_path])
    assert data.X_test.shape == (2, 5)
    assert data.X_test.toarray()[0].tolist() == [0, 1, 0, 0, 1]


def test_validation_rows_are_drawn_once_for_all(tmp_path: Path) -> None:
    lines = b"".join(b"%d 1:%d\n" % (i % 2, i + 1) for i in range(30))
    write(tmp_path, "mine", lines, b"1 1:1\n")
    data = load_libsvm("mine", [tmp_path], n_validation=6)
    held_out, kept = (set(X.toarray()[:, 0].tolist()) for X in (data.X_validation, data.X_train))
    assert held_out | kept == set(range(1, 31))
    assert (len(held_out), len(kept)) == (6, 24)
    assert load_libsvm("mine", [tmp_path], n_validation=6).fingerprint == data.fingerprint
    with pytest.raises(DataError, match="mine: 30 training rows, no more than the 30 for validation"):
        load_libsvm("mine", [tmp_path], n_validation=30)


def test_test_rows_with_a_feature_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, "mine", test=b"1 6:1\n")
    with pytest.raises(DataError, match=r"mine\.t line 1: has feature 6 .* beyond the 5 features"):
        load_libsvm("mine", [tmp_path])


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (b"1 1:2\n", True),
        (b"# a comment\n\n-1.5e3 qid:3 1:2 7:-.5 # another\n", True),
        (b"+1 1:0.5 \r\n", True),
        (b"1 " + b" ".join(b"%d:1" % i for i in range(100_000)) + b"\n", True),
        (b"", False),
        (b"a line of text\n", False),
        (b"1,2,3\n", False),
        (b"1\n2\n", False),
        (b"time: 10:30\n", False),
        (bytes(range(256)), False),
    ],
)  # fmt: skip
def test_what_looks_like_svmlight(tmp_path: Path, content: bytes, is_one: bool) -> None:
    (tmp_path / "file").write_bytes(content)
    assert looks_like_svmlight(tmp_path / "file") is is_one
    if not is_one:
        with pytest.raises(DataError, match="is an unknown kind of file"):
            load_file(tmp_path / "file")


def test_the_official_files(real_data: Path) -> None:
    a9a = load_dataset("a9a", data_dir=real_data)
    assert [a9a.part(part)[0].shape for part in ("train", "validation", "test")] == [
        (29_305, 123), (3_256, 123), (16_281, 123),
    ]  # fmt: skip
    assert load_dataset("heart_scale", data_dir=real_data).X_train.shape == (270, 13)
