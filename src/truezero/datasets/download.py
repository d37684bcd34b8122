"""Downloads that go on where they were cut off, with the standard library alone; pooch is given them to use.

What has come lies beside the file as NAME.partial. It stays when a download is interrupted, and the next one
asks the server for the rest. A server that does not give parts sends the whole again. What comes out is
checked by whoever asked: here a server's word is taken for nothing but how much there should be.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from truezero._version import __version__
from truezero.core.text import printable
from truezero.errors import DataError, file_error

Told = Callable[[str, int, int | None], Any]
"""Called with a file's name, the bytes that are here, and how many there will be, if that is known."""

_PIECE = 1 << 16
_MOST = 1 << 36  # bytes of a file that nobody has said the size of
_AGAIN_LATER = frozenset((408, 425, 429, 500, 502, 503, 504))
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
# How a connection fails, other than by what a server says.
_LOST = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


class _PassingError(Exception):
    """It may come if it is tried again."""


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for, and how often it is tried.

    Attributes
    ----------
    seconds : float
        Until it must have sent something.
    tries : int
        In a row that bring nothing new.
    pause : float
        Seconds before the second try; twice as many before each that follows, 30 at most.
    """

    seconds: float = 30.0
    tries: int = 5
    pause: float = 1.0


PATIENCE = Patience()


class ResumingDownloader:
    """Downloads a file for pooch, going on with what has come before.

    Parameters
    ----------
    partial : Path
        Where it is put together.
    size : int, optional
        Bytes that it must have.
    told : callable
        See `Told`.
    patience : Patience

    Attributes
    ----------
    resumed : bool
        Whether anything was there before.
    """

    def __init__(
        self,
        partial: Path,
        size: int | None = None,
        told: Told = lambda *told: None,
        patience: Patience = PATIENCE,
    ) -> None:
        self.partial, self.size, self.told, self.patience = partial, size, told, patience
        self.resumed = False
        self._name = partial.name.removesuffix(".partial")
        self._opener = urllib.request.build_opener()

    def __call__(self, url: str, output_file: str, pooch: Any = None) -> None:
        """Download to a file; as pooch calls it.

        Raises
        ------
        DataError
            If the file is not there, the server or the connection fails again and again, or what it sends is
            longer or shorter than it should be.
        FileError
            If it cannot be written.
        """
        self.resumed = self._here() > 0
        failures = 0
        while True:
            before = self._here()
            try:
                self._try(url)
                break
            except _PassingError as error:
                failures = 1 if self._here() > before else failures + 1
                if failures >= self.patience.tries:
                    raise self._failed(
                        url, f"{error} (tried {failures} times); the part that came is kept, fetch it again"
                    ) from error
                time.sleep(min(self.patience.pause * 2 ** (failures - 1), 30))
        _hand_over(self.partial, output_file)

    def _failed(self, url: str, why: str) -> DataError:
        return DataError(f"cannot get {self._name} from {printable(url, 300)}: {why}")

    def _here(self) -> int:
        try:
            return self.partial.stat().st_size
        except FileNotFoundError:
            return 0

    def _try(self, url: str) -> None:
        """Get what is missing.

        Raises
        ------
        _PassingError
            If that may be tried again.
        DataError
            If not.
        """
        here = self._here()
        if self.size is not None and here > self.size:
            self._drop()
            here = 0
        if here and here == self.size:
            return
        headers = {"User-Agent": f"truezero/{__version__}"} | ({"Range": f"bytes={here}-"} if here else {})
        try:
            with self._opener.open(
                urllib.request.Request(url, headers=headers), timeout=self.patience.seconds
            ) as answer:
                self._take(url, answer, here)
        except urllib.error.HTTPError as error:
            with contextlib.suppress(*_LOST):
                error.close()
            self._refused(url, error, here)
        except _LOST as error:
            raise self._lost(error) from error
        except ValueError as error:  # an address that is none
            raise self._failed(url, printable(error, 200)) from error

    def _refused(self, url: str, error: urllib.error.HTTPError, here: int) -> None:
        if error.code == 416 and here:  # there is no such part
            total = (error.headers.get("Content-Range") or "").rpartition("/")[2]
            if total == str(here) and self.size is None:
                return
            self._drop()
            raise _PassingError("the server has no part that begins where ours ends") from error
        said = f"the server says {error.code} {printable(error.reason or '', 100)}".rstrip()
        if error.code in _AGAIN_LATER:
            raise _PassingError(said) from error
        if 300 <= error.code < 400:
            raise self._failed(
                url, "it is redirected too often, or to where nothing is fetched from"
            ) from error
        raise self._failed(url, f"{said}; see whether it has moved") from error

    def _take(self, url: str, answer: Any, here: int) -> None:
        start, whole = self._offered(answer.status, answer.headers, here)
        if start != here:
            self._drop()
        expected = self.size if self.size is not None else whole
        if whole is not None and self.size is not None and whole != self.size:
            self._drop()
            raise self._failed(url, f"the server says it has {whole} bytes, it should have {self.size}")
        n, most = start, _MOST if expected is None else expected
        try:
            with open(self.partial, "ab") as file:
                self.told(self._name, n, expected)
                while n <= most and (piece := self._read(answer)):
                    n += len(piece)
                    if n <= most:
                        file.write(piece)
                        self.told(self._name, n, expected)
        except OSError as error:
            raise file_error("cannot write", self.partial, error) from error
        if n > most:
            self._drop()
            raise self._failed(url, f"the server sends more than {most} bytes")
        if expected is not None and n < expected:
            raise _PassingError(f"it was cut off after {n} of {expected} bytes")

    def _read(self, answer: Any) -> bytes:
        """Read a piece; how a connection fails is not to be mixed up with how a disk does."""
        try:
            piece: bytes = answer.read1(_PIECE)
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(error) from error
        return piece

    def _lost(self, error: Exception) -> _PassingError:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, TimeoutError):
            return _PassingError(f"nothing came for {self.patience.seconds:g} seconds")
        return _PassingError(printable(str(reason) or type(reason).__name__, 200))

    def _offered(self, status: int, headers: Message, here: int) -> tuple[int, int | None]:
        """Where what the server sends begins, and how long the whole is, if it says so."""
        length = headers.get("Content-Length", "")
        n = int(length) if length.isdecimal() and len(length) < 19 else None
        if status == 206:
            said = _RANGE.fullmatch(headers.get("Content-Range", "").strip())
            if said is None or int(said[1]) != here:
                self._drop()
                raise _PassingError("the server sends another part than it was asked for")
            return here, None if said[2] == "*" else int(said[2])
        return 0, n

    def _drop(self) -> None:
        self.partial.unlink(missing_ok=True)


def _hand_over(partial: Path, output_file: str) -> None:
    """Let a file have another name besides, so that nothing is lost while pooch reads it; else move it."""
    try:
        try:
            os.unlink(output_file)
            os.link(partial, output_file)
        except OSError:  # not every file system has links
            os.replace(partial, output_file)
    except OSError as error:
        raise file_error("cannot write", output_file, error) from error
