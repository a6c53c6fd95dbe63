"""Each slice leaves a record: what was settled between two moments, of rows that were really written."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import OperationalError, connection

from embeddings.errors import AudioMissing
from embeddings.jobs import control
from embeddings.jobs.recording import Recorder, resident_mb
from embeddings.models import BatchJob, Done, Failed, Lease, SliceRecord, TrackResult
from embeddings.store.base import VectorStore
from tests.embeddings.models.rows import lease, running_job

Work = Callable[[], None]


def claimed(count: int) -> tuple[Lease, list[TrackResult]]:
    held = lease(running_job(count))
    return held, TrackResult.objects.claim(held, model="acoustic", limit=count)


def done(row: TrackResult) -> Done:
    return Done(result=row, seconds=1.0, audio_seconds=200.0, warning="")


@pytest.mark.django_db(transaction=True)
def test_the_slices_of_a_job_add_up_to_its_operations(few: Path, work: Work, store: VectorStore, settings: Any) -> None:
    settings.JOB_SLICE_SIZE = 3
    next(few.rglob("*.ogg")).write_text("this was a song\n" * 500)
    job = control.start_job()
    work()
    records = list(SliceRecord.objects.filter(job=job).order_by("started_at"))
    assert (sum(record.done for record in records), sum(record.failed for record in records)) == (7, 1)
    assert [record.failures for record in records if record.failures] == [{"not_audio": 1}]
    assert sum(record.audio_seconds for record in records) == pytest.approx(
        sum(job.results.filter(state="done").values_list("audio_seconds", flat=True))
    )
    for one, next_one in pairwise(records):
        assert one.started_at < one.finished_at <= next_one.started_at


@pytest.mark.django_db
def test_a_record_is_written_when_a_slice_is_full_and_what_is_left_at_the_end() -> None:
    held, rows = claimed(5)
    with Recorder(held, 2) as recorder:
        for row in rows:
            TrackResult.objects.mark_done(held, [done(row)])
            recorder.count([done(row)], [])
    assert list(SliceRecord.objects.values_list("done", flat=True)) == [2, 2, 1]


@pytest.mark.django_db
def test_rows_that_were_lost_to_another_worker_are_not_counted() -> None:
    held, rows = claimed(2)
    TrackResult.objects.filter(pk=rows[0].pk).update(lease="another")
    outcomes = [done(row) for row in rows]
    TrackResult.objects.mark_done(held, outcomes)
    with Recorder(held, 64) as recorder:
        recorder.count(outcomes, [])
    assert SliceRecord.objects.get().done == 1


@pytest.mark.django_db
def test_failures_are_counted_by_code() -> None:
    held, rows = claimed(3)
    failed = [Failed.of(row, AudioMissing("It is gone.")) for row in rows]
    TrackResult.objects.mark_failed(held, failed)
    with Recorder(held, 64) as recorder:
        recorder.count([], failed)
    assert SliceRecord.objects.get().failures == {"audio_missing": 3}


@pytest.mark.django_db(transaction=True)
def test_a_job_that_was_deleted_costs_its_record_and_nothing_else(caplog: Any) -> None:
    held, rows = claimed(1)
    TrackResult.objects.mark_done(held, [done(rows[0])])
    BatchJob.objects.all().delete()
    with Recorder(held, 64) as recorder:
        recorder.count([done(rows[0])], [])
    assert not SliceRecord.objects.exists()
    assert "slice not recorded" in caplog.text


@pytest.mark.django_db
def test_a_database_that_went_away_is_told_as_for_the_rows() -> None:
    held, rows = claimed(1)
    TrackResult.objects.mark_done(held, [done(rows[0])])

    def refuse(*_: Any) -> None:
        raise OperationalError("database is locked")

    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        Recorder(held, 1).count([done(rows[0])], [])


@pytest.mark.django_db
def test_what_broke_a_turn_is_raised_and_not_its_record() -> None:
    held, rows = claimed(1)
    TrackResult.objects.mark_done(held, [done(rows[0])])

    def refuse(*_: Any) -> None:
        raise OperationalError("database is locked")

    recorder = Recorder(held, 64)
    recorder.count([done(rows[0])], [])
    with pytest.raises(ZeroDivisionError), connection.execute_wrapper(refuse), recorder:
        int(1 / 0)


def test_memory_is_what_this_program_holds() -> None:
    before = resident_mb()
    ballast = np.ones(32 << 20, dtype=np.uint8)
    after = resident_mb()
    assert before is not None
    assert after is not None
    assert 25 < after - before < 60, ballast.size


@pytest.mark.django_db
def test_figures_tell_slices_durations_and_the_largest_worker() -> None:
    job = running_job(1)
    start = job.created_at
    for number in range(20):
        SliceRecord.objects.create(
            job=job,
            model="acoustic",
            worker=f"w{number % 2}",
            started_at=start,
            finished_at=start + timedelta(seconds=number + 1),
            done=64,
            memory_mb=500 - number,
        )
    figures = SliceRecord.objects.figures(job)
    assert (figures.slices, figures.seconds_median, figures.seconds_p95) == (20, 10.0, 19.0)
    # The last slice of the other worker.
    assert figures.memory_mb == 482
    assert SliceRecord.objects.totals() == [("acoustic", 1280, 0, 0.0)]
