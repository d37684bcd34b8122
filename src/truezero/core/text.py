"""Texts as they may stand in messages: those that come from files, and how long something takes."""

from __future__ import annotations

import itertools


def printable(text: object, most: int = 100) -> str:
    r"""Escape what a terminal would act on, and cut what is long.

    Parameters
    ----------
    text : object
        Anything that `str` takes; bytes are read as UTF-8.
    most : int
        Characters that are kept.

    Returns
    -------
    str
        One line of printable characters: control characters, line ends, marks that turn the direction of
        writing, and halves of characters are escaped as in Python (``\x1b``); "…" at its end stands for
        the rest.
    """
    whole = text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else str(text)
    kept = whole[:most]
    if not kept.isprintable():
        kept = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in kept)
    return kept if max(len(whole), len(kept)) <= most else f"{kept[:most]}…"


def duration(seconds: float) -> str:
    """Write how long something takes: "8 s", "3 min 20 s", "2 h 5 min", "1 d 3 h"."""
    whole = max(round(seconds), 0)
    for (unit, size), (smaller, part) in itertools.pairwise(_UNITS):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
