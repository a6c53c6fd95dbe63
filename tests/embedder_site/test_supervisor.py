"""The supervisor with small programs of our own: who is watched, who is quoted, who is stopped."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedder_site.supervisor.service import ServiceSpec
from embedder_site.supervisor.supervisor import ServiceFailed, Stopping, Supervisor
from tests.embedder_site.running import BASE_DIR

FULL = "print('the disk is full', flush=True); raise SystemExit(5)"
IDLE = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


class Stage:
    """A supervisor and what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
        self.supervisor = Supervisor(folder, self.lock, self.said.append)

    def launch(self, code: str, *, ready_when: str = "", stop_seconds: float = 10.0) -> None:
        """Start a program that counts as ready once its log holds some words."""
        log = self.folder / "it.log"
        command = [sys.executable, "-c", code]
        spec = ServiceSpec(
            name="it",
            about="",
            command=command,
            answers=lambda _pid: ready_when in log.read_text(),
            stop_seconds=stop_seconds,
        )
        self.supervisor.launch(spec)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.supervisor.stop()
    os.close(made.lock)


@pytest.fixture
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, reaction in before.items():
        signal.signal(number, reaction)


def test_a_service_that_does_not_come_up_is_quoted(stage: Stage) -> None:
    stage.launch(FULL, ready_when="never")
    with pytest.raises(ServiceFailed, match=r"(?s)it ended with code 5.*the disk is full"):
        stage.supervisor.wait_until_ready()


def test_a_service_that_keeps_dying_is_quoted(stage: Stage) -> None:
    stage.launch(FULL, ready_when="never")
    log = stage.folder / "it.log"
    wait = f"import pathlib, time\nwhile pathlib.Path({str(log)!r}).read_text().count('full') < 3: time.sleep(0.02)"
    stage.supervisor.run([sys.executable, "-c", wait])
    assert "starting it again in 1 s" in stage.said[0]
    assert "the disk is full" in next(line for line in stage.said if "starting it again in 2 s" in line)


def test_the_exit_code_of_a_program_is_passed_on(stage: Stage) -> None:
    assert stage.supervisor.run([sys.executable, "-c", "raise SystemExit(7)"]) == 7


def test_a_signal_ends_the_program_in_the_foreground(stage: Stage, signals: None) -> None:
    stage.supervisor.obey_signals()
    with pytest.raises(Stopping):
        stage.supervisor.run([sys.executable, "-c", f"import os; os.kill({os.getpid()}, 15); {IDLE}"])


def test_a_terminal_gets_its_cursor_back_from_a_program_that_hid_it(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from embedder_site.supervisor.supervisor import Stopping, Supervisor\n"
        f"supervisor = Supervisor(Path({str(tmp_path)!r}), 0, print)\n"
        "supervisor.obey_signals()\n"
        f'draw = f\'import os; print(chr(27) + "[?25l", end=""); os.kill({{os.getpid()}}, 2); {IDLE}\'\n'
        "try:\n"
        "    supervisor.run([sys.executable, '-c', draw])\n"
        "except Stopping:\n"
        "    print('stopped')\n"
    )
    ours, theirs = os.openpty()
    subprocess.run([sys.executable, "-c", code], cwd=BASE_DIR, stdout=theirs, check=True, timeout=20)
    assert os.read(ours, 1000) == b"\x1b[?25l\r\n\x1b[?25hstopped\r\n"
    os.close(ours)
    os.close(theirs)


def test_a_program_in_the_foreground_is_heard_at_once(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    stage.supervisor.run([sys.executable, "-c", "import os; print('heard'); os._exit(0)"])
    assert capfd.readouterr().out == "heard\n"


def test_a_service_that_ignores_the_end_is_killed(stage: Stage) -> None:
    stage.launch(STUBBORN, ready_when="up", stop_seconds=0.2)
    stage.supervisor.wait_until_ready()
    stage.supervisor.stop()
    assert "did not stop by itself and was killed" in stage.said[-1]
