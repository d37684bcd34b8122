"""NumPy's npy: the header that says dtype and shape of an array, and the array behind it.

The header is the text of a Python dictionary. It is taken apart here, not evaluated, and only numbers, truth
values and text are read: nothing in a data file needs more.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.text import printable
from truezero.datasets.formats.source import Allowance, Readable, fill
from truezero.errors import DataError

_LONGEST_HEADER = 10_000  # NumPy's own limit
_MOST_DIMENSIONS = 8
_ITEM = re.compile(
    r"""\s*['"](descr|fortran_order|shape)['"]\s*:\s*(?:['"]([^'"]*)['"]|(True|False)|\(([\d\sL,]*)\)|(\[.*\]))\s*(?:,|$)""",
    re.DOTALL,
)
_PLAIN = re.compile(r"[<>|=]?[biufSU]\d{1,10}")
_KINDS = {"O": "objects", "c": "complex numbers", "M": "dates", "m": "spans of time", "V": "structures"}
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Header:
    """What an array's header says.

    Attributes
    ----------
    dtype : dtype
        Numbers, truth values, text or bytes.
    shape : tuple of int
    fortran : bool
        Whether the first index runs fastest.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool

    @property
    def n_bytes(self) -> int:
        """Bytes that must follow."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(file: Readable, what: str) -> tuple[Header, int]:
    """Read an array's header, and how many bytes it takes.

    Raises
    ------
    DataError
        If it is none, or of an array that cannot be rows or labels; `what` is its name.
    """
    start = file.read(8)
    if len(start) < 8 or start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3):
        raise DataError(f"is damaged: {what} is no array of NumPy's")
    field = "<H" if start[6] == 1 else "<I"
    length = file.read(struct.calcsize(field))
    n = struct.unpack(field, length)[0] if len(length) == struct.calcsize(field) else 0
    text = file.read(n) if n <= _LONGEST_HEADER else b""
    if not n or len(text) < n:
        raise DataError(f"is damaged: the header of {what} is cut off or too long")
    return _parse(text.decode("latin1"), what), len(start) + len(length) + n


def _parse(text: str, what: str) -> Header:
    inner = text.strip()
    if not (inner.startswith("{") and inner.endswith("}")):
        raise DataError(f"is damaged: {what} has no header but '{printable(inner, 60)}'")
    inner, at, found = inner[1:-1].rstrip(), 0, dict[str, re.Match[str]]()
    while at < len(inner) and (item := _ITEM.match(inner, at)):
        found[item[1]] = item
        at = item.end()
    if at < len(inner) or len(found) < 3 or found["fortran_order"][3] is None or found["shape"][4] is None:
        raise DataError(f"is damaged: {what} has the header {printable(text.strip(), 200)}")
    numbers = [number.strip().rstrip("L") for number in found["shape"][4].split(",")]
    if numbers[-1] == "":
        numbers.pop()
    if (
        not all(number.isdecimal() and len(number) < 20 for number in numbers)
        or len(numbers) > _MOST_DIMENSIONS
    ):
        raise DataError(f"is damaged: {what} has the shape ({printable(found['shape'][4])})")
    return Header(
        _dtype(found["descr"][2], what), tuple(map(int, numbers)), found["fortran_order"][3] == "True"
    )


def _dtype(described: str | None, what: str) -> np.dtype[Any]:
    """Dtype of numbers, truth values or text.

    Raises
    ------
    DataError
        If it is of anything else, saying what to do.
    """
    kind = _KINDS.get((described or "V").lstrip("<>|=")[:1])
    if kind == "objects":
        raise DataError(
            f"holds Python objects in {what}, which are never loaded; save numbers or text instead, for "
            f"instance np.asarray({what}.tolist())"
        )
    if kind is not None:
        raise DataError(f"holds {kind} in {what}; save numbers or text instead")
    try:
        dtype = np.dtype(described if described and _PLAIN.fullmatch(described) else "")
    except TypeError:
        dtype = np.dtype("V0")
    if not dtype.itemsize or dtype.kind == "V":
        raise DataError(f"is damaged: {what} has the dtype '{printable(described)}'")
    return dtype


def read_values(file: Readable, header: Header, allowance: Allowance, what: str) -> NDArray[Any]:
    """Read the array behind a header, with the bytes in this machine's order.

    Raises
    ------
    DataError
        If there is less, or more, or more than the file may hold.
    """
    allowance.take(header.n_bytes, what)
    values = np.empty(math.prod(header.shape), header.dtype)
    check_end(file, fill(file, values), header, what)
    if not header.dtype.isnative:
        values = values.byteswap(inplace=True).view(header.dtype.newbyteorder("="))
    return values.reshape(header.shape, order="F" if header.fortran else "C")


def check_end(file: Readable, n_bytes: int, header: Header, what: str) -> None:
    """Refuse an array that had fewer bytes than its header says, or is followed by more."""
    if n_bytes < header.n_bytes:
        raise DataError(f"is cut off: {what} has {n_bytes} bytes of {header.n_bytes}; get it again")
    if file.read(1):
        raise DataError(f"is damaged: {what} goes on after its end")


def load_npy(path: Path, allowance: Allowance) -> NDArray[Any]:
    """Read an npy file.

    Raises
    ------
    DataError
        If it is damaged, or holds what cannot be rows or labels.
    """
    with open(path, "rb") as file:
        header, n = read_header(file, "the array")
        if n + header.n_bytes != allowance.size:
            raise DataError(
                f"is damaged or cut off: its header says {header.n_bytes} bytes, it has {allowance.size - n}"
            )
        return read_values(file, header, allowance, "the array")
