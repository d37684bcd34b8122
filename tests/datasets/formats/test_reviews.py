"""Reviews in the files of research: what is read of them, and what of malformed ones is said."""

from __future__ import annotations

import gzip
import tarfile
import warnings
from pathlib import Path

import pytest

from truezero import BagOfWords
from truezero.datasets import TextColumn, are_texts, column_names, load_texts
from truezero.datasets.formats import reviews
from truezero.errors import DataError


def record(text: str, rating: str = "5.0", title: str = "So") -> str:
    return (
        f"<review>\n<unique_id>\n1:a\n</unique_id>\n<unique_id>\n2:b\n</unique_id>\n<rating>\n{rating}\n</rating>\n"
        f"<title>\n{title}\n</title>\n<review_text>\n{text}\n</review_text>\n</review>\n"
    )


def written(folder: Path, content: str, name: str = "books.review") -> Path:
    path = folder / name
    path.write_bytes(content.encode())
    return path


def test_records_are_read(tmp_path: Path) -> None:
    texts = ["Good.\n\nVery <b>good</b> & so on", "", "</p> <rating>", "a\x1ab"]
    path = written(tmp_path, "".join(record(text, f"{i + 1}.0") for i, text in enumerate(texts)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load_texts(path)
        around = load_texts(written(tmp_path, f"<data>\n{path.read_text()}</data>\n", "around.review"))
    for found in (data, around):
        assert found.texts_train == texts
        assert found.y_train is not None
        assert found.y_train.tolist() == [1, 2, 3, 4]
    assert column_names(path) == ("unique_id", "rating", "title", "review_text")
    assert list(TextColumn(path)) == texts
    titles = load_texts(path, text="title", target="unique_id")
    assert titles.texts_train == ["So"] * 4
    assert titles.y_train is not None
    assert titles.y_train.tolist() == ["1:a"] * 4  # the first of two
    packed = path.with_suffix(".review.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert load_texts(packed).texts_train == texts
    assert are_texts(path)
    assert are_texts(packed)


@pytest.mark.parametrize(
    ("damaged", "line"),
    [
        (record("lost").replace("</rating>", ""), 18),
        (record("lost").replace("<rating>", "<rating"), 18),
        (record("lost").replace("</review>\n", ""), 18),
        (record("lost").replace("</review_text>\n", ""), 18),
        (record("lost").replace("<rating>\n5.0\n</rating>\n", ""), 18),
        (record("lost").replace("<review>\n", ""), 19),
        (record("lost").partition("<title>")[0], 18),
        (record("lost").replace("</rating>\n", "</rati"), 18),
        ("<review>\n</review>\n", 18),
        ("between\nthem\n", 18),
    ],
)
@pytest.mark.parametrize("at_end", [False, True])
def test_malformed_records_are_left_out_and_said(
    tmp_path: Path, damaged: str, line: int, at_end: bool
) -> None:
    path = written(tmp_path, record("first", "1.0") + damaged + ("" if at_end else record("last", "2.0")))
    with pytest.warns(
        UserWarning, match=rf"^books\.review: 1 of {2 + (not at_end)} records are malformed .* line {line}$"
    ) as said:
        data = load_texts(path)
    assert len(said) == 1
    assert data.texts_train == ["first"] + ["last"] * (not at_end)
    assert data.y_train is not None
    assert data.y_train.tolist() == [1] + [2] * (not at_end)


def test_a_record_is_not_made_of_two_halves(tmp_path: Path) -> None:
    cut = record("lost").partition("0\n</rating>")[0]  # and the next one begins in the same line
    path = written(tmp_path, record("first", "1.0") + cut + record("lost, too") + record("last", "2.0"))
    with pytest.warns(
        UserWarning, match="1 of 3 records are malformed and were left out, the first in line 18"
    ):
        assert load_texts(path).texts_train == ["first", "last"]


def test_what_holds_no_record(tmp_path: Path) -> None:
    for content in ("", "text\n", "<review>\n", record("a").replace("</review>", "")):
        with pytest.raises(DataError, match=r"books\.review holds no review: <review>, tags as <rating>"):
            load_texts(written(tmp_path, content))
    with pytest.raises(
        DataError, match="line 18 has 'good', which is no number, as others are, in the column rating"
    ):
        load_texts(written(tmp_path, record("a") + record("b", "good")))


def test_a_tag_that_is_never_closed_is_not_kept_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviews, "LONGEST", 1000)
    open_end = record("a")[:-40] + "word\n" * 5000
    path = written(tmp_path, record("first") + open_end + record("last", "1.0"))
    with pytest.warns(UserWarning, match="1 of 3 records"):
        assert load_texts(path).texts_train == ["first", "last"]


def test_processed_words(tmp_path: Path) -> None:
    content = (
        "good:2 very_good:1 <num>_feet:1 a:b:3 #label#:positive\n#label#:negative\nbad:1 #label#:negative\n"
    )
    data = load_texts(written(tmp_path, content))
    assert data.texts_train == ["good very_good <num>_feet a:b", "", "bad"]
    assert data.y_train is not None
    assert data.y_train.tolist() == ["positive", "negative", "negative"]
    bag = data.bag()
    assert bag.columns == ("<num>_feet", "a:b", "bad", "good", "very_good")
    assert bag.X_train.toarray().tolist() == [[1, 1, 0, 1, 1], [0] * 5, [0, 0, 1, 0, 0]]
    words = BagOfWords(token_pattern=data.token_pattern, lowercase=False).fit(data.texts_train)
    assert words.vocabulary_ == {name: place for place, name in enumerate(bag.columns)}


@pytest.mark.parametrize(
    "line", ["good:2 bad", "good #label#:positive", "good:x #label#:p", ":3 #label#:p", ""]
)
def test_lines_that_are_no_processed_words(tmp_path: Path, line: str) -> None:
    content = f"good:1 #label#:positive\n{line}\n"
    with pytest.raises(
        DataError, match=r"books\.review line 2 is not words with their counts \(word:2\) and"
    ):
        load_texts(written(tmp_path, content))


def test_a_review_a_line(tmp_path: Path) -> None:
    path = written(tmp_path, "1\tgood\tfood \n0\tbad\n", "books.task.train")
    data = load_texts(path)
    assert data.texts_train == ["good\tfood ", "bad"]
    assert data.y_train is not None
    assert data.y_train.tolist() == [1, 0]
    more = load_texts(written(tmp_path, "Good\tfood\nBad\n", "books.task.unlabel"))
    assert more.texts_train == ["Good\tfood", "Bad"]
    assert more.y_train is None
    with pytest.raises(DataError, match=r"line 2 is not a label, a tab and a text: 'bad'"):
        load_texts(written(tmp_path, "1\tgood\nbad\n", "books.task.test"))
    with pytest.raises(DataError, match="line 2 has no target in the column label"):
        load_texts(written(tmp_path, "1\tgood\n\tbad\n", "books.task.test"))


def test_the_published_words(real_data: Path, tmp_path: Path) -> None:
    with tarfile.open(real_data / "amazon" / "processed_acl_labelled.tar.gz") as archive:
        member = archive.extractfile("processed_acl/books/positive.review")
        assert member is not None
        content = member.read().decode()
    data = load_texts(written(tmp_path, content))
    assert len(data.texts_train) == 1000
    assert data.bag(None).X_train.nnz == sum(len(line.split()) - 1 for line in content.splitlines())
