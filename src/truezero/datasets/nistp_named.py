"""NISTP's stand-ins by name: loaded as they are made, or from the rows that were written before."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from truezero.core.text import printable
from truezero.datasets.dataset import PARTS, Dataset
from truezero.datasets.glyphs import Glyphs, Parts, framed, unipen62, unipen62_files
from truezero.datasets.mnist_like import IDX_SETS, names_of
from truezero.datasets.named import Folders, Making, NamedDataset, find_file
from truezero.errors import DataError

_SIZES = {"smoke": 2_000, "laptop": 100_000, "paper": 1_000_000}
_SEED = 0


@dataclass(frozen=True)
class _Source:
    """Characters that are distorted.

    Attributes
    ----------
    name : str
        Of the data set.
    folders : tuple of str
        Where the characters may be, in the data folder.
    missing, parts : callable
        Given these folders: files that are not there, and the characters.
    """

    name: str
    folders: tuple[str, ...]
    missing: Callable[[Folders], tuple[str, ...]]
    parts: Callable[[Folders], Parts]

    def load(self, folders: Folders) -> Dataset:
        """Training rows as they were written, if they were, else made; each held-out character once."""
        from truezero.datasets.nistp_sets import fixed_set, nistp_of
        from truezero.datasets.shards import Shards

        written, parts = folders[0], self.parts(folders[1:])
        if not os.path.isfile(written / "shards.json"):
            data = fixed_set(self.name, parts, nistp_of(parts, _SEED), _SIZES["laptop"], "distorted")
            return replace(data, stand_in_for="NISTP")
        shards = Shards(written)
        seed = shards.made_from.get("seed")
        generators = nistp_of(parts, seed if type(seed) is int and 0 <= seed < 2**64 else _SEED)
        if generators[0].description() != shards.made_from:
            raise DataError(
                f"{printable(str(written), 300)} holds rows of other characters or distortions; remove it"
            )
        rows = shards.shard(0)
        data = fixed_set(self.name, parts, generators, 1, "distorted")
        return replace(data, X_train=rows.features.X, y_train=rows.target, stand_in_for="NISTP")

    def make(self, making: Making) -> None:
        """Write the training rows."""
        from truezero.datasets.nistp_sets import nistp_of
        from truezero.datasets.shards import write_shards

        missing = self.missing(making.sources)
        if missing:
            raise DataError(f"{self.name} is made from characters: {missing[0]} is not there; {self.how()}")
        n = _SIZES[making.size]
        seed = _SEED if making.seed is None else making.seed
        making.report(f"{n} rows")
        write_shards(
            making.folder, nistp_of(self.parts(making.sources), seed)[0], n, rows_per_shard=n,
            n_processes=0 if making.n_jobs is None else making.n_jobs,
        )  # fmt: skip

    def how(self) -> str:
        """How one gets the characters."""
        if self.name == "nistp-emnist":
            return "`truezero data fetch emnist-byclass` gets them"
        return f"put the files of UNIPEN-62 into the folder {self.folders[0]} of the data folder"


def _missing_unipen62(folders: Folders) -> tuple[str, ...]:
    return tuple(f"{f}[.gz]" for f in unipen62_files() if find_file(folders[-1:], names_of(f)) is None)


def _unipen62(folders: Folders) -> Parts:
    return unipen62(folders[-1])


_BYCLASS = next(known for known in IDX_SETS if known.name == "emnist-byclass")


def _byclass(folders: Folders) -> Parts:
    """Characters of EMNIST ByClass in its parts by name, put upright and into a frame."""
    data = _BYCLASS.load(folders)
    assert data.image_shape is not None  # they are images
    parts: Parts = {}
    for part in PARTS:
        X, y = data.part(part)
        assert y is not None
        parts[part] = Glyphs(framed(X.reshape(-1, *data.image_shape[1:])), y)
    return parts


def _named(source: _Source, description: str, licence: str, page: str = "") -> NamedDataset:
    return NamedDataset(
        source.name, description, source.load, lambda folders: source.missing(folders[1:]), licence, page,
        source.name, source.folders, by_hand=source.how(), make=source.make, made_from=source.folders,
        stand_in_for="NISTP",
    )  # fmt: skip


NISTP_SETS = (
    _named(
        _Source("nistp-unipen62", ("unipen62",), _missing_unipen62, _unipen62),
        "distorted characters of UNIPEN-62, 32×32, 62 classes; 100,000 / 14,745 / 19,999",
        "CC BY 4.0 as released; an older notice says research only",
    ),
    _named(
        _Source(
            "nistp-emnist", (_BYCLASS.folder, *_BYCLASS.elsewhere), _BYCLASS.missing, _byclass
        ),
        "distorted characters of EMNIST ByClass, 32×32, 62 classes; 100,000 / 116,323 / 116,323",
        _BYCLASS.licence,
        _BYCLASS.page,
    ),
)  # fmt: skip
"""Each can be loaded without being written before: then its 100,000 rows are made each time."""
