"""The reference on the pages is whole: every public name is listed, every parameter documented, every command there."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
from pathlib import Path
from typing import Any, Protocol

import pytest
from numpydoc_sections import parameters, section

import truezero
from truezero.cli.app import COMMANDS

DOCS = Path(__file__).parents[1] / "docs"
MODULES = ("truezero", "analysis", "datasets", "engines", "interchange", "training")


def load_pages() -> Any:
    """The extension that puts the reference into the pages."""
    found = importlib.util.spec_from_file_location("pages", DOCS / "_site" / "pages.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


pages = load_pages()


def public() -> dict[str, Any]:
    """Public names with what they stand for; a thing that two modules have is there once."""
    found: dict[str, Any] = {}
    for name in MODULES:
        module = truezero if name == "truezero" else importlib.import_module(f"truezero.{name}")
        for public_name in module.__all__:
            made = getattr(module, public_name)
            if public_name != "__version__" and not inspect.ismodule(made) and made not in found.values():
                found[f"{module.__name__}.{public_name}"] = made
    return found | {"truezero.presets.paper": truezero.presets.paper}


PUBLIC = public()


def test_every_public_name_is_on_a_page_once() -> None:
    listed = [
        f"{module}.{name}"
        for page in DOCS.glob("*.md")
        for module, names in pages.listed(page.read_text(encoding="utf-8")).items()
        for name in names
    ]
    assert sorted(listed) == sorted(PUBLIC)


def _with_parameters() -> list[Any]:
    """Functions, and classes that are called: no exceptions, protocols, and dicts with keys of their own."""
    return [
        pytest.param(made, id=name)
        for name, made in PUBLIC.items()
        if inspect.isfunction(made)
        or (
            inspect.isclass(made)
            and not issubclass(made, (Exception, dict))
            and Protocol not in made.__bases__
        )
    ]


@pytest.mark.parametrize("made", _with_parameters())
def test_every_parameter_is_documented(made: Any) -> None:
    documented = section(made, "Parameters")
    if inspect.isclass(made):  # fields of a dataclass are attributes, too
        assert set(parameters(made)) <= {*documented, *section(made, "Attributes")}
    else:
        assert documented == parameters(made)


@pytest.mark.parametrize("name", truezero.__all__)
def test_every_method_of_classes(name: str) -> None:
    made = getattr(truezero, name)
    if not inspect.isclass(made):
        return
    for method_name, method in inspect.getmembers(made, inspect.isfunction):
        if not method_name.startswith("_") and (method.__module__ or "").startswith("truezero"):
            assert section(method, "Parameters") == parameters(method), method_name


def test_the_reference_of_commands_has_all_options() -> None:
    text = pages.commands()
    for command in COMMANDS:
        assert f"## truezero {command}\n" in text
    for option in ("--hidden-layer-sizes", "--pretrain-max-iter", "--max-features", "--debug", "--data-dir"):
        assert f"`{option}" in text or f", {option}" in text, option
    assert "truezero data fetch" in text


def test_pages_become_a_tree() -> None:
    page = pages.with_tree((DOCS / "index.md").read_text(encoding="utf-8"))
    listed = {line.split("<")[1].rstrip(">") for line in page.splitlines() if line.endswith(">")}
    there = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert there <= listed
