"""`python -m truezero` is `truezero`."""

from __future__ import annotations

from truezero.cli import main

if __name__ == "__main__":
    main()
