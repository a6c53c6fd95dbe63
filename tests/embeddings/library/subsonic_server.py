"""A Subsonic server on this machine: it answers as Navidrome does, or as others do, and can be in trouble."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

USER, PASSWORD = "alice", "søsame?&"


@dataclass(slots=True)
class SubsonicServer:
    """What it says of its scans, and how it behaves."""

    url: str = ""
    status: dict[str, Any] = field(default_factory=dict)
    takes_tokens: bool = True
    without_tokens: int = 10
    """What it answers to a salted password when it does not take them: supysonic says 10, others 41."""
    body: bytes | None = None
    """Said instead of an answer."""
    code: int = 200
    moved_to: str = ""
    silent: threading.Event | None = None
    """Answers are held back until it is set."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and form of each question."""

    def finish_scan(self, *, at: str, count: int) -> None:
        """Say that it scanned, as Navidrome says it."""
        more = {"folderCount": 3, "scanType": "quick", "elapsedTime": 12, "error": ""}
        self.status = {"scanning": False, "count": count, "lastScan": at, **more}

    def answer(self, form: dict[str, str]) -> bytes:
        """The envelope."""
        if self.body is not None:
            return self.body
        failure = self._failure(form)
        said = {"status": "failed", "error": failure} if failure else {"status": "ok", "scanStatus": self.status}
        envelope = {"version": "1.16.1", "type": "navidrome", "serverVersion": "0.63.2", "openSubsonic": True}
        return json.dumps({"subsonic-response": envelope | said}).encode()

    def _failure(self, form: dict[str, str]) -> dict[str, Any] | None:
        salted = hashlib.md5((PASSWORD + form.get("s", "")).encode(), usedforsecurity=False).hexdigest()
        plain = "enc:" + PASSWORD.encode().hex()
        if "t" in form and not self.takes_tokens:
            return {"code": self.without_tokens, "message": "No tokens here."}
        if form.get("u") == USER and (form.get("t") == salted or form.get("p") == plain):
            return None
        return {"code": 40, "message": "Wrong username or password."}


@contextmanager
def serving() -> Iterator[SubsonicServer]:
    """Serve on a free port until the end."""
    said = SubsonicServer()

    class Requests(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            written = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(written).items()}
            said.asked.append((self.path, form))
            if said.silent is not None:
                said.silent.wait(30)
            self.send_response(said.code)
            if said.moved_to:
                self.send_header("Location", said.moved_to)
            self.end_headers()
            self.wfile.write(said.answer(form))

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
    server.daemon_threads = True
    said.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield said
    if said.silent is not None:
        said.silent.set()
    server.shutdown()
    server.server_close()
    thread.join()
