"""Labels in a file of their own: npz with y, npy, an IDX file, or text with one label per line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.datasets.formats import idx
from truezero.datasets.formats.archive import Archive
from truezero.datasets.formats.npy import load_npy
from truezero.datasets.formats.npz import read_labels
from truezero.datasets.formats.source import reading
from truezero.datasets.labels import checked_labels
from truezero.errors import DataError

_TEXT = (".txt", ".csv")
_LONGEST_LABEL = 1000  # characters


def load_labels(path: Path, n: int) -> NDArray[Any]:
    """Read labels of n rows.

    Parameters
    ----------
    path : Path
        `.npz` with y, `.npy`, IDX (`*idx1*`, also compressed), or `.txt` or `.csv` with one label per line:
        whole numbers if all are, numbers if all are, else text.
    n : int

    Returns
    -------
    ndarray of shape (n,) or (n, n_outputs)

    Raises
    ------
    DataError
        If the file is missing, damaged or of a kind that is not known, or has no label for every row.
    """
    name = path.name.lower()
    if "idx1" in name:
        return idx.read_labels(path, n)
    with reading(path) as allowance:
        if name.endswith(".npz"):
            with open(path, "rb") as file:
                labels = read_labels(Archive(file, allowance), "y", n)
            if labels is None:
                raise DataError("must hold labels as y")
        elif name.endswith(".npy"):
            labels = load_npy(path, allowance)
        elif name.endswith(_TEXT):
            labels = _from_text(path.read_bytes(), n, is_csv=name.endswith(".csv"))
        else:
            raise DataError(
                f"is an unknown kind of labels; known: .npz, .npy, IDX (*idx1*), {', '.join(_TEXT)}"
            )
        return checked_labels(labels, n)


def _from_text(content: bytes, n: int, *, is_csv: bool) -> NDArray[Any]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"is no UTF-8 text (byte {error.start})") from error
    n_lines = text.rstrip().count("\n") + 1
    if n_lines != n:
        hint = "; is its first line a heading?" if n_lines == n + 1 else ""
        raise DataError(f"has {n_lines} lines, one label each, for {n} rows{hint}")
    lines = [line.strip() for line in text.rstrip().split("\n")]
    if is_csv:
        lines = [_only_cell(line, at) for at, line in enumerate(lines, 1)]
    for at, line in enumerate(lines, 1):
        if not line or len(line) > _LONGEST_LABEL:
            raise DataError(f"line {at} holds {'no label' if not line else 'no label but a long text'}")
    return _as_numbers(lines)


def _only_cell(line: str, at: int) -> str:
    try:
        cells = next(csv.reader(io.StringIO(line), strict=True), [""])
    except csv.Error as error:
        raise DataError(f"line {at} is no CSV: {printable(error)}") from error
    if len(cells) != 1:
        raise DataError(f"line {at} must hold one label, got {len(cells)} cells")
    return cells[0].strip()


def _as_numbers(labels: list[str]) -> NDArray[Any]:
    """Whole numbers if all are, else numbers if all are, else text."""
    for kind, dtype in ((int, np.int64), (float, np.float64)):
        try:
            return np.fromiter(map(kind, labels), dtype, len(labels))
        except (ValueError, OverflowError):
            continue
    return np.array(labels)
