"""A hub on this machine: the addresses and headers of the real one, the files of the test, and its troubles."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LARGE = 1_000_000
"""Larger files lie elsewhere and are redirected to, as on the real hub."""

BLOCK = 1_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One request."""

    method: str
    path: str
    start: int


@dataclass(slots=True)
class HubServer:
    """What the hub holds, by `repository/resolve/revision/name`, and what goes wrong with it."""

    files: dict[str, bytes]
    commits: dict[str, str] = field(default_factory=dict)
    """Commit of a branch."""
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Status and error code by the beginning of an address."""
    claims: dict[str, int] = field(default_factory=dict)
    """Sizes that are said in place of the true ones, by the end of an address."""
    cuts: list[int] = field(default_factory=list)
    """After how many bytes the connection of each coming download of a large file breaks."""
    shortened: int | None = None
    """How many bytes of large files there are all of a sudden."""
    strange: bool = False
    """It is no hub: its answers lack what a hub says."""
    pause: Callable[[int], object] = lambda _sent: None
    """Called in the middle of large files with the bytes that have been sent."""

    def bodies(self) -> list[Asked]:
        """Downloads of large files."""
        return [asked for asked in self.asked if asked.path.startswith("/cdn/")]

    def names(self) -> set[str]:
        """Names of the files that were asked for."""
        return {asked.path.rpartition("/")[2] for asked in self.asked if "/resolve/" in asked.path}

    def commit(self, path: str) -> str:
        """Commit that an address leads to."""
        revision = path.partition("/resolve/")[2].partition("/")[0]
        return self.commits.get(revision, revision)

    def content(self, path: str) -> bytes | None:
        """The file at an address."""
        if path.startswith("/cdn/"):
            return next((file for file in self.files.values() if path.endswith(hashlib.sha256(file).hexdigest())), None)
        repository, _, rest = path.strip("/").partition("/resolve/")
        return self.files.get(f"{repository}/resolve/{self.commit(path)}/{rest.partition('/')[2]}")


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[HubServer]:
    """Serve until the block ends."""
    hub = HubServer(dict(files))
    server = _Server(hub)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: HubServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        hub.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub = self.server.hub
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        hub.asked.append(Asked(self.command, self.path, start))
        refused = next((words for prefix, words in hub.refusals.items() if self.path.startswith(prefix)), None)
        content = hub.content(self.path)
        if refused or content is None:
            self._say(*(refused or (404, "EntryNotFound")))
        elif self.path.startswith("/cdn/"):
            self._send(content[: hub.shortened], start)
        else:
            self._resolve(content)

    def _say(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _resolve(self, content: bytes) -> None:
        hub = self.server.hub
        size = next((size for end, size in hub.claims.items() if self.path.endswith(end)), len(content))
        large = max(size, len(content)) > LARGE
        self.send_response(302 if large else 200)
        if not hub.strange:
            self.send_header("X-Repo-Commit", hub.commit(self.path))
        if large:
            digest = hashlib.sha256(content).hexdigest()
            self.send_header("Location", f"{hub.url}/cdn/{digest}")
            self.send_header("X-Linked-Etag", f'"{digest}"')
            self.send_header("X-Linked-Size", str(size))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("Content-Length", "0" if large else str(size))
        self.end_headers()
        if self.command == "GET" and not large:
            self.wfile.write(content)

    def _send(self, content: bytes, start: int) -> None:
        if start >= len(content):
            self._say(416, "")
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        hub = self.server.hub
        end = hub.cuts.pop(0) if hub.cuts else len(content)
        for place in range(start, min(end, len(content)), BLOCK):
            self.wfile.write(content[place : min(place + BLOCK, end)])
            hub.pause(min(place + BLOCK, end))
        self.close_connection = end < len(content)

    def log_message(self, *_words: Any) -> None:
        """Nobody reads it."""
