"""What a scraper reads: names and units that Prometheus understands, for those who may, whatever is away."""

import itertools
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.test import Client
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.authtoken.models import Token

from embedder_site.env import BASE_DIR
from embedder_site.metrics.patience import patient
from embedder_site.metrics.rows import _operations
from embedder_site.metrics.services import _impatient
from embedder_site.metrics.view import is_in
from embeddings.jobs import control
from embeddings.models import BatchJob, Generation, SliceRecord, Track, WorkerState
from embeddings.store.base import VectorStore
from recommendations.finding.timing import search_seconds
from tests.embeddings.models.rows import running_job
from tests.services import free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Histograms and connections of no other test."""
    search_seconds.cache_clear()
    yield
    _impatient.cache_clear()


def scrape() -> dict[str, Metric]:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    return {family.name: family for family in text_string_to_metric_families(answer.content.decode())}


def samples(metrics: dict[str, Metric], name: str) -> dict[tuple[str, ...], float]:
    """Values by the values of their labels, which come in the order of the labels' names."""
    return {tuple(sample.labels.values()): sample.value for sample in metrics[name].samples}


def settled(job: BatchJob, *, done: int) -> None:
    moments = {"started_at": job.created_at, "finished_at": job.created_at}
    SliceRecord.objects.create(job=job, model="acoustic", worker="w", done=done, **moments)


@pytest.fixture
def worked(few: Path, work: Callable[[], None], store: VectorStore) -> dict[str, Metric]:
    """Metrics after a job of eight tracks, of which one is none, and a search."""
    next(few.rglob("*.ogg")).write_text("this was a song\n" * 500)
    control.start_job()
    work()
    track = Track.objects.get(title="Cave theme")
    reader = Client(headers={"authorization": f"Bearer {Token.objects.create(user=User.objects.create_user('a')).key}"})
    assert reader.get(f"/api/v1/tracks/{track.pk}/similar").status_code == 200
    return scrape()


def test_a_finished_job_is_told_in_full(worked: dict[str, Metric]) -> None:
    assert samples(worked, "embedder_up") == {("database",): 1, ("queue",): 1, ("vectors",): 1}
    operations = samples(worked, "embedder_job_operations")
    assert operations[("acoustic", "done")] == 7
    assert operations[("acoustic", "failed")] == 1
    assert operations[("acoustic", "pending")] == 0
    assert samples(worked, "embedder_job_failed_operations") == {("not_audio",): 1}
    assert samples(worked, "embedder_failed_attempts") == {("not_audio",): 1}
    assert samples(worked, "embedder_settled_operations") == {("acoustic", "done"): 7, ("acoustic", "failed"): 1}
    assert samples(worked, "embedder_jobs")[("completed_with_errors",)] == 1
    # A collection that another test left in the store keeps its number.
    number = Generation.objects.get().number
    assert samples(worked, "embedder_generation_vectors") == {(str(number), "acoustic", "live"): 7}
    assert samples(worked, "embedder_live_generation") == {("acoustic",): number}
    assert set(samples(worked, "embedder_queue_messages")) == {("control",), ("embed",), ("text",)}
    found = {sample.name: sample.value for sample in worked["embedder_search_seconds"].samples}
    assert found["embedder_search_seconds_count"] == 1
    assert 0 < found["embedder_search_seconds_sum"] < 5


def test_names_and_units_are_prometheus_s(queue: None, store: VectorStore) -> None:
    settled(running_job(2), done=2)
    metrics = scrape()
    assert len(metrics) > 15
    page = (BASE_DIR / "docs" / "operating.md").read_text()
    for metric in metrics.values():
        assert f"`{metric.name}{'_total' if metric.type == 'counter' else ''}`" in page
        assert re.fullmatch(r"embedder(_[a-z]+)+", metric.name)
        assert metric.documentation.endswith(".")
        # Only counters are totals, and all of them are.
        totals = {sample.name.endswith("_total") for sample in metric.samples}
        assert totals <= {metric.type == "counter"}
        assert not re.search(r"_(ms|minutes|hours|mb|megabytes|percent)$", metric.name)


def test_a_running_job_has_a_pace_and_workers(queue: None) -> None:
    job = running_job(3)
    WorkerState.objects.say(WorkerState(slot="attic:1:1", job=job, model="acoustic", sentence="works"))
    metrics = scrape()
    assert samples(metrics, "embedder_job_info") == {(str(job.pk), "missing", "running"): 1}
    ((worker, said),) = samples(metrics, "embedder_worker_report_timestamp_seconds").items()
    assert worker == ("acoustic", "attic:1:1")
    assert abs(said - datetime.now(UTC).timestamp()) < 60
    assert samples(metrics, "embedder_job_stalled") == {(): 0}


def test_a_killed_worker_is_not_awake_and_a_living_one_has_a_heartbeat(queue: None, redis_url: str) -> None:
    import redis

    server = redis.Redis.from_url(redis_url)
    server.sadd("rq:workers", "rq:worker:dead", "rq:worker:alive")
    said = {"hostname": "attic", "pid": 7, "queues": "control,embed", "last_heartbeat": "2026-01-02T03:04:05.000000Z"}
    server.hset("rq:worker:alive", mapping=said)  # type: ignore[arg-type]
    metrics = scrape()
    assert samples(metrics, "embedder_workers") == {("control",): 1, ("embed",): 1, ("text",): 0}
    beats = samples(metrics, "embedder_worker_heartbeat_timestamp_seconds")
    assert beats == {("control,embed", "attic:7"): datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()}


def test_services_that_are_away_do_not_fail_a_scrape(settings: Any) -> None:
    away = f"127.0.0.1:{free_port()}"
    settings.MILVUS_URI = f"http://{away}"
    settings.RQ_QUEUES = {name: kept | {"URL": f"redis://{away}/0"} for name, kept in settings.RQ_QUEUES.items()}
    metrics = scrape()
    assert samples(metrics, "embedder_up") == {("database",): 1, ("queue",): 0, ("vectors",): 0}
    assert "embedder_queue_messages" not in metrics
    assert "embedder_jobs" in metrics


def test_a_database_that_is_away_does_not_fail_a_scrape(queue: None) -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError("the server closed the connection")

    with connection.execute_wrapper(refuse):
        metrics = scrape()
    assert samples(metrics, "embedder_up")[("database",)] == 0
    assert "embedder_jobs" not in metrics
    assert "embedder_workers" in metrics


ENDLESS = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n FROM number) SELECT count(*) FROM number"


def test_a_database_that_takes_too_long_does_not_hold_up_a_scrape(queue: None) -> None:
    def delay(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        return (
            execute(ENDLESS, None, many, context) if sql.startswith("SELECT") else execute(sql, params, many, context)
        )

    began = time.monotonic()
    with connection.execute_wrapper(delay):
        metrics = scrape()
    assert time.monotonic() - began < 9
    assert samples(metrics, "embedder_up")[("database",)] == 0
    assert "embedder_workers" in metrics
    assert samples(scrape(), "embedder_up")[("database",)] == 1


def test_patience_is_for_all_questions_together(db: None) -> None:
    with patient(0.05), pytest.raises(OperationalError, match=r"longer than 0\.05 s"):
        any(Track.objects.exists() for _ in itertools.count())


def test_a_scrape_waits_for_no_writer(queue: None) -> None:
    """Whoever takes SQLite's write lock keeps it for as long as a job's slice is written."""
    writing, done = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            running_job(1)
            writing.set()
            done.wait(30)
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    assert writing.wait(10)
    # As a web server does, which opens one for each request.
    connection.close()
    began = time.monotonic()
    assert samples(scrape(), "embedder_up")[("database",)] == 1
    assert time.monotonic() - began < 3
    done.set()
    writer.join(10)


def test_a_generation_that_was_begun_meanwhile_is_left_out() -> None:
    job = running_job(2)
    assert set(_operations(job, {}).samples[0].labels) == {"model", "state"}
    assert sum(sample.value for sample in _operations(job, {}).samples) == 0


def test_a_scrape_takes_few_queries_however_many_jobs_there_were(
    queue: None, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        settled(running_job(4, state="completed"), done=4)
    with django_assert_max_num_queries(16):
        scrape()


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.168.1.5", {}, 401),
        ("", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 401),
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, 401),
        ("127.0.0.1", {"Forwarded": "for=10.0.0.1"}, 401),
    ],
)
def test_strangers_read_nothing(queue: None, address: str, headers: dict[str, str], status: int) -> None:
    answer = Client(headers=headers).get("/metrics", REMOTE_ADDR=address)
    assert answer.status_code == status
    assert (b"embedder_up" in answer.content) == (status == 200)


def test_a_token_opens_from_anywhere(queue: None) -> None:
    token = Token.objects.create(user=User.objects.create_user("scraper")).key
    headers = {"authorization": f"Bearer {token}", "accept": "application/openmetrics-text;version=1.0.0"}
    assert Client(headers=headers).get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 200
    wrong = Client(headers={"authorization": "Bearer wrong"}).get("/metrics")
    assert wrong.status_code == 401


def test_networks_are_a_setting(queue: None, settings: Any) -> None:
    settings.METRICS_NETWORKS = ["172.16.0.0/12"]
    assert Client().get("/metrics", REMOTE_ADDR="172.18.0.3").status_code == 200
    assert Client().get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 401
    assert not is_in("::1", ["10.0.0.0/8"])
