"""Text that came from outside, as it may be shown: no control characters, and not without end."""

from __future__ import annotations


def printable(text: object, most: int = 100) -> str:
    r"""Write what a file, a name or a label says so that a terminal shows it and does nothing else.

    Parameters
    ----------
    text : object
        Text, or whatever `str` makes text of.
    most : int, default=100
        Characters that are read of it; what is cut is replaced by an ellipsis.

    Returns
    -------
    str
        One line, in which control characters and others that do not print stand as ``\xNN``, ``\uNNNN`` or
        ``\UNNNNNNNN``; all others are as they were.
    """
    whole = str(text)
    shown = "".join(c if c.isprintable() else _escape(c) for c in whole[:most])
    return shown if len(whole) <= most else shown + "…"


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
