"""Claims, leases and outcomes of operations."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from embeddings.errors import AudioEmpty, AudioMissing
from embeddings.models import Done, Failed, JobState, Lease, ResultState, TrackFailure, TrackResult, TrackVector
from tests.embeddings.models.rows import lease, running_job

pytestmark = pytest.mark.django_db
KEY = "acoustic"


def done(row: TrackResult) -> Done:
    return Done(result=row, seconds=1.0, audio_seconds=30.0, warning="")


def die_with(job_lease: Lease, *, limit: int) -> list[TrackResult]:
    """A worker claims rows, and is never heard of again."""
    return TrackResult.objects.claim(job_lease, model=KEY, limit=limit)


def test_two_workers_never_hold_the_same_row() -> None:
    job = running_job(10)
    first = TrackResult.objects.claim(lease(job), model=KEY, limit=6)
    second = TrackResult.objects.claim(lease(job, worker="b"), model=KEY, limit=6)
    assert (len(first), len(second)) == (6, 4)
    assert not {row.pk for row in first} & {row.pk for row in second}


def test_a_lease_that_ran_out_can_be_claimed_by_another() -> None:
    job = running_job(3)
    die_with(lease(job, seconds=-1), limit=3)
    again = TrackResult.objects.claim(lease(job, worker="b"), model=KEY, limit=3)
    assert [row.lost for row in again] == [1, 1, 1]


def test_a_renewed_lease_is_kept() -> None:
    job = running_job(3)
    held = lease(job, seconds=-1)
    die_with(held, limit=3)
    TrackResult.objects.renew(Lease(job_id=job.pk, worker="a", seconds=60, token=held.token))
    assert TrackResult.objects.claim(lease(job, worker="b"), model=KEY, limit=3) == []


def test_who_lost_the_lease_changes_nothing() -> None:
    job = running_job(1)
    late = lease(job, seconds=-1)
    rows = die_with(late, limit=1)
    TrackResult.objects.claim(lease(job, worker="b"), model=KEY, limit=1)
    assert TrackResult.objects.mark_done(late, [done(rows[0])]) == 0
    assert TrackResult.objects.get().state == ResultState.RUNNING
    assert not TrackVector.objects.exists()


def test_done_rows_say_which_file_their_vector_was_made_from() -> None:
    job = running_job(2)
    held = lease(job)
    rows = TrackResult.objects.claim(held, model=KEY, limit=2)
    assert TrackResult.objects.mark_done(held, [done(row) for row in rows]) == 2
    assert set(TrackVector.objects.values_list("track_id", "signature")) == {(row.track_id, "1-1") for row in rows}


def test_a_failure_is_kept_with_its_sentence_and_attempt() -> None:
    job = running_job(1)
    held = lease(job)
    rows = TrackResult.objects.claim(held, model=KEY, limit=1)
    TrackResult.objects.mark_failed(held, [Failed.of(rows[0], AudioEmpty("no samples"), seconds=0.5)])
    kept = TrackFailure.objects.get()
    assert (kept.code, kept.message, kept.permanent, kept.attempt) == ("audio_empty", "no samples", True, 1)
    assert TrackResult.objects.get().failure_code == "audio_empty"


def test_released_rows_are_pending_as_if_never_tried() -> None:
    job = running_job(4)
    held = lease(job)
    TrackResult.objects.claim(held, model=KEY, limit=4)
    TrackResult.objects.release(held)
    assert set(TrackResult.objects.values_list("state", "attempts", "lost")) == {("pending", 0, 0)}


def test_pending_rows_go_before_those_of_dead_workers() -> None:
    job = running_job(4)
    dead = die_with(lease(job, seconds=-1), limit=2)
    claimed = TrackResult.objects.claim(lease(job, worker="b"), model=KEY, limit=4)
    assert not {row.pk for row in claimed} & {row.pk for row in dead}


def test_a_row_that_lost_two_workers_is_claimed_alone() -> None:
    job = running_job(3)
    for _ in range(2):
        assert len(die_with(lease(job, seconds=-1), limit=3)) == 3
    assert len(TrackResult.objects.claim(lease(job), model=KEY, limit=3)) == 1


def test_three_deaths_in_a_row_cost_one_track_and_not_its_neighbours() -> None:
    job = running_job(3)
    for _ in range(3):
        die_with(lease(job, seconds=-1), limit=3)
    assert TrackResult.objects.bury_lost(lease(job)) == 1
    assert TrackResult.objects.exclude(failure_code="worker_lost").count() == 2


def test_a_worker_that_has_rows_in_hand_can_leave_suspects_alone() -> None:
    job = running_job(1)
    for _ in range(2):
        die_with(lease(job, seconds=-1), limit=1)
    assert TrackResult.objects.claim(lease(job), model=KEY, limit=1, suspects=False) == []


def test_a_worker_never_claims_what_it_holds_already() -> None:
    job = running_job(2)
    slow = lease(job, seconds=-1)
    TrackResult.objects.claim(slow, model=KEY, limit=2)
    assert TrackResult.objects.claim(slow, model=KEY, limit=2) == []


def test_a_row_that_lost_three_workers_fails_as_worker_lost() -> None:
    job = running_job(1)
    for _ in range(3):
        die_with(lease(job, seconds=-1), limit=1)
    assert TrackResult.objects.bury_lost(lease(job)) == 1
    assert TrackResult.objects.get().failure_code == "worker_lost"
    assert TrackResult.objects.claim(lease(job), model=KEY, limit=1) == []


def test_the_leases_of_a_slot_end_when_its_next_worker_is_born() -> None:
    job = running_job(2)
    TrackResult.objects.claim(lease(job, worker="slot-1"), model=KEY, limit=2)
    assert TrackResult.objects.expire("slot-2", datetime.now(UTC)) == 0
    assert TrackResult.objects.expire("slot-1", datetime.now(UTC)) == 2
    assert len(TrackResult.objects.claim(lease(job, worker="slot-1"), model=KEY, limit=2)) == 2


def test_retry_takes_only_the_codes_that_are_named() -> None:
    job = running_job(2)
    held = lease(job)
    one, two = TrackResult.objects.claim(held, model=KEY, limit=2)
    failed = [Failed.of(one, AudioEmpty("no samples")), Failed.of(two, AudioMissing("gone"))]
    TrackResult.objects.mark_failed(held, failed)
    assert TrackResult.objects.retry(job.pk, codes=["audio_missing"]) == 1
    assert TrackResult.objects.get(state=ResultState.PENDING).pk == two.pk


def test_tracks_are_counted_apart_from_operations() -> None:
    job = running_job(3)
    for row in list(TrackResult.objects.all()):
        row.pk, row.model = None, "other"
        row.save()
    held = lease(job)
    rows = TrackResult.objects.claim(held, model="acoustic", limit=3)
    TrackResult.objects.mark_done(held, [done(row) for row in rows])
    held = lease(job)
    other = TrackResult.objects.claim(held, model="other", limit=2)
    TrackResult.objects.mark_done(held, [done(other[0])])
    TrackResult.objects.mark_failed(held, [Failed.of(other[1], AudioEmpty("no samples"))])
    operations, tracks = TrackResult.objects.all().tally(), TrackResult.objects.all().tally_tracks()
    assert (operations.total, operations.done, operations.failed, operations.pending) == (6, 4, 1, 1)
    assert (tracks.total, tracks.done, tracks.failed, tracks.pending) == (3, 1, 1, 1)


def test_rows_of_finished_jobs_are_not_read_when_a_worker_starts() -> None:
    finished, job = running_job(2, state=JobState.CANCELLED), running_job(2)
    for each in (finished, job):
        TrackResult.objects.claim(lease(each), model="acoustic", limit=2)
    with CaptureQueriesContext(connection) as asked:
        assert TrackResult.objects.expire("a", timezone.now()) == 2
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {asked[0]['sql']}")
            plan = " ".join(row[3] for row in cursor.fetchall())
        assert "SEARCH embeddings_trackresult USING INDEX result_to_claim (job_id=? AND state=?)" in plan
