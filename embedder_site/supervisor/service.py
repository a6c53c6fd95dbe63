"""One supervised program: start it, bring it back with growing patience, stop it with all it started."""

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from embedder_site.env import BASE_DIR, child_environment
from embeddings.lifeline import bound_command

LOG_BYTES = 5_000_000
"""A log larger than this is set aside as `.1` before its service starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """What is run, and how its health and its end look."""

    name: str
    about: str
    """What the terminal says when it is ready: which program, where it listens."""
    command: Sequence[str]
    answers: Callable[[int], bool]
    """Whether the program with this process id does its work."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What it is told beyond our own environment."""
    orphan_signal: signal.Signals = signal.SIGTERM
    """What the kernel sends it when the supervisor is gone."""
    start_seconds: float = 60.0
    stop_seconds: float = 10.0


class Service:
    """One program under supervision; used from the supervisor's main thread only.

    The kernel's tie is to the starting thread, so another thread's end would end the service.
    """

    def __init__(self, spec: ServiceSpec, log_dir: Path, lock: int) -> None:
        self.spec = spec
        self.log = log_dir / f"{spec.name}.log"
        self.ready = False
        self.greeted = False
        """Whether people were told that it is ready."""
        self.restart_at: float | None = None
        self._lock = lock
        self._log_start = 0
        self._deaths: deque[float] = deque()
        self._group: int | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the program itself is alive."""
        return self._child is not None and self._child.poll() is None

    def answers(self) -> bool:
        """Whether it is up and does its work."""
        return self._child is not None and self.running and self.spec.answers(self._child.pid)

    @property
    def recent_deaths(self) -> int:
        """How often it died within the last minute."""
        while self._deaths and time.monotonic() - self._deaths[0] > 60:
            self._deaths.popleft()
        return len(self._deaths)

    def start(self) -> None:
        """Run it in a session of its own, so that Ctrl-C reaches only the supervisor."""
        self._set_aside_large_log()
        self.restart_at, self.ready = None, False
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._child = subprocess.Popen(  # noqa: S603 - our own command lines
                bound_command(list(self.spec.command), self.spec.orphan_signal),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=BASE_DIR,
                env={**child_environment(), **self.spec.environment},
                start_new_session=True,
                # Held open by whatever it starts too: nobody else takes its files before all of them are gone.
                pass_fds=(self._lock,),
            )
        self._group = self._child.pid

    def bury(self) -> float:
        """Note a death, end what the dead one had started, and say in how many seconds it should be started again."""
        self._kill_group()
        self._deaths.append(time.monotonic())
        delay = min(30.0, 2.0 ** (self.recent_deaths - 1))
        self.restart_at = time.monotonic() + delay
        return delay

    def how_it_ended(self) -> str:
        """The way the last program ended, in words."""
        code = self._child.returncode if self._child else 0
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def last_lines(self, count: int = 6) -> str:
        """What it said last since it was started."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-count:])

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._child and self.running:
            self._child.terminate()

    def end(self) -> bool:
        """Kill it unless it has stopped; True if it had."""
        stopped = not self.running
        self._kill_group()
        if self._child:
            self._child.wait()
        return stopped

    def _kill_group(self) -> None:
        """End what is left of its process group: decoders of a dead worker, gunicorn's workers."""
        # Once only: later the number may belong to somebody else.
        group, self._group = self._group, None
        if group is not None:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def _set_aside_large_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
