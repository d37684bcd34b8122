"""Data sets of reviews by name: where their files may lie, what is read of them, and what is not."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from official_files import tar, write_all

from truezero.datasets import are_texts, column_names, load_dataset, load_texts
from truezero.datasets.registry import NAMED
from truezero.datasets.text_sets import load_amazon, load_imdb, load_yelp
from truezero.errors import DataError, OptionError

IMDB = {
    f"aclImdb/{part}/{label}/{i}_{rating}.txt": f"{part} {label} {i}".encode()
    for part in ("train", "test")
    for label, rating in (("pos", 9), ("neg", 2))
    for i in (0, 1)
} | {"aclImdb/train/unsup/0_0.txt": b"unheard", "aclImdb/README": b"", "aclImdb/imdbEr.txt": b"0"}
YELP = 'business_id,stars,text\n1,5,"good, and\ncheap"\n2,1,bad\n'


def review(text: str, stars: int) -> str:
    return (
        f"<review>\n<rating>\n{stars}.0\n</rating>\n<title>\nTitle\n</title>\n<review_text>\n{text}\n"
        "</review_text>\n</review>\n"
    )


def blitzer(kind: str, unlabeled: bool = False) -> dict[str, bytes]:
    files = {
        f"sorted_data_acl/{kind}/negative.review": review(f"A {kind} of a bad kind.", 1)
        + review("never again", 2),
        f"sorted_data_acl/{kind}/positive.review": f"<data>\n{review('café of ' + kind, 5)}</data>\n",
        f"sorted_data_acl/{kind}/all.review": "not looked at",
    }
    if unlabeled:
        files[f"sorted_data_acl/{kind}/unlabeled.review"] = review("from Blitzer", 4)
    encoded = {name: content.encode("latin-1") for name, content in files.items()}
    return {"sorted_data_acl/stopwords": b"the"} | encoded


FDU = {
    "data/fdu-mtl/books.task.unlabel": b"Unheard of.\na BOOKS of  a bad kind!\nAnother\n",
    "data/fdu-mtl/dvd.task.unlabel": b"of another kind\n",
    "data/fdu-mtl/books.task.train": b"1\tlabelled\n",
}


@pytest.mark.parametrize(
    "place", ["imdb/aclImdb_v1.tar.gz", "IMDB/aclImdb_v1_text.tar.gz", "imdb", "aclImdb", "."]
)
def test_imdb(tmp_path: Path, place: str) -> None:
    if place.endswith("gz"):
        write_all(tmp_path, {place: tar(IMDB)})
    else:
        write_all(tmp_path / (place if place == "imdb" else "."), IMDB)
    folders = NAMED["imdb"].folders(tmp_path)
    assert not NAMED["imdb"].missing(folders)
    data = load_imdb(folders, (4, 4, 1))
    assert data.texts_train == ["train neg 0", "train neg 1", "train pos 0", "train pos 1"]
    assert data.y_train is not None
    assert data.y_train.tolist() == [2, 2, 9, 9]
    assert data.y_test is not None
    assert data.y_test.tolist() == [2, 2, 9, 9]
    assert data.unlabeled == ["unheard"]
    assert (data.name, data.stand_in_for) == ("imdb", "OpenTable")
    with pytest.raises(DataError, match="has 4 training, 4 test and 1 unlabelled texts, not 25000, 25000 and 50000; get it again"):  # fmt: skip
        load_texts("imdb", data_dir=tmp_path)


def test_the_bag_of_a_named_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_all(tmp_path, IMDB)
    monkeypatch.setattr(load_imdb, "__defaults__", ((4, 4, 1),))
    bag = load_dataset("imdb", data_dir=tmp_path)
    assert bag.columns == ("neg", "pos", "train", "unheard")
    assert bag.X_unlabeled.toarray().tolist() == [[0, 0, 0, 1]]
    assert (bag.name, bag.stand_in_for) == ("imdb", "OpenTable")
    assert are_texts("imdb")
    assert not are_texts("digits")
    assert column_names("imdb") == ()


def test_yelp(tmp_path: Path) -> None:
    folders = NAMED["yelp10k"].folders(tmp_path)
    with pytest.raises(DataError, match="yelp10k is not there"):
        load_yelp(folders)
    write_all(tmp_path, {"yelp/yelp.csv": YELP.encode()})
    plain = load_yelp(folders)
    (tmp_path / "yelp10k").mkdir()
    with zipfile.ZipFile(tmp_path / "yelp10k" / "yelp.csv.zip", "w") as archive:
        archive.writestr("yelp.csv", YELP)
    data = load_texts("yelp10k", data_dir=tmp_path)
    assert data.texts_train == ["good, and\ncheap", "bad"]
    assert data.y_train is not None
    assert data.y_train.tolist() == [5, 1]
    assert data.fingerprint == plain.fingerprint


@pytest.mark.parametrize("packed", [False, True])
def test_amazon(tmp_path: Path, packed: bool) -> None:
    files = blitzer("books") | blitzer("kitchen_&_housewares")
    if packed:
        write_all(tmp_path, {"amazon/domain_sentiment_data_labelled.tar.gz": tar(files)})
        write_all(tmp_path, {"amazon-fdu-mtl/fdu-mtl.tar.gz": tar(FDU)})
    else:
        write_all(tmp_path / "amazon", files)
        write_all(tmp_path, {name.removeprefix("data/"): content for name, content in FDU.items()})
    data = load_texts("amazon-books", data_dir=tmp_path)
    assert data.texts_train == ["Title\nA books of a bad kind.", "Title\nnever again", "Title\ncafé of books"]
    assert data.y_train is not None
    assert data.y_train.tolist() == [1, 2, 5]
    assert data.unlabeled == ["Unheard of.", "Another"]  # one is among the labelled
    assert data.stand_in_for is None
    kitchen = load_texts("amazon-kitchen", data_dir=tmp_path)
    assert kitchen.texts_train[2] == "Title\ncafé of kitchen_&_housewares"
    assert kitchen.unlabeled == []
    with pytest.raises(
        DataError, match="lacks dvd/negative.review" if packed else "amazon-dvd: .* is not in"
    ):
        load_texts("amazon-dvd", data_dir=tmp_path)


def test_blitzer_s_own_unlabelled_reviews_count_more(tmp_path: Path) -> None:
    write_all(tmp_path, {"amazon/domain_sentiment_data.tar.gz": tar(blitzer("books", unlabeled=True))})
    write_all(tmp_path, {"amazon-fdu-mtl/fdu-mtl.tar.gz": tar(FDU)})
    assert load_texts("amazon-books", data_dir=tmp_path).unlabeled == ["Title\nfrom Blitzer"]


def test_damaged_reviews_name_archive_and_file(tmp_path: Path) -> None:
    files = blitzer("books")
    load = partial(load_amazon, "books", NAMED["amazon-books"].folders(tmp_path))
    wrong = review("good", 5) + review("good", 5).replace("5.0", "x")
    files["sorted_data_acl/books/positive.review"] = wrong.encode()
    write_all(tmp_path, {"amazon/domain_sentiment_data.tar.gz": tar(files)})
    with pytest.raises(
        DataError, match=r"domain_sentiment_data\.tar\.gz: positive\.review line 12 has 'x', which is no"
    ):
        load()
    files["sorted_data_acl/books/positive.review"] = b"nothing"
    write_all(tmp_path, {"amazon/domain_sentiment_data.tar.gz": tar(files)})
    with pytest.raises(DataError, match=r"domain_sentiment_data\.tar\.gz: positive\.review holds no review"):
        load()


def test_what_is_no_set_of_texts() -> None:
    with pytest.raises(DataError, match="digits holds numbers, no texts"):
        load_texts("digits")
    with pytest.raises(DataError, match="unknown data set 'imdbb' .did you mean 'imdb'"):
        load_texts("imdbb")
    for options in ({"text": "a"}, {"target": "a"}, {"encoding": "cp1252"}):
        with pytest.raises(OptionError, match="text, target and encoding are for files; imdb has its own"):
            load_texts("imdb", **options)  # type: ignore[arg-type]


def test_the_published_files(real_data: Path) -> None:
    counts = {"books": 1942, "dvd": 1836, "electronics": 1698, "kitchen": 1919}
    for kind, n in counts.items():
        data = load_texts(f"amazon-{kind}", data_dir=real_data)
        assert len(data.texts_train) == 2000
        assert len(data.unlabeled) == n
        assert data.y_train is not None
        assert np.unique(data.y_train).tolist() == [1, 2, 4, 5]
    yelp = load_texts("yelp10k", data_dir=real_data)
    assert yelp.y_train is not None
    assert np.bincount(yelp.y_train).tolist() == [0, 749, 927, 1461, 3526, 3337]
    imdb = load_texts("imdb", data_dir=real_data)
    assert (len(imdb.texts_train), len(imdb.texts_test or ()), len(imdb.unlabeled)) == (
        25_000,
        25_000,
        50_000,
    )
    for y in (imdb.y_train, imdb.y_test):
        assert y is not None
        assert np.unique(y).tolist() == [1, 2, 3, 4, 7, 8, 9, 10]
        assert (y > 5).sum() == 12_500
