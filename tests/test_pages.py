"""What the pages show is so: their Python runs, their commands exist, their links lead somewhere.

A page's blocks run one after another, as a reader would run them. A block that cannot run everywhere says why in its
first line, "# Not run by the tests: it needs …"; of it only what it imports of truezero is looked for.
"""

from __future__ import annotations

import ast
import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from truezero import analysis
from truezero.cli.app import app
from truezero.cli.command import Deferred

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
NOT_RUN = "# Not run by the tests: it needs "
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Code of one language on a page, with the number of lines above it."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, b.start(2)), b[2]) for b in _BLOCK.finditer(text) if b[1] == language]


def parameters(pages: list[Path]) -> list[Any]:
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


@pytest.mark.parametrize("page", parameters([page for page in PAGES if blocks(page, "python")]))
def test_python_of(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for above, block in blocks(page, "python"):
        code = "\n" * above + block  # so that an error has the page's line
        if block.startswith(NOT_RUN):
            ours: list[ast.stmt] = [
                node
                for node in ast.parse(code).body
                if isinstance(node, (ast.Import, ast.ImportFrom)) and "truezero" in ast.unparse(node)
            ]
            exec(compile(ast.Module(ours, []), str(page), "exec"), {})
        else:
            exec(compile(code, str(page), "exec"), names)


def test_most_blocks_run() -> None:
    found = [block for page in PAGES for _, block in blocks(page, "python")]
    assert len(found) > 15
    assert sum(block.startswith(NOT_RUN) for block in found) <= 6


def test_pages_of_analysis_show_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ROOT / "docs" / "analysis.md"
    test_python_of(page, tmp_path, monkeypatch)
    assert capsys.readouterr().out.count("[") == 2
    assert (tmp_path / "two-rectifiers.png").stat().st_size > 5000
    for name in re.findall(r"^\|.*\| (.*) \|$", page.read_text(encoding="utf-8"), re.MULTILINE):
        for function in re.findall(r"`([a-z_]+)`", name):
            assert function in analysis.__all__


def test_the_page_of_logs_shows_a_row_for_each_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    test_python_of(ROOT / "docs" / "progress.md", tmp_path, monkeypatch)
    runs = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert runs == ["1", "2", "3", "4", "5"]


def test_figures_of_the_defaults_are_those_of_the_results() -> None:
    measured = runpy.run_path(str(ROOT / "benchmarks" / "beside_scikit_learn.py"))
    page = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    assert measured["tables"](ROOT / "results" / "beside-scikit-learn") in page


def commands(page: Path) -> list[list[str]]:
    """Words of the commands of truezero's that a page shows in blocks."""
    lines = "".join(block.replace("\\\n", " ") for _, block in blocks(page, "")).splitlines()
    return [shlex.split(line, comments=True)[1:] for line in lines if re.match(r"truezero [a-z]", line)]


@pytest.mark.parametrize("page", parameters([page for page in PAGES if commands(page)]))
def test_commands_of(page: Path) -> None:
    for words in commands(page):
        command: Any = typer.main.get_command(app)
        context = command.context_class(command, info_name="truezero")
        while hasattr(command, "list_commands"):
            assert words[0] in command.list_commands(context), words
            command = command.get_command(context, words.pop(0))
            command = command.imported() if isinstance(command, Deferred) else command
        known = {option for p in command.get_params(context) for option in [*p.opts, *p.secondary_opts]}
        named = {word.split("=")[0] for word in words if word.startswith("--")}
        assert named <= known, words


def test_there_are_commands() -> None:
    assert len(commands(ROOT / "README.md")) > 15


@pytest.mark.parametrize("page", parameters(PAGES))
def test_links_of(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        target, _, heading = link.partition("#")
        if ":" in target:
            continue
        place = page.parent / target if target else page
        assert place.exists(), link
        if heading and place.suffix == ".md":
            assert heading in headings(place), link


def headings(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}
