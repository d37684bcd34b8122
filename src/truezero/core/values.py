"""Plain Python values as JSON, with tags for what JSON cannot hold, and their arrays as tensors.

In what is written, a JSON object is always a tag: one name that says what follows. Reading makes the kinds
of values listed here and nothing else, so a file cannot bring code with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truezero.core.tensors import Tensors
from truezero.core.text import printable
from truezero.errors import ModelFileError, OptionError

_LONG = 256  # items; longer lists of one kind are kept as a tensor
_DEEPEST = 100  # levels of lists and the like in one another
_PREFIX = "values."

_SCALARS: dict[str, Any] = {
    np.dtype(kind).name: kind
    for kind in (
        np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
        np.float16, np.float32, np.float64,
    )
}  # fmt: skip
# Types that stand for a dtype in scikit-learn's parameters.
_TYPES: dict[str, Any] = {
    **{kind.__name__: kind for kind in (bool, int, float, str, object)},
    **{f"numpy.{name}": kind for name, kind in _SCALARS.items()},
}
_TYPE_NAMES = {kind: name for name, kind in _TYPES.items()}
_CHARACTERS = {"U": np.uint32, "S": np.uint8}
_DTYPE = re.compile(r"[<>|=]?([biufSU]\d{1,5}|O)")
_MOST_CHARACTERS = 10**5 - 1  # of one text in an array
_MOST_SCALARS = 10**7  # in one list: of one byte each in the file, and forty in memory
_MOST_DIMENSIONS = 32  # NumPy's before 2.0


class ValueWriter:
    """Writes values, their arrays into `tensors`.

    Kept are None, truth values, numbers, text, bytes, lists, tuples, sets, dicts, slices, NumPy's
    scalars, dtypes, and arrays of numbers, text, bytes or any of these.
    """

    def __init__(self) -> None:
        self.tensors: Tensors = {}
        self._depth = 0

    def write(self, value: Any, what: str) -> Any:
        """Write a value.

        Parameters
        ----------
        value : object
        what : str
            What it is, for the message.

        Returns
        -------
        object
            As JSON holds it.

        Raises
        ------
        OptionError
            If it is none of the kinds that can be kept.
        """
        self._depth += 1
        try:
            if self._depth > _DEEPEST:
                raise OptionError(f"{what} is nested too deep, or in itself, and cannot be kept in a file")
            return self._write(value, what)
        finally:
            self._depth -= 1

    def _write(self, value: Any, what: str) -> Any:
        if isinstance(value, (np.str_, np.bytes_)):
            value = value.item()
        if isinstance(value, np.generic):
            if value.dtype.name not in _SCALARS:
                return self.write_other(value, what)
            return {"scalar": [value.dtype.name, value.item()]}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if type(value) is list:
            return self._list(value, what)
        if type(value) is tuple:
            return {"tuple": self._list(list(value), what)}
        if isinstance(value, (set, frozenset)):
            # In a fixed order, so that the same set makes the same file.
            kind = "frozenset" if isinstance(value, frozenset) else "set"
            return {kind: self._list(sorted(value, key=repr), what)}
        if isinstance(value, Mapping):
            return {"dict": [self._list(list(value), what), self._list(list(value.values()), what)]}
        if isinstance(value, slice):
            return {"slice": [self.write(part, what) for part in (value.start, value.stop, value.step)]}
        if isinstance(value, bytes):
            return {"bytes": value.hex()}
        if isinstance(value, np.dtype) and _DTYPE.fullmatch(value.str):
            return {"dtype": value.str}
        if isinstance(value, type) and value in _TYPE_NAMES:
            return {"type": _TYPE_NAMES[value]}
        if type(value) in (np.ndarray, np.memmap):
            return self._array(value, what)
        return self.write_other(value, what)

    def write_other(self, value: Any, what: str) -> Any:
        """Write what is none of the kinds above: a subclass may know more; here it is refused."""
        raise OptionError(f"{what} is {_described(value)}: no value that a model file can hold")

    def add(self, array: NDArray[Any]) -> str:
        """Keep an array; return its name."""
        name = f"{_PREFIX}{len(self.tensors)}"
        self.tensors[name] = array
        return name

    def _list(self, values: list[Any], what: str) -> Any:
        kinds = set(map(type, values)) if len(values) > _LONG else set()
        if kinds == {str}:
            texts = [value.encode("utf-8", "surrogatepass") for value in values]
            ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
            return {"texts": [self.add(np.frombuffer(b"".join(texts), np.uint8)), self.add(ends)]}
        if kinds == {int} and max(map(abs, values)) < 2**63:
            return {"integers": self.add(np.array(values, np.int64))}
        if len(kinds) == 1 and (kind := kinds.pop()) in _SCALARS.values():
            return {"scalars": self.add(np.array(values, kind))}
        return [self.write(value, what) for value in values]

    def _array(self, array: NDArray[Any], what: str) -> Any:
        array = np.asarray(array)
        if array.dtype.kind == "O":
            return {"objects": [list(array.shape), self._list(array.ravel().tolist(), what)]}
        if array.dtype.name in _SCALARS:
            return {"array": self.add(array.astype(array.dtype.newbyteorder("="), copy=False))}
        characters = _CHARACTERS.get(array.dtype.kind)
        if characters is None or not array.dtype.itemsize:
            return self.write_other(array, what)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        length = array.dtype.itemsize // np.dtype(characters).itemsize
        if length > _MOST_CHARACTERS:
            return self.write_other(array, what)
        codes = np.ascontiguousarray(array.ravel()).view(characters).reshape(*array.shape, length)
        return {"characters": [array.dtype.kind, self.add(codes)]}


class ValueReader:
    """Reads what a `ValueWriter` wrote, from the JSON and `tensors`; an array can be read once."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = dict(tensors)
        self._depth = 0
        self._kinds: dict[str, Callable[[Any], Any]] = {
            "scalar": self._scalar,
            "tuple": lambda content: tuple(self._items(content)),
            "set": lambda content: set(self._keys(content)),
            "frozenset": lambda content: frozenset(self._keys(content)),
            "dict": self._dict,
            "slice": self._slice,
            "bytes": _bytes,
            "dtype": plain_dtype,
            "type": lambda content: _named("type", content, _TYPES),
            "array": self.take,
            "objects": self._objects,
            "characters": self._characters,
            "texts": self._texts,
            "integers": lambda content: self._column(content, np.int64).tolist(),
            "scalars": self._scalars,
        }

    def read(self, described: Any) -> Any:
        """Read a value.

        Raises
        ------
        ModelFileError
            If it is not as it is written, or nested too deep.
        """
        self._depth += 1
        try:
            if self._depth > _DEEPEST:
                raise ModelFileError("a value is nested too deep")
            if isinstance(described, list):
                return [self.read(item) for item in described]
            if not isinstance(described, dict):
                return described
            if len(described) != 1:
                raise ModelFileError(f"a value has {len(described)} kinds instead of one")
            [(tag, content)] = described.items()
            known = self._kinds.get(tag)
            return self.read_other(tag, content) if known is None else known(content)
        finally:
            self._depth -= 1

    def read_other(self, tag: str, content: Any) -> Any:
        """Read what `ValueWriter.write_other` wrote; here nothing."""
        raise ModelFileError(f"a value of the unknown kind {printable(tag)!r}")

    def take(self, name: str) -> NDArray[Any]:
        """Array of that name, which then is gone: no short file makes many long lists."""
        if not isinstance(name, str) or name not in self.tensors:
            raise ModelFileError(f"it lacks an array {printable(repr(name))}")
        return self.tensors.pop(name)

    def _items(self, content: Any) -> list[Any]:
        items = self.read(content)
        if not isinstance(items, list):
            raise ModelFileError("a list is missing")
        return items

    def _keys(self, content: Any) -> list[Any]:
        """Items that can be told apart in no time."""
        keys = self._items(content)
        for key in keys:
            _check_key(key)
        return keys

    def _dict(self, content: Any) -> dict[Any, Any]:
        keys, values = _of_length(2, "dict", content)
        return dict(zip(self._keys(keys), self._items(values), strict=True))

    def _slice(self, content: Any) -> slice:
        start, stop, step = _of_length(3, "slice", self._items(content))
        return slice(start, stop, step)

    def _scalar(self, content: Any) -> Any:
        name, number = _of_length(2, "scalar", content)
        if not isinstance(number, (bool, int, float)):
            raise ModelFileError(f"{printable(repr(number))} is no number")
        value = _named("scalar", name, _SCALARS)(number)
        if not (value.item() == number or math.isnan(number)):  # NumPy 1 lets 300 become an int8
            raise ModelFileError(f"{printable(repr(number))} is no {name}")
        return value

    def _column(self, name: str, kind: Any = None) -> NDArray[Any]:
        column = self.take(name)
        if column.ndim != 1 or (kind is not None and column.dtype != kind):
            raise ModelFileError(f"{printable(name)} is no list")
        return column

    def _scalars(self, content: Any) -> list[Any]:
        column = self._column(content)
        if len(column) > _MOST_SCALARS:
            raise ModelFileError(f"a list of {len(column)} numbers is too long")
        return list(column)

    def _objects(self, content: Any) -> NDArray[Any]:
        shape, described = _of_length(2, "objects", content)
        if not isinstance(shape, list) or len(shape) > _MOST_DIMENSIONS:
            raise ModelFileError(f"{printable(repr(shape))} is no shape")
        if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**31 for n in shape):
            raise ModelFileError(f"{printable(repr(shape))} is no shape")
        items = self._items(described)
        if len(items) != math.prod(shape):
            raise ModelFileError(f"{len(items)} values do not make an array of shape {shape}")
        return np.fromiter(items, dtype=object, count=len(items)).reshape(shape)

    def _characters(self, content: Any) -> NDArray[Any]:
        kind, name = _of_length(2, "characters", content)
        wanted, codes = _named("characters", kind, _CHARACTERS), self.take(name)
        if codes.dtype != wanted or codes.ndim == 0 or not 0 < codes.shape[-1] <= _MOST_CHARACTERS:
            raise ModelFileError(f"{printable(name)} holds no characters")
        if kind == "U" and codes.max(initial=0) > 0x10FFFF:
            raise ModelFileError(f"{printable(name)} holds what is no character")
        length = codes.shape[-1]
        whole = np.ascontiguousarray(codes.reshape(-1, length)).view(f"{kind}{length}")
        return whole.reshape(codes.shape[:-1])

    def _texts(self, content: Any) -> list[str]:
        name, name_of_ends = _of_length(2, "texts", content)
        whole, ends = self._column(name, np.uint8).tobytes(), self._column(name_of_ends, np.int64)
        starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
        if (ends < starts).any() or (ends[-1] if len(ends) else 0) != len(whole):
            raise ModelFileError(f"the texts in {printable(name)} do not fit together")
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        return [whole[start:end].decode("utf-8", "surrogatepass") for start, end in pairs]


def plain_dtype(text: object) -> np.dtype[Any]:
    """Dtype of numbers, text or objects by its name in a file.

    Raises
    ------
    ModelFileError
        If it is another one, or none.
    """
    if not isinstance(text, str) or not (_DTYPE.fullmatch(text) or text == "object"):
        raise ModelFileError(f"unknown dtype {printable(repr(text))}")
    try:
        dtype: np.dtype[Any] = np.dtype(text)
    except TypeError:
        raise ModelFileError(f"unknown dtype {printable(text)!r}") from None
    return dtype


def _of_length(n: int, tag: str, content: Any) -> list[Any]:
    if not isinstance(content, list) or len(content) != n:
        raise ModelFileError(f"a {tag} must have {n} parts")
    return content


def _named(tag: str, name: Any, known: Mapping[str, Any]) -> Any:
    if not isinstance(name, str) or name not in known:
        raise ModelFileError(f"{printable(repr(name))} is no {tag} that a file can hold")
    return known[name]


def _bytes(content: Any) -> bytes:
    if not isinstance(content, str):
        raise ModelFileError("bytes must be text")
    return bytes.fromhex(content)


def _check_key(key: Any) -> None:
    """Refuse what cannot be a key, and numbers that many can be made of which get in each other's way."""
    if isinstance(key, tuple):
        for part in key:
            _check_key(part)
    elif isinstance(key, int) and not -(2**63) <= key < 2**64:
        raise ModelFileError("a key is too large a number")
    elif isinstance(key, (list, dict, set, slice, np.ndarray)):
        raise ModelFileError(f"a {type(key).__name__} can be no key")


def _described(value: Any) -> str:
    """Say what a value is, in few words."""
    name = getattr(value, "__name__", None)
    if isinstance(value, type):
        return f"the class {name}"
    if isinstance(name, str) and callable(value):
        return "a lambda" if name == "<lambda>" else f"the function {name}"
    if type(value) is np.ndarray:
        return f"an array of {value.dtype}"
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"
