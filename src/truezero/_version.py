"""The package's version, in one place for Python; the build reads it from pyproject.toml."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("truezero")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"
