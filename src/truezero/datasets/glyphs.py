"""Labelled characters: where the generator of distorted ones starts from."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.draws import Purpose, permutation
from truezero.core.text import printable
from truezero.datasets.dataset import PARTS, Part
from truezero.datasets.formats.idx import read_idx, read_images, read_labels
from truezero.errors import DataError

SIDE = 32
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The 62 classes in their order, which is EMNIST's and UNIPEN-62's too."""

_FONT_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts",
    "/System/Library/Fonts", "/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip


@dataclass(frozen=True)
class Glyphs:
    """Images of characters, white on black, with their classes.

    Attributes
    ----------
    images : ndarray of uint8, shape (n, 32, 32)
    labels : ndarray of int64, shape (n,)
        Class numbers, positions in `CHARACTERS`.
    groups : ndarray of int64, shape (n,), or None
        Who wrote each, or the font it is of.

    Raises
    ------
    DataError
        If the images have another size or type, there is not one label for each, labels are none of the 62
        classes, or all are of one class.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.images.ndim != 3 or self.images.shape[1:] != (SIDE, SIDE) or self.images.dtype != np.uint8:
            raise DataError(
                f"characters must be uint8 images of {SIDE} × {SIDE}, got {self.images.dtype} of shape "
                f"{self.images.shape}; smaller ones can be put into a black frame by glyphs.framed"
            )
        for name in ("labels", "groups"):
            values = getattr(self, name)
            if name == "groups" and values is None:
                continue
            values = np.asarray(values)
            if values.shape != (len(self.images),) or values.dtype.kind not in "iu":
                raise DataError(
                    f"{name} of characters must be one whole number for each of the {len(self.images)} "
                    f"images, got {values.dtype} of shape {values.shape}"
                )
            object.__setattr__(self, name, values.astype(np.int64, copy=False))
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= len(CHARACTERS)))
        if len(wrong):
            raise DataError(
                f"character {wrong[0]} has the label {self.labels[wrong[0]]}; labels are 0 .. "
                f"{len(CHARACTERS) - 1}, digits, capital and small letters in their order"
            )
        if len(np.unique(self.labels)) < 2:
            raise DataError("the characters are of one class or none; there must be two at least")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: slice | NDArray[Any]) -> Glyphs:
        """Some of the characters."""
        groups = None if self.groups is None else self.groups[rows]
        return Glyphs(self.images[rows], self.labels[rows], groups)

    @property
    def rows(self) -> NDArray[np.uint8]:
        """The images as rows of pixels, shape (n, 1024)."""
        return self.images.reshape(len(self.images), SIDE * SIDE)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of images and labels, as hexadecimal digits."""
        digest = hashlib.sha256(repr(self.images.shape).encode())
        digest.update(np.ascontiguousarray(self.images).data)
        digest.update(self.labels.astype("<i8").tobytes())
        return digest.hexdigest()

    def without(self, others: Glyphs) -> Glyphs:
        """Those whose image is not among others."""
        known = {image.tobytes() for image in others.rows}
        return self.take(np.array([image.tobytes() not in known for image in self.rows], dtype=bool))

    def split(self, fractions: Sequence[float], seed: int = 0) -> tuple[Glyphs, ...]:
        """Split by groups: nobody's characters are in two parts.

        Parameters
        ----------
        fractions : sequence of float
            Of the groups that each part has; they add up to 1.
        seed : int, default=0

        Raises
        ------
        DataError
            If there are no groups, or fewer than parts.
        """
        known = np.unique(self.groups) if self.groups is not None else np.zeros(0, np.int64)
        if len(known) < len(fractions):
            raise DataError(
                f"characters of {len(known)} writers or fonts cannot be split into {len(fractions)}"
            )
        known = known[permutation(seed, Purpose.SPLIT, known - known.min())]
        ends = np.rint(np.cumsum(fractions) * len(known)).astype(int)
        groups = np.asarray(self.groups)
        return tuple(self.take(np.isin(groups, part)) for part in np.split(known, ends[:-1]))


Parts = dict[Part, Glyphs]
"""Characters of the three parts, of different writers."""


def framed(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Put images into the middle of black ones of 32 × 32.

    Raises
    ------
    DataError
        If they are larger.
    """
    height, width = images.shape[1:]
    if height > SIDE or width > SIDE:
        raise DataError(f"characters of {height} × {width} do not fit {SIDE} × {SIDE}; make them smaller")
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    out = np.zeros((len(images), SIDE, SIDE), np.uint8)
    out[:, top : top + height, left : left + width] = images
    return out


# ---- sources ----------------------------------------------------------------------------------------------


def unipen62_files() -> tuple[str, ...]:
    """Names of the files of UNIPEN-62, without `.gz`."""
    kinds = ("images-idx3-ubyte", "labels-idx1-ubyte", "split-idx1-ubyte", "writers-idx1-int")
    return tuple(f"unipen62-{kind}" for kind in kinds)


def unipen62(folder: str | os.PathLike[str]) -> Parts:
    """UNIPEN-62: handwritten characters rendered from pen strokes, split by writer.

    Two writers may draw a stroke alike, and it may mean two letters (l, I). Test rows stay as they are; what
    is, pixel by pixel, among them is no validation or training row, and what is among the validation rows is
    no training row.

    Parameters
    ----------
    folder : path-like
        With the files of `unipen62_files`, compressed or not.

    Raises
    ------
    DataError
        If a file is missing or damaged, or they do not fit each other.
    """
    images_file, labels_file, split_file, writers_file = _unipen62_paths(folder)
    images = read_images(images_file)
    labels, split = (read_labels(file, len(images)) for file in (labels_file, split_file))
    writers = read_idx(writers_file)
    if split.min() < 0 or split.max() > 2:
        raise DataError(f"{split_file} must hold 0, 1 and 2: training, validation and test rows")
    whole = Glyphs(images, labels, writers)
    parts = {name: whole.take(split == number) for number, name in enumerate(PARTS)}
    parts["validation"] = parts["validation"].without(parts["test"])
    parts["train"] = parts["train"].without(parts["test"]).without(parts["validation"])
    return parts


def fonts(paths: Sequence[str | os.PathLike[str]] | None = None, height: int = 22) -> Glyphs:
    """Characters of fonts, a group for every font; needs Pillow.

    Parameters
    ----------
    paths : sequence of path-like, optional
        TrueType and OpenType files; None takes all fonts of the machine that have the 62 characters.
    height : int, default=22
        Size of the font in pixels.

    Raises
    ------
    DataError
        If Pillow is missing, a named file is no such font or lacks a character, or there is no font.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise DataError("characters of fonts need Pillow: pip install pillow") from error
    images: list[NDArray[np.uint8]] = []
    groups: list[int] = []
    for path in _font_files() if paths is None else [os.fspath(path) for path in paths]:
        try:
            font = ImageFont.truetype(path, height)
            missing = bytes(font.getmask("\uffff"))  # what is drawn for a character that there is not
            lacking = [character for character in CHARACTERS if bytes(font.getmask(character)) == missing]
        except (OSError, ValueError) as error:
            if paths is None:
                continue
            raise DataError(f"cannot read the font {printable(path, 300)}: {printable(error)}") from error
        if lacking:
            if paths is None:
                continue
            raise DataError(f"the font {printable(path, 300)} has no {lacking[0]!r}")
        groups += [len(images) // len(CHARACTERS)] * len(CHARACTERS)
        for character in CHARACTERS:
            image = Image.new("L", (SIDE, SIDE))
            ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), character, fill=255, font=font, anchor="mm")
            images.append(np.asarray(image))
    if not images:
        raise DataError("there is no font with the 62 characters on this machine; name one")
    labels = np.tile(np.arange(len(CHARACTERS)), len(images) // len(CHARACTERS))
    return Glyphs(np.stack(images), labels, np.array(groups))


def _font_files() -> list[str]:
    return sorted(
        str(file)
        for folder in _FONT_FOLDERS
        for file in Path(folder).expanduser().rglob("*.[ot]tf")
        if file.is_file()
    )


def _unipen62_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """Files by their official names, also with a dot for the dash, compressed or not."""
    found = []
    for name in unipen62_files():
        candidates = [
            Path(folder, plain + end) for plain in (name, name.replace("-idx", ".idx")) for end in (".gz", "")
        ]
        path = next((candidate for candidate in candidates if candidate.is_file()), None)
        if path is None:
            raise DataError(
                f"{name}[.gz] is not in {printable(os.fspath(folder), 300)}; put the files of UNIPEN-62 there"
            )
        found.append(path)
    return found
