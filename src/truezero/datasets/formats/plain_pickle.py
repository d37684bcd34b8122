"""Plain data out of a pickle, without running what it says: dicts, lists, numbers, text, uint8 arrays.

A pickle is a program that may call anything. Here its instructions are listed by the standard library, which
runs none of them, and those that build plain data are followed on a stack of our own. The only names that
mean something are those by which NumPy has its arrays built; anything else is refused.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from truezero.core.text import printable
from truezero.errors import DataError

_MOST_STEPS = 500_000  # of CIFAR-10's batches, 40,000 to 60,000
_NUMBERS_AND_TEXT = frozenset(
    [
        "NONE",
        "NEWTRUE",
        "NEWFALSE",
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
        "BYTEARRAY8",
    ]
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_CORES = ("numpy.core", "numpy._core")
_NAMES = {
    **{(f"{core}.multiarray", "_reconstruct"): "array" for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): "values" for core in _CORES},
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
    ("__builtin__", "bytes"): "nothing",  # so protocol 2 has bytes of which there are none
}
_UINT8 = ("u1", "|u1", "uint8")
_WRONG = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, UnicodeError)


class _Mark:
    """Where on the stack a list or tuple begins."""


_MARK = _Mark()


@dataclass(frozen=True)
class _Name:
    """A name that stands for something of NumPy's."""

    means: str


@dataclass
class _DType:
    """A dtype that is to be uint8."""


@dataclass
class _Array:
    """An array that gets its values later."""

    values: Any = None


def read_plain(content: bytes) -> Any:
    """Data of a pickle.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    object
        Dicts, lists, tuples, bytes, str, int, bool, None, and uint8 arrays, which share the memory of the
        bytes. Python 2's text is bytes where it is read as such; here it is str of one character a byte.

    Raises
    ------
    DataError
        If it is no pickle, is cut off, or asks for anything else.
    """
    machine = _Machine()
    steps = 0
    try:
        for operation, argument, _ in pickletools.genops(io.BytesIO(content)):
            steps += 1
            if steps > _MOST_STEPS:
                raise DataError(f"has more than {_MOST_STEPS} steps, which no such file has")
            machine.follow(operation.name, argument)
        return machine.result()
    except DataError:
        raise
    except (*_WRONG, RecursionError) as error:
        raise DataError(f"is damaged or no pickle ({printable(error, 200)}); get it again") from error


class _Machine:
    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._ended = False

    def follow(self, name: str, argument: Any) -> None:
        """Follow an instruction."""
        if name in _NUMBERS_AND_TEXT:
            self._stack.append(_CONSTANTS.get(name, argument))
        elif name in _STEPS:
            _STEPS[name](self, argument)
        else:
            raise DataError(f"asks for {printable(name)}, which plain data do not need; it is not read")

    def result(self) -> Any:
        """What was built."""
        if not self._ended or len(self._stack) != 1 or self._stack[0] is _MARK:
            raise DataError("is damaged: it does not end where its data do; get it again")
        return _finished(self._stack[0])

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise ValueError("a value is missing")
        return value

    def _popped(self, n: int) -> tuple[Any, ...]:
        return tuple(self._pop() for _ in range(n))[::-1]

    def _since_mark(self) -> list[Any]:
        items = []
        while (value := self._stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]

    def _end(self, argument: Any) -> None:
        self._ended = True

    def _keep(self, number: Any) -> None:
        if self._stack[-1] is _MARK:
            raise ValueError("a mark is kept")
        self._memo[len(self._memo) if number is None else int(number)] = self._stack[-1]

    def _again(self, number: Any) -> None:
        self._push(self._memo[int(number)])

    def _set(self, pairs: list[Any]) -> None:
        into = self._stack[-1]
        if type(into) is not dict or len(pairs) % 2:
            raise ValueError("entries are put into what is no dict")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if type(key) not in (str, bytes, int):
                raise ValueError("a key is no text")
            if key in into:
                raise ValueError("a key is there twice")
            into[key] = value

    def _append(self, items: list[Any]) -> None:
        if type(self._stack[-1]) is not list:
            raise ValueError("items are put into what is no list")
        self._stack[-1].extend(items)

    def _name(self, argument: Any) -> None:
        module, _, name = argument.partition(" ")
        self._named(module, name)

    def _name_from_stack(self, argument: Any) -> None:
        self._named(*self._popped(2))

    def _named(self, module: Any, name: Any) -> None:
        if (module, name) not in _NAMES:
            raise DataError(
                f"asks for {printable(f'{module}.{name}', 200)}, which plain data do not need; it is not read"
            )
        self._push(_Name(_NAMES[module, name]))

    def _call(self, argument: Any) -> None:
        function, given = self._popped(2)
        if function == _Name("dtype") and given[0] in _UINT8:
            self._push(_DType())
        elif function == _Name("array") and given[0] == _Name("ndarray"):
            self._push(_Array())
        elif function == _Name("encode") and given[1:] == ("latin1",):
            self._push(given[0].encode("latin1"))
        elif function == _Name("nothing") and given == ():
            self._push(b"")
        elif function == _Name("values") and type(given[0]) in (bytes, bytearray):
            content, dtype, shape, order = given
            self._push(_Array(_values(bytes(content), dtype, shape, order == "F")))
        else:
            raise DataError("calls a function in a way that plain data do not need; it is not read")

    def _build(self, argument: Any) -> None:
        state = self._pop()
        built = self._stack[-1]
        if type(built) is _DType:
            if type(state) is not tuple:
                raise ValueError("a dtype is built of what is no tuple")
        elif type(built) is _Array:
            _, shape, dtype, by_columns, content = state
            content = content.encode("latin1") if type(content) is str else content
            if built.values is not None:
                raise ValueError("an array gets its values twice")
            built.values = _values(content, dtype, shape, bool(by_columns))
        else:
            raise DataError("builds an object, which plain data do not need; it is not read")


def _values(content: Any, dtype: Any, shape: Any, by_columns: bool) -> Any:
    """An array of the values that are said to be in it."""
    if type(dtype) is not _DType or type(content) is not bytes:
        raise ValueError("an array is not of uint8")
    if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array has no shape")
    if math.prod(shape) != len(content):
        raise ValueError(f"an array of shape {shape} has {len(content)} values")
    return np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_columns else "C")


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": lambda machine, _: None,
    "FRAME": lambda machine, _: None,
    "MARK": lambda machine, _: machine._push(_MARK),
    "EMPTY_DICT": lambda machine, _: machine._push({}),
    "EMPTY_LIST": lambda machine, _: machine._push([]),
    "EMPTY_TUPLE": lambda machine, _: machine._push(()),
    "TUPLE": lambda machine, _: machine._push(tuple(machine._since_mark())),
    "TUPLE1": lambda machine, _: machine._push(machine._popped(1)),
    "TUPLE2": lambda machine, _: machine._push(machine._popped(2)),
    "TUPLE3": lambda machine, _: machine._push(machine._popped(3)),
    "LIST": lambda machine, _: machine._push(machine._since_mark()),
    "DICT": lambda machine, _: _dict_since_mark(machine),
    "PUT": _Machine._keep,
    "BINPUT": _Machine._keep,
    "LONG_BINPUT": _Machine._keep,
    "MEMOIZE": _Machine._keep,
    "GET": _Machine._again,
    "BINGET": _Machine._again,
    "LONG_BINGET": _Machine._again,
    "APPEND": lambda machine, _: machine._append([machine._pop()]),
    "APPENDS": lambda machine, _: machine._append(machine._since_mark()),
    "SETITEM": lambda machine, _: machine._set([*machine._popped(2)]),
    "SETITEMS": lambda machine, _: machine._set(machine._since_mark()),
    "GLOBAL": _Machine._name,
    "STACK_GLOBAL": _Machine._name_from_stack,
    "REDUCE": _Machine._call,
    "BUILD": _Machine._build,
    "STOP": _Machine._end,
}


def _dict_since_mark(machine: _Machine) -> None:
    pairs = machine._since_mark()
    machine._push({})
    machine._set(pairs)


def _finished(value: Any, depth: int = 0) -> Any:
    """Arrays for what stood for them, two levels deep, where data have them."""
    if type(value) is _Array:
        if value.values is None:
            raise DataError("is damaged: an array has no values; get it again")
        return value.values
    if type(value) is dict and depth == 0:
        return {key: _finished(entry, 1) for key, entry in value.items()}
    return value
