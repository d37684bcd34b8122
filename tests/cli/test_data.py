"""`truezero data`: what it says, in lines and in JSON, and how it ends."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from unreliable_server import Behaviour, serving

from truezero.cli.app import run
from truezero.datasets.named import NamedDataset, RemoteFile
from truezero.datasets.registry import NAMED

CONTENT = bytes(range(256)) * 800


def known(url: str, content: bytes = CONTENT) -> NamedDataset:
    return NamedDataset(
        "far-away", "from a server", lambda folders: NAMED["digits"].load(folders),
        lambda folders: () if (folders[0] / "a.bin").is_file() else ("a.bin",),
        "a licence", "https://example.org/", "far-away",
        downloads=(RemoteFile("a.bin", url, "sha256:" + hashlib.sha256(content).hexdigest()),),
    )  # fmt: skip


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(["data", *arguments]) == code
    out, err = capsys.readouterr()
    assert code == 0 or err.count("\n") <= 12
    return out, err


def test_fetch_then_verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    place = ("--data-dir", str(tmp_path))
    with serving(Behaviour(CONTENT)) as url:
        monkeypatch.setitem(NAMED, "far-away", known(url))
        out, _ = said(capsys, "list", "far-away", *place)
        assert "missing" in out
        assert "licence: a licence" in out
        assert "`truezero data fetch far-away`" in out
        _, err = said(capsys, "verify", "far-away", *place, code=2)
        assert err == "truezero: far-away: a.bin is not there\n"
        out, err = said(capsys, "fetch", "far-away", *place)
        assert out == f"{tmp_path / 'far-away' / 'a.bin'}\n"
        assert err.splitlines()[-1] == "a.bin: 0.2 of 0.2 MB"
        out, err = said(capsys, "fetch", "far-away", "--json", *place)
        assert json.loads(out)["files"] == [str(tmp_path / "far-away" / "a.bin")]
        assert err == ""
    out, _ = said(capsys, "verify", *place)
    assert "far-away           good" in out
    (tmp_path / "far-away" / "a.bin").write_bytes(b"?")
    out, err = said(capsys, "verify", "far-away", "--json", *place, code=2)
    assert json.loads(out)["far-away"][0]["state"] == "changed"
    assert "a.bin is not what is published (sha256:" in err


def test_what_fails_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    place = ("--data-dir", str(tmp_path))
    with serving(Behaviour(CONTENT, codes=[404])) as url:
        monkeypatch.setitem(NAMED, "far-away", known(url))
        assert said(capsys, "fetch", "far-away", *place, code=2)[1] == (
            f"truezero: cannot get a.bin from {url}: the server says 404 Not Found; see whether it has moved\n"
        )
    for arguments, message in (
        (("fetch", "mnits"), "unknown data set 'mnits' (did you mean 'mnist'?)"),
        (("verify", "mnits"), "unknown data set 'mnits' (did you mean 'mnist'?)"),
        (("make", "mnits"), "unknown data set 'mnits' (did you mean 'mnist'?)"),
        (("list", "mnits"), "unknown data set 'mnits'"),
        (("fetch", "digits"), "digits cannot be downloaded; it needs no files"),
        (
            ("make", "norb-toys", "--size", "huge"),
            "size must be 'smoke', 'laptop', 'paper' or a whole number",
        ),
        (("make", "norb-toys", "--size", "0"), "size must be 'smoke', 'laptop', 'paper' or a whole"),
        (("make", "norb-toys", "--size", "9" * 5000), "size must be 'smoke', 'laptop', 'paper' or a whole"),
        (("make", "norb-toys", "--size", "9"), "n_train must be at least 10"),
        (("make", "digits"), "digits is not made; it is generated whenever it is loaded"),
    ):
        assert said(capsys, *arguments, *place, code=2)[1].startswith(f"truezero: {message}")


def test_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed: list[dict[str, Any]] = json.loads(said(capsys, "list", "--json", "--data-dir", str(tmp_path))[0])
    assert [data["name"] for data in listed] == list(NAMED)
    assert {bool(data["how"]) for data in listed} == {bool(data["location"]) for data in listed}
    out, _ = said(capsys, "list", "--data-dir", str(tmp_path))
    assert "stands in for CIFAR-10" in out


def test_make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made = NamedDataset(
        "made", "", NAMED["digits"].load, folder="made", make=lambda making: making.report(f"{making.size} {making.seed}")
    )  # fmt: skip
    monkeypatch.setitem(NAMED, "made", made)
    out, err = said(capsys, "make", "made", "--size", "smoke", "--seed", "5", "--data-dir", str(tmp_path))
    assert out == f"{tmp_path / 'made'}\n"
    assert err == "making made: smoke 5\n"


def test_ctrl_c_keeps_what_came(tmp_path: Path) -> None:
    """A download that is interrupted says so in one line, and its part stays."""
    script = (
        "import sys, truezero.datasets.registry as r; from truezero.cli import main; sys.path[:0] = [{tests!r}]; "
        "from cli.test_data import known; r.NAMED['far-away'] = known({url!r}); sys.exit(main())"
    )
    with serving(Behaviour(CONTENT, said=10)) as url:
        # It is never whole: the server promises ten bytes more.
        process = subprocess.Popen(
            [sys.executable, "-c", script.format(url=url, tests=str(Path(__file__).parents[1])), "data", "fetch",
             "far-away", "--data-dir", str(tmp_path)],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        partial = tmp_path / "far-away" / "a.bin.partial"
        end = time.monotonic() + 60
        while not (partial.is_file() and partial.stat().st_size) and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert process.stderr is not None
    with process.stderr as said_last:
        assert said_last.read().splitlines()[-1] == "truezero: interrupted"
    assert partial.stat().st_size == len(CONTENT)
    assert [path.name for path in partial.parent.iterdir()] == [partial.name]
