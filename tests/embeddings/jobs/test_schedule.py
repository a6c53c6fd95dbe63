"""The schedule: what it says to the queue, how often, and that it outlives the queue."""

import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import django_rq
import pytest
import redis
from django.utils import timezone

from embedder_site.supervisor.services import valkey_program
from embeddings.conf import KeepingConfig
from embeddings.jobs.schedule import Schedule, schedule_for
from embeddings.models import Track, Watch
from tests.embedder_site.running import BASE_DIR
from tests.embeddings.jobs.stored import record_vectors
from tests.services import free_port, until

BOTH = KeepingConfig(schedule="0 4 * * *", gone_days=30, poll_seconds=60)
KEEP, LOOK = "embeddings-jobs-keeping-keep_in_step", "embeddings-jobs-keeping-look_at_navidrome"


def waiting() -> list[str]:
    """Messages that wait for a worker."""
    return sorted(django_rq.get_queue("control").get_job_ids())


def test_whoever_starts_looks_at_once(queue: None) -> None:
    schedule_for(BOTH).enqueue_jobs()
    assert waiting() == [KEEP, LOOK]


def test_two_schedules_say_everything_once(queue: None) -> None:
    for _ in range(2):
        schedule_for(BOTH).enqueue_jobs()
    assert waiting() == [KEEP, LOOK]


def test_what_was_said_is_not_said_again_before_its_time(queue: None) -> None:
    made = schedule_for(BOTH)
    made.enqueue_jobs()
    assert made.enqueue_jobs() == []


def test_messages_are_json_and_name_a_function(queue: None) -> None:
    schedule_for(BOTH).enqueue_jobs()
    written = django_rq.get_connection("control").hget(f"rq:job:{KEEP}", "data")
    assert isinstance(written, bytes)
    assert json.loads(zlib.decompress(written)) == ["embeddings.jobs.keeping.keep_in_step", None, [], {}]


@pytest.mark.parametrize(
    ("schedule", "poll_seconds", "entries"), [("0 4 * * *", 60, 3), ("0 4 * * *", 0, 2), ("", 60, 1)]
)
def test_only_what_is_wanted_is_kept_to(queue: None, schedule: str, poll_seconds: int, entries: int) -> None:
    config = KeepingConfig(schedule=schedule, gone_days=30, poll_seconds=poll_seconds)
    assert len(schedule_for(config).get_jobs()) == entries


@pytest.mark.django_db(transaction=True)
def test_a_worker_does_what_the_schedule_says(catalogue: list[Track], work: Callable[[], None]) -> None:
    record_vectors(catalogue)
    Watch.objects.kept()
    Watch.objects.update(stepped_at=timezone.now() - timedelta(days=2))
    schedule_for(KeepingConfig(schedule="0 4 * * *", gone_days=30, poll_seconds=0)).enqueue_jobs()
    work()
    assert Watch.objects.get().stepped_at > timezone.now() - timedelta(days=1)
    assert waiting() == []


def test_without_anything_to_do_it_says_so_and_stays(tmp_path: Path) -> None:
    environment = {**os.environ, "VAR_DIR": str(tmp_path), "SYNC_SCHEDULE": "", "NAVIDROME_URL": ""}
    environment |= {"DJANGO_SETTINGS_MODULE": "embedder_site.settings"}
    command = [sys.executable, str(BASE_DIR / "manage.py"), "schedule"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        assert "Nothing is scheduled" in program.stderr.readline()
        assert program.poll() is None
        program.send_signal(signal.SIGINT)
        _, more = program.communicate(timeout=20)
    assert (program.returncode, more) == (0, "")


class Valkey:
    """A queue of our own that can be killed, and that forgets."""

    def __init__(self, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        self.client = redis.Redis(port=self.port, socket_timeout=5)

    def start(self) -> None:
        place = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", ""]
        self._process = subprocess.Popen([str(valkey_program()), *place], stdout=subprocess.DEVNULL)
        until(self._answers)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """It runs."""
    made = Valkey(tmp_path)
    made.start()
    yield made
    made.kill()


def test_a_queue_that_went_away_and_forgot_everything_is_knocked_at_again(valkey: Valkey, tmp_path: Path) -> None:
    environment = {**os.environ, "REDIS_URL": f"redis://127.0.0.1:{valkey.port}/0", "VAR_DIR": str(tmp_path)}
    environment |= {"DJANGO_SETTINGS_MODULE": "embedder_site.settings", "SYNC_SCHEDULE": ""}
    environment |= {"NAVIDROME_URL": "http://127.0.0.1:1", "NAVIDROME_USER": "a", "NAVIDROME_PASSWORD": "b"}
    environment |= {"NAVIDROME_POLL_SECONDS": "1"}
    command = [sys.executable, str(BASE_DIR / "manage.py"), "schedule"]
    program = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: valkey.client.llen("rq:queue:control") == 1)
        assert [made.pid for made in Schedule.all(valkey.client)] == [program.pid]
        valkey.kill()
        valkey.start()
        until(lambda: valkey.client.llen("rq:queue:control") == 1)
        program.send_signal(signal.SIGTERM)
        _, said = program.communicate(timeout=20)
        assert program.returncode == 0, said
    finally:
        program.kill()
