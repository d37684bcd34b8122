"""Downloads from a server that fails in the ways that servers fail: it comes whole, or one line says why not."""

from __future__ import annotations

import hashlib
import stat
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from unreliable_server import Behaviour, free_port, serving

from truezero.datasets.download import Patience
from truezero.datasets.fetching import check_files, fetch_files
from truezero.datasets.named import RemoteFile
from truezero.errors import DataError, FileError

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
PATIENCE = Patience(seconds=0.3, tries=3, pause=0.01)
FILE = "file.bin"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def fetch(
    url: str,
    folder: Path,
    size: int | None = None,
    checksum: str = SHA256,
    told: Callable[[str, int, int | None], None] = lambda *told: None,
) -> bytes:
    (path,) = fetch_files([RemoteFile(FILE, url, checksum, size)], [folder], told, PATIENCE)
    return path.read_bytes()


def left(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


HARMLESS: dict[str, Callable[[], Behaviour]] = {
    "well": lambda: Behaviour(CONTENT),
    "no length": lambda: Behaviour(CONTENT, chunked=True),
    "cut twice": lambda: Behaviour(CONTENT, cuts=[100_000, 150_000]),
    "cut, without parts": lambda: Behaviour(CONTENT, cuts=[100_000], ranges=False),
    "cut at once": lambda: Behaviour(CONTENT, cuts=[0, 0]),
    "stalls": lambda: Behaviour(CONTENT, stalls=2),
    "busy": lambda: Behaviour(CONTENT, codes=[503, 500]),
    "redirected": lambda: Behaviour(CONTENT, redirects=3),
    "cut and redirected": lambda: Behaviour(CONTENT, redirects=2, cuts=[5]),
}


@pytest.mark.parametrize("size", [None, len(CONTENT)])
@pytest.mark.parametrize("how", HARMLESS)
def test_what_comes_in_the_end_is_whole(tmp_path: Path, how: str, size: int | None) -> None:
    with serving(HARMLESS[how]()) as url:
        assert fetch(url, tmp_path / "new", size) == CONTENT
    assert left(tmp_path / "new") == {FILE: len(CONTENT)}
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert stat.S_IMODE((tmp_path / "new" / FILE).stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_only_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    behaviour = Behaviour(CONTENT, cuts=[100_000, 150_000])
    with serving(behaviour) as url:
        fetch(url, tmp_path)
    assert behaviour.starts == [0, 100_000, 250_000]
    with serving(Behaviour(b"")) as url:  # it is there: nobody is asked
        assert fetch(url, tmp_path) == CONTENT


def test_an_interrupted_download_goes_on(tmp_path: Path) -> None:
    def interrupt(name: str, n: int, total: int | None) -> None:
        assert (name, total) == (FILE, len(CONTENT))
        if n > 100_000:
            raise KeyboardInterrupt

    behaviour = Behaviour(CONTENT)
    with serving(behaviour) as url:
        with pytest.raises(KeyboardInterrupt):
            fetch(url, tmp_path, told=interrupt)
        ((name, n),) = left(tmp_path).items()
        assert name == FILE + ".partial"
        assert 100_000 < n < len(CONTENT)
        assert fetch(url, tmp_path) == CONTENT
    assert behaviour.starts == [0, n]


@pytest.mark.parametrize("n", [10, len(CONTENT), len(CONTENT) + 5])
@pytest.mark.parametrize("size", [None, len(CONTENT)])
def test_parts_of_another_file_are_not_put_together(tmp_path: Path, n: int, size: int | None) -> None:
    (tmp_path / f"{FILE}.partial").write_bytes(b"x" * n)
    with serving(Behaviour(CONTENT)) as url:
        assert fetch(url, tmp_path, size) == CONTENT
    assert left(tmp_path) == {FILE: len(CONTENT)}


@pytest.mark.parametrize(
    ("behaviour", "size", "message", "kept"),
    [
        (Behaviour(CONTENT, codes=[404]), None, "the server says 404 Not Found; see whether it has moved", {}),
        (Behaviour(CONTENT, codes=[403]), None, "the server says 403", {}),
        (Behaviour(CONTENT, codes=[500] * 9), None, r"says 500 Internal Server Error \(tried 3 times\)", {}),
        (Behaviour(CONTENT, stalls=9), None, r"nothing came for 0\.3 seconds \(tried 3 times\)", None),
        (Behaviour(CONTENT, redirects=40), None, "redirected too often", {}),
        (Behaviour(CONTENT, cuts=[10] + [0] * 9), None, "cut off after 10 of 300000 bytes", {f"{FILE}.partial": 10}),
        (Behaviour(CONTENT, said=7, ranges=False), None, "cut off after 300000 of 300007 bytes", None),
        (Behaviour(CONTENT, said=-7), None, "its checksum is not sha256:.*; it was removed", {}),
        (Behaviour(CONTENT, said=-7), len(CONTENT), "says it has 299993 bytes, it should have 300000", {}),
        (Behaviour(CONTENT[:-1] + b"?"), None, "is not file.bin as published: its checksum", {}),
        (Behaviour(CONTENT + b"?"), len(CONTENT), "says it has 300001 bytes, it should have 300000", {}),
        (Behaviour(CONTENT + b"?", chunked=True), len(CONTENT), "sends more than 300000 bytes", {}),
    ],
)  # fmt: skip
def test_what_fails_is_said_in_one_line(
    tmp_path: Path, behaviour: Behaviour, size: int | None, message: str, kept: dict[str, int] | None
) -> None:
    with serving(behaviour) as url, pytest.raises(DataError, match=message) as raised:
        fetch(url, tmp_path, size)
    assert "\n" not in str(raised.value)
    assert url in str(raised.value)
    assert kept is None or left(tmp_path) == kept
    assert not (tmp_path / FILE).exists()


def test_nobody_there(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(DataError, match=r"127.0.0.1:\d+/file.bin: .*refused \(tried 3 times\)"):
        fetch(f"http://127.0.0.1:{free_port()}/file.bin", tmp_path)
    with pytest.raises(DataError, match="cannot get file.bin from nonsense"):
        fetch("nonsense", tmp_path)
    assert time.monotonic() - began < 5


def test_a_file_that_is_there_and_another_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"mine")
    with pytest.raises(DataError, match=r"is there, but is not what is published .*; move it away"):
        fetch("http://127.0.0.1:1/file.bin", tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"mine"


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(FileError, match="cannot write into the folder .*plain"):
        fetch("http://127.0.0.1:1/file.bin", tmp_path / "plain")


def test_checksums(tmp_path: Path) -> None:
    published = [
        RemoteFile("a", "", "md5:" + hashlib.md5(b"a").hexdigest()),
        RemoteFile("b", "", "sha1:" + hashlib.sha1(b"b").hexdigest()),
        RemoteFile("c", "", SHA256, also=("md5:" + hashlib.md5(b"c").hexdigest(),)),
        RemoteFile("d.gz", "", SHA256),
        RemoteFile("e", "", SHA256),
    ]
    for name, content in (("a", b"a"), ("b", b"x"), ("c", b"c"), ("d", b"d")):
        (tmp_path / name).write_bytes(content)
    states = [checked.state for checked in check_files(published, [tmp_path / "empty", tmp_path])]
    assert states == ["good", "changed", "good", "no checksum", "missing"]
