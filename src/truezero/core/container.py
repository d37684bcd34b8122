"""The safetensors container: named arrays and a map of text, every part of which is checked when it is read.

safetensors' own reader maps the file into memory, so that one which is cut meanwhile ends the process, and
takes a name that is twice in the header. Here nothing is made room for that the file does not have. Its own
writer makes a further file beside, which its owner alone may read and a killed process leaves.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from truezero.core.constraints import one_of, whole_number
from truezero.core.schema import Fields, Items, parse_json
from truezero.core.text import printable

_LARGEST_HEADER = 100_000_000  # bytes, as the format has it
_MOST_ARRAYS = 100_000
_MOST_DIMENSIONS = 32  # NumPy's before 2.0
_METADATA = "__metadata__"
# In safetensors' own order, by which arrays lie in a file, the last kind first.
_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "U16": "<u2", "F16": "<f2", "I32": "<i4", "U32": "<u4",
    "F32": "<f4", "F64": "<f8", "I64": "<i8", "U64": "<u8",
}  # fmt: skip
_NAMES = {np.dtype(dtype).newbyteorder("="): name for name, dtype in _DTYPES.items()}
_ENTRY = Fields(
    {
        "dtype": one_of(*_DTYPES),
        "shape": Items(whole_number(0), most=_MOST_DIMENSIONS),
        "data_offsets": Items(whole_number(0), 2, 2),
    }
)


class Container:
    """A file that is open for reading; a context.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    metadata : dict of str to str

    Raises
    ------
    ValueError
        In one line, if it is no safetensors file, or is damaged.
    OSError
        If it cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            raise ValueError("it is no regular file")
        self._file = open(path, "rb")  # noqa: SIM115 - closed by __exit__
        try:
            self._size = os.fstat(self._file.fileno()).st_size
            header = self._header()
            self.metadata = _metadata(header.pop(_METADATA, {}))
            self._entries = header
            self._check_entries()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Read all arrays, each in memory of its own.

        Raises
        ------
        ValueError
            If the file ends early, or a truth value is none.
        """
        found = {}
        for name, entry in self._entries.items():  # in the order of the file
            flat = np.empty(math.prod(entry["shape"]), _DTYPES[entry["dtype"]])
            if flat.size and self._file.readinto(flat.view(np.uint8).data) != flat.nbytes:
                raise ValueError("it has become shorter while it was read")
            if flat.dtype == np.bool_ and (flat.view(np.uint8) > 1).any():
                raise ValueError(f"{printable(name)} holds truth values that are none")
            native = flat.astype(flat.dtype.newbyteorder("="), copy=False)
            found[name] = native.reshape(entry["shape"])
        return found

    def _header(self) -> dict[str, Any]:
        start = self._file.read(8)
        if len(start) < 8:
            raise ValueError(f"it has {len(start)} bytes")
        length = int.from_bytes(start, "little")
        if length > self._size - 8:
            raise ValueError(f"its header would have {length} bytes, the file has {self._size}")
        if length > _LARGEST_HEADER:
            raise ValueError(f"its header of {length} bytes is too long")
        header = parse_json(self._file.read(length).decode("utf-8"))
        self._data = self._size - 8 - length
        if not isinstance(header, dict):
            raise ValueError("its header is no object")
        if len(header) > _MOST_ARRAYS:
            raise ValueError(f"{len(header)} arrays are too many")
        return header

    def _check_entries(self) -> None:
        """Arrays must follow one another, without gaps, to the end of the file."""
        for name, entry in self._entries.items():
            _ENTRY.check(printable(name), entry)
        self._entries = dict(sorted(self._entries.items(), key=lambda named: named[1]["data_offsets"]))
        end = 0
        for name, entry in self._entries.items():
            shape, size = entry["shape"], np.dtype(_DTYPES[entry["dtype"]]).itemsize
            if math.prod(n for n in shape if n) * size >= 2**62:
                raise ValueError(f"{printable(name)} of shape {shape} is too large")
            begin, end = end, end + math.prod(shape) * size
            if entry["data_offsets"] != [begin, end]:
                raise ValueError(
                    f"{printable(name)} lies at {entry['data_offsets']}, and must be at {[begin, end]}"
                )
        if end != self._data:
            raise ValueError(f"its arrays have {end} bytes, and there are {self._data}")


def write_container(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write a container: the bytes are those of safetensors' own writer, but for the order of the metadata.

    Parameters
    ----------
    path : path-like
    arrays : mapping of str to ndarray
        C-contiguous, in the machine's byte order, of the kinds that the format has.
    metadata : mapping of str to str

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    header: dict[str, Any] = {_METADATA: dict(metadata)}
    end = 0
    kinds = list(_NAMES)
    # The widest numbers first, so that all lie at multiples of their size.
    ordered = sorted(arrays, key=lambda name: (-kinds.index(arrays[name].dtype), name))
    for name in ordered:
        array = arrays[name]
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end],
        }  # fmt: skip
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in ordered:
            array = arrays[name]
            little = array.astype(array.dtype.newbyteorder("<"), copy=False)
            file.write(little.reshape(-1).view(np.uint8).data)


def _metadata(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise ValueError("its metadata are no texts")
    return found
