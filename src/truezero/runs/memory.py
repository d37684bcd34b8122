"""The most memory that a process held during one piece of work, where the system tells it (Linux)."""

from __future__ import annotations

import threading
from pathlib import Path

_PROCESS = Path("/proc/self")


class PeakMemory:
    """Measures from when it is made; two at once in a process measure nothing, as they cannot be told apart.

    The mark is the process's own (VmHWM), set back at the start: libraries, and rows that were read before,
    are in it, other processes are not.
    """

    _lock = threading.Lock()
    _at_work = 0
    _begun = 0

    def __init__(self) -> None:
        with PeakMemory._lock:
            PeakMemory._begun += 1
            self._number, self._alone = PeakMemory._begun, PeakMemory._at_work == 0
            PeakMemory._at_work += 1
            if self._alone:
                try:
                    (_PROCESS / "clear_refs").write_text("5", encoding="ascii")
                except OSError:
                    self._alone = False

    def end(self) -> int | None:
        """Bytes; None where they are not known."""
        with PeakMemory._lock:
            PeakMemory._at_work -= 1
            if not self._alone or PeakMemory._begun != self._number:
                return None
            lines = (_PROCESS / "status").read_text(encoding="utf-8").splitlines()
            kilobytes = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
            return None if kilobytes is None else 1024 * int(kilobytes)
