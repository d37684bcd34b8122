"""Data sets known by name, where they are looked for, and how they are had."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from truezero.core.constraints import one_of, whole_number
from truezero.core.text import printable
from truezero.datasets import libsvm
from truezero.datasets.cifar10 import CIFAR10_SETS
from truezero.datasets.dataset import Dataset
from truezero.datasets.download import Told
from truezero.datasets.fetching import Checked, check_files, fetch_files
from truezero.datasets.formats.files import check_width, load_file
from truezero.datasets.formats.svmlight import ZeroBased
from truezero.datasets.formats.text_files import columns_of, is_text, load_text_file
from truezero.datasets.generated import GENERATED
from truezero.datasets.mnist_like import IDX_SETS
from truezero.datasets.named import DatasetInfo, Making, NamedDataset, refuse_missing
from truezero.datasets.nistp_sets import NISTP_SETS
from truezero.datasets.norb_sets import NORB_SETS
from truezero.datasets.text_sets import TEXT_SETS
from truezero.datasets.texts import TextDataset
from truezero.errors import DataError, OptionError

NAMED: dict[str, NamedDataset] = {
    known.name: known
    for known in (
        *GENERATED,
        *IDX_SETS,
        *CIFAR10_SETS,
        *NORB_SETS,
        *NISTP_SETS,
        *libsvm.LIBSVM_SETS,
        *TEXT_SETS,
    )
}
"""Every data set that has a name."""

_SIZE = one_of("smoke", "laptop", "paper") | whole_number(1)


def data_folder(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Where data sets are looked for: the argument, else $TRUEZERO_DATA, else the user's cache."""
    return Path(data_dir or os.environ.get("TRUEZERO_DATA") or platformdirs.user_cache_dir("truezero"))


def list_datasets(data_dir: str | os.PathLike[str] | None = None) -> list[DatasetInfo]:
    """Every named data set, and whether it is there.

    Parameters
    ----------
    data_dir : path-like, optional
        Folder of the named data sets; None: $TRUEZERO_DATA, else the user's cache.

    Returns
    -------
    list of DatasetInfo
    """
    return [_describe(known, data_folder(data_dir)) for known in NAMED.values()]


def _describe(known: NamedDataset, root: Path) -> DatasetInfo:
    needed = bool(known.folder)
    return DatasetInfo(
        known.name, known.description, known.page, str(root / known.folder) if needed else "",
        known.missing(known.folders(root)), known.licence, known.stand_in_for,
        known.how() if needed else "",
    )  # fmt: skip


def load_dataset(
    name: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    n_features: int | None = None,
    zero_based: ZeroBased = "auto",
    target: str | os.PathLike[str] | None = None,
    columns: Sequence[str] | None = None,
    encoding: str | None = None,
) -> Dataset:
    """Load a data set by its name, or a file by its path.

    Parameters
    ----------
    name : str or path-like
        A name of `list_datasets`; that of a file, or pair of files, of LIBSVM's in the folder `libsvm` of the
        data folder; or a file as `load_file` takes it.
    data_dir : path-like, optional
        Where named data sets lie, each in a folder of its name, or as torchvision keeps them; see
        `data_folder`.
    n_features : int, optional
        Width that the rows must have; see `load_file`.
    zero_based : bool or "auto"
        How a file counts features; see `load_file`.
    target : path-like, optional
        File, or column of a table, with the labels of a file; see `load_file`.
    columns : sequence of str, optional
        Features of a table; see `load_file`.
    encoding : str, optional
        Of the text of a table; see `load_file`.

    Returns
    -------
    Dataset
        Of a named set of texts the bag of its 5,000 words; see `load_texts`.

    Raises
    ------
    DataError
        If there is neither such a data set nor such a file, or the files are missing or damaged.
    OptionError
        If `n_features`, `zero_based` or `encoding` cannot be used, or a named data set is given a target.
    """
    text, root = os.fspath(name), data_folder(data_dir)
    of_file: dict[str, Any] = {"target": target, "columns": columns, "encoding": encoding}
    if text in NAMED:
        _refuse_target(text, target)
        known = NAMED[text]
        refuse_missing(known, root)
        data = known.load(known.folders(root))
        check_width(data, n_features)
        return data
    if os.path.exists(text) or os.sep in text:
        return load_file(text, n_features=n_features, zero_based=zero_based, **of_file)
    if text and libsvm.find([root / libsvm.FOLDER], text) is not None:
        _refuse_target(text, target)
        return libsvm.load_libsvm(text, [root / libsvm.FOLDER], n_features=n_features, zero_based=zero_based)
    if Path(text).suffix:
        return load_file(text, n_features=n_features, zero_based=zero_based, **of_file)
    raise DataError(f"{_unknown(text)}, or the path of a file")


def load_texts(
    name: str | os.PathLike[str],
    *,
    data_dir: str | os.PathLike[str] | None = None,
    text: str | None = None,
    target: str | None = None,
    encoding: str | None = None,
    labelled: bool = True,
) -> TextDataset:
    """Load raw texts: a data set by its name, or a file or folder by its path.

    Parameters
    ----------
    name : str or path-like
        A name of `list_datasets` that is one of texts; or one of:

        - a table with named columns, `.csv`, `.tsv`, JSON lines (`.jsonl`) or Parquet (which needs pyarrow);
          all but Parquet also compressed, or alone in a `.zip`;
        - a `.review` file of Blitzer et al. 2007, pseudo-XML (whose text is `review_text`, the target
          `rating`) or processed_acl, whose texts are words already; a file of FDU-MTL (`.task.train`,
          `.test`, `.unlabel`);
        - a folder or `.tar` of `.txt` files, each in a folder of its class, the classes in folders `train`,
          `validation` and `test` or in none; in `pos` and `neg` files ID_RATING.txt have the rating as
          target, and those in `unsup` have none, as in aclImdb (Maas et al. 2011).
    data_dir : path-like, optional
        See `data_folder`.
    text, target : str, optional
        Of a table the columns of the texts and of the targets. An empty cell is an empty text, and no target.
    encoding : str, optional
        Of the file's text; None: what a mark at its start says, else UTF-8.
    labelled : bool, default=True
        Whether targets are read.

    Returns
    -------
    TextDataset
        All texts are training texts unless the file says otherwise.

    Raises
    ------
    DataError
        If there is neither such a data set nor such a file, or it is damaged, holds no texts, or has no such
        columns.
    OptionError
        If a named data set is given columns or an encoding, or there is no such encoding.
    """
    path, root = os.fspath(name), data_folder(data_dir)
    if path not in NAMED:
        if not os.path.exists(path) and os.sep not in path and not Path(path).suffix:
            raise DataError(f"{_unknown(path)}, or the path of a file")
        return load_text_file(Path(path), text=text, target=target, encoding=encoding, labelled=labelled)
    known = NAMED[path]
    if text is not None or target is not None or encoding is not None:
        raise OptionError(f"text, target and encoding are for files; {path} has its own")
    if known.texts is None:
        raise DataError(f"{path} holds numbers, no texts")
    refuse_missing(known, root)
    return known.texts(known.folders(root))


def are_texts(name: str | os.PathLike[str]) -> bool:
    """Whether a data set or file is one of texts by its name or kind, so that no column need be named.

    Parameters
    ----------
    name : str or path-like
        A name of `list_datasets`, or a path.

    Returns
    -------
    bool

    Raises
    ------
    DataError
        If it is an archive that cannot be read.
    """
    text = os.fspath(name)
    return NAMED[text].texts is not None if text in NAMED else os.path.exists(text) and is_text(Path(text))


def column_names(name: str | os.PathLike[str], encoding: str | None = None) -> tuple[str, ...]:
    """Names of the columns of a table; none of a file that is none, and of a named data set.

    Parameters
    ----------
    name : str or path-like
        A path, or a name of `list_datasets`.
    encoding : str, optional
        Of the file's text; None: what a mark at its start says, else UTF-8.

    Returns
    -------
    tuple of str

    Raises
    ------
    DataError
        If it cannot be read.
    """
    text = os.fspath(name)
    return columns_of(Path(text), encoding) if text not in NAMED and os.path.exists(text) else ()


def _refuse_target(name: str, target: Any) -> None:
    if target is not None:
        raise OptionError(f"target is for files; {name} has its own labels")


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, NAMED, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"unknown data set '{printable(name)}'{hint}; known: {', '.join(NAMED)}"


def _named(name: str) -> NamedDataset:
    if name not in NAMED:
        raise DataError(_unknown(name))
    return NAMED[name]


def fetch_dataset(
    name: str, *, data_dir: str | os.PathLike[str] | None = None, on_progress: Told = lambda *told: None
) -> list[Path]:
    """Download the files of a data set; those that are there are left, one that was cut off goes on.

    Parameters
    ----------
    name : str
    data_dir : path-like, optional
        See `data_folder`.
    on_progress : callable
        Called with a file's name, the bytes that are here, and the bytes it has (None if nobody says).

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    DataError
        If the name is not known, the data set cannot be downloaded, or a download fails: in one line,
        which file and why.
    FileError
        If the folder cannot be written to, or the disk is full.
    """
    known = _named(name)
    if not known.downloads:
        how = known.how() if known.folder else "it needs no files"
        raise DataError(f"{name} cannot be downloaded; {how}")
    return fetch_files(known.downloads, known.folders(data_folder(data_dir)), on_progress)


def verify_dataset(name: str, *, data_dir: str | os.PathLike[str] | None = None) -> list[Checked]:
    """Compare the files of a data set with their published checksums.

    Parameters
    ----------
    name : str
        A name of `list_datasets`.
    data_dir : path-like, optional
        Folder of the named data sets; None: $TRUEZERO_DATA, else the user's cache.

    Returns
    -------
    list of Checked
        One per file, with its "state".

    Raises
    ------
    DataError
        If the name is not known, or a file cannot be read.
    """
    known = _named(name)
    folders = known.folders(data_folder(data_dir))
    checked = check_files(known.downloads, folders)
    others = [one for one in check_files(known.accepted, folders) if one.state != "missing"]
    return others if others and all(one.state == "missing" for one in checked) else checked + others


def make_dataset(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    size: str | int = "laptop",
    seed: int | None = None,
    n_jobs: int | None = None,
    report: Callable[[str], Any] = lambda line: None,
) -> Path:
    """Write a data set that is generated.

    Parameters
    ----------
    name : str
    data_dir : path-like, optional
        See `data_folder`.
    size : {"smoke", "laptop", "paper"} or int
        How many rows: a named number, or that of the training rows; of NORB's stand-ins those that validate
        are among them.
    seed : int, optional
        Instead of the set's own.
    n_jobs : int, optional
        Processes.
    report : callable
        Called with lines on what is being done.

    Returns
    -------
    Path
        Its folder.

    Raises
    ------
    DataError
        If the name is not known, nothing has to be made, or what it is made from is missing.
    OptionError
        If there is no such size.
    """
    known, root = _named(name), data_folder(data_dir)
    if known.make is None:
        how = known.how() if known.folder else "it is generated whenever it is loaded"
        raise DataError(f"{name} is not made; {how}")
    _SIZE.check("size", size)
    folder = root / known.folder
    known.make(Making(folder, [root / place for place in known.made_from], size, seed, n_jobs, report))
    return folder
