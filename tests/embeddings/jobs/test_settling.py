"""What a job does when nothing is left to do: it promotes what is complete, and never empties a search."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from embeddings import conf
from embeddings.errors import OutOfMemory, TrackError, VectorInvalid
from embeddings.jobs.bulletin import Bulletin
from embeddings.jobs.generations import ensure_generation, what_changed
from embeddings.jobs.resident import Resident
from embeddings.jobs.settling import settle
from embeddings.models import (
    BatchJob,
    Done,
    Failed,
    Generation,
    Lease,
    Library,
    Track,
    TrackResult,
    TrackVector,
    Verification,
)
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.test_identity import MADE_WITH
from tests.embeddings.jobs.weighted import WEIGHTED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("weights")]


def begun(tracks: int) -> tuple[MemoryStore, Generation, BatchJob]:
    """A live generation with every track, one that is built beside it, and the job that is to fill it."""
    store = MemoryStore()
    live = ensure_generation(WEIGHTED, MADE_WITH, store)
    library = Library.objects.create(source="folder", external_id=1, name="music", root="/music")
    made = [Track(library=library, path=f"{number}.mp3", signature="1-1") for number in range(tracks)]
    Track.objects.bulk_create(made)
    TrackVector.objects.record([TrackVector(generation=live, track=track, signature="1-1") for track in made])
    built = ensure_generation(WEIGHTED, replace(MADE_WITH, checkpoint="b" * 64), store)
    job = BatchJob.objects.create(state="running", model_keys=["weighted"], options={"verify": False})
    rows = [TrackResult(job=job, track=track, model="weighted", generation=built) for track in made]
    TrackResult.objects.bulk_create(rows)
    return store, built, job


def settled(store: MemoryStore, job: BatchJob, *, failed: int, error: type[TrackError]) -> BatchJob:
    """The job, of which so many tracks failed and the others were embedded."""
    lease = Lease.take(job.pk, worker="a", seconds=60.0)
    rows = TrackResult.objects.claim(lease, model="weighted", limit=1000)
    TrackResult.objects.mark_failed(lease, [Failed.of(row, error("It does not work.")) for row in rows[:failed]])
    done = [Done(result=row, seconds=1.0, audio_seconds=1.0, warning="") for row in rows[failed:]]
    TrackResult.objects.mark_done(lease, done)
    assert settle(job.pk, Resident(store=store, decoders=[], config=conf.models(), bulletin=Bulletin("a")))
    job.refresh_from_db()
    return job


def test_people_are_told_why_everything_is_embedded_anew() -> None:
    _, built, _ = begun(1)
    said = what_changed(built)
    assert f"checkpoint {MADE_WITH.checkpoint[:8]} -> bbbbbbbb." in said
    assert built.collection in said
    assert what_changed(Generation.objects.get(state="live")) == ""


@pytest.mark.parametrize("error", [OutOfMemory, VectorInvalid])
def test_what_failed_every_track_does_not_take_the_place_of_what_is_full(error: type[TrackError]) -> None:
    store, built, job = begun(5)
    live = Generation.objects.live("weighted")
    assert settled(store, job, failed=5, error=error).state == "completed_with_errors"
    assert job.message.startswith(f"{built} was not promoted, and {live} stays: ")
    assert "It holds 0 of the 5 present tracks that" in job.message
    assert Generation.objects.live("weighted") == live
    assert live is not None
    assert store.alias_target(WEIGHTED.alias) == live.collection


@pytest.mark.parametrize(("failed", "promoted"), [(1, True), (2, False)])
def test_nearly_all_tracks_have_to_be_in_it(*, failed: int, promoted: bool) -> None:
    store, built, job = begun(60)
    settled(store, job, failed=failed, error=OutOfMemory)
    assert (Generation.objects.live("weighted") == built) == promoted == (not job.message)


def test_a_job_for_some_tracks_says_what_is_missing() -> None:
    store, built, job = begun(5)
    job.results.filter(track__path__in=["0.mp3", "1.mp3"]).delete()
    settled(store, job, failed=0, error=OutOfMemory)
    assert f"{built} was not promoted" in job.message
    assert "It holds 3 of 5 present tracks" in job.message


def test_an_option_that_another_version_knew_does_not_keep_a_job_from_its_end() -> None:
    store, built, job = begun(2)
    BatchJob.objects.update(options=job.options | {"of_another_version": True})
    settled(store, job, failed=0, error=OutOfMemory)
    assert Generation.objects.live("weighted") == built


def test_tracks_that_are_gone_do_not_hold_it_back() -> None:
    store, built, job = begun(5)
    job.results.filter(track__path="0.mp3").delete()
    Track.objects.filter(path="0.mp3").update(missing_since="2026-01-01T00:00Z")
    assert settled(store, job, failed=0, error=OutOfMemory).message == ""
    assert Generation.objects.live("weighted") == built


def test_an_examination_is_left_to_the_worker_that_makes_it() -> None:
    store, built, job = begun(2)
    job.results.all().delete()
    BatchJob.objects.update(options={}, targets={"weighted": built.pk})
    live = Generation.objects.get(state="live")
    TrackVector.objects.record(
        [TrackVector(generation=built, track=row.track, signature="1-1") for row in live.vectors.all()]
    )
    lease = {"lease": "other", "lease_expires": timezone.now() + timedelta(minutes=1)}
    Verification.objects.create(generation=built, state="running", **lease)
    assert not settle(job.pk, Resident(store=store, decoders=[], config=conf.models(), bulletin=Bulletin("a")))
    job.refresh_from_db()
    assert (job.state, Generation.objects.live("weighted")) == ("running", live)
