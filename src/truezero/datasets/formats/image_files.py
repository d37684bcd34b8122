"""Images by class: PNG and JPEG files in a folder for each class, in a tree of folders or a tar archive."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.datasets.formats import tars
from truezero.datasets.formats.source import Allowance, reading
from truezero.errors import DataError

IMAGES = (".png", ".jpg", ".jpeg")
_LARGEST_SIDE = 4096
_GIVEN_UP = np.zeros((0, 0, 0), np.uint8)


@dataclass
class Images:
    """Images of a part of a data set, as they came.

    Attributes
    ----------
    names : list of str
        Without the folder of their class.
    classes : list of str
    pixels : list of ndarray of uint8, shape (channels, height, width)
    lossy : bool
        Whether one of them is a JPEG.
    """

    names: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    pixels: list[NDArray[np.uint8]] = field(default_factory=list)
    lossy: bool = False

    def order(self) -> list[int]:
        """The first of every class, then the second of each, and so on, by the numbers in their names."""
        places = sorted(range(len(self.names)), key=lambda i: (self.classes[i], numbered(self.names[i])))
        rank, counts = {}, dict[str, int]()
        for place in places:
            label = self.classes[place]
            rank[place] = (counts.get(label, 0), label)
            counts[label] = counts.get(label, 0) + 1
        return sorted(places, key=rank.__getitem__)

    def rows(self, order: list[int]) -> NDArray[np.uint8]:
        """Pixels as rows, channel by channel, shape (n, channels·height·width); the images are given up."""
        rows = np.empty((len(order), self.pixels[order[0]].size), np.uint8)
        for row, place in zip(rows, order, strict=True):
            row[:] = self.pixels[place].reshape(-1)
            self.pixels[place] = _GIVEN_UP
        return rows


def numbered(name: str) -> list[Any]:
    """Sort 2.png before 10.png."""
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in re.split(r"(\d{1,18})", name) if p]


def read_images_by_class(
    path: Path, shape: tuple[int, int, int] | None = None
) -> tuple[dict[str, Images], dict[str, bytes]]:
    """Images of a tree of folders or of a tar archive; needs Pillow.

    The folder of an image is its class, the folder above that its part ("train", say), where there is one.

    Parameters
    ----------
    path : Path
    shape : (channels, height, width), optional
        That all must have; None takes the first image's.

    Returns
    -------
    dict of str to Images
        By part; "" where there is none.
    dict of str to bytes
        JSON and text files that lie in there, too, by name.

    Raises
    ------
    DataError
        If Pillow is missing, an image is damaged or of another size, there are other files, or there are far
        more than what they are read from can hold.
    """
    parts: dict[str, Images] = {}
    others: dict[str, bytes] = {}
    files = files_below(path) if path.is_dir() else tars.files_in(path)
    for name, content, allowance in files:
        at = PurePosixPath(name)
        if at.name.startswith("."):
            continue
        try:
            if at.suffix.lower() in IMAGES:
                pixels, lossy = decoded(content, shape, allowance)
                shape = pixels.shape
                if len(at.parts) < 2:
                    raise DataError("lies in no folder, which would say its class")
                part = at.parts[-3] if len(at.parts) > 2 else ""
                images = parts.setdefault(part, Images())
                images.names.append(at.name)
                images.classes.append(at.parts[-2])
                images.pixels.append(pixels)
                images.lossy |= lossy
            elif at.suffix.lower() in (".json", ".txt"):
                others[at.name] = content
            else:
                raise DataError(
                    "is no PNG and no JPEG file; images by class are read from folders and archives"
                )
        except DataError as error:
            shown = printable(os.fspath(path), 300)
            raise DataError(f"{shown}: {printable(name, 200)} {error}") from error
    if not parts:
        kind = "is a folder, but" if path.is_dir() else "is an archive, but"
        raise DataError(
            f"{printable(os.fspath(path), 300)} {kind} holds no images in folders of their classes; name "
            "a file in it, or a data set with --data-dir"
        )
    return parts, others


def files_below(folder: Path) -> Iterator[tuple[str, bytes, Allowance]]:
    """Every file in a tree of folders, by name: its name, its content, and what memory may still be taken."""
    names = sorted(
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder)
        for name in names
    )
    for name in names:
        with reading(folder / name) as allowance:
            content = (folder / name).read_bytes()
        yield Path(name).as_posix(), content, allowance


def decoded(
    content: bytes, shape: tuple[int, int, int] | None, allowance: Allowance
) -> tuple[NDArray[np.uint8], bool]:
    """Pixels of an image of a shape, and whether it is a JPEG.

    Raises
    ------
    DataError
        If Pillow is missing, or it is damaged, of another size, or larger than can be.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise DataError("is an image, which needs Pillow: pip install 'truezero[data]'") from error
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            width, height = image.size
            grey = image.mode in ("1", "L", "I;16")
            found = (1 if shape is None and grey else 3 if shape is None else shape[0], height, width)
            if found[1:] != (shape or found)[1:]:
                raise DataError(f"is {width}×{height} pixels, not {found_size(shape)}")
            if max(width, height) > _LARGEST_SIDE:
                raise DataError(f"is {width}×{height} pixels, more than {_LARGEST_SIDE} a side")
            allowance.take(found[0] * height * width, "its pixels")
            pixels = np.asarray(image.convert("L" if found[0] == 1 else "RGB"), np.uint8)
            lossy = image.format == "JPEG"
    except (DataError, MemoryError):
        raise
    except Exception as error:  # there is no end to the kinds of a decoder's errors
        raise DataError(f"is damaged or no image ({printable(error, 200)})") from error
    return np.ascontiguousarray(pixels.reshape(height, width, found[0]).transpose(2, 0, 1)), lossy


def found_size(shape: tuple[int, int, int] | None) -> str:
    """Size of an image, for a message."""
    return "" if shape is None else f"{shape[2]}×{shape[1]} as it should be"
