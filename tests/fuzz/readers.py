"""What is fuzzed: every kind of file that is read, with how one is made and how it is read."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from characters import characters
from scipy import sparse

from fuzz import matrices
from truezero.datasets import load_file
from truezero.datasets.nistp import Nistp
from truezero.datasets.shards import Shards, write_shards


@dataclass(frozen=True)
class Reader:
    """A kind of file.

    Attributes
    ----------
    make : callable of a folder
        Write a small file of the kind into it, with all that belongs to it, always the same; return the path
        of the file that shall be damaged.
    read : callable of that path
        Read it as users do; return what was read: arrays, CSR, and whatever `joblib.hash` tells apart.
    covered : bool
        Whether the kind has checksums: a damaged file that is read must hold what it held, unless the
        damage was sealed with new checksums.
    commands : tuple of command lines
        What reads such a file on the command line, the words after `truezero`; {path} and {folder} are
        filled in. They are run on the whole file first, where each must end well.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    covered: bool
    commands: tuple[tuple[str, ...], ...]


# ---- data files -------------------------------------------------------------------------------------

_TRAIN: tuple[str, ...] = (
    "train",
    "{path}",
    "--hidden-layer-sizes",
    "3",
    "--max-iter",
    "1",
    "--out",
    "{folder}/model.safetensors",
)
_PREDICT: tuple[str, ...] = ("predict", "{folder}/model.safetensors", "{path}")
_DATA_COMMANDS = (_TRAIN, _PREDICT)


def _read_data(path: Path) -> Any:
    data = load_file(path)
    X, y = data.rows_to_measure()
    X.largest()  # goes over all rows
    return [(data.part(part), data.scale) for part in ("train", "validation", "test")], X.n_samples, y


def _rows() -> tuple[Any, Any]:
    random = np.random.default_rng(5)
    X = np.round(random.random((40, 12)) * (random.random((40, 12)) < 0.4), 3).astype(np.float32)
    return X, np.arange(40) % 3


def _npz(folder: Path) -> Path:
    X, y = _rows()
    np.savez_compressed(folder / "rows.npz", X=X, y=np.array(["a", "bc", "déf"])[y])
    return folder / "rows.npz"


def _npz_parts(folder: Path) -> Path:
    X, y = _rows()
    parts = {"X_train": X[:20], "X_val": X[20:30], "X_test": X[30:]}
    labels = {"y_train": y[:20], "y_val": y[20:30], "y_test": y[30:]}
    np.savez(folder / "parts.npz", **parts, **labels)
    return folder / "parts.npz"


def _sparse(form: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        X, y = _rows()
        path = folder / f"{form}.npz"
        sparse.save_npz(path, sparse.coo_array(X).asformat(form))
        with np.load(path) as saved:
            arrays = dict(saved)
        np.savez(path, **arrays, y=y)
        return path

    return make


def _svmlight(folder: Path) -> Path:
    X, y = _rows()
    lines = [
        f"{label} " + " ".join(f"{feature + 1}:{row[feature]:.3g}" for feature in np.flatnonzero(row))
        for row, label in zip(X, y, strict=True)
    ]
    (folder / "rows.svmlight").write_text("# counted from 1\n\n" + "\n".join(lines) + " # the last\n")
    return folder / "rows.svmlight"


def _svmlight_gzip(folder: Path) -> Path:
    path = folder / "rows.svmlight.gz"
    path.write_bytes(gzip.compress(_svmlight(folder).read_bytes(), mtime=0))
    return path


def _label_text(folder: Path) -> Path:
    _npz(folder)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in _rows()[1]))
    return folder / "labels.txt"


def _label_array(folder: Path) -> Path:
    _npz(folder)
    np.save(folder / "labels.npy", _rows()[1] / 2)
    return folder / "labels.npy"


def _read_labels(path: Path) -> Any:
    return load_file(path.with_name("rows.npz"), target=path).y_train


def _idx(array: Any) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + bytes(array.astype(np.uint8).tobytes())


def _idx_images(folder: Path) -> Path:
    X, y = _rows()
    (folder / "my-labels-idx1-ubyte").write_bytes(_idx(y))
    (folder / "my-images-idx3-ubyte").write_bytes(_idx((X * 255).reshape(-1, 4, 3)))
    return folder / "my-images-idx3-ubyte"


def _idx_gzip(folder: Path) -> Path:
    images = _idx_images(folder)
    packed = images.with_name("my-images-idx3-ubyte.gz")
    packed.write_bytes(gzip.compress(images.read_bytes(), mtime=0))
    images.with_name("my-labels-idx1-ubyte.gz").write_bytes(
        gzip.compress((folder / "my-labels-idx1-ubyte").read_bytes(), mtime=0)
    )
    return packed


def _idx_labels(folder: Path) -> Path:
    return _idx_images(folder).with_name("my-labels-idx1-ubyte")


def _read_beside(path: Path) -> Any:
    return _read_data(path.with_name("my-images-idx3-ubyte"))


def _shards(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_shards(folder, Nistp(characters(20)), 5, rows_per_shard=3)
        return folder / name

    return make


def _read_shards(path: Path) -> Any:
    return [(np.array(piece.features.X), piece.target, piece.ids) for piece in Shards(path.parent)(1)]


READERS: dict[str, Reader] = {
    "npz": Reader(_npz, _read_data, True, _DATA_COMMANDS),
    "npz-parts": Reader(_npz_parts, _read_data, True, _DATA_COMMANDS),
    **{
        f"npz-{form}": Reader(_sparse(form), _read_data, True, _DATA_COMMANDS)
        for form in ("csr", "csc", "coo", "bsr", "dia")
    },
    "svmlight": Reader(_svmlight, _read_data, False, _DATA_COMMANDS),
    "svmlight-gz": Reader(_svmlight_gzip, _read_data, True, _DATA_COMMANDS),
    "labels-txt": Reader(_label_text, _read_labels, False, ()),
    "labels-npy": Reader(_label_array, _read_labels, False, ()),
    "idx": Reader(_idx_images, _read_data, False, _DATA_COMMANDS),
    "idx-gz": Reader(_idx_gzip, _read_data, True, _DATA_COMMANDS),
    "idx-labels": Reader(
        _idx_labels, _read_beside, False,
        tuple(tuple(w.replace("{path}", "{folder}/my-images-idx3-ubyte") for w in c) for c in _DATA_COMMANDS),
    ),
    **{
        f"shards-{name}": Reader(_shards(name), _read_shards, True, ())
        for name in ("shards.json", "000000.rows.npy", "000001.labels.npy")
    },
    "norb": Reader(matrices.make("dat"), matrices.read, False, ()),
    "norb-gz": Reader(matrices.make("dat", ".gz"), matrices.read, True, ()),
    "norb-classes": Reader(matrices.make("cat"), matrices.read, False, ()),
}  # fmt: skip

from fuzz.kept import KEPT  # noqa: E402 - which needs what is above

READERS |= KEPT

from fuzz.archives import ARCHIVES  # noqa: E402

READERS |= ARCHIVES

from fuzz.tables import TABLES  # noqa: E402

READERS |= TABLES
