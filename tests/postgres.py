"""A PostgreSQL of our own for tests: `python -m tests.postgres COMMAND...` runs a command with TEST_DATABASE_URL set.

Debian keeps the server's programs off the PATH, and the server refuses to run as root: then it
runs as the user `postgres`, or as `nobody`.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.services import answers, free_port, until

DEBIAN = "/usr/lib/postgresql"
USER = "embedder"
SLOPPY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""A test's data need not outlive the machine."""


def programs() -> Path | None:
    """The folder that holds `initdb` and `postgres`; None where PostgreSQL is not installed."""
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    versions = sorted(Path(DEBIAN).glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class Cluster:
    """One server with one database, in a temporary folder."""

    def __init__(self, *, durable: bool = False) -> None:
        """Prepare it; durable, it flushes every commit to the disk as a user's does."""
        found = programs()
        if found is None:
            raise FileNotFoundError("PostgreSQL is not installed here (Debian, Ubuntu: apt install postgresql)")
        self._programs = found
        self._user = _unprivileged()
        self._folder = Path(tempfile.mkdtemp(prefix="embedder-postgres-"))
        self._password = secrets.token_hex(8)
        self._port = free_port()
        self._sloppy = () if durable else SLOPPY
        self._server: subprocess.Popen[bytes] | None = None

    def url(self, name: str = USER) -> str:
        """The address of one of its databases, as DATABASE_URL takes it."""
        return f"postgres://{USER}:{self._password}@127.0.0.1:{self._port}/{name}"

    def environment(self) -> Mapping[str, str]:
        """What `tests/settings.py` and the tests' own workers read."""
        return {"TEST_DATABASE_URL": self.url(), "TEST_WORKER_DATABASE_URL": self.url(f"test_{USER}")}

    def __enter__(self) -> Self:
        self._initialise()
        options = [
            part for each in (*self._sloppy, "unix_socket_directories=", "max_connections=200") for part in ("-c", each)
        ]
        command = [str(self._programs / "postgres"), "-D", str(self._folder / "cluster"), "-h", "127.0.0.1"]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*command, "-p", str(self._port), *options], stdout=log, stderr=log, user=self._user, cwd=self._folder
            )
        until(lambda: answers(self._port) or self._ended())
        if self._ended():
            raise RuntimeError((self._folder / "log").read_text())
        self.create(USER)
        return self

    def __exit__(self, *_: object) -> None:
        if self._server and not self._ended():
            # Fast shutdown: sessions that tests left open are ended.
            self._server.send_signal(signal.SIGINT)
            self._server.wait(timeout=60)
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, name: str) -> str:
        """Add an empty database; its address."""
        import psycopg

        def created() -> bool:
            # The port accepts a moment before the server does.
            with suppress(psycopg.OperationalError), psycopg.connect(self.url("postgres"), autocommit=True) as session:
                session.execute(f'CREATE DATABASE "{name}"'.encode())
                return True
            return False

        until(created)
        return self.url(name)

    def _initialise(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        if self._user is not None:
            for place in (self._folder, secret):
                os.chown(place, self._user, -1)
        options = ["--username", USER, "--auth", "scram-sha-256", "--pwfile", str(secret), "--encoding", "UTF8"]
        command = [str(self._programs / "initdb"), "-D", str(self._folder / "cluster"), "--no-sync", *options]
        made = subprocess.run(command, user=self._user, cwd=self._folder, capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")

    def _ended(self) -> bool:
        return self._server is None or self._server.poll() is not None


def _unprivileged() -> int | None:
    """Whom the server runs as where we are root; None for ourselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return known.get("postgres", known["nobody"])


def main(command: list[str]) -> int:
    """Run the command beside a fresh cluster; its exit code."""
    if programs() is None:
        print("PostgreSQL is not installed here (Debian, Ubuntu: apt install postgresql).", file=sys.stderr)  # noqa: T201
        return 1
    with Cluster() as cluster:
        return subprocess.run(command, env={**os.environ, **cluster.environment()}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
