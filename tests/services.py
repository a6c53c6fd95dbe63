"""Servers that tests use: the real ones, on free ports, in temporary folders."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from django.db import connection

READY_SECONDS = 120.0
"""Far more than anything takes by itself: several tests, and the programs that they start, may share a core."""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Callable[[], bool], *, seconds: float = READY_SECONDS) -> None:
    """Wait for something that happens in another process."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing happened within {seconds} s")
        time.sleep(0.02)


def database_url() -> str:
    """The tests' own database, for programs that they start."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return f"{os.environ['TEST_DATABASE_URL'].rpartition('/')[0]}/{name}"


class LiteServer:
    """The guarded Milvus Lite server as its own process, which can be stopped, killed and started again."""

    def __init__(self, folder: Path, *, memtable_bytes: int | None = None) -> None:
        self.folder = folder
        self._environment = dict(os.environ)
        if memtable_bytes is not None:
            self._environment["MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES"] = str(memtable_bytes)
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """How it is started."""
        module = [sys.executable, "-m", "embeddings.store.lite_server"]
        return [*module, "--data-dir", str(self.folder / "milvus"), "--port", str(self.port)]

    def start(self) -> Self:
        """Start it and wait until it answers."""
        command = [*self.command(), "--die-with-parent", str(os.getpid())]
        with (self.folder / "milvus.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        until(lambda: answers(self.port) or self._ended())
        if self._ended():
            raise RuntimeError((self.folder / "milvus.log").read_text())
        return self

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it and wait for the end."""
        assert self._process is not None
        self.send(number)
        return self._process.wait(timeout=60)

    def end(self) -> int | None:
        """Stop it if it still runs."""
        return None if self._ended() else self.stop()

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None


@pytest.fixture(scope="session")
def milvus_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Milvus server for the whole test session."""
    server = LiteServer(tmp_path_factory.mktemp("milvus")).start()
    yield server.uri
    server.stop()
