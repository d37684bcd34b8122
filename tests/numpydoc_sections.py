"""What docstrings document, and what signatures have."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any


def section(documented: Any, title: str) -> list[str]:
    """Names that a section of a numpydoc docstring has entries for."""
    text = inspect.getdoc(documented) or ""
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^[^\n]+\n-{{3,}}$|\Z)", text, re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^\S.*$", found[1], re.MULTILINE) if found else []
    return [name.strip(" *") for head in heads for name in head.split(" : ")[0].split(",")]


def parameters(function: Callable[..., Any]) -> list[str]:
    """Names of a function's or class's parameters."""
    return [name for name in inspect.signature(function).parameters if name != "self"]
