"""The order of things: what starts first, when it counts as ready, what is restarted, and how all of it ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from embedder_site.env import BASE_DIR, child_environment
from embedder_site.supervisor.service import Service, ServiceSpec
from embeddings.errors import EmbedderError
from embeddings.lifeline import bound_command


class Stopping(EmbedderError):
    """Somebody asked the supervisor to stop."""


class ServiceFailed(EmbedderError):
    """A service did not come up; the message says what it said."""


class Supervisor:
    """Starts services stage by stage and stops them in reverse order.

    Single-threaded: everything happens in the main thread, between short waits.
    """

    def __init__(self, log_dir: Path, lock: int, say: Callable[[str], None]) -> None:
        self._log_dir = log_dir
        self._lock = lock
        self._say = say
        self._stages: list[list[Service]] = []
        # A plain flag: a signal that arrives while another one sets an Event waits for a lock that it holds itself.
        self._asked = False
        self._impatient = False

    def obey_signals(self) -> None:
        """Stop on Ctrl-C, SIGTERM and a closed terminal; `nohup` keeps the last one away."""
        signal.signal(signal.SIGINT, self._ask)
        signal.signal(signal.SIGTERM, self._ask)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._ask)

    def launch(self, *specs: ServiceSpec) -> None:
        """Start one stage without waiting for it."""
        stage: list[Service] = []
        self._stages.append(stage)
        for spec in specs:
            service = Service(spec, self._log_dir, self._lock)
            stage.append(service)
            service.start()

    def wait_until_ready(self) -> None:
        """Wait until all that was launched answers.

        Raises:
            ServiceFailed: one ended, or stayed silent for too long.
            Stopping: a signal arrived meanwhile.

        """
        started = time.monotonic()
        while waiting := [service for service in self._services() if not service.ready]:
            for service in waiting:
                self._look_at_start(service, time.monotonic() - started)
            self._pause(0.03)

    def run(self, command: Sequence[str]) -> int:
        """Run one program on our terminal while the services are watched; its exit code.

        Raises:
            Stopping: a signal arrived meanwhile; the program has been stopped.

        """
        child = subprocess.Popen(  # noqa: S603 - our own command lines
            bound_command(list(command), signal.SIGTERM),
            cwd=BASE_DIR,
            env=child_environment(),
            start_new_session=True,
        )
        try:
            while child.poll() is None:
                self._watch()
                self._pause(0.05)
        finally:
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
                _tidy_terminal()
        return child.returncode

    def serve(self) -> None:
        """Watch the services until a signal arrives."""
        while not self._asked:
            self._watch()
            time.sleep(0.25)

    def stop(self) -> None:
        """Stop everything, the last started first; a second Ctrl-C kills what is left."""
        for stage in reversed(self._stages):
            for service in stage:
                service.ask_to_stop()
            for service in stage:
                self._end(service)
        self._stages.clear()

    def _services(self) -> list[Service]:
        return [service for stage in self._stages for service in stage]

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._impatient = self._asked
        self._asked = True

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)
        if self._asked:
            raise Stopping("asked to stop")

    def _look_at_start(self, service: Service, waited: float) -> None:
        spec = service.spec
        if not service.running:
            raise ServiceFailed(f"{spec.name} {service.how_it_ended()}; {self._last_words(service)}")
        if service.answers():
            self._greet(service)
        elif waited > spec.start_seconds:
            raise ServiceFailed(
                f"{spec.name} did not answer for {spec.start_seconds:.0f} s; {self._last_words(service)}"
            )

    def _watch(self) -> None:
        for service in self._services():
            if service.running:
                self._welcome_back(service)
            elif service.restart_at is None:
                self._report_death(service)
            elif time.monotonic() >= service.restart_at:
                service.start()

    def _welcome_back(self, service: Service) -> None:
        if not service.ready and service.answers():
            self._greet(service)

    def _greet(self, service: Service) -> None:
        back, service.ready, service.greeted = service.greeted, True, True
        self._say(
            f"{service.spec.name:<10} is back" if back else f"{service.spec.name:<10} ready   {service.spec.about}"
        )

    def _report_death(self, service: Service) -> None:
        how, delay = service.how_it_ended(), service.bury()
        why = f"; {self._last_words(service)}" if service.recent_deaths > 1 else ""
        self._say(f"{service.spec.name:<10} {how}, starting it again in {delay:.0f} s{why}")

    def _end(self, service: Service) -> None:
        deadline = time.monotonic() + service.spec.stop_seconds
        while service.running and not self._impatient and time.monotonic() < deadline:
            time.sleep(0.02)
        if not service.end():
            self._say(f"{service.spec.name:<10} did not stop by itself and was killed")

    def _last_words(self, service: Service) -> str:
        said = service.last_lines()
        return f"it said last (more in {service.log}):\n{said}" if said else f"its log {service.log} is empty"


def _tidy_terminal() -> None:
    """Give the terminal back its cursor and a fresh line; the ended program had hidden one to draw on the other."""
    if sys.stdout.isatty():
        # The terminal may be what went away.
        with suppress(OSError):
            sys.stdout.write("\n\x1b[?25h")
            sys.stdout.flush()
