"""Reviews and tables on the command line: trained on, predicted and measured by the names of their columns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from commandline import succeeded, truezero
from official_files import tar

from truezero import BagOfWords, DeepRectifierClassifier, RatingPredictor, load
from truezero.datasets import load_texts
from truezero.errors import ModelFileError
from truezero.runs import train_to_file

SMALL = ("--hidden-layer-sizes", "8", "--max-iter", "12", "--learning-rate-init", "0.1")
WORDS = {5: "great lovely", 3: "fine plain", 1: "awful cold"}
COMMON = ["the", "food", "was", "and", "we", "will", "not", "come", "again"]


def reviews(n: int = 90, seed: int = 0) -> list[tuple[str, int]]:
    random = np.random.default_rng(seed)
    stars = [5, 3, 1] * (n // 3)
    return [(" ".join([*random.choice(COMMON, 5), *WORDS[star].split()]), star) for star in stars]


def write_csv(path: Path, rows: list[tuple[str, int]], *, text: str = "review", more: str = "") -> Path:
    lines = [f'{i},"{content}",{star}{more and ",x"}' for i, (content, star) in enumerate(rows)]
    path.write_text("\n".join([f"id,{text},stars{more and ',' + more}", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("texts")
    write_csv(made / "reviews.csv", reviews())
    write_csv(made / "other.csv", reviews(30, 1), text="body")
    (made / "no stars.csv").write_text("review\ngreat lovely\nawful cold\n")
    X = np.random.default_rng(0).random((60, 3), dtype=np.float32)
    np.savez(made / "rows.npz", X=X, y=(X[:, 0] > 0.5).astype(int))
    train = ("train", "reviews.csv", "--text", "review", "--target", "stars", *SMALL)
    succeeded(*train, "--classes", "--out", "m", folder=made)
    succeeded(*train, "--out", "rated", folder=made)
    succeeded("train", "rows.npz", *SMALL, "--out", "numbers", folder=made)
    return made


def test_the_model_file_alone_predicts_raw_text(folder: Path) -> None:
    model = load(folder / "m")
    assert isinstance(model[0], BagOfWords)
    assert isinstance(model[1], DeepRectifierClassifier)
    predicted = succeeded("predict", "m", "reviews.csv", folder=folder)["predictions"]
    data = load_texts(folder / "reviews.csv", text="review", target="stars")
    assert predicted == model.predict(data.texts_train).tolist()
    assert np.mean(np.array(predicted) == data.y_train) > 0.9
    assert truezero("predict", "m", "no stars.csv", folder=folder).stdout == "5\n1\n"  # needs no target
    measured = succeeded("inspect", "m", "reviews.csv", folder=folder)
    assert measured["test_error"] == pytest.approx(np.mean(np.array(predicted) != data.y_train))
    assert measured["steps"] == ["BagOfWords", "DeepRectifierClassifier"]
    assert measured["n_test"] == 90
    assert succeeded("inspect", "m", "no stars.csv", folder=folder)["test_error"] is None


def test_numbers_are_ratings_and_what_carried_one_is_told(folder: Path) -> None:
    model = load(folder / "rated")
    assert isinstance(model[1], RatingPredictor)
    data = load_texts(folder / "reviews.csv", text="review", target="stars")
    predicted = succeeded("predict", "rated", "reviews.csv", folder=folder)["predictions"]
    assert predicted == model.predict(data.texts_train).tolist()
    assert np.sqrt(np.mean((np.array(predicted) - data.y_train) ** 2)) < 0.5
    train = ("train", "reviews.csv", "--text", "review", "--target", "stars", *SMALL, "--out", "r")
    result = succeeded(*train, folder=folder)
    assert result["predicts"] == "ratings"
    assert result["validation_rmse"] == pytest.approx(result["validation_error"] ** 0.5)
    told = succeeded("inspect", "rated", "--text", "Great food, and not awful!", folder=folder)
    assert told["prediction"] == pytest.approx(model.predict(["Great food, and not awful!"])[0])
    pulls = {term["term"]: term["pull"] for term in told["terms"]}
    assert set(pulls) == {"great", "food", "and", "not", "awful"}
    assert pulls["great"] > 0 > pulls["awful"]
    shown = truezero("inspect", "rated", "--text", "Great food, \x1b[31mand not awful!", folder=folder).stdout
    assert "Great food" in shown
    assert "\x1b[31m" not in shown
    for wrong, said in (
        (("numbers", "--text", "x"), "numbers is a model of numbers, and takes no --text"),
        (("rated", "--text", ""), "has none of the words that rated knows"),
    ):
        ended = truezero("inspect", *wrong, folder=folder)
        assert ended.returncode == 2
        assert said in ended.stderr


def test_settings_that_are_not_given_are_chosen(folder: Path) -> None:
    train = ("train", "reviews.csv", "--text", "review", "--target", "stars", "--out", "c")
    small = ("--hidden-layer-sizes", "8", "--unlabeled", "other.csv", "--random-state", "1")
    (folder / "same.csv").write_text((folder / "other.csv").read_text().replace("body", "review"))
    result = succeeded(*train, *small[:3], "same.csv", *small[4:], folder=folder)
    tried = result["tried"]
    assert {trial["pretrained"] for trial in tried} == {True, False}
    assert len({trial["learning_rate_init"] for trial in tried}) > 1
    chosen = [trial for trial in tried if trial["chosen"]]
    assert len(chosen) == 1
    assert chosen[0]["validation_error"] == min(trial["validation_error"] for trial in tried)
    model = load(folder / "c")
    assert model[1].learning_rate_init == chosen[0]["learning_rate_init"]
    assert (model[1].pretraining is not None) == chosen[0]["pretrained"]
    predicted = succeeded("predict", "c", "reviews.csv", folder=folder)["predictions"]
    assert predicted == model.predict([text for text, _ in reviews()]).tolist()
    shown = truezero(*train, *small[:2], "--random-state", "1", folder=folder)
    assert ", chosen\n" in shown.stdout
    assert "train: trying random weights" in shown.stderr


def test_columns_are_those_of_the_training_unless_others_are_named(folder: Path) -> None:
    lost = truezero("predict", "m", "other.csv", folder=folder)
    assert lost.returncode == 2
    assert lost.stderr == "truezero: other.csv has no column 'review'; its columns are id, body, stars\n"
    named = ("other.csv", "--text", "body")
    predicted = succeeded("predict", "m", *named, folder=folder)["predictions"]
    assert len(predicted) == 30
    measured = succeeded("inspect", "m", *named, folder=folder)
    assert measured["test_error"] < 0.1
    other = succeeded("inspect", "m", *named, "--target", "id", folder=folder)
    assert other["test_error"] == np.mean(np.array(predicted) != np.arange(30))


def test_texts_without_labels_pre_train(folder: Path) -> None:
    further = folder / "more.jsonl"
    further.write_text(
        "".join(json.dumps({"review": f"{text} unheard", "when": 3}) + "\n" for text, _ in reviews(60, 2))
    )
    train = ("train", "reviews.csv", "--text", "review", "--target", "stars", *SMALL, "--out", "p")
    result = succeeded(*train, "--unlabeled", "more.jsonl", "--pretrain-max-iter", "2", folder=folder)
    assert result["pretraining"]["n_unlabeled"] == 60
    assert "unheard" in load(folder / "p")[0].vocabulary_
    assert "unheard" not in load(folder / "m")[0].vocabulary_
    other = truezero(*train, "--unlabeled", "other.csv", folder=folder)
    assert (other.returncode, other.stderr) == (
        2,
        "truezero: other.csv has no column 'review'; its columns are id, body, stars\n",
    )


def test_words_are_options(folder: Path) -> None:
    train = ("train", "reviews.csv", "--text", "review", "--target", "stars", *SMALL, "--out", "w")
    assert succeeded(*train, "--max-features", "4", folder=folder)["n_train"] == 81
    assert len(load(folder / "w")[0].vocabulary_) == 4
    succeeded(*train, "--ngram-range", "1,2", "--no-lowercase", folder=folder)
    words = load(folder / "w")[0]
    assert (words.ngram_range, words.lowercase) == ((1, 2), False)
    assert "great lovely" in words.vocabulary_
    succeeded(*train, "--regression", folder=folder)
    assert succeeded("inspect", "w", "reviews.csv", folder=folder)["error_unit"] == "squared units of y"


def test_texts_of_every_format(folder: Path) -> None:
    rows = reviews()
    (folder / "x.review").write_text("".join(
        f"<review>\n<rating>\n{star}\n</rating>\n<review_text>\n{text}\n</review_text>\n</review>\n" for text, star in rows
    ) + "<review>\n")  # fmt: skip
    (folder / "processed.review").write_text("".join(
        " ".join(f"{word}:1" for word in text.split()) + f" #label#:{star}\n" for text, star in rows
    ))  # fmt: skip
    (folder / "x.task.train").write_text("".join(f"{star}\t{text}\n" for text, star in rows))
    classes = {f"{star}/{i}.txt": text.encode() for i, (text, star) in enumerate(rows)}
    for part in ("train", "test"):
        for name, content in classes.items():
            (folder / "classes" / part / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "classes" / part / name).write_bytes(content)
    (folder / "classes.tgz").write_bytes(tar(classes))
    for name in ("x.review", "processed.review", "x.task.train", "classes", "classes.tgz"):
        ended = truezero("train", name, *SMALL, "--out", "f", "--json", folder=folder)
        assert ended.returncode == 0, ended.stderr
        assert ("1 of 91 records are malformed and were left out" in ended.stderr) == (name == "x.review")
        result = json.loads(ended.stdout)
        assert result["n_test"] == (90 if name == "classes" else 0)
        assert (result["test_error"] or 0) < 0.1
        assert succeeded("inspect", "f", name, folder=folder)["test_error"] < 0.1
        assert (
            len(succeeded("predict", "f", "reviews.csv", "--text", "review", folder=folder)["predictions"])
            == 90
        )
    assert load(folder / "f")[0].token_pattern == BagOfWords().token_pattern


def test_named_texts(folder: Path) -> None:
    write_csv(folder / "yelp10k.csv", reviews(), text="text").rename(folder / "yelp.csv")
    where = ("--data-dir", "here")
    (folder / "here" / "yelp10k").mkdir(parents=True)
    (folder / "yelp.csv").rename(folder / "here" / "yelp10k" / "yelp.csv")
    succeeded("train", "yelp10k", *where, *SMALL, "--out", "y", folder=folder)
    assert succeeded("inspect", "y", "yelp10k", *where, folder=folder)["test_error"] < 0.1
    lost = truezero("predict", "y", "reviews.csv", folder=folder)
    assert (
        "reviews.csv does not say which column its texts are in: say it with --text; its columns are id, review, stars"
        in lost.stderr
    )


def test_encodings(folder: Path) -> None:
    content = (folder / "reviews.csv").read_text().replace("great", "délicieux").replace("\n", "\r")
    (folder / "mac.csv").write_bytes(content.encode("mac_roman"))
    train = ("train", "mac.csv", "--text", "review", "--target", "stars", *SMALL, "--out", "e")
    lost = truezero(*train, folder=folder)
    assert lost.returncode == 2
    assert "mac.csv line 1 is no utf-8 text: byte " in lost.stderr
    assert "say with --encoding what it is" in lost.stderr
    succeeded(*train, "--encoding", "mac_roman", folder=folder)
    assert "délicieux" in load(folder / "e")[0].vocabulary_
    assert succeeded("inspect", "e", "mac.csv", "--encoding", "mac_roman", folder=folder)["test_error"] < 0.1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("train", "reviews.csv", "--text", "text", "--target", "stars"), "reviews.csv has no column 'text'; its columns are id, review, stars"),
        (("train", "reviews.csv", "--text", "review", "--target", "rating"), "reviews.csv has no column 'rating'; its columns are id,"),
        (("train", "reviews.csv", "--text", "review"), "reviews.csv has no targets to train on: name one of its columns with --target: id, review, stars"),
        (("train", "reviews.csv"), "reviews.csv has no targets to train on: name one of its columns with --target: id, review, stars"),
        (("train", "mixed.csv", "--text", "review", "--target", "stars"), "mixed.csv line 4 has 'five', which is no number, as others are, in the column stars"),
        (("train", "single.csv", "--text", "review", "--target", "stars"), "single.csv: every text has the target 4, there is nothing to learn"),
        (("train", "empty.csv", "--text", "review", "--target", "stars"), "empty.csv: no text has a word in it: the vocabulary is empty"),
        (("train", "reviews.csv", "--text", "review", "--target", "stars", "--encoding", "x"), "encoding must be one that Python knows"),
        (("train", "reviews.csv", "--text", "review", "--target", "stars", "--max-features", "0"), "max_features must be a whole number of at least 1"),
        (("train", "reviews.csv", "--target", "stars", "--max-features", "5"), "--max-features is for text: say with --text which column it is in"),
        (("train", "rows.npz", "--text", "review", "--target", "stars"), "rows.npz is no table, and no folder of texts"),
        (("train", "words.csv", "--target", "y"), "words.csv has no column of numbers to learn from; its other columns are a, b"),
        (("predict", "m", "rows.npz"), "m was trained on text; it cannot take the numbers of rows.npz"),
        (("predict", "m", "digits"), "m was trained on text; it cannot take the numbers of digits"),
        (("inspect", "m", "rows.npz"), "m was trained on text; it cannot take the numbers of rows.npz"),
        (("predict", "numbers", "reviews.csv", "--text", "review"), "numbers was trained on numbers; it cannot take the texts of reviews.csv"),
        (("predict", "numbers", "x.review"), "numbers was trained on numbers; it cannot take the texts of x.review"),
        (("inspect", "numbers", "reviews.csv", "--text", "review", "--target", "stars"), "numbers was trained on numbers; it cannot take"),
        (("predict", "m", "nowhere.csv"), "nowhere.csv"),
    ],
    ids=range(19),
)  # fmt: skip
def test_mistakes_are_one_line(folder: Path, command: tuple[str, ...], message: str) -> None:
    (folder / "mixed.csv").write_text("review,stars\na b,1\nc d,2\ne f,five\n")
    (folder / "single.csv").write_text("review,stars\n" + "good food,4\n" * 30)
    (folder / "empty.csv").write_text("review,stars\n" + "?,1\n,2\n" * 30)
    (folder / "words.csv").write_text("a,b,y\nx,z,0\n")
    (folder / "x.review").write_text("<review>\n<review_text>\na b\n</review_text>\n</review>\n")
    ended = truezero(*command, *(("--out", "z") if command[0] == "train" else ()), folder=folder)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"truezero: {message}") or message in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert not (folder / "z").exists()


# ---- tables of numbers ------------------------------------------------------------------------------


def test_a_table_is_known_by_the_names_of_its_columns(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    X = random.integers(0, 50, (80, 3))
    y = np.where(X[:, 0] > 25, "yes", "no")
    rows = [f"{a},{b},w{a},{c},{label}" for (a, b, c), label in zip(X.tolist(), y, strict=True)]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,word,c,answer", *rows]))
    turned = [f"{c},{a},7,{b}" for a, b, c in X.tolist()]
    (tmp_path / "turned.csv").write_text("\n".join(["c,a,new,b", *turned]))
    train = ("train", "table.csv", "--target", "answer", *SMALL, "--out", "m")
    said = truezero(*train, folder=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "truezero: features are the columns a, b, c\n" in said.stderr
    predicted = succeeded("predict", "m", "table.csv", folder=tmp_path)["predictions"]
    assert set(predicted) == {"yes", "no"}
    assert succeeded("predict", "m", "turned.csv", folder=tmp_path)["predictions"] == predicted
    measured = succeeded("inspect", "m", "table.csv", folder=tmp_path)
    assert measured["test_error"] == pytest.approx(np.mean(np.array(predicted) != y))
    assert measured["layer_sizes"][0] == 3
    assert succeeded("inspect", "m", "turned.csv", folder=tmp_path)["test_error"] is None
    result = succeeded(
        *train, "--unlabeled", "turned.csv", "--pretrain", "--pretrain-max-iter", "1", folder=tmp_path
    )
    assert result["pretraining"]["n_unlabeled"] == 80
    (tmp_path / "less.csv").write_text("a,b\n1,2\n")
    predicted = succeeded("predict", "m", "table.csv", folder=tmp_path)["predictions"]
    lost = truezero("predict", "m", "less.csv", folder=tmp_path)
    assert lost.stderr == "truezero: less.csv has no column 'c'; its columns are a, b\n"
    np.savez(tmp_path / "rows.npz", X=X.astype(np.float32))  # in the order of training
    assert succeeded("predict", "m", "rows.npz", folder=tmp_path)["predictions"] == predicted


# ---- killed and resumed -----------------------------------------------------------------------------


class _DiedError(Exception):
    pass


def test_a_killed_training_on_texts_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    data, more = write_csv(tmp_path / "r.csv", reviews()), write_csv(tmp_path / "more.csv", reviews(30, 3))
    words = {"max_features": 5}
    options: dict[str, Any] = {
        "text": "review", "target": "stars", "unlabeled": more, "pretraining_parameters": {"max_iter": 2},
        "parameters": {"hidden_layer_sizes": (5,), "max_iter": 4, "n_iter_no_change": None, "n_threads": 1},
    }  # fmt: skip
    whole, _ = train_to_file(data, tmp_path / "whole", words=words, **options)
    with mock.patch("truezero.runs.train.save", side_effect=_DiedError), pytest.raises(_DiedError):
        train_to_file(data, tmp_path / "m", words=words, **options)
    assert {path.name for path in tmp_path.glob("m.*")} == {"m.checkpoint", "m.pretraining"}
    with pytest.raises(ModelFileError, match="another"):
        train_to_file(data, tmp_path / "m", resume=True, words=words | {"ngram_range": (2, 2)}, **options)
    again, _ = train_to_file(data, tmp_path / "m", resume=True, words=words, **options)
    texts = [text for text, _ in reviews()]
    assert again.predict_proba(texts).tobytes() == whole.predict_proba(texts).tobytes()
    assert not list(tmp_path.glob("m.*"))
