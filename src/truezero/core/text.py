"""Texts that come from files, as they may stand in messages."""

from __future__ import annotations


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
