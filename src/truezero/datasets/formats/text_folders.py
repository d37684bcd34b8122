"""Texts by class: `.txt` files in a folder for each class, in a tree of folders or a tar archive.

Where the classes are `pos` and `neg`, and all their files called ID_RATING.txt, as in aclImdb (Maas et al.
2011), the rating is the target. Texts of the class `unsup` have none.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from truezero.core.text import printable
from truezero.datasets.formats import tars
from truezero.datasets.formats.image_files import IMAGES, files_below, numbered
from truezero.datasets.formats.table_columns import OF_A_TEXT
from truezero.datasets.formats.text_lines import check_encoding, not_text
from truezero.errors import DataError

_END = ".txt"
_RATED = re.compile(r"\d{1,9}_(\d{1,3})\.txt")
_LOOKED_AT = 1000  # files of an archive, to tell what it holds
_RATED_CLASSES = {"pos", "neg"}
_UNLABELLED = "unsup"
_PARTS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class _File:
    """A text, and where it was."""

    depth: int
    part: str
    label: str
    name: str
    text: str


def holds_texts(path: Path) -> bool:
    """Whether a folder or tar archive has texts in folders of classes, as far as the first files tell.

    Raises
    ------
    DataError
        If it is an archive that cannot be read.
    """
    if not path.is_dir():
        found = False
        for name, _, _ in islice(tars.files_in(path), _LOOKED_AT):
            end, depth = PurePosixPath(name).suffix.lower(), name.count("/")
            if end in IMAGES or (end == _END and depth > 1):
                return end == _END
            found = found or (end == _END and depth == 1)
        return found
    for _ in range(4):  # one around all, parts, classes, texts
        inside = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        folders = [entry for entry in inside if entry.is_dir()]
        if not folders:
            return any(entry.suffix.lower() == _END for entry in inside)
        path = folders[0]
    return False


def read_texts_by_class(path: Path, encoding: str | None = None) -> dict[str, Any]:
    """Read the texts of a tree of folders or of a tar archive.

    The folder of a file is its class, the folder above that its part (train, validation or test), where there
    is one. Files that are no `.txt`, or lie in no folder of a class, are not looked at.

    Parameters
    ----------
    path : Path
    encoding : str, optional
        None is UTF-8.

    Returns
    -------
    dict
        As `TextDataset` takes it: texts and targets of the parts there are, by class and number; unlabeled.

    Raises
    ------
    DataError
        If there are no such files, they are damaged or no text of the encoding, or far more than can be.
    """
    check_encoding(encoding)
    shown, files, loose = printable(os.fspath(path), 300), list[_File](), ""
    for name, content, allowance in files_below(path) if path.is_dir() else tars.files_in(path):
        *above, label, file = ("", "", *name.split("/"))[-4:]
        if not file.lower().endswith(_END) or file.startswith(".") or not label:
            continue
        if label in _PARTS:  # as train/urls_pos.txt
            loose = name
            continue
        allowance.take(len(content) + OF_A_TEXT, "its texts")
        text = _decoded(content, f"{shown}: {printable(name, 200)}", encoding)
        files.append(_File(name.count("/"), above[-1], label, file, text))
    depths = {file.depth for file in files if file.part in _PARTS}
    if depths:  # others, as aclImdb/imdbEr.txt, are in no class unless they lie as deep
        files = [file for file in files if file.part in _PARTS or file.depth in depths]
        strange = next((file.part for file in files if file.part not in _PARTS), None)
    else:
        strange = PurePosixPath(loose).parent.name if loose else None
    if strange is not None:
        raise DataError(
            f"{shown} has texts in '{printable(strange)}'; all must lie in train/CLASS/, validation/CLASS/ "
            "or test/CLASS/, or all in CLASS/"
        )
    labelled = [file for file in files if file.label != _UNLABELLED]
    rated = all(file.label in _RATED_CLASSES and _RATED.fullmatch(file.name) for file in labelled)
    made: dict[str, Any] = {
        "unlabeled": [file.text for file in _sorted([file for file in files if file.label == _UNLABELLED])]
    }
    for part in ("train", "validation", "test"):
        of_part = _sorted([file for file in labelled if _PARTS.get(file.part, "train") == part])
        if of_part:
            made[f"texts_{part}"] = [file.text for file in of_part]
            made[f"y_{part}"] = np.array([_target(file, rated) for file in of_part])
    if "texts_train" not in made:
        raise DataError(
            f"{shown} holds no texts ({_END}) in folders of their classes, in train/ or without parts"
        )
    return made


def _sorted(files: list[_File]) -> list[_File]:
    """By class, 2.txt before 10.txt, wherever they came from."""
    return sorted(files, key=lambda file: (file.label, numbered(file.name)))


def _target(file: _File, rated: bool) -> int | str:
    found = _RATED.fullmatch(file.name) if rated else None
    return file.label if found is None else int(found[1])


def _decoded(content: bytes, shown: str, encoding: str | None) -> str:
    try:
        return content.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{shown} {not_text(error, encoding or 'utf-8', error.start)}") from error
    except UnicodeError as error:
        raise DataError(f"{shown} is no {encoding} text ({printable(error)})") from error
