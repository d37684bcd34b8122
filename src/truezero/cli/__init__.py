"""The command line `truezero`. It only says what to do; the doing is in the layers below."""

from __future__ import annotations

from truezero.cli.app import app, main

__all__ = ["app", "main"]
