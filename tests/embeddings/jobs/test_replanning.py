"""Jobs planned again, by another planner or otherwise computed models: every row counts, once, in one generation."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection

from embeddings import conf
from embeddings.jobs import control
from embeddings.jobs.planner import kept_planning, plan
from embeddings.library.folder import FolderSource
from embeddings.library.sync import sync
from embeddings.models import BatchJob, Generation, JobState, ResultState, TrackResult, TrackVector
from embeddings.store.base import StoreHealth, VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.weighted import write_weights
from tests.services import until

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]


class Eventful(MemoryStore):
    """A store during whose first answer something happens, as it may while a planner waits for one."""

    def __init__(self, event: Callable[[], object]) -> None:
        super().__init__()
        self._events = [event]

    def health(self) -> StoreHealth:
        while self._events:
            self._events.pop()()
        return super().health()


def planned(job: BatchJob, music: Path, store: VectorStore) -> bool:
    return plan(job, source=FolderSource(music), store=store, config=conf.models())


def taken_over(job: BatchJob, music: Path, weights: Path) -> Callable[[], None]:
    """What happens: the planner is taken for dead, and another plans with other weights."""

    def happen() -> None:
        BatchJob.objects.update(planning_lease="2020-01-01T00:00Z")
        write_weights(weights, 9.0)
        assert planned(job, music, MemoryStore())

    return happen


def finished(work: Work, job: BatchJob) -> BatchJob:
    work()
    job.refresh_from_db()
    return job


def run(work: Work, *models: str) -> BatchJob:
    return finished(work, control.start_job(models=models))


def test_a_planner_that_was_taken_for_dead_leaves_its_successors_rows_alone(few: Path, weights: Path) -> None:
    job = BatchJob.objects.create(model_keys=["weighted"])
    store = Eventful(taken_over(job, few, weights))
    assert not planned(job, few, store)
    job.refresh_from_db()
    begun = Generation.objects.order_by("number").first()
    rows = set(job.results.values_list("state", "generation"))
    assert (job.state, job.results.count()) == (JobState.RUNNING, 8)
    assert begun is not None
    assert rows == {(ResultState.PENDING, begun.pk)}


def test_a_planner_that_was_taken_for_dead_does_not_fail_the_job(few: Path, weights: Path) -> None:
    job = BatchJob.objects.create(model_keys=["weighted"])
    store = Eventful(taken_over(job, few, weights))
    assert not planned(job, few / "unmounted", store)
    job.refresh_from_db()
    assert job.state == JobState.RUNNING


def test_nothing_is_planned_after_a_cancel(few: Path, weights: Path) -> None:
    job = BatchJob.objects.create(model_keys=["weighted"])
    assert not planned(job, few, Eventful(lambda: control.cancel_job(job)))
    job.refresh_from_db()
    assert (job.state, job.results.count()) == (JobState.CANCELLED, 0)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no connection that a server could end")
def test_planning_is_kept_through_a_restart_of_the_database() -> None:
    job = BatchJob.objects.create()
    with kept_planning(job) as report:
        report("Downloading weighted, 1.2 of 2.8 GB")
        until(lambda: BatchJob.objects.get().message.endswith("1.2 of 2.8 GB"))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        report("Downloading weighted, 1.3 of 2.8 GB")
        until(lambda: BatchJob.objects.get().message.endswith("1.3 of 2.8 GB"))


def test_a_retried_track_goes_to_the_generation_of_today(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    broken = few / "broken.mp3"
    broken.write_bytes(b"ID3" + b"\0" * 5000)
    job = run(work, "weighted")
    write_weights(weights, 5.0)
    run(work, "weighted")
    shutil.copy(next(few.rglob("*.ogg")), broken)
    assert control.retry_failed(job) == 1
    assert finished(work, job).state == JobState.COMPLETED
    retired, live = Generation.objects.order_by("number")
    assert (retired.vectors.count(), live.state, live.vectors.count()) == (8, "live", 9)
    assert job.results.get(track__path="broken.mp3").generation == live


def test_a_retry_adds_no_tracks(few: Path, work: Work, store: VectorStore) -> None:
    song = next(few.rglob("*.ogg"))
    (few / "broken.mp3").write_bytes(b"ID3" + b"\0" * 5000)
    job = run(work, "acoustic")
    shutil.copy(song, few / "new.ogg")
    control.retry_failed(job)
    assert (finished(work, job).state, job.results.count()) == (JobState.COMPLETED_WITH_ERRORS, 9)


def test_a_repaired_job_ends_with_every_row_in_one_generation(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    job = run(work, "weighted")
    left = list(job.results.values_list("track", flat=True)[:4])
    job.results.filter(track__in=left).update(state=ResultState.PENDING)
    Generation.objects.get().vectors.filter(track__in=left).delete()
    BatchJob.objects.update(state=JobState.FAILED)
    write_weights(weights, 7.0)
    control.retry_failed(job)
    finished(work, job)
    live = Generation.objects.get(state="live")
    assert set(job.results.values_list("state", "generation")) == {(ResultState.DONE, live.pk)}
    assert store.count(live.collection) == live.vectors.count() == 8


def test_what_a_generation_holds_already_is_not_done_again(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    job = run(work, "weighted")
    write_weights(weights, 7.0)
    run(work, "weighted")
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    control.retry_failed(job)
    finished(work, job)
    assert set(job.results.values_list("state", "attempts")) == {(ResultState.DONE, 1)}


def test_what_is_done_is_done_again_when_the_store_lost_it(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    run(work, "weighted")
    job = run(work, "acoustic")
    live = Generation.objects.get(model="acoustic")
    store.remove_alias("acoustic_embedding")
    store.drop(live.collection)
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    control.retry_failed(job)
    assert finished(work, job).state == JobState.COMPLETED
    assert store.count(live.collection) == 8


def test_what_is_done_stays_so_when_its_track_is_gone(few: Path, work: Work, store: VectorStore) -> None:
    broken, song = few / "broken.mp3", next(few.rglob("*.ogg"))
    broken.write_bytes(b"ID3" + b"\0" * 5000)
    job = run(work, "acoustic")
    shutil.copy(song, broken)
    song.unlink()
    gone = str(song.relative_to(few))
    sync(FolderSource(few))
    TrackVector.objects.filter(track__path=gone).delete()
    control.retry_failed(job)
    assert finished(work, job).state == JobState.COMPLETED
    assert list(job.results.filter(track__path=gone).values_list("state", "attempts")) == [(ResultState.DONE, 1)]


def test_what_is_in_hand_for_another_generation_is_taken_away(few: Path, weights: Path) -> None:
    job = BatchJob.objects.create(model_keys=["weighted"])
    store = MemoryStore()
    planned(job, few, store)
    TrackResult.objects.update(state=ResultState.RUNNING, lease="a", lease_expires="2999-01-01T00:00Z")
    BatchJob.objects.update(state=JobState.PLANNING)
    write_weights(weights, 7.0)
    assert planned(job, few, store)
    rows = set(job.results.values_list("state", "lease", "generation__state"))
    assert rows == {(ResultState.PENDING, "", "live")}


def test_what_is_current_is_counted_for_every_model(few: Path, weights: Path, work: Work, store: VectorStore) -> None:
    run(work, "weighted")
    job = run(work, "acoustic", "weighted")
    assert (job.results.count(), job.skipped) == (8, 8)


def test_a_generation_takes_over_once_what_it_lacked_is_gone(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    songs = sorted(few.rglob("*.ogg"))[:2]
    run(work, "weighted")
    for song in songs:
        song.write_bytes(b"no music any more")
    write_weights(weights, 7.0)
    assert "It holds 6 of the 8 present tracks" in run(work, "weighted").message
    for song in songs:
        song.unlink()
    assert run(work, "weighted").results.count() == 0
    assert Generation.objects.get(state="live").vectors.count() == 6
