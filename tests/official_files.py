"""Small files in the official formats, as their makers write them."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

N = 10  # rows of a batch
BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def batches(n: int = N) -> list[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Rows of six batches of CIFAR-10's."""
    random = np.random.default_rng(0)
    return [(random.integers(0, 256, (n, 3072), np.uint8), np.arange(n) % 10) for _ in BATCHES]


def binary_batch(X: NDArray[np.uint8], y: NDArray[np.int64]) -> bytes:
    return np.column_stack([y.astype(np.uint8), X]).tobytes()


def python_batch(X: Any, y: NDArray[np.int64], protocol: int = 4) -> bytes:
    return pickle.dumps(
        {
            b"batch_label": b"a batch",
            b"labels": y.tolist(),
            b"data": X,
            b"filenames": [b"%d.png" % i for i in range(len(y))],
        },
        protocol,
    )


def old_python_batch(X: NDArray[np.uint8], y: NDArray[np.int64]) -> bytes:
    """As Python 2 wrote it, by which the official files were made: text of one byte a character."""

    def text(value: bytes) -> bytes:
        short = len(value) < 256
        return (b"U" + bytes([len(value)]) if short else b"T" + struct.pack("<i", len(value))) + value

    labels = b"(" + b"".join(b"K" + bytes([label]) for label in y.tolist()) + b"e"
    shape = b"".join(b"M" + struct.pack("<H", n) for n in X.shape)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03"
        b"(K\x01" + shape + b"\x86cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + text(X.tobytes()) + b"tb"
    )
    return (
        b"\x80\x02}q\x00(" + text(b"data") + array + text(b"labels") + b"]q\x06" + labels
        + text(b"batch_label") + text(b"a batch") + b"u."
    )  # fmt: skip


def tar(files: dict[str, bytes], packed: bool = True) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, value in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(value)
            archive.addfile(member, io.BytesIO(value))
    return gzip.compress(content.getvalue(), 1, mtime=0) if packed else content.getvalue()


def cifar_files(form: str, n: int = N) -> dict[str, bytes]:
    """Files of the official archive, by name."""
    folder, write, end = {
        "binary": ("cifar-10-batches-bin", binary_batch, ".bin"),
        "python": ("cifar-10-batches-py", python_batch, ""),
        "old python": ("cifar-10-batches-py", old_python_batch, ""),
    }[form]
    files = {f"{folder}/{name}{end}": write(*batch) for name, batch in zip(BATCHES, batches(n), strict=True)}
    return files | {f"{folder}/readme.html": b"<html>"}


def image(pixels: NDArray[np.uint8], kind: str = "PNG") -> bytes:
    """A picture, shape (channels, height, width), as a file."""
    from PIL import Image

    content = io.BytesIO()
    rows = pixels.transpose(1, 2, 0)
    Image.fromarray(rows[:, :, 0] if rows.shape[2] == 1 else rows).save(content, kind)
    return content.getvalue()


def write_all(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
