"""Rows of a job brought into the state in which something is to be measured, and the same writes as a floor."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from embeddings.errors import AudioUnreadable
from embeddings.models import BatchJob, Failed, JobState, ResultState, TrackFailure, TrackResult, TrackVector

Value = TypeVar("Value")
CHUNK = 1000
BATCH = 64


def plain_rows(job: BatchJob) -> int:
    """Write the same rows as the job has for another one, without looking at anything; the floor of planning."""
    other = BatchJob.objects.create(state=JobState.CANCELLED, model_keys=job.model_keys)
    values = list(job.results.order_by("pk").values_list("track_id", "model", "generation_id"))
    for start in range(0, len(values), CHUNK):
        with transaction.atomic():
            TrackResult.objects.bulk_create(
                TrackResult(job=other, track_id=track, model=model, generation_id=generation)
                for track, model, generation in values[start : start + CHUNK]
            )
    return other.pk


def plain_turn(ids: Sequence[int]) -> None:
    """Say that rows are held, then that they are done and have vectors; the floor of claiming and settling."""
    now, rows = timezone.now(), TrackResult.objects.filter(pk__in=ids)
    with transaction.atomic():
        rows.update(state=ResultState.RUNNING, lease="floor", lease_expires=now, started_at=now)
    with transaction.atomic():
        rows.update(state=ResultState.DONE, lease="", finished_at=now, seconds=1.0, audio_seconds=240.0)
        TrackVector.objects.bulk_create(
            [
                TrackVector(generation_id=generation, track_id=track, signature=signature, stored_at=now)
                for generation, track, signature in rows.values_list("generation_id", "track_id", "track__signature")
            ],
            ignore_conflicts=True,
        )


def settle_below(job: BatchJob, pk: int) -> None:
    """Let everything below a row be done, a hundredth of it failed, over the last hours, with its vectors."""
    now = timezone.now()
    rows = TrackResult.objects.filter(job=job, pk__lt=pk, state=ResultState.PENDING)
    settled = {"started_at": now - timedelta(hours=2), "finished_at": now - timedelta(hours=1), "worker": "bench"}
    failed = rows.annotate(hundredth=F("pk") % 100).filter(hundredth=7)
    failed.update(state=ResultState.FAILED, failure_code=AudioUnreadable.code, **settled)
    rows.update(state=ResultState.DONE, seconds=1.0, audio_seconds=240.0, **settled)
    _store_vectors(TrackResult.objects.filter(job=job, state=ResultState.DONE, finished_at__lt=now), now)
    _keep_failures(TrackResult.objects.filter(job=job, state=ResultState.FAILED, failures=None))


def _store_vectors(ready: QuerySet[TrackResult], now: datetime) -> None:
    stored = ready.values_list("generation_id", "track_id", "track__signature").iterator(chunk_size=CHUNK)
    for chunk in batched(stored, CHUNK):
        TrackVector.objects.record(
            [
                TrackVector(generation_id=generation, track_id=track, signature=signature, stored_at=now)
                for generation, track, signature in chunk
            ]
        )


def _keep_failures(failed: QuerySet[TrackResult]) -> None:
    for chunk in batched(failed.select_related("track"), CHUNK):
        made = [Failed.of(row, AudioUnreadable("damaged")) for row in chunk]
        TrackFailure.objects.bulk_create([TrackFailure.of(one, "bench") for one in made])


def batched(values: Iterable[Value], size: int) -> Iterator[list[Value]]:
    """The values in lists of a size, the last one shorter."""
    source = iter(values)
    while chunk := list(islice(source, size)):
        yield chunk


def forget(job_id: int) -> None:
    """Remove a job; its rows first, to which nothing refers yet, as Django's way would read each of them."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TrackResult._meta.db_table} WHERE job_id = %s", [job_id])  # noqa: S608
    BatchJob.objects.filter(pk=job_id).delete()


def analyse() -> None:
    """Let the database look at its tables, as PostgreSQL's autovacuum does by itself after a minute."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
