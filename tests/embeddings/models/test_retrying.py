"""Failures that may pass: tried again by themselves, so often and so late as their kind says, and never for ever."""

from datetime import UTC, datetime, timedelta

import pytest

from embeddings.errors import AudioEmpty, AudioMissing, DecodeTimeout, OutOfMemory, TrackError
from embeddings.models import BatchJob, Done, Failed, Lease, ResultState, TrackFailure, TrackResult
from tests.embeddings.models.rows import running_job

pytestmark = pytest.mark.django_db
PAST = "2020-01-01T00:00Z"


def fail(job: BatchJob, error: TrackError, *, retries: int = 3) -> TrackResult:
    """One more failed attempt at the job's operation."""
    lease = Lease.take(job.pk, worker="a", seconds=60.0, retries=retries)
    (row,) = TrackResult.objects.claim(lease, model="acoustic", limit=1)
    TrackResult.objects.mark_failed(lease, [Failed.of(row, error)])
    row.refresh_from_db()
    return row


def claimed(job: BatchJob) -> int:
    return len(TrackResult.objects.claim(Lease.take(job.pk, worker="b", seconds=60.0), model="acoustic", limit=9))


def due_now() -> None:
    TrackResult.objects.update(retry_at=PAST)


def test_a_failure_that_may_pass_is_put_off_and_kept() -> None:
    row = fail(running_job(1), AudioMissing("It is gone."))
    wait = (row.retry_at - datetime.now(UTC)).total_seconds() if row.retry_at else 0.0
    assert (row.state, row.retries, row.finished_at) == (ResultState.PENDING, 1, None)
    assert 5 < wait <= AudioMissing.backoff_seconds
    kept = TrackFailure.objects.get()
    assert (kept.code, kept.message, kept.attempt, kept.permanent) == ("audio_missing", "It is gone.", 1, False)


def test_what_is_put_off_is_claimed_when_it_is_due_and_not_before() -> None:
    job = running_job(1)
    fail(job, AudioMissing("It is gone."))
    assert (claimed(job), TrackResult.objects.claimable(job.pk)) == (0, False)
    assert TrackResult.objects.next_generation(job.pk) is None
    due_now()
    assert TrackResult.objects.claimable(job.pk)
    assert TrackResult.objects.next_generation(job.pk) is not None
    assert claimed(job) == 1
    assert TrackResult.objects.get().retry_at is None


def test_the_last_attempt_fails_for_good_and_every_attempt_is_kept() -> None:
    job = running_job(1)
    fail(job, AudioMissing("first"))
    due_now()
    row = fail(job, AudioMissing("second"))
    assert (row.state, row.failure_code, row.attempts) == (ResultState.FAILED, "audio_missing", 2)
    assert row.finished_at is not None
    assert list(TrackFailure.objects.order_by("pk").values_list("message", "attempt")) == [("first", 1), ("second", 2)]


def test_each_wait_is_twice_as_long() -> None:
    job, waits = running_job(1), []
    for _ in range(DecodeTimeout.attempts - 1):
        row = fail(job, DecodeTimeout("It hangs."))
        assert row.retry_at is not None
        waits.append(round((row.retry_at - datetime.now(UTC)).total_seconds()))
        due_now()
    assert waits == [60, 120]
    assert fail(job, DecodeTimeout("It hangs.")).state == ResultState.FAILED


@pytest.mark.parametrize(("error", "retries"), [(AudioEmpty("No samples."), 3), (AudioMissing("Gone."), 0)])
def test_what_will_not_pass_or_may_not_be_tried_again_fails_at_once(error: TrackError, retries: int) -> None:
    assert fail(running_job(1), error, retries=retries).state == ResultState.FAILED


def test_memory_that_somebody_held_is_asked_for_again_at_once() -> None:
    job = running_job(1)
    fail(job, OutOfMemory("No room."))
    assert claimed(job) == 1


def test_an_operation_that_succeeds_later_has_no_failure_left_on_it() -> None:
    job = running_job(1)
    fail(job, AudioMissing("It is gone."))
    due_now()
    lease = Lease.take(job.pk, worker="a", seconds=60.0)
    rows = TrackResult.objects.claim(lease, model="acoustic", limit=1)
    TrackResult.objects.mark_done(lease, [Done(result=rows[0], seconds=1.0, audio_seconds=9.0, warning="")])
    row = TrackResult.objects.get()
    assert (row.state, row.failure_code, row.attempts) == (ResultState.DONE, "", 2)
    assert TrackFailure.objects.count() == 1


def test_a_cancel_takes_what_was_put_off() -> None:
    job = running_job(1)
    fail(job, AudioMissing("It is gone."))
    assert TrackResult.objects.cancel_pending(job.pk) == 1
    row = TrackResult.objects.get()
    assert (row.state, row.retry_at) == (ResultState.CANCELLED, None)


def test_by_hand_it_is_tried_at_once_and_as_often_as_at_first() -> None:
    job = running_job(1)
    fail(job, AudioMissing("It is gone."))
    assert TrackResult.objects.retry(job.pk, codes=["decode_timeout"]) == 0
    assert TrackResult.objects.retry(job.pk, codes=["audio_missing"]) == 1
    assert fail(job, AudioMissing("It is gone.")).state == ResultState.PENDING


def test_a_moment_that_a_wrong_clock_wrote_holds_nothing_for_years() -> None:
    job = running_job(2)
    far = datetime.now(UTC) + timedelta(days=900)
    pending, running = TrackResult.objects.order_by("pk")
    TrackResult.objects.filter(pk=pending.pk).update(retry_at=far)
    TrackResult.objects.filter(pk=running.pk).update(state=ResultState.RUNNING, lease="x", lease_expires=far)
    assert (claimed(job), claimed(job)) == (1, 1)
    assert TrackResult.objects.get(pk=running.pk).lost == 1


def test_what_a_dead_worker_claimed_by_a_clock_that_ran_ahead_is_freed_by_its_successor() -> None:
    running_job(1)
    soon = datetime.now(UTC) + timedelta(minutes=20)
    TrackResult.objects.update(
        state=ResultState.RUNNING, worker="slot-1", lease="x", lease_expires=soon, started_at=soon
    )
    assert TrackResult.objects.expire("slot-1", datetime.now(UTC)) == 1
    assert claimed(BatchJob.objects.get()) == 1
