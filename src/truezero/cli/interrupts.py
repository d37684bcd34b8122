"""Ctrl-C: what it does to the command line, from its first import to its end."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager

TYPE_CHECKING = False  # see `truezero/__init__.py`
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Any

_MESSAGE = "truezero: interrupted\n"
_CODE = 130  # 128 + SIGINT, as shells say it


class Interrupts:
    """What Ctrl-C does now, and whether it came.

    At first it ends the process at once: a `KeyboardInterrupt` in the middle of an import comes out of some
    libraries as another exception, and there is nothing to lose yet. While there is `work`, it is Python's
    KeyboardInterrupt, which the work may end by in its own way.

    Attributes
    ----------
    came : bool
        It has come while there was work.
    said : bool
        That it came has been said.
    """

    def __init__(self) -> None:
        self.came = self.said = False
        self._at_work = False

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        if not self._at_work:
            self._leave()
        self.came = True
        raise KeyboardInterrupt

    @contextmanager
    def work(self) -> Iterator[None]:
        """While this holds, KeyboardInterrupt is raised."""
        self._at_work = True
        hook, sys.unraisablehook = sys.unraisablehook, self._unraisable
        try:
            yield
        finally:
            self._at_work = False
            sys.unraisablehook = hook

    def say(self) -> int:
        """Say that it came, once; return the exit code for it."""
        if not self.said:
            self.said = True
            # Not by way of Python's own stream, which may be in the middle of something.
            _write(_MESSAGE)
        return _CODE

    def _leave(self) -> None:
        self.say()
        os._exit(_CODE)

    def _unraisable(self, what: Any) -> None:
        """Raise again what came where nothing can be raised, in a destructor say."""
        if what.exc_type is KeyboardInterrupt:
            main = threading.main_thread().ident or 0
            threading.Timer(0.01, signal.pthread_kill, (main, signal.SIGINT)).start()
        else:
            sys.__unraisablehook__(what)


def _write(text: str) -> None:
    try:
        if sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()
    except (OSError, RuntimeError, ValueError):
        os.write(2, text.encode())


@contextmanager
def interrupts() -> Iterator[Interrupts]:
    """Handle Ctrl-C as `Interrupts` says; where it is ignored, as in the background, it stays so."""
    watched = Interrupts()
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield watched
        return
    signal.signal(signal.SIGINT, watched.handle)
    try:
        yield watched
    finally:
        if signal.getsignal(signal.SIGINT) == watched.handle:
            signal.signal(signal.SIGINT, handler)


def end_quietly(code: int) -> None:
    """Let Ctrl-C end the process at once from now on: all is done, and what is left is Python's own."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(code))
