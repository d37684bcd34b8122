"""Text from files and from people, made fit for a message or a terminal."""

from __future__ import annotations

_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def printable(text: object, most: int = 100) -> str:
    """Text in one line without control characters, cut where it is long.

    Parameters
    ----------
    text : object
        What is no str is taken as str shows it.
    most : int, default=100
        Characters at most.

    Returns
    -------
    str
        What a terminal would obey, not show (escapes, line ends, marks of direction, lone surrogates), is
        written as a backslash escape.
    """
    head = str(text)[: most + 1]
    shown = "".join(
        c if c.isprintable() else _SHORT.get(c) or c.encode("unicode_escape").decode("ascii") for c in head
    )
    return shown if len(shown) <= most else shown[: most - 1] + "…"
