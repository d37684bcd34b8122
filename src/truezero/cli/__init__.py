"""The command line `truezero`, a file a command. It says what to do; the layers below do it."""

from __future__ import annotations

import sys

from truezero.cli.interrupts import end_quietly, interrupts


def main() -> None:
    """Run the command line; see `truezero.cli.app.run`, which is imported where Ctrl-C ends well."""
    with interrupts() as watched:
        from truezero.cli.app import run

        code = run(sys.argv[1:], watched)
        if sys._getframe(1).f_globals.get("__name__") == "__main__":  # not in a test, which goes on
            end_quietly(code)
    # CPython ends by the signal, whatever the code, if it saw a KeyboardInterrupt leave a text that was
    # executed, as `dataclass` and `namedtuple` do; it forgets that when the next one is.
    exec("pass")
    sys.exit(code)
