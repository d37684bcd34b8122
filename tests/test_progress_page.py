"""The code of docs/progress.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "progress.md"


def test_code_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(block, PAGE.name, "exec"), names)
    runs = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:-1]]
    assert runs == ["1", "2", "3", "4", "5"]
