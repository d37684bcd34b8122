"""The code of docs/analysis.md runs as it stands, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from truezero import analysis

PAGE = Path(__file__).parents[1] / "docs" / "analysis.md"


def test_code_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page, names = PAGE.read_text(encoding="utf-8"), dict[str, object]()
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, PAGE.name, "exec"), names)
    assert capsys.readouterr().out.count("[") == 2
    assert (tmp_path / "two-rectifiers.png").stat().st_size > 5000
    for name in re.findall(r"^\|.*\| (.*) \|$", page, re.MULTILINE):
        for function in re.findall(r"`([a-z_]+)`", name):
            assert function in analysis.__all__
    for picture in re.findall(r"\]\((images/.*?)\)", page):
        assert (PAGE.parent / picture).is_file()
