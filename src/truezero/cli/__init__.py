"""The command line `truezero`, a file a command. It says what to do; the layers below do it."""

from __future__ import annotations

from truezero.cli.app import app, main

__all__ = ["app", "main"]
