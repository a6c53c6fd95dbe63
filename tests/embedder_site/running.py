"""A whole site as a stranger runs it: `manage.py up` in a folder of its own, found again by a mark it leaves."""

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from tests.services import free_port, until

BASE_DIR = Path(__file__).resolve().parents[2]
OURS = {"REDIS_URL", "MILVUS_URI", "DATABASE_URL", "MUSIC", "NAVIDROME_DB", "NAVIDROME_PATH_MAP", "MODELS", "VAR_DIR"}
OURS |= {"DEVICE", "PRECISION", "MUQ_CHECKPOINT", "MERT_CHECKPOINT", "LATENT_CHECKPOINT", "HF_HUB_OFFLINE"}


def lives(pid: int) -> bool:
    """Whether the process runs; one that nobody has asked about yet has an empty command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except FileNotFoundError:
        return False


class Site:
    """One supervisor with everything it started."""

    def __init__(self, var_dir: Path) -> None:
        self.var_dir = var_dir
        self.port = free_port()
        self.mark = f"SITE_MARK={secrets.token_hex(8)}"
        self._started: subprocess.Popen[str] | None = None
        self._lines: list[str] = []

    def environment(self, **extra: str) -> dict[str, str]:
        """What programs of this site are told; nothing of the test's own services."""
        name, _, value = self.mark.partition("=")
        kept = {key: found for key, found in os.environ.items() if key not in OURS}
        settings = {"VAR_DIR": str(self.var_dir), "DJANGO_SETTINGS_MODULE": "embedder_site.settings"}
        return {**kept, **settings, name: value, **extra}

    def manage(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run one command of this site to its end."""
        command = [sys.executable, str(BASE_DIR / "manage.py"), *arguments]
        environment = self.environment(**extra)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def start(self, *options: str) -> Self:
        """Start the supervisor and wait until it invites."""
        self.begin("--no-job", *options)
        until(lambda: "Open http" in self.said or self.pid_is_gone())
        assert "Open http" in self.said, self.said
        return self

    def begin(self, *options: str) -> None:
        """Start the supervisor."""
        command = [sys.executable, str(BASE_DIR / "manage.py"), "up", "--port", str(self.port), *options]
        self._lines = []
        self._started = subprocess.Popen(
            command, env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=self._listen, args=(self._started,), daemon=True).start()

    def _listen(self, started: "subprocess.Popen[str]") -> None:
        assert started.stdout
        self._lines.extend(started.stdout)

    @property
    def said(self) -> str:
        """What the terminal shows."""
        return "".join(self._lines)

    def pid_is_gone(self) -> bool:
        """Whether the supervisor has ended."""
        return self._started is None or self._started.poll() is not None

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal to the supervisor alone; its exit code."""
        assert self._started
        self._started.send_signal(number)
        return self._started.wait(40)

    def clear_away(self) -> None:
        """End what a failing test left."""
        for pid in self.alive():
            os.kill(pid, signal.SIGKILL)

    def alive(self) -> dict[int, str]:
        """Command lines of living processes that carry the mark, by number: children, and children's children."""
        found = {}
        for place in Path("/proc").iterdir():
            if place.name.isdigit() and int(place.name) != os.getpid():
                try:
                    marked = self.mark.encode() in (place / "environ").read_bytes().split(b"\0")
                    state = re.sub(r".*\) ", "", (place / "stat").read_text())[0]
                    line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
                if marked and state != "Z":
                    found[int(place.name)] = line
        return found

    def decoders(self) -> list[int]:
        """Living decoding processes; they carry no mark, and they belong to one of our workers."""
        ours = set(self.alive())
        return [pid for pid, parent in _decoders().items() if parent in ours]

    def pid_of(self, words: str) -> int:
        """The process whose command line holds the words; the first one started, if several do."""
        return min(pid for pid, line in self.alive().items() if words in line)


def _decoders() -> dict[int, int]:
    """Every decoding process of this machine, and its parent."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                if b"embeddings.audio.child" in (place / "cmdline").read_bytes():
                    found[int(place.name)] = int(re.sub(r".*\) ", "", (place / "stat").read_text()).split()[1])
            except OSError:
                continue
    return found
