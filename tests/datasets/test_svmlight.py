"""svmlight text: read as scikit-learn reads it, in pieces; and what is refused, with its line."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_svmlight_file

from truezero.datasets import load_file
from truezero.datasets.formats import source, svmlight
from truezero.errors import DataError, OptionError


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "rows.svmlight"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


labels = st.sampled_from(["1", "-1", "+1", "2.5", "1e3", "0", "-0.0"])
values = st.floats(-(2.0**99), 2.0**99, width=32).map(repr) | st.integers(-99, 99).map(str) | st.just(".5e-3")
spaces = st.sampled_from([" ", "  ", "\t"])


@st.composite
def lines(draw: Any) -> Any:
    kind = draw(st.integers(0, 9))
    if kind < 2:
        return "" if kind else "# 1:2 " + "x" * draw(st.integers(0, 300))
    indices = sorted(draw(st.sets(st.integers(draw(st.integers(0, 1)), 40), max_size=8)))
    words = [draw(labels), *draw(st.sampled_from([[], ["qid:7"]])), *(f"{i}:{draw(values)}" for i in indices)]
    return draw(spaces).join(words) + draw(st.sampled_from(["", " ", "# c", "\t#1:1 #"]))


@given(
    st.lists(lines(), min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([7, 16, 50, 1 << 18]),
    st.sampled_from(["auto", True, False]),
)
@settings(max_examples=150, deadline=None)
def test_what_scikit_learn_reads(
    tmp_path_factory: Any, rows: list[str], end: str, piece: int, base: Any
) -> None:
    path = written(tmp_path_factory.getbasetemp(), end.join(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(svmlight, "_PIECE", piece)
        try:
            found = load_file(path, zero_based=base)
        except DataError as error:
            refused = str(error)
            assume(not refused.endswith("holds no rows") and "has a feature 0" not in refused)
            raise
    X, y = load_svmlight_file(str(path), dtype=np.float32, zero_based=base)
    assert found.X_train.shape == X.shape
    assert found.X_train.dtype == X.dtype
    # scikit-learn 1.9 takes 64 bits for the indices of a file of empty rows: ours are the fewest bits that hold them.
    assert found.X_train.indices.dtype == found.X_train.indptr.dtype == np.int32
    for name in ("data", "indices", "indptr"):
        assert (getattr(found.X_train, name) == getattr(X, name)).all()
    assert found.y_train is not None
    assert (found.y_train == y).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2:0.5\nnonsense here\n", "line 2: 'nonsense' is no label and no feature"),
        ("1 2:0.5\n\n# c\n1:0.5 2:1\n", "line 4: begins with '1:0.5' instead of a label"),
        ("1 2:a\n", "line 1: '2:a' is no number"),
        ("1 2:1.5.5\n", "line 1: '2:1.5.5' is no number"),
        ("1 2:\n", "line 1: '2:' has no value"),
        ("1 :2\n", "line 1: ':2' has no index"),
        ("1 2 3:1\n", "line 1: '2' is no label and no feature"),
        ("1 2:3:4\n", "line 1: '2:3:4' is no label and no feature"),
        ("1 -2:3\n", "line 1: '-2:3' has no index"),
        ("1 1e1:3\n", "line 1: '1e1:3' has no index"),
        ("1 2147483647:3\n", "line 1: '2147483647:3' has no index from 0 to 2147483646"),
        ("1 99999999999999999999:3\n", "has no index"),
        ("1 1:1\n0 50000000:3\n", "line 2: has feature 50000000, far more features than such a file can use"),
        ("1 1:1 3:nan\n", "line 1: '3:nan' is NaN or infinite"),
        ("1 1:1\n1 3:-inf\n", "line 2: '3:-inf' is NaN or infinite"),
        ("1 1:1\n1 3:1e300\n", "line 2: '3:1e300' is too large for float32"),
        ("inf 1:1\n", "line 1: the label 'inf' is infinite"),
        ("1,2 1:1\n", "line 1: '1,2' are several labels"),
        ("1 2:1 1:1\n", "line 1: '1:1' does not ascend"),
        ("1 1:1\n1 2:1 2:1\n", "line 2: '2:1' does not ascend"),
        ("1 1:1_0\n", "line 1: '1:1_0' is no label and no feature"),
        ("1 1:0x1\n", "line 1: '1:0x1' is no label and no feature"),
        ("1 1:١\n", "is no label and no feature"),
        ("1 1:1\n1 \x1b[31m\n", r"line 2: '\\x1b\[31m' is no label and no feature"),
        ("1 1:1\0\n", r"line 1: '1:1\\x00' is no label"),
        ("1 1:" + "1" * 300, "line 1: '1:1{38}…' is no (label and no )?feature"),
        ("1 1:" + "1" * 999_999, "line 1: '1:1{38}…' is no feature and no label"),
        ("", "holds no rows"),
        ("# nothing\n\n", "holds no rows"),
    ],
)
@pytest.mark.parametrize("piece", [5, 1 << 18])
def test_lines_that_are_no_rows(
    tmp_path: Path, text: str, message: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(svmlight, "_PIECE", piece)
    with pytest.raises(DataError, match=rf"rows\.svmlight.*{message}".replace(".5.5", r"\.5\.5")) as caught:
        load_file(written(tmp_path, text))
    assert str(caught.value).isprintable()


def test_a_row_ascends_from_piece_to_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(svmlight, "_PIECE", 4)
    with pytest.raises(DataError, match="line 2: '3:1' does not ascend"):
        load_file(written(tmp_path, "1 1:1 2:1 3:1\n1 1:1 3:1 3:1\n"))


@pytest.mark.parametrize(
    ("text", "zero_based", "counted", "width"),
    [
        ("1 1:1 3:1\n", "auto", False, 3),
        ("1 0:1 3:1\n", "auto", True, 4),
        ("1 1:1\n1 0:2\n", "auto", True, 2),
        ("1 1:1 3:1\n", True, True, 4),
        ("1 1:1 3:1\n", False, False, 3),
        ("1\n2\n", "auto", None, 1),
    ],
)
def test_where_features_are_counted_from(
    tmp_path: Path, text: str, zero_based: Any, counted: bool | None, width: int
) -> None:
    data = load_file(written(tmp_path, text), zero_based=zero_based)
    assert data.zero_based is counted
    assert data.X_train.shape[1] == width
    again = load_file(written(tmp_path, text), zero_based=zero_based, n_features=9)
    assert again.X_train.shape[1] == 9
    assert (again.X_train.toarray()[:, :width] == data.X_train.toarray()).all()


def test_a_width_is_kept_and_never_left(tmp_path: Path) -> None:
    path = written(tmp_path, "1 1:1 3:1\n1 2:1\n1 5:1\n")
    assert load_file(path, n_features=5).X_train.shape == (3, 5)
    with pytest.raises(DataError, match=r"line 3: has feature 5 \(counted from 1\), beyond the 4 features"):
        load_file(path, n_features=4)
    with pytest.raises(DataError, match=r"line 3: has feature 5 \(counted from 0\), beyond the 5 features"):
        load_file(path, n_features=5, zero_based=True)
    with pytest.raises(
        DataError, match="line 2: has a feature 0, though features are said to be counted from 1"
    ):
        load_file(written(tmp_path, "1 1:1\n1 0:1\n"), zero_based=False)
    wide = written(tmp_path, "1 50000000:1\n")
    assert load_file(wide, n_features=50_000_000).X_train.shape == (1, 50_000_000)
    for wrong in (0, -1, 1.5, "7", 2**31):
        with pytest.raises(OptionError, match="n_features must be a whole number from 1"):
            load_file(path, n_features=wrong)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="zero_based must be True, False"):
        load_file(path, zero_based="yes")  # type: ignore[arg-type]


def test_labels(tmp_path: Path) -> None:
    for text, dtype in (("1", np.int64), ("1e3", np.int64), ("1.5", np.float64), ("1e300", np.float64)):
        y = load_file(written(tmp_path, f"{text} 1:1\n2 1:1\n")).y_train
        assert y is not None
        assert y.dtype == dtype
        assert y.tolist() == [float(text), 2]
    y = load_file(written(tmp_path, "nan 1:1\n2 1:1\n")).y_train
    assert y is not None
    assert np.isnan(y).tolist() == [True, False]


@pytest.mark.parametrize("packed", [gzip, bz2, lzma])
def test_compressed_text(tmp_path: Path, packed: Any) -> None:
    end = {gzip: "gz", bz2: "bz2", lzma: "xz"}[packed]
    path, text = tmp_path / f"rows.svm.{end}", b"1 1:1 3:2\n" * 500
    content = packed.compress(text)
    path.write_bytes(content)
    assert load_file(path).X_train.shape == (500, 3)
    at = len(content) // 2
    for damaged in (
        content[:-5],
        content[:at] + bytes(255 - b for b in content[at : at + 3]) + content[at + 3 :],
        content[:12],
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=rf"rows\.svm\.{end} is damaged or cut off"):
            load_file(path)


@pytest.mark.parametrize(("packed", "end"), [(bz2, "bz2"), (lzma, "xz")])
def test_text_that_unpacks_without_end(
    tmp_path: Path, packed: Any, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_LEAST_ALLOWED", 1 << 20)
    path = tmp_path / f"rows.svm.{end}"
    path.write_bytes(packed.compress(b"#" * (3 << 20)))
    with pytest.raises(DataError, match="unpacks to more than 1 MiB"):
        load_file(path)


def test_one_long_line_and_the_mark_of_utf8(tmp_path: Path) -> None:
    text = "\ufeff1 " + " ".join(f"{i}:1" for i in range(1, 100_001)) + "\n"
    assert load_file(written(tmp_path, text)).X_train.sum() == 100_000
