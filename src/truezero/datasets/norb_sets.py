"""NORB by name: the official sets, and what stands in for the greater one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from truezero.datasets.dataset import Dataset
from truezero.datasets.named import Folders, Making, NamedDataset, RemoteFile, find_file
from truezero.datasets.norb_files import (
    CONTENTS,
    ETH80,
    FILES,
    NORB,
    NORB_URL,
    SIDES,
    SMALL_NORB,
    SMALL_NORB_URL,
    TOYS,
    Collection,
)


def _missing(collection: Collection, folders: Folders) -> tuple[str, ...]:
    """Files of images and classes that are not there; how images were made need not be known."""
    return tuple(
        f"{name}[.gz]"
        for side in SIDES
        for content in CONTENTS
        if content != "info"
        for name in collection.names(side, content)
        if find_file(folders, [name, f"{name}.gz"]) is None
    )


def _load(collection: Collection, name: str, stand_in_for: str | None, folders: Folders) -> Dataset:
    from truezero.datasets.norb import load_collection

    return replace(load_collection(folders[0], collection), name=name, stand_in_for=stand_in_for)


def _official(collection: Collection, description: str, page: str) -> NamedDataset:
    name = collection.name
    return NamedDataset(
        name,
        description,
        partial(_load, collection, name, None),
        partial(_missing, collection),
        "for research; not to be sold",
        page,
        name,
        downloads=tuple(RemoteFile(file.name, file.url, file.checksum, file.size) for file in FILES[name]),
    )


def _stand_in(
    collection: Collection,
    description: str,
    make: Callable[[Making], None],
    made_from: tuple[str, ...] = (),
) -> NamedDataset:
    name = f"norb-{collection.name}"
    return NamedDataset(
        name, description, partial(_load, collection, name, "NORB"), partial(_missing, collection),
        folder=name, make=make, made_from=made_from, stand_in_for="NORB",
    )  # fmt: skip


def _options(making: Making) -> dict[str, Any]:
    own = {} if making.seed is None else {"seed": making.seed}
    return {
        # A fifth as many test pictures as training pictures, as in NORB.
        "size": making.size if isinstance(making.size, str) else (making.size, making.size // 5),
        "n_jobs": making.n_jobs,
        "report": lambda done, n: making.report(f"{done} of {n} pairs"),
        **own,
    }


def _make_toys(making: Making) -> None:
    from truezero.datasets.toys import make_toys

    make_toys(making.folder, **_options(making))


def _make_eth80(making: Making) -> None:
    from truezero.datasets.eth80 import make_eth80

    make_eth80(making.sources[0], making.folder, **_options(making))


NORB_SETS = (
    _official(
        NORB, "stereo pairs of toys on clutter, 2×32×32, 6 classes; 233,172 / 58,428 / 58,320", NORB_URL
    ),
    _official(
        SMALL_NORB, "stereo pairs of toys, 2×32×32, 5 classes; 19,430 / 4,870 / 24,300", SMALL_NORB_URL
    ),
    _stand_in(
        TOYS, "generated stereo pairs of simple solid toys on clutter, 5 kinds and nothing", _make_toys
    ),
    _stand_in(
        ETH80, "photographs of real objects (ETH-80) on clutter, 8 kinds and nothing", _make_eth80, ("eth80",)
    ),
)
"""Those that are official, and those that are made."""
