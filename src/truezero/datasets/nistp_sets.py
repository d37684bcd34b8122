"""NISTP's stand-ins by name: characters of two sources, distorted as two of the original's sets were."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from truezero.core.text import printable
from truezero.datasets.dataset import PARTS, Dataset
from truezero.datasets.glyphs import SIDE, Glyphs, Parts, framed, unipen62, unipen62_files
from truezero.datasets.mnist_like import IDX_SETS, names_of
from truezero.datasets.named import Folders, Making, NamedDataset, find_file
from truezero.errors import DataError

if TYPE_CHECKING:  # distortions are imported when rows are made
    from truezero.datasets.nistp import Nistp

_SIZES = {"smoke": 2_000, "laptop": 100_000, "paper": 1_000_000}
_SEED = 0


@dataclass(frozen=True)
class _Characters:
    """Characters that can be distorted.

    Attributes
    ----------
    name : str
    folders : tuple of str
        Where they may be, in the data folder.
    missing, parts : callable
        Given these folders: files that are not there, and the characters.
    how : str
        How one gets them.
    """

    name: str
    folders: tuple[str, ...]
    missing: Callable[[Folders], tuple[str, ...]]
    parts: Callable[[Folders], Parts]
    how: str


@dataclass(frozen=True)
class _Distorted:
    """A set of distorted characters.

    Attributes
    ----------
    kind : {"nistp", "p07"}
        Distorted in shape alone, or in every way (Bengio et al. 2010).
    characters : _Characters
    """

    kind: Literal["nistp", "p07"]
    characters: _Characters

    @property
    def name(self) -> str:
        """Of the data set."""
        return f"{self.kind}-{self.characters.name}"

    def generators(self, parts: Parts, seed: int) -> tuple[Nistp, Nistp, Nistp]:
        """What makes rows of the three parts."""
        from truezero.datasets.distortions import SHAPE, TRANSFORMATIONS
        from truezero.datasets.nistp import nistp_of

        return nistp_of(parts, seed, transformations=SHAPE if self.kind == "nistp" else TRANSFORMATIONS)

    def missing(self, folders: Folders) -> tuple[str, ...]:
        """See `NamedDataset`; the first folder is that of rows which were written."""
        return self.characters.missing(folders[1:])

    def load(self, folders: Folders) -> Dataset:
        """Training rows as they were written, if they were, else new ones for every epoch.

        Each held-out character is there once.
        """
        from truezero.datasets.nistp import Layout
        from truezero.datasets.rows_ahead import Epochs
        from truezero.datasets.shards import Shards

        written, parts = folders[0], self.characters.parts(folders[1:])
        arrays: dict[str, Any] = {}
        if os.path.isfile(written / "shards.json"):
            shards = Shards(written)
            seed = shards.made_from.get("seed")
            generators = self.generators(parts, seed if type(seed) is int and 0 <= seed < 2**64 else _SEED)
            if generators[0].description() != shards.made_from:
                raise DataError(
                    f"{printable(str(written), 300)} holds rows of other characters or distortions; remove it"
                )
            rows = shards.shard(0)
            arrays["X_train"], arrays["y_train"] = rows.features.X, rows.target
        else:
            generators = self.generators(parts, _SEED)
            epochs = Epochs(generators[0], Layout(_SIZES["laptop"]))
            arrays["X_train"], arrays["y_train"] = generators[0].rows(epochs.layout.epoch(1))
            arrays["endless"] = epochs
        for part, generator in zip(PARTS[1:], generators[1:], strict=True):
            places = range(len(parts[part]))
            arrays[f"X_{part}"], arrays[f"y_{part}"] = generator.rows(places, places)
        return Dataset(
            self.name, **arrays, scale=1 / 255, image_shape=(1, SIDE, SIDE), stand_in_for="NISTP"
        )  # fmt: skip

    def make(self, making: Making) -> None:
        """Write the training rows."""
        from truezero.datasets.shards import write_shards

        missing = self.characters.missing(making.sources)
        if missing:
            raise DataError(
                f"{self.name} is made from characters: {missing[0]} is not there; {self.characters.how}"
            )
        n = _SIZES[making.size] if isinstance(making.size, str) else making.size
        seed = _SEED if making.seed is None else making.seed
        making.report(f"{n} rows")
        generator, _, _ = self.generators(self.characters.parts(making.sources), seed)
        write_shards(making.folder, generator, n, rows_per_shard=n, n_processes=making.n_jobs or 0)


# ---- the characters ---------------------------------------------------------------------------------------


def _missing_unipen62(folders: Folders) -> tuple[str, ...]:
    return tuple(f"{f}[.gz]" for f in unipen62_files() if find_file(folders[-1:], names_of(f)) is None)


def _unipen62(folders: Folders) -> Parts:
    return unipen62(folders[-1])


_BYCLASS = next(known for known in IDX_SETS if known.name == "emnist-byclass")


def emnist_byclass(folders: Sequence[str | os.PathLike[str]]) -> Parts:
    """EMNIST ByClass: NIST's Special Database 19, 28 × 28, put upright and into a frame.

    Nobody says who wrote what. The parts are those of the data set `emnist-byclass`.

    Parameters
    ----------
    folders : sequence of path-like
        Where its files may be.

    Raises
    ------
    DataError
        If a file is missing or damaged, or they do not fit each other.
    """
    data = _BYCLASS.load([Path(folder) for folder in folders])
    assert data.image_shape is not None  # they are images
    parts: Parts = {}
    for part in PARTS:
        X, y = data.part(part)
        assert y is not None
        parts[part] = Glyphs(framed(X.reshape(-1, *data.image_shape[1:])), y)
    return parts


_UNIPEN62 = _Characters(
    "unipen62", ("unipen62",), _missing_unipen62, _unipen62,
    "put the files of UNIPEN-62 into the folder unipen62 of the data folder",
)  # fmt: skip
_EMNIST = _Characters(
    "emnist", (_BYCLASS.folder, *_BYCLASS.elsewhere), _BYCLASS.missing, emnist_byclass,
    "`truezero data fetch emnist-byclass` gets them",
)  # fmt: skip


def _named(
    kind: Literal["nistp", "p07"],
    characters: _Characters,
    what: str,
    held_out: str,
    licence: str,
    page: str = "",
) -> NamedDataset:
    distorted = _Distorted(kind, characters)
    how = "in shape alone" if kind == "nistp" else "in every way"
    return NamedDataset(
        distorted.name,
        f"characters of {what} distorted {how}, 32×32, 62 classes; new ones in every epoch / {held_out}",
        distorted.load, distorted.missing, licence, page, distorted.name, characters.folders,
        by_hand=characters.how, make=distorted.make, made_from=characters.folders, stand_in_for="NISTP",
    )  # fmt: skip


_OF_UNIPEN62 = (
    _UNIPEN62, "UNIPEN-62", "14,745 / 19,999", "CC BY 4.0 as released; an older notice says research only",
)  # fmt: skip
_OF_EMNIST = (_EMNIST, "EMNIST ByClass", "116,323 / 116,323", _BYCLASS.licence, _BYCLASS.page)

NISTP_SETS = (
    _named("nistp", *_OF_UNIPEN62),
    _named("p07", *_OF_UNIPEN62),
    _named("nistp", *_OF_EMNIST),
    _named("p07", *_OF_EMNIST),
)
"""Bengio et al. 2010 name two sets: NISTP is distorted in the characters' shape alone, P07 in every way."""
