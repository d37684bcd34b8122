"""Lines of text files: decoded on the way, however they end, and none of them without end."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import Any

from truezero.core.text import printable
from truezero.datasets.formats.source import Allowance, Unpacked
from truezero.errors import DataError, OptionError

LONGEST = 1 << 24  # characters of a line, and of a cell of a table
_PIECE = 1 << 16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHERS = "cp1252, mac_roman, utf-16"


def check_encoding(encoding: str | None) -> None:
    """Refuse an encoding that there is none of.

    Raises
    ------
    OptionError
        If Python knows no such encoding of text.
    """
    try:
        if encoding is not None:
            "".encode(encoding)
    except (LookupError, UnicodeError, ValueError, TypeError) as error:
        raise OptionError(
            f"encoding must be one that Python knows ({_OTHERS}, …), got {printable(repr(encoding))}"
        ) from error


class TextLines:
    r"""Lines of a file, each with its end: ``\n``, ``\r\n`` or ``\r``.

    A mark of the byte order at the start says the encoding, and is left out. Where the first line does not
    end in ``\r``, none does, and a ``\r`` alone is read as a space: some writers of CSV do not quote it.

    Attributes
    ----------
    number : int
        Lines that were given, so that of the last one, from 1.

    Raises
    ------
    DataError
        While it is gone through: if bytes are no text of the encoding, naming the first and where it is; if a
        line has no end, or the file unpacks to far more than its size.
    """

    def __init__(self, file: Unpacked, allowance: Allowance, encoding: str | None = None) -> None:
        check_encoding(encoding)
        first = file.read(4)
        marked = next((name for mark, name in _MARKS if first.startswith(mark)), None)
        self._encoding = encoding or marked or "utf-8"
        if marked == "utf-8-sig" and codecs.lookup(self._encoding).name == "utf-8":
            self._encoding = marked
        self._bytes = _Counted(file, allowance, first)
        content: Any = self._bytes
        self._text = io.TextIOWrapper(content, self._encoding, newline="")
        self._text._CHUNK_SIZE = _PIECE  # type: ignore[attr-defined] # 8 KiB are many calls
        self._ends: str | None = None  # how the first line ends
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._read(LONGEST)
        if line.endswith("\r") and self._ends == "\n":
            pieces, left = [line], LONGEST - len(line)
            while pieces[-1].endswith("\r") and (more := self._read(left)):
                pieces.append(more)
                left -= len(more)
            line = "".join(piece[:-1] + " " for piece in pieces[:-1]) + pieces[-1]
        if not line:
            raise StopIteration
        self._ends = self._ends or line[-1]
        self.number += 1
        return line.removeprefix("\ufeff") if self.number == 1 else line

    def _read(self, most: int) -> str:
        """Read up to the next end of a line of any kind; refuse more characters than that."""
        try:
            line = self._text.readline(most + 1)
        except UnicodeDecodeError as error:
            raise DataError(self._wrong(error)) from error
        except UnicodeError as error:  # of some rare encodings
            raise DataError(f"is no {self._encoding} text ({printable(error)})") from error
        if len(line) > most:
            raise DataError(
                f"line {self.number + 1} has more than {LONGEST} characters; is the file text, in lines?"
            )
        return line

    def _wrong(self, error: UnicodeDecodeError) -> str:
        piece, at = error.object, error.start
        line = self._bytes.n_lines - piece.count(b"\n") + piece.count(b"\n", 0, at) + 1
        return f"line {line} {not_text(error, self._encoding, self._bytes.n - len(piece) + at)}"


def not_text(error: UnicodeDecodeError, encoding: str, place: int) -> str:
    """What is said of a byte that an encoding does not have, `place` bytes from the start of the file."""
    piece, at = error.object, error.start
    shown = printable(piece[max(at - 20, 0) : at + 20].decode("ascii", "backslashreplace"))
    return (
        f"is no {encoding.removesuffix('-sig')} text: byte {place} is 0x{piece[at]:02x}, in '{shown}'; say "
        f"with --encoding what it is ({_OTHERS}, …)"
    )


class _Counted(io.BufferedIOBase):
    """Bytes of a file, and how many there were."""

    def __init__(self, file: Unpacked, allowance: Allowance, first: bytes) -> None:
        self._file, self._first = file, first
        self._most = allowance.most_unpacked
        self.n = self.n_lines = 0

    def readable(self) -> bool:
        return True

    def read(self, n: int | None = -1, /) -> bytes:
        return self.read1(_PIECE if n is None or n < 0 else n)

    def read1(self, n: int = -1, /) -> bytes:
        piece, self._first = self._first or self._file.read(_PIECE if n < 0 else n), b""
        self.n += len(piece)
        self.n_lines += piece.count(b"\n")
        if self.n > self._most:
            raise DataError(
                f"unpacks to more than {self._most >> 20} MiB, too much for its size; unpack it first"
            )
        return piece
