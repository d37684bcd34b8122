"""Texts by class, in folders and in archives of them; ratings in the names of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from official_files import image, tar, write_all

from truezero.datasets import are_texts, load_file, load_texts
from truezero.datasets.formats import source
from truezero.errors import DataError, OptionError

RATED = {
    "aclImdb/README": b"about",
    "aclImdb/imdbEr.txt": b"0.1",
    "aclImdb/train/urls_pos.txt": b"http://",
    "aclImdb/train/labeledBow.feat": b"1 0:3",
    "aclImdb/train/pos/10_9.txt": "ten — é".encode(),
    "aclImdb/train/pos/2_10.txt": b"two",
    "aclImdb/train/neg/0_1.txt": b"zero",
    "aclImdb/train/unsup/1_0.txt": b"more",
    "aclImdb/train/unsup/0_0.txt": b"first",
    "aclImdb/test/neg/0_4.txt": b"",
    "aclImdb/test/pos/0_7.txt": b"fine",
}
CLASSES = {"spam/a.txt": b"buy", "ham/b.txt": b"hello", "ham/c.TXT": b"\xef\xbb\xbfhi", "ham/.d.txt": b"no"}


@pytest.fixture(params=["folder", "tar", "tgz"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def put(folder: Path, files: dict[str, bytes], form: str) -> Path:
    if form == "folder":
        write_all(folder / "texts", files)
        return folder / "texts"
    path = folder / f"texts.{form}"
    path.write_bytes(tar(files, packed=form == "tgz"))
    return path


@pytest.mark.parametrize("root", ["aclImdb/", ""])
def test_ratings_of_the_official_layout(tmp_path: Path, form: str, root: str) -> None:
    files = {name.replace("aclImdb/", root): content for name, content in RATED.items()}
    path = put(tmp_path, files, form)
    data = load_texts(path)
    assert data.texts_train == ["zero", "two", "ten — é"]  # by class and number
    assert data.y_train is not None
    assert data.y_train.tolist() == [1, 10, 9]
    assert data.texts_test == ["", "fine"]
    assert data.y_test is not None
    assert data.y_test.tolist() == [4, 7]
    assert data.texts_validation is None
    assert data.unlabeled == ["first", "more"]
    assert are_texts(path)


def test_the_order_is_that_of_the_names_wherever_they_come_from(tmp_path: Path) -> None:
    turned = dict(list(RATED.items())[::-1])
    places = [put(tmp_path, RATED, "folder"), put(tmp_path, RATED, "tgz"), put(tmp_path, turned, "tar")]
    assert len({load_texts(place).fingerprint for place in places}) == 1


@pytest.mark.parametrize("root", ["", "letters/"])
def test_classes_are_folders(tmp_path: Path, form: str, root: str) -> None:
    path = put(tmp_path, {root + name: content for name, content in CLASSES.items()}, form)
    data = load_texts(path)
    assert data.texts_train == ["hello", "hi", "buy"]
    assert data.y_train is not None
    assert data.y_train.tolist() == ["ham", "ham", "spam"]
    assert data.texts_test is None
    assert not data.unlabeled


def test_parts_are_folders_of_classes(tmp_path: Path, form: str) -> None:
    parts = {"train": "train", "val": "validation", "test": "test"}
    files = {f"{part}/{name}": content for part in parts for name, content in CLASSES.items()}
    data = load_texts(put(tmp_path, files, form))
    for part in ("train", "validation", "test"):
        texts, y = data.part(part)
        assert texts == ["hello", "hi", "buy"]
        assert y is not None
        assert y.tolist() == ["ham", "ham", "spam"]


def test_ratings_are_names_of_pos_and_neg_alone(tmp_path: Path, form: str) -> None:
    data = load_texts(put(tmp_path, {"old/1_9.txt": b"a", "new/2_3.txt": b"b"}, form))
    assert data.y_train is not None
    assert data.y_train.tolist() == ["new", "old"]
    mixed = load_texts(put(tmp_path / "x", {"pos/1_9.txt": b"a", "neg/b.txt": b"b"}, "folder"))
    assert mixed.y_train is not None
    assert mixed.y_train.tolist() == ["neg", "pos"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"README": b"a"}, r"holds no texts \(\.txt\) in folders of their classes"),
        ({"test/a/b.txt": b"a"}, r"holds no texts \(\.txt\) in folders of their classes, in train/"),
        ({"unsup/a.txt": b"a"}, r"holds no texts"),
        ({**CLASSES, "train/a.txt": b"a"}, r"has texts in 'train'; all must lie in train/CLASS/"),
        ({"train/a/b.txt": b"a", "dev/a/b.txt": b"a"}, r"has texts in 'dev'; all must lie in train/CLASS/"),
        (
            {"a/b.txt": b"a\xe9b"},
            r"a/b\.txt is no utf-8 text: byte 1 is 0xe9, in 'a\\xe9b'; say with --encoding",
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, form: str, files: dict[str, bytes], message: str) -> None:
    path = put(tmp_path, files, form)
    with pytest.raises(DataError, match=message) as raised:
        load_texts(path)
    assert str(raised.value).startswith(str(path))


def test_encodings_and_columns(tmp_path: Path, form: str) -> None:
    path = put(tmp_path, {"a/b.txt": "é".encode("mac_roman"), "c/d.txt": b"x"}, form)
    assert load_texts(path, encoding="mac_roman").texts_train == ["é", "x"]
    with pytest.raises(OptionError, match="encoding must be one that Python knows"):
        load_texts(path, encoding="nope")
    with pytest.raises(DataError, match="is no idna text"):
        load_texts(path, encoding="idna")
    with pytest.raises(OptionError, match="text and target name columns of a table"):
        load_texts(path, text="text")


def test_memory_follows_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_LEAST_ALLOWED", 1 << 20)
    path = put(tmp_path, {"a/b.txt": b"a" * (1 << 22)}, "tgz")
    with pytest.raises(DataError, match=r"texts\.tgz .*more than"):
        load_texts(path)


def test_images_are_no_texts(tmp_path: Path) -> None:
    pixels = np.zeros((1, 2, 2), np.uint8)
    pictures = {"about.txt": b"a", "a/1.png": image(pixels), "b/1.png": image(pixels)}
    for form in ("folder", "tar"):
        path = put(tmp_path, pictures, form)
        assert not are_texts(path)
        assert load_file(path).X_train.shape == (2, 4)
    assert not are_texts(tmp_path / "nowhere")
    write_all(tmp_path / "letters", CLASSES)
    with pytest.raises(DataError, match="letters holds texts, which load_texts reads"):
        load_file(tmp_path / "letters")
    (tmp_path / "empty").mkdir()
    assert not are_texts(tmp_path / "empty")
