"""Files of data sets: downloaded by pooch into the data folder, compared with their published checksums."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from truezero.core.atomic import make_folder
from truezero.core.text import printable
from truezero.datasets.download import PATIENCE, Patience, ResumingDownloader, Told
from truezero.datasets.formats.source import COMPRESSED, reading, unpacked
from truezero.datasets.named import Folders, RemoteFile, find_file
from truezero.errors import DataError, FileError

State = Literal["good", "changed", "missing", "no checksum"]
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Checked:
    """What a file of a data set is, compared with what is published of it.

    Attributes
    ----------
    name : str
    path : str
        Where it lies, or should.
    state : {"good", "changed", "missing", "no checksum"}
        "no checksum": there is a file that was unpacked or renamed, of which nothing is published.
    published, found : str
        Checksums; empty where there is none.
    """

    name: str
    path: str
    state: State
    published: str
    found: str = ""


def checksum(path: str | os.PathLike[str], kind: str, *, unpack: bool = False) -> str:
    """Checksum of a file, or of what is compressed in it, as ``"kind:digits"``; kinds: md5, sha1, sha256.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    digest = hashlib.new(kind, usedforsecurity=False)
    with reading(path), unpacked(path) if unpack else open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return f"{kind}:{digest.hexdigest()}"


def check_files(files: Sequence[RemoteFile], folders: Folders) -> list[Checked]:
    """Compare files with what is published of them.

    Raises
    ------
    DataError
        If one cannot be read.
    """
    return [_check(file, folders) for file in files]


def _check(file: RemoteFile, folders: Folders) -> Checked:
    path = find_file(folders, [file.name])
    if path is not None:
        found = checksum(path, file.checksum.partition(":")[0])
        good = found == file.checksum or any(
            other == checksum(path, other.partition(":")[0]) for other in file.also
        )
        return Checked(file.name, str(path), "good" if good else "changed", file.checksum, found)
    packed = find_file(folders, [file.name + end for end in COMPRESSED])
    if packed is not None:
        found = checksum(packed, file.checksum.partition(":")[0], unpack=True)
        return Checked(
            file.name, str(packed), "good" if found == file.checksum else "changed", file.checksum, found
        )
    plain = file.name.removesuffix(".gz")
    other = find_file(folders, [plain, *(n.replace("-idx", ".idx") for n in (file.name, plain))])
    if other is not None:
        return Checked(file.name, str(other), "no checksum", file.checksum)
    return Checked(file.name, str(folders[0] / file.name), "missing", file.checksum)


def fetch_files(
    files: Sequence[RemoteFile],
    folders: Folders,
    told: Told = lambda *told: None,
    patience: Patience = PATIENCE,
) -> list[Path]:
    """Download files into the first of the folders; those that are in any of them are left.

    Parameters
    ----------
    files : sequence of RemoteFile
    folders : sequence of Path
    told : callable
        See `Told`.
    patience : Patience

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        If a download fails, is not what is published, or a file is there that is not.
    FileError
        If the folder cannot be written to, or the disk is full.
    """
    return [_fetch(file, folders, told, patience) for file in files]


def _fetch(file: RemoteFile, folders: Folders, told: Told, patience: Patience) -> Path:
    there = _check(file, folders)
    if there.state == "changed":
        raise DataError(
            f"{printable(there.path, 300)} is there, but is not what is published ({there.found} instead of "
            f"{there.published}); move it away and fetch again"
        )
    if there.state != "missing":
        return Path(there.path)
    folder = make_folder(folders[0])
    partial = folder / f"{file.name}.partial"
    lock = FileLock(folder / f".{file.name}.lock", timeout=0)
    try:
        with lock:
            try:
                _download(file, folder, ResumingDownloader(partial, file.size, told, patience))
            finally:
                Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout as error:
        raise DataError(
            f"another process is fetching {file.name} into {printable(str(folder), 300)}"
        ) from error
    return folder / file.name


def _download(file: RemoteFile, folder: Path, downloader: ResumingDownloader) -> None:
    """Let pooch have it downloaded and checked; parts of different files put together come to nothing."""
    pooch = _pooch()
    while True:
        try:
            pooch.retrieve(
                file.url, known_hash=file.checksum, fname=file.name, path=folder, downloader=downloader
            )
        except DataError:
            raise
        except ValueError as error:  # how pooch says that the checksum is another
            downloader.partial.unlink(missing_ok=True)
            if downloader.resumed:  # the part that was there may have been of another file
                continue
            raise DataError(
                f"what came from {printable(file.url, 300)} is not {file.name} as published: its checksum is "
                f"not {file.checksum}; it was removed"
            ) from error
        except OSError as error:
            raise FileError(
                f"cannot write {file.name} into {printable(str(folder), 300)}: {error.strerror or error}",
                error.errno, str(folder),
            ) from error  # fmt: skip
        downloader.partial.unlink(missing_ok=True)
        return


def _pooch() -> Any:
    try:
        import pooch
    except ImportError as error:
        raise DataError("downloads need pooch: pip install pooch") from error
    pooch.get_logger().setLevel(logging.WARNING)
    return pooch
