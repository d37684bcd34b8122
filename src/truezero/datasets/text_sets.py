"""Data sets of reviews by name: IMDb, Yelp, and Amazon's four kinds of products."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.datasets.dataset import Dataset
from truezero.datasets.formats import tars
from truezero.datasets.formats.image_files import files_below
from truezero.datasets.formats.reviews import fdu_table, reviews_table
from truezero.datasets.formats.source import Allowance, Unpacked
from truezero.datasets.formats.table_columns import targets
from truezero.datasets.formats.text_files import load_text_file
from truezero.datasets.formats.text_lines import TextLines
from truezero.datasets.named import Folders, NamedDataset, RemoteFile, find_file
from truezero.datasets.texts import TextDataset
from truezero.errors import DataError

_OPENTABLE = "OpenTable"

# ---- IMDb -------------------------------------------------------------------------------------------

_IMDB_PAGE = "https://ai.stanford.edu/~amaas/data/sentiment/"
_IMDB = "aclImdb_v1.tar.gz"
_IMDB_ARCHIVES = (_IMDB, "aclImdb_v1_text.tar.gz", "aclImdb_v1.tar", "aclImdb.tar.gz")
_N_IMDB = (25_000, 25_000, 50_000)


def _imdb_place(folders: Folders) -> Path | None:
    """Find the archive, or the folder that it unpacks to."""
    for folder in folders:
        for place in (folder / "aclImdb", folder):
            if os.path.isdir(place / "train" / "pos") and os.path.isdir(place / "test" / "pos"):
                return place
    return find_file(folders, _IMDB_ARCHIVES)


def load_imdb(folders: Folders, n: tuple[int, int, int] = _N_IMDB) -> TextDataset:
    """IMDb's reviews (Maas et al. 2011) with their ratings, 1 to 4 and 7 to 10; the official parts.

    Parameters
    ----------
    folders : sequence of Path
        Where the archive, or the folder that it unpacks to, may be.
    n : (int, int, int), default=(25000, 25000, 50000)
        Training, test and unlabelled texts that there must be.

    Returns
    -------
    TextDataset
        By class and number, wherever they are read from.

    Raises
    ------
    DataError
        If they are not there, damaged, or not so many.
    """
    place = _imdb_place(folders)
    if place is None:
        raise DataError("imdb is not there")
    data = replace(load_text_file(place), name="imdb", stand_in_for=_OPENTABLE)
    found = (len(data.texts_train), len(data.texts_test or ()), len(data.unlabeled))
    if found != n:
        raise DataError(
            f"{printable(str(place), 300)} has {found[0]} training, {found[1]} test and {found[2]} "
            f"unlabelled texts, not {n[0]}, {n[1]} and {n[2]}; get it again"
        )
    return data


# ---- Yelp -------------------------------------------------------------------------------------------

_YELP_PAGE = "https://www.kaggle.com/datasets/omkarsabnis/yelp-reviews-dataset"
_YELP = ("yelp.csv", "yelp.csv.zip", "yelp.csv.gz")


def load_yelp(folders: Folders) -> TextDataset:
    """10,000 reviews of Yelp's with 1 to 5 stars, of all kinds of business; see `load_imdb`."""
    path = find_file(folders, _YELP)
    if path is None:
        raise DataError("yelp10k is not there")
    data = load_text_file(path, text="text", target="stars")
    return replace(data, name="yelp10k", stand_in_for=_OPENTABLE)


# ---- Amazon -----------------------------------------------------------------------------------------

_AMAZON = ("domain_sentiment_data.tar.gz", "domain_sentiment_data_labelled.tar.gz")
_FDU = ("fdu-mtl.tar.xz", "fdu-mtl.tar.gz")
_SIDES = ("negative", "positive")
_N_COMPARED = 100
# A kind -> its folder in Blitzer's archive, its name in FDU-MTL.
_KINDS = {
    "books": ("books", "books"),
    "dvd": ("dvd", "dvd"),
    "electronics": ("electronics", "electronics"),
    "kitchen": ("kitchen_&_housewares", "kitchen_housewares"),
}


def _amazon_place(folders: Folders, kind: str) -> Path | None:
    """Find Blitzer's archive, or the folder of a kind that it unpacks to."""
    for folder in folders:
        place = folder / "sorted_data_acl" / _KINDS[kind][0]
        if all(os.path.isfile(place / f"{side}.review") for side in _SIDES):
            return place
    return find_file(folders, _AMAZON)


def load_amazon(kind: str, folders: Folders) -> TextDataset:
    """Reviews of one of Amazon's kinds of products (Blitzer et al. 2007) with 1, 2, 4 or 5 stars.

    A text is the title and the review. Without labels are Blitzer's own, or else those of FDU-MTL that are
    not among the labelled, where either is there.

    Parameters
    ----------
    kind : {"books", "dvd", "electronics", "kitchen"}
    folders : sequence of Path
        Where the archives, or the folders that they unpack to, may be.

    Returns
    -------
    TextDataset
        Training texts alone, the negative ones first.

    Raises
    ------
    DataError
        If they are not there, or damaged.
    """
    place, name = _amazon_place(folders, kind), f"amazon-{kind}"
    if place is None:
        raise DataError(f"{name} is not there")
    files = _members(place, _KINDS[kind][0], [f"{side}.review" for side in (*_SIDES, "unlabeled")])
    texts, stars = list[str](), list[NDArray[Any]]()
    for side in _SIDES:
        file = f"{side}.review"
        if file not in files:
            raise DataError(f"{printable(str(place), 300)} lacks {_KINDS[kind][0]}/{file}; get it again")
        with _reading(place, file):
            rows = list(
                reviews_table(_lines(files[file]), f"{kind}/{file}").rows(("title", "review_text", "rating"))
            )
            texts += [f"{title}\n{text}" for _, (title, text, _) in rows]
            stars.append(
                targets([rating for _, (_, _, rating) in rows], [at for at, _ in rows], "rating", "line")
            )
    unlabeled = list[str]()
    if "unlabeled.review" in files:
        with _reading(place, "unlabeled.review"):
            table = reviews_table(_lines(files["unlabeled.review"]), f"{kind}/unlabeled.review")
            unlabeled = [f"{title}\n{text}" for _, (title, text) in table.rows(("title", "review_text"))]
    else:
        known = {_beginning(text.partition("\n")[2]) for text in texts}
        unlabeled = [text for text in _of_fdu(folders, kind) if _beginning(text) not in known]
    return TextDataset(name, texts, np.concatenate(stars), unlabeled=unlabeled)


def _of_fdu(folders: Folders, kind: str) -> list[str]:
    """Unlabelled texts of FDU-MTL; none where it is not there."""
    file = f"{_KINDS[kind][1]}.task.unlabel"
    places = (folder / inner for folder in folders for inner in ("fdu-mtl", ""))
    place = next((place for place in places if os.path.isfile(place / file)), None) or find_file(
        folders, _FDU
    )
    content = {} if place is None else _members(place, "fdu-mtl", [file])
    if place is None or file not in content:
        return []
    with _reading(place, file):
        return [text for _, (text,) in fdu_table(_lines(content[file]), labelled=False).rows(("text",))]


def _beginning(text: str) -> str:
    """The first letters and digits of a text, by which it is known again however it was cut and spaced."""
    return "".join(filter(str.isalnum, text.lower()))[:_N_COMPARED]


def _members(place: Path, folder: str, names: Sequence[str]) -> dict[str, bytes]:
    """Content of those files that there are of a folder, or of that folder of an archive, by name."""
    files = files_below(place) if place.is_dir() else tars.files_in(place)
    found = {}
    for path, content, _ in files:
        at = PurePosixPath(path)
        if at.name in names and (len(at.parts) == 1 if place.is_dir() else at.parts[-2:-1] == (folder,)):
            found[at.name] = content
    return found


def _lines(content: bytes) -> TextLines:
    """Lines in UTF-8 or, where they are not, in Latin-1."""
    try:
        content.decode()
        encoding = None
    except UnicodeDecodeError:
        encoding = "latin-1"
    return TextLines(Unpacked(io.BytesIO(content), packed=False), Allowance(len(content)), encoding)


@contextmanager
def _reading(place: Path, file: str) -> Iterator[None]:
    """Name archive and file in what goes wrong."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{printable(str(place), 300)}: {file} {error}") from error


# ---- their records ----------------------------------------------------------------------------------


def _missing_imdb(folders: Folders) -> tuple[str, ...]:
    return (_IMDB,) if _imdb_place(folders) is None else ()


def _missing_yelp(folders: Folders) -> tuple[str, ...]:
    return (_YELP[0],) if find_file(folders, _YELP) is None else ()


def _missing_amazon(kind: str, folders: Folders) -> tuple[str, ...]:
    return (_AMAZON[0],) if _amazon_place(folders, kind) is None else ()


def _bag(texts: Callable[[Folders], TextDataset], folders: Folders) -> Dataset:
    return texts(folders).bag()


_AMAZON_PAGE = "https://www.cs.jhu.edu/~mdredze/datasets/sentiment/"


def _amazon(kind: str) -> NamedDataset:
    texts = partial(load_amazon, kind)
    return NamedDataset(
        f"amazon-{kind}",
        f"reviews of Amazon's {kind}, 1, 2, 4 or 5 stars; 2,000 training rows, and unlabelled ones",
        partial(_bag, texts), partial(_missing_amazon, kind),
        "none stated; cite Blitzer, Dredze, Pereira 2007", _AMAZON_PAGE,
        "amazon", ("amazon-fdu-mtl", "fdu-mtl", "."),
        by_hand=f"get {_AMAZON[0]} from {_AMAZON_PAGE}", texts=texts,
    )  # fmt: skip


TEXT_SETS = (
    NamedDataset(
        "imdb",
        "reviews of films, rated 1 to 4 and 7 to 10; 25,000 training and test rows, 50,000 unlabelled",
        partial(_bag, load_imdb), _missing_imdb, "none stated; cite Maas et al. 2011", _IMDB_PAGE,
        "imdb", ("IMDB", "."),
        (RemoteFile(_IMDB, f"{_IMDB_PAGE}{_IMDB}", "md5:7c2ac02c03563afcf9b574c7e56c153a", 84_125_825),),
        texts=load_imdb, stand_in_for=_OPENTABLE,
    ),
    NamedDataset(
        "yelp10k",
        "reviews of all kinds of business, 1 to 5 stars; 10,000 training rows",
        partial(_bag, load_yelp), _missing_yelp, "Yelp's terms: for research", _YELP_PAGE,
        "yelp10k", ("yelp",),
        by_hand=f"get {_YELP[0]} from {_YELP_PAGE}", texts=load_yelp, stand_in_for=_OPENTABLE,
    ),
    *map(_amazon, _KINDS),
)  # fmt: skip
"""Every one of them; `load_dataset` gives the bags of their 5,000 words."""
