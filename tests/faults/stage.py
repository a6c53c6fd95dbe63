"""The stage of the faults: a site of its own over the sample library, its doors, and what its rows say."""

import json
import os
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import redis

from embeddings.conf import StoreConfig
from embeddings.errors import BackendUnavailable
from embeddings.models import BatchJob, ResultState, Track, TrackResult
from embeddings.store import connect
from embeddings.store.base import VectorStore
from tests.embedder_site.running import Site
from tests.services import until

LEASE_SECONDS = 4.0
PATIENCE = 150.0
"""How long a job may take to reach its end by itself, the growing patience of supervisor and backoff included."""
SETTLED = (ResultState.DONE, ResultState.FAILED, ResultState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What a fault leaves to look at."""

    job: BatchJob
    doubled: int = 0
    """What only the fault itself can count: jobs too many, results of somebody else written over."""
    apart: frozenset[str] = frozenset()
    """Tracks whose files were not what they are."""


class Stage(Site):
    """A site whose jobs are disturbed; short leases and slices make every moment of a job a likely one."""

    def __init__(self, folder: Path, settings: dict[str, str], *, workers: int = 2) -> None:
        super().__init__(folder / "var")
        self.workers_wanted = workers
        self.settings = settings
        self.music = Path(settings["MUSIC"])
        self._token = ""

    def environment(self, **extra: str) -> dict[str, str]:
        """What programs of this site are told."""
        return super().environment(
            JOB_LEASE_SECONDS=str(LEASE_SECONDS),
            JOB_SLICE_SIZE="3",
            JOB_SWEEP_SECONDS="2",
            RETIRED_DAYS="0",
            **self.settings,
            **extra,
        )

    def rise(self) -> None:
        """Start the supervisor, or start it again."""
        self.start("--die-with-parent", "--workers", str(self.workers_wanted))

    def addresses(self) -> dict[str, str]:
        """Where its queue and its vector store are now; a new supervisor may have found other ports."""
        found: dict[str, str] = json.loads((self.var_dir / "run" / "services.json").read_text())
        return found

    def pids(self, words: str) -> list[int]:
        """Living programs whose command line holds the words."""
        return sorted(pid for pid, line in self.alive().items() if words in line)

    def open_store(self) -> VectorStore:
        """Its vector store, where it is now."""
        return connect(StoreConfig(uri=self.addresses()["milvus_uri"], token="", timeout_seconds=30.0))

    def slot(self, pid: int) -> str:
        """The name under which a worker holds rows."""
        pairs = dict(part.partition(b"=")[::2] for part in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
        return pairs[b"WORKER_SLOT"].decode()

    def ready(self) -> bool:
        """Whether everything runs that should, and the web server and the vector store answer."""
        lines = " ".join(self.alive().values())
        complete = len(self.pids("manage.py work")) == self.workers_wanted
        return complete and "valkey-server" in lines and self.knows_web() and self.knows_vectors()

    def whole(self) -> bool:
        """Whether the queue also knows its workers, which it may have been made to forget."""
        return self.ready() and set(map(str, self.pids("manage.py work"))) <= self._registered()

    def _registered(self) -> set[str]:
        """Numbers of the programs that the queue takes for living workers."""
        with suppress(redis.RedisError):
            queue = redis.Redis.from_url(self.addresses()["redis_url"], decode_responses=True)
            return {str(queue.hget(str(key), "pid")) for key in queue.smembers("rq:workers")}
        return set()

    def knows_vectors(self) -> bool:
        """Whether the vector store answers."""
        store = self.open_store()
        try:
            store.health()
        except BackendUnavailable:
            return False
        finally:
            store.close()
        return True

    def knows_web(self) -> bool:
        """Whether the web server answers."""
        with suppress(OSError, urllib.error.URLError):
            return self.ask("GET", "jobs")[0] == 200
        return False

    def post(self, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
        """Ask the API for a deed; asked again while the web server is away."""
        answers: list[tuple[int, dict[str, Any]]] = []

        def answered() -> bool:
            with suppress(urllib.error.URLError, ConnectionError):
                answers.append(self.ask("POST", path, body))
            return bool(answers)

        until(answered)
        return answers[0]

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """One request with the token of the first administrator."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def token(self) -> str:
        """Who asks: the first administrator."""
        from django.contrib.auth import get_user_model
        from rest_framework.authtoken.models import Token

        if not self._token:
            admin = get_user_model()._default_manager.filter(is_superuser=True).first()
            self._token = Token.objects.get_or_create(user=admin)[0].key
        return self._token

    def start_job(self, **body: Any) -> BatchJob:
        """Start a job through the API."""
        status, job = self.post("jobs", **body)
        assert status == 201, job
        return BatchJob.objects.get(pk=job["id"])

    def start_rebuild(self) -> BatchJob:
        """Fill the live generation, so that there is something to replace, and start filling another beside it."""
        filling = self.start_job()
        until(lambda: finished(filling), seconds=PATIENCE)
        return self.start_job(scope="all", rebuild=True)

    def some_moment(self, job: BatchJob, chance: Random, *, first: int = 0, last: float = 0.7) -> None:
        """Wait for a random moment: that many operations are begun, and a little later."""
        wanted = chance.randint(first, max(first, int(Track.objects.count() * last)))
        until(lambda: begun(job) >= wanted or finished(job), seconds=PATIENCE)
        moment = time.monotonic() + chance.uniform(0.0, 0.3)
        until(lambda: time.monotonic() > moment)

    def said_in_logs(self, words: str, since: dict[Path, int]) -> bool:
        """Whether a program of this site wrote the words after the logs had these lengths."""
        return any(words in path.read_text(errors="replace")[since.get(path, 0) :] for path in self._logs())

    def log_lengths(self) -> dict[Path, int]:
        """How long each log is now."""
        return {path: len(path.read_text(errors="replace")) for path in self._logs()}

    def _logs(self) -> list[Path]:
        return list((self.var_dir / "log").glob("*.log"))

    def signal_all(self, pids: list[int], number: int) -> None:
        """Send a signal to programs, some of which may have ended by now."""
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def begun(job: BatchJob) -> int:
    """Operations of a job that some worker has had in hand."""
    return TrackResult.objects.filter(job=job, started_at__isnull=False).count()


def settled(job: BatchJob) -> int:
    """Operations of a job that are at their end."""
    return TrackResult.objects.filter(job=job, state__in=SETTLED).count()


def finished(job: BatchJob) -> bool:
    """Whether a job is at its end."""
    job.refresh_from_db()
    return not job.is_active
