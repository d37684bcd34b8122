"""Tables and texts: CSV and its kin, JSON lines, Parquet, reviews of research, texts by class."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from official_files import tar

from fuzz.readers import _PREDICT, _TRAIN, Reader
from truezero.datasets import column_names, load_file, load_texts
from truezero.datasets.formats.text_files import TextColumn

_TEXTS = ["good food", 'a "slow" service\nand cold food', "", "fine, über all; good", "bad|slow food"] * 8
_STARS = [5, 1, 3, 4, 2] * 8
_ROWS = [
    {"id": i, "text": text, "stars": stars, "price": i / 4}
    for i, (text, stars) in enumerate(zip(_TEXTS, _STARS, strict=True))
]
_ON_TEXT = ((*_TRAIN, "--text", "text", "--target", "stars"), _PREDICT)
_ON_NUMBERS = ((*_TRAIN, "--target", "stars"), _PREDICT)


def _quoted(value: object) -> str:
    return '"' + str(value).replace('"', '""') + '"' if isinstance(value, str) else str(value)


def _csv() -> bytes:
    lines = ["id,text,stars,price", *(",".join(map(_quoted, row.values())) for row in _ROWS)]
    return ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()


def _tsv() -> bytes:
    rows = [[str(value).replace("\n", " ") for value in row.values()] for row in _ROWS]
    return "\r".join(["id\ttext\tstars\tprice", *map("\t".join, rows)]).encode()


def _json() -> bytes:
    return "".join(json.dumps(row) + "\n" for row in _ROWS).encode()


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("reviews.csv"), _csv())
        archive.writestr(zipfile.ZipInfo("__MACOSX/._reviews.csv"), b"\0")
    return content.getvalue()


def _parquet() -> bytes:
    import pyarrow
    from pyarrow import parquet

    table = pyarrow.table({name: [row[name] for row in _ROWS] for name in _ROWS[0]})
    content = io.BytesIO()
    parquet.write_table(table, content, row_group_size=15, compression="zstd")
    return content.getvalue()


def _review() -> bytes:
    return "".join(
        f"<review>\n<unique_id>\n{row['id']}\n</unique_id>\n<rating>\n{row['stars']}.0\n</rating>\n<title>\nSo\n</title>\n"
        f"<review_text>\n{row['text']}\n</review_text>\n</review>\n"
        for row in _ROWS
    ).encode()


def _processed() -> bytes:
    return "".join(
        " ".join(f"{word}:{i % 3 + 1}" for word in sorted(set(text.split()))) + f" #label#:{'pn'[i % 2]}\n"
        for i, text in enumerate(_TEXTS)
    ).encode()


def _fdu() -> bytes:
    return "".join(f"{i % 2}\t{' '.join(text.split())}\n" for i, text in enumerate(_TEXTS)).encode()


def _by_class() -> bytes:
    files = {
        f"films/{part}/{'pos' if stars > 3 else 'neg'}/{i}_{stars}.txt": text.encode()
        for part in ("train", "test")
        for i, (text, stars) in enumerate(zip(_TEXTS, _STARS, strict=True))
    }
    return tar(files | {"films/train/unsup/0_0.txt": b"fine food", "films/README": b"all of it"})


def _written(name: str, content: Callable[[], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(content())
        return folder / name

    return make


def _read_texts(text: str | None = None, target: str | None = None) -> Callable[[Path], Any]:
    def read(path: Path) -> Any:
        data = load_texts(path, text=text, target=target)
        column_names(path)
        parts = [data.part(part) for part in ("train", "validation", "test")]
        if path.suffix not in (".review", ".tgz"):  # whose records may lack a rating; which has no columns
            assert list(TextColumn(path, text)) == data.texts_train
        data.bag(None)
        return parts, data.unlabeled

    return read


def _read_numbers(path: Path) -> Any:
    data = load_file(path, target="stars")
    data.features("train").largest()
    return data.X_train, data.y_train, data.columns


_OWN = _read_texts(text="text", target="stars")
_OF_FORMAT = (_TRAIN, _PREDICT)

TABLES: dict[str, Reader] = {
    "csv": Reader(_written("reviews.csv", _csv), _OWN, False, _ON_TEXT),
    "csv-gz": Reader(
        _written("reviews.csv.gz", lambda: gzip.compress(_csv(), mtime=0)), _OWN, True, _ON_TEXT
    ),
    "csv-zip": Reader(_written("reviews.csv.zip", _zip), _OWN, True, _ON_TEXT),
    "csv-numbers": Reader(_written("reviews.csv", _csv), _read_numbers, False, _ON_NUMBERS),
    "tsv": Reader(_written("reviews.tsv", _tsv), _OWN, False, _ON_TEXT),
    "jsonl": Reader(_written("reviews.jsonl", _json), _OWN, False, _ON_TEXT),
    "jsonl-numbers": Reader(_written("reviews.jsonl", _json), _read_numbers, False, _ON_NUMBERS),
    "parquet": Reader(_written("reviews.parquet", _parquet), _OWN, False, _ON_TEXT),
    "parquet-numbers": Reader(_written("reviews.parquet", _parquet), _read_numbers, False, _ON_NUMBERS),
    "review": Reader(_written("books.review", _review), _read_texts(), False, _OF_FORMAT),
    "processed": Reader(_written("words.review", _processed), _read_texts(), False, _OF_FORMAT),
    "fdu": Reader(_written("books.task.train", _fdu), _read_texts(), False, _OF_FORMAT),
    "texts-tgz": Reader(_written("texts.tgz", _by_class), _read_texts(), True, _OF_FORMAT),
}
