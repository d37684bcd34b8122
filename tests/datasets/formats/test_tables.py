"""Tables with named columns: CSV, TSV, JSON lines and Parquet, in any encoding, packed or not."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from truezero.datasets import TextColumn, column_names, load_file, load_texts
from truezero.datasets.formats import source, table_columns, text_lines
from truezero.errors import DataError, OptionError

TEXTS = ['a "good" one, really', "two\nlines\r\nof it", "", "ünïcode 🍝", "plain"]
STARS = [5, 4, 3, 2, 1]
ONE_LINE = [text.replace("\r\n", " ").replace("\n", " ") for text in TEXTS]


def written(folder: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def as_csv(texts: list[str] = TEXTS, sep: str = ",", end: str = "\n") -> str:
    rows = [
        f'{i}{sep}"{t}"{sep}{s}'
        for i, (t, s) in enumerate(zip([text.replace('"', '""') for text in texts], STARS, strict=True))
    ]
    return end.join([f"id{sep}text{sep}stars", *rows]) + end


def read(path: Path, **options: Any) -> tuple[list[str], list[Any]]:
    data = load_texts(path, **{"text": "text", "target": "stars", **options})
    assert data.y_train is not None
    assert list(TextColumn(path, options.get("text", "text"), options.get("encoding"))) == list(
        data.texts_train
    )
    return list(data.texts_train), data.y_train.tolist()


# ---- CSV --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("sep", [",", ";", "\t", "|"])
def test_csv_of_every_kind(tmp_path: Path, sep: str, end: str) -> None:
    assert read(written(tmp_path, "r.csv", as_csv(sep=sep, end=end))) == (TEXTS, STARS)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", None), ("utf-8-sig", None), ("utf-16", None), ("utf-32", None), ("utf-16-le", "utf-16-le"),
        ("utf-8-sig", "utf-8"), ("utf-8-sig", "UTF8"), ("utf-16", "utf-16"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_encodings_by_their_mark_or_as_said(
    tmp_path: Path, encoding: str, said: str | None, end: str
) -> None:
    path = written(tmp_path, "r.csv", as_csv(end=end), encoding)
    assert read(path, encoding=said) == (TEXTS, STARS)
    assert column_names(path, said) == ("id", "text", "stars")


def test_a_mark_is_no_part_of_the_first_name_whatever_is_said(tmp_path: Path) -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-7"):
        path = written(tmp_path, "r.csv", "\ufeff" + as_csv(), encoding)
        assert column_names(path, encoding) == ("id", "text", "stars")


@pytest.mark.parametrize("encoding", ["mac_roman", "cp1252", "latin-1"])
def test_encodings_that_must_be_said(tmp_path: Path, encoding: str) -> None:
    texts = ["é is no UTF-8", "it´s", "so", "la", "ß"]
    path = written(tmp_path, "r.csv", as_csv(texts, end="\r"), encoding)
    assert read(path, encoding=encoding) == (texts, STARS)
    at = path.read_bytes().index("é".encode(encoding))
    byte = "é".encode(encoding)[0]
    with pytest.raises(
        DataError,
        match=rf"r\.csv line 1 is no utf-8 text: byte {at} is 0x{byte:x}, in '.*0,\"\\x{byte:x} is no UTF-8.*; "
        r"say with --encoding what it is \(cp1252",
    ):
        read(path)


@pytest.mark.parametrize("first", [3, 100_000, 500_000])
def test_the_byte_that_is_wrong_is_named_wherever_it_is(tmp_path: Path, first: int) -> None:
    content = ("text\n" + "x" * 60 + "\n") * 10_000
    wrong = content.encode()[:first] + b"\xff" + content.encode()[first:]
    line = wrong[:first].count(b"\n") + 1
    for path in (written(tmp_path, "r.csv", wrong), written(tmp_path, "r.csv.gz", gzip.compress(wrong))):
        with pytest.raises(DataError, match=rf"line {line} is no utf-8 text: byte {first} is 0xff"):
            list(TextColumn(path, "text"))


def test_an_encoding_that_nobody_knows(tmp_path: Path) -> None:
    path = written(tmp_path, "r.csv", as_csv())
    for name in ("nope", "rot13", "zip", "", "\0"):
        with pytest.raises(OptionError, match="encoding must be one that Python knows"):
            load_texts(path, text="text", encoding=name)


@pytest.mark.parametrize("encoding", ["idna", "punycode", "utf-7", "unicode_escape", "shift_jis"])
def test_strange_encodings_end_in_one_line(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path, "r.csv", "text\n" + "\xff\xfe\\x\x80" * 40 + "\n", "latin-1")
    with pytest.raises(DataError, match="is no"):
        list(TextColumn(path, "text", encoding))


def packed(path: Path) -> list[Path]:
    """The file in every kind of packing."""
    content, made = path.read_bytes(), []
    for end, compress in ((".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)):
        made.append(path.with_name(path.name + end))
        made[-1].write_bytes(compress(content))
    made.append(path.with_name(path.name + ".zip"))
    with zipfile.ZipFile(made[-1], "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", b"")
        archive.writestr(f"folder/{path.name}", content)
        archive.writestr(f"__MACOSX/folder/._{path.name}", b"\0")
    return made


def test_packed(tmp_path: Path) -> None:
    for path in packed(written(tmp_path, "r.csv", as_csv())):
        assert read(path) == (TEXTS, STARS)
        assert load_file(path, target="stars").X_train.tolist() == [[i] for i in range(5)]
        assert column_names(path) == ("id", "text", "stars")


def test_zip_archives_must_hold_one_file(tmp_path: Path) -> None:
    path = tmp_path / "r.zip"
    for names, message in (
        ([], "r.zip must hold one file, it holds 0; unpack it"),
        (["a.csv", "b.csv"], "r.zip must hold one file, it holds 2: a.csv, b.csv; unpack it"),
    ):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, as_csv())
        with pytest.raises(DataError, match=message):
            load_texts(path, text="text")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", as_csv())
    assert read(path) == (TEXTS, STARS)
    with pytest.raises(DataError, match=r"r\.zip \(a\.csv\) has no column 'txt'"):
        load_texts(path, text="txt")


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=6))
def test_whatever_pandas_writes_is_read(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "r.csv"
    table = pd.DataFrame({"text": texts, "stars": range(len(texts))})
    table.to_csv(path, index=False)  # which leaves a lone \r without quotes
    assert read(path) == ([re.sub(r"\r(?!\n)", " ", text) for text in texts], list(range(len(texts))))


def test_a_lone_carriage_return_is_an_end_only_where_the_first_line_ends_so(tmp_path: Path) -> None:
    for end in ("\n", "\r\n"):
        path = written(tmp_path, "r.csv", end.join(["text,stars", "a\rb\r\rc,1", '"d\re",2', "f\r,3"]))
        assert read(path) == (["a b  c", "d e", "f "], [1, 2, 3])
    assert read(written(tmp_path, "r.csv", "text,stars\ra,1\nb,2\r\nc,3")) == (["a", "b", "c"], [1, 2, 3])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: its first line must name the columns"),
        ("\n \n", "is empty"),
        ("text,stars\n", "has no rows below the names of its columns"),
        ("text,stars\na,1\nb\n", "line 3 has 1 cell, the first line names 2"),
        ("text,stars\na,1\n\n\nb,2,3\n", "line 5 has 3 cells, the first line names 2"),
        ('text,stars\n"a\nb",1\nc\n', "line 4 has 1 cell"),
        ('text,stars\na,1\n"b,2\nc,3\n', "line 3 is no CSV: a quote that it opens is not closed"),
        ('text,stars\n"a" b,1\n', "line 2 is no CSV: ',' expected after '\"'; a quote within quotes must be doubled"),
        ("name,stars\na,1\n", "has no column 'text'; its columns are name, stars"),
        ("text,stars,text\na,1,b\n", "has 2 columns 'text'; its columns are text, stars, text"),
        ("text,stars\na,1\nb,\n", "line 3 has no target in the column stars"),
        ("text,stars\na,1\nb, \n", "line 3 has no target in the column stars"),
        ("text,stars\na,1\nb,good\n", "line 3 has 'good', which is no number, as others are, in the column stars"),
        ("text,stars\na,nan\nb,2\n", "line 2 has 'nan', which is no number, as others are,"),
        ("text,stars\na,1_0\nb,2\n", "line 2 has '1_0', which is no number"),
        (f"text,stars\na,{'b' * 1001}\n", "line 2 has no target, but a long text, in the column stars".replace("text, in", "text in")),
        ("t\0e\0x\0t\0,\0", "has zeros in its first line; say with --encoding what it is"),
    ],
)  # fmt: skip
def test_csv_that_is_none(tmp_path: Path, content: str, message: str) -> None:
    path = written(tmp_path, "r.csv", content)
    with pytest.raises(DataError) as raised:
        load_texts(path, text="text", target="stars")
    assert str(raised.value).startswith(f"{path} ")
    assert message in str(raised.value)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "LONGEST", 1 << 16)
    path = written(tmp_path, "r.csv", "text\n" + "a" * 10 + "\n" + "b" * (1 << 20))
    with pytest.raises(DataError, match="line 3 has more than 65536 characters; is the file text, in lines"):
        list(TextColumn(path, "text"))
    ends = 'text\n"' + ("b" * 100 + "\n") * 400_000
    with pytest.raises(DataError, match="line 2 is no CSV: a quote that it opens is not closed"):
        list(TextColumn(written(tmp_path, "r.csv", ends), "text"))


def test_long_texts_are_read(tmp_path: Path) -> None:
    texts = ["word " * 200_000, "x" * 1_000_000, "", "a", "b"]  # the module's own limit is 131,072
    assert read(written(tmp_path, "r.csv", as_csv(texts))) == (texts, STARS)


def test_what_unpacks_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_LEAST_ALLOWED", 1 << 20)
    path = written(tmp_path, "r.csv.xz", lzma.compress(b"text\n" + b"a b c\n" * 2_000_000))
    with pytest.raises(DataError, match=r"r\.csv\.xz unpacks to more than 1 MiB, too much for its size"):
        list(TextColumn(path, "text"))
    with pytest.raises(DataError, match=r"holds too much for a file of .*: with its texts it would take"):
        load_texts(path, text="text")


# ---- TSV --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tsv_with_quotes_and_without(tmp_path: Path, end: str) -> None:
    cells = ['"open', 'he said "so"', '"quoted ""twice"""', '"', '""']
    content = end.join(["text\tstars", *(f"{c}\t{s}" for c, s in zip(cells, STARS, strict=True)), ""])
    texts = ['"open', 'he said "so"', 'quoted "twice"', '"', ""]
    for name in ("r.tsv", "r.tab"):
        assert read(written(tmp_path, name, content)) == (texts, STARS)


def test_tsv_with_line_ends_in_its_cells(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"line 2 has 1 cell, the first line names 2; a cell of a TSV file must"
    ):
        read(written(tmp_path, "r.tsv", 'text\tstars\n"a\nb"\t1\n'))


# ---- JSON lines -------------------------------------------------------------------------------------


def test_json_lines(tmp_path: Path) -> None:
    rows = [{"text": text, "stars": stars, "more": [1]} for text, stars in zip(TEXTS, STARS, strict=True)]
    content = "\n".join(map(json.dumps, rows)) + "\n\n"
    for name in ("r.jsonl", "r.ndjson", "r.json"):
        path = written(tmp_path, name, content)
        assert read(path) == (TEXTS, STARS)
    assert column_names(path) == ("text", "stars", "more")
    rows[2]["text"] = None
    del rows[3]["text"]
    path = written(tmp_path, "r.jsonl", "\ufeff" + "\r\n".join(map(json.dumps, rows)))
    assert read(path)[0] == [*TEXTS[:2], "", "", TEXTS[4]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty: it must hold a JSON object a line"),
        ('[{"text": "a"}]', "is one JSON list; it must hold a JSON object a line (JSON lines)"),
        ('{"text": "a", "stars": 1}\n{"text": ', "line 2 is no JSON: Expecting value"),
        ('{"text": "a", "stars": 1}\n3\n', "line 2 is no JSON object"),
        ('{"text": "a", "stars": 1}\n' + "[" * 100_000, "line 2 is nested too deep"),
        ('{"text": "a", "stars": 1}\n{"text": ' + "9" * 5000 + "}", "line 2 is no JSON: Exceeds"),
        ('{"text": 7, "stars": 1}', "line 1 has no text in the column text: 7"),
        ('{"text": "a", "stars": 1}\n{"text": "b"}', "line 2 has no target in the column stars"),
        (
            '{"text": "a", "stars": {"of": 5}}',
            "line 1 has no target, but a list or an object in the column stars",
        ),
        ('{"text": "a", "stars": NaN}', "line 1 has no target in the column stars"),
        ('{"text": "a", "stars": Infinity}', "line 1 has no target, but a list"),
        ('{"words": "a", "stars": 1}', "has no column 'text'; its columns are words, stars"),
    ],
)
def test_json_that_is_none(tmp_path: Path, content: str, message: str) -> None:
    path = written(tmp_path, "r.jsonl", content)
    with pytest.raises(DataError) as raised:
        load_texts(path, text="text", target="stars")
    assert str(raised.value).startswith(f"{path} ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


# ---- Parquet ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary"])
def test_parquet(tmp_path: Path, kind: str) -> None:
    column: Any = pyarrow.array(
        [*TEXTS, None], pyarrow.large_string() if kind == "large_string" else pyarrow.string()
    )
    table = pyarrow.table({
        "text": column.dictionary_encode() if kind == "dictionary" else column,
        "stars": pyarrow.array([*STARS, 5], pyarrow.int8()),
        "when": pyarrow.array([0] * 6, pyarrow.timestamp("ns")),
        "list": pyarrow.array([[1]] * 6),
    })  # fmt: skip
    path = tmp_path / "r.parquet"
    parquet.write_table(table, path, row_group_size=2)
    assert read(path) == ([*TEXTS, ""], [*STARS, 5])
    assert column_names(path) == ("text", "stars", "when", "list")
    numbers = load_file(path, target="text" if kind == "none" else None)
    assert numbers.columns == ("stars",)
    with pytest.raises(DataError, match=r"row 1 has no text in the column when: \(\)"):
        load_texts(path, text="when")
    for packed_path in packed(path):
        with pytest.raises(DataError, match="is no table; known: .csv"):
            load_texts(packed_path, text="text")


def test_parquet_that_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, "r.parquet", b"PAR1 and no more")
    with pytest.raises(DataError, match=r"r\.parquet is damaged or no Parquet file"):
        load_texts(path, text="text")


def test_parquet_that_unpacks_to_far_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_LEAST_ALLOWED", 1 << 20)
    path = tmp_path / "r.parquet"
    table = pyarrow.table({"text": ["a" * (1 << 19)] * 40})
    parquet.write_table(table, path, compression="zstd", use_dictionary=False)
    with pytest.raises(DataError, match="holds too much for its size in one row group"):
        load_texts(path, text="text")
    parquet.write_table(table, path, compression="zstd")  # once, and forty times named
    with pytest.raises(DataError, match="holds too much for a file of"):
        load_texts(path, text="text")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(
        DataError, match=r"is a Parquet file, which needs pyarrow: pip install 'truezero\[data\]'"
    ):
        load_texts(path, text="text")


# ---- targets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "expected", "kind"),
    [
        (["1", " 2", "3.0", "4e0"], [1, 2, 3, 4], np.int64),
        (["1", "2.5", "3", "4"], [1, 2.5, 3, 4], np.float64),
        (["-1", "1", "+1", "0"], [-1, 1, 1, 0], np.int64),
        (["good", " bad", "good", "bad "], ["good", "bad", "good", "bad"], np.str_),
    ],
)
def test_targets_are_numbers_or_classes(
    tmp_path: Path, cells: list[str], expected: list[Any], kind: Any
) -> None:
    path = written(tmp_path, "r.csv", "stars,text\n" + "".join(f"{cell},a\n" for cell in cells))
    data = load_texts(path, text="text", target="stars")
    assert data.y_train is not None
    assert data.y_train.tolist() == expected
    assert np.issubdtype(data.y_train.dtype, kind)
    assert load_texts(path, text="text").y_train is None
    assert load_texts(path, text="text", target="stars", labelled=False).y_train is None


# ---- columns of numbers -----------------------------------------------------------------------------


def test_columns_of_numbers_are_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_columns, "_CELLS", 8)  # two rows at a time
    content = "name,bytes,whole,stars,small,nothing\n" + "".join(
        f"{'ab'[i % 2]}{i},{i},{1000 * i},{'pn'[i % 2]},{i / 3},\n" for i in range(7)
    )
    path = written(tmp_path, "r.csv", content)
    data = load_file(path, target="stars")
    assert data.columns == ("bytes", "whole", "small")
    assert data.X_train.dtype == np.float64
    assert data.X_train.tolist() == [[i, 1000 * i, i / 3] for i in range(7)]
    assert data.y_train.tolist() == ["p", "n"] * 3 + ["p"]  # type: ignore[union-attr]
    other = load_file(path, target="stars", columns=["whole", "bytes"], n_features=2)
    assert other.columns == ("whole", "bytes")
    assert other.X_train.dtype == np.float32
    assert other.X_train.tolist() == [[1000 * i, i] for i in range(7)]
    assert load_file(path, columns=["bytes"]).X_train.dtype == np.uint8
    with pytest.raises(DataError, match="has 3 features, but the model takes, or n_features says, 4"):
        load_file(path, target="stars", n_features=4)


def test_numbers_keep_what_they_are(tmp_path: Path) -> None:
    numbers = ["0.1", "16777217", "-1", "1e300", "255.5", "3"]
    data = load_file(written(tmp_path, "r.csv", "a\n" + "\n".join(numbers)))
    assert data.X_train[:, 0].tolist() == [float(number) for number in numbers]


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        ("a,b,y\n1,2,0\n1,,0\n1,3,\n", None, "line 3 has nothing in the column b; fill it, or leave out row or column"),
        ("a,b,y\n1,2,0\n1,NaN,0\n", ["b"], "line 3 has 'NaN', no number, in the column b"),
        ("a,b,y\n1,2,0\n1,x,0\n", ["a", "b"], "line 3 has 'x', no number, in the column b"),
        ("a,b,y\nx,z,0\n", None, "has no column of numbers to learn from; its other columns are a, b: is one of them text"),
        ("a,b,y\n1,2,0\n", ["c"], "has no column 'c'; its columns are a, b, y"),
        ("a,b,z\n1,2,0\n", None, "has no column 'y'; its columns are a, b, z"),
        ("a,b,y\n", None, "has no rows below the names"),
        ("a,b,y\n1,2,\n", None, "line 2 has no target in the column y"),
    ],
)  # fmt: skip
def test_columns_that_are_no_numbers(
    tmp_path: Path, content: str, columns: list[str] | None, message: str
) -> None:
    with pytest.raises(DataError) as raised:
        load_file(written(tmp_path, "r.csv", content), target="y", columns=columns)
    assert message in str(raised.value)


def test_a_wide_table_is_read_some_rows_at_a_time(tmp_path: Path) -> None:
    n = 5000
    content = io.StringIO()
    np.savetxt(content, np.arange(3 * n).reshape(3, n) % 256, "%d", ",", header=",".join(map(str, range(n))), comments="")  # fmt: skip
    data = load_file(written(tmp_path, "r.csv", content.getvalue()))
    assert data.X_train.dtype == np.uint8
    assert (data.X_train == np.arange(3 * n).reshape(3, n) % 256).all()


def test_other_files_are_no_tables(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", X=np.ones((2, 2)))
    assert column_names(tmp_path / "r.npz") == column_names("digits") == column_names(tmp_path) == ()
    with pytest.raises(DataError, match="is no table, and no folder of texts"):
        load_texts(tmp_path / "r.npz", text="text")
    with pytest.raises(DataError, match=r"nowhere\.csv is not there"):
        load_texts(tmp_path / "nowhere.csv", text="text")
    with pytest.raises(DataError, match=r"r\.csv does not say which column its texts are in: say it with --text; its columns are id, text, stars"):  # fmt: skip
        load_texts(written(tmp_path, "r.csv", as_csv()))
