"""Finished runs as one small file each, to keep beside what they led to, and given back to a store."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import zlib
from pathlib import Path
from typing import Any

from truezero.core.atomic import make_folder, write_text
from truezero.core.schema import Fields, Schema
from truezero.core.text import printable
from truezero.errors import DataError, file_error
from truezero.runs.store import DESCRIPTIONS, KEY, Files, RunStore, parse_file

_SMALL = 100_000  # bytes of all files that go along: predictions do, weights do not
_MOST = 20  # files
_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)
_FILES = "files"
_OF_A_FILE: Schema = Fields({**{name: Fields({}) for name in DESCRIPTIONS}, _FILES: Fields({})})


def export_runs(store: RunStore, folder: str | os.PathLike[str]) -> tuple[int, int]:
    """Write every finished run that left nothing large to a file of its own, ``KEY.json``.

    Runs that left weights are left out: others start from them. They are done again where they are needed.

    Parameters
    ----------
    store : RunStore
    folder : path-like
        Made if it is not there.

    Returns
    -------
    written, left_out : int
        Numbers of runs.

    Raises
    ------
    DataError
        If a run is damaged, or the folder cannot be written.
    """
    made = make_folder(folder)
    written = left_out = 0
    for key, _, _ in store:
        files = store.files(key)
        if sum(len(content) for name, content in files.items() if name not in DESCRIPTIONS) > _SMALL:
            left_out += 1
            continue
        text = json.dumps(_packed(files), sort_keys=True, separators=(",", ":"))
        write_text(made / f"{key}.json", text + "\n")
        written += 1
    return written, left_out


def _packed(files: Files) -> dict[str, Any]:
    others = {name: content for name, content in files.items() if name not in DESCRIPTIONS}
    packed = {n: base64.b64encode(zlib.compress(content, 9)).decode() for n, content in others.items()}
    return {**{name: json.loads(files[name]) for name in DESCRIPTIONS}, _FILES: packed}


def _unpacked(whole: dict[str, Any]) -> Files:
    found = {name: json.dumps(whole[name]).encode() for name in DESCRIPTIONS}
    left = _SMALL
    if len(whole[_FILES]) > _MOST:
        raise ValueError("it has too many files")
    for name, packed in whole[_FILES].items():
        if not _NAME.fullmatch(name) or name in found:
            raise ValueError(f"{printable(name)!r} is no name of a file beside its descriptions")
        content = zlib.decompressobj()
        found[name] = content.decompress(base64.b64decode(packed, validate=True), left + 1)
        left -= len(found[name])
        if left < 0 or not content.eof:
            raise ValueError(f"{name} is cut short, or too large")
    return found


def exported_runs(folder: str | os.PathLike[str]) -> list[Path]:
    """Files that `export_runs` wrote into a folder."""
    return sorted(path for path in Path(folder).glob("*.json") if KEY.fullmatch(path.stem))


def import_runs(store: RunStore, files: list[Path]) -> int:
    """Give a store the runs of files that it has not got.

    Returns
    -------
    int
        How many.

    Raises
    ------
    DataError
        If a file cannot be read, is none that `export_runs` wrote, or is damaged; or the store cannot be
        written.
    """
    given = 0
    for path in files:
        try:
            if not KEY.fullmatch(path.stem):
                raise ValueError("its name is not a run's key")
            whole = parse_file(path)
            _OF_A_FILE.check(path.name, whole)
            unpacked = _unpacked(whole)
        except OSError as error:
            raise file_error("cannot read", path, error) from error
        except (ValueError, TypeError, binascii.Error, zlib.error) as error:
            raise DataError(f"{path} is no run that was exported: {printable(error, 300)}") from error
        try:
            given += store.receive(path.stem, unpacked)
        except DataError as error:  # names a folder that is gone by now
            raise DataError(f"cannot take {path} in: {error}") from error
    return given
