"""One supervised program: its patience, its last words, and what it had started."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedder_site.supervisor.service import LOG_BYTES, Service, ServiceSpec
from tests.services import until


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


def python(code: str, tmp_path: Path, lock: int) -> Service:
    spec = ServiceSpec(name="it", about="", command=[sys.executable, "-c", code], answers=lambda _pid: True)
    return Service(spec, tmp_path, lock)


def test_it_waits_longer_after_each_death(tmp_path: Path, lock: int) -> None:
    service = python("raise SystemExit(3)", tmp_path, lock)
    delays = []
    for _ in range(3):
        service.start()
        until(lambda: not service.running)
        delays.append(service.bury())
    assert delays == [1.0, 2.0, 4.0]
    assert service.how_it_ended() == "ended with code 3"


def test_its_last_words_are_those_of_its_last_life(tmp_path: Path, lock: int) -> None:
    (tmp_path / "it.log").write_text("an older life\n")
    service = python("print('out of memory')", tmp_path, lock)
    service.start()
    until(lambda: not service.running)
    assert service.last_lines().strip() == "out of memory"


def test_what_it_started_ends_with_it(tmp_path: Path, lock: int) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)"
    )
    service = python(code, tmp_path, lock)
    service.start()
    until(lambda: service.last_lines().strip().isdigit())
    grandchild = int(service.last_lines())
    assert service.end() is False
    until(
        lambda: not Path(f"/proc/{grandchild}/cmdline").exists() or not Path(f"/proc/{grandchild}/cmdline").read_bytes()
    )


def test_a_large_log_is_set_aside(tmp_path: Path, lock: int) -> None:
    (tmp_path / "it.log").write_bytes(b"x" * (LOG_BYTES + 1))
    service = python("print('new')", tmp_path, lock)
    service.start()
    until(lambda: not service.running)
    assert (tmp_path / "it.log").read_text() == "new\n"
    assert (tmp_path / "it.log.1").stat().st_size == LOG_BYTES + 1
