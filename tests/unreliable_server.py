"""A small HTTP server on 127.0.0.1 that fails in the ways that servers fail."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Behaviour:
    """What is served, and how.

    Attributes
    ----------
    content : bytes
    ranges : bool
        Whether parts are given.
    cuts : list of int
        After how many bytes the connection is cut, request by request; then no more.
    codes : list of int
        Answers of the first requests.
    stalls : int
        Requests, the first ones, that get nothing after their headers.
    said : int
        What is added to the length that is said.
    chunked : bool
        Say no length.
    redirects : int
        To go through first.
    starts : list of int
        Where what was asked for began, request by request.
    """

    content: bytes
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    stalls: int = 0
    said: int = 0
    chunked: bool = False
    redirects: int = 0
    starts: list[int] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *of: Any) -> None: ...

    def do_GET(self) -> None:
        how: Behaviour = self.server.behaviour  # type: ignore[attr-defined]
        self.close_connection = True
        step = int(self.path.rpartition("/")[2]) if self.path.rpartition("/")[2].isdigit() else 0
        if step < how.redirects:
            self._head(302, Location=f"/{step + 1}")
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and how.ranges else 0
        how.starts.append(int(asked[1]) if asked else 0)
        if how.codes:
            self._head(how.codes.pop(0))
            return
        if asked and how.ranges and start >= len(how.content):
            self._head(416, Content_Range=f"bytes */{len(how.content)}")
            return
        body = how.content[start:]
        about: dict[str, Any] = {} if how.chunked else {"Content_Length": len(body) + how.said}
        if asked and how.ranges:
            about["Content_Range"] = f"bytes {start}-{len(how.content) - 1}/{len(how.content)}"
        self._head(206 if asked and how.ranges else 200, **about)
        if how.stalls:
            how.stalls -= 1
            how.released.wait(20)
            return
        self.wfile.write(body[: how.cuts.pop(0)] if how.cuts else body)

    def _head(self, code: int, **about: Any) -> None:
        self.send_response(code)
        for name, value in about.items():
            self.send_header(name.replace("_", "-"), str(value))
        if "Content_Length" not in about and code != 200:
            self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    behaviour: Behaviour

    def handle_error(self, *of: Any) -> None: ...  # of clients that go away


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[str]:
    """Serve on a free port; gives the address of the file."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.behaviour = behaviour
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/file.bin"
        finally:
            behaviour.released.set()
            server.shutdown()
            thread.join()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
