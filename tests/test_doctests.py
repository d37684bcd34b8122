"""The examples in docstrings, and in the README, do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import truezero

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(truezero.__path__, "truezero.")
    if not module.name.endswith("__main__")
)


def _with_examples() -> list[str]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = []
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:  # of what is not installed; its own tests say so
            continue
        if any(test.examples for test in finder.find(module, name)):
            found.append(name)
    return found


@pytest.mark.parametrize("name", _with_examples())
def test_examples_of(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0


def test_there_are_examples() -> None:
    assert {"truezero.estimators.classifier", "truezero.estimators.regressor"} <= set(_with_examples())
