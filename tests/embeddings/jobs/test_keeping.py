"""Keeping in step: what starts a step, what it does, and when it does nothing."""

import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from embeddings import conf
from embeddings.domain import Actor
from embeddings.errors import AudioMissing, NotAudio, TrackError
from embeddings.jobs.control import start_job
from embeddings.jobs.keeping import due_models, keep_in_step, look_at_navidrome, step
from embeddings.models import (
    AuditEntry,
    BatchJob,
    Failed,
    Generation,
    GenerationState,
    JobState,
    Track,
    TrackFailure,
    TrackResult,
    Watch,
)
from embeddings.store.base import VectorStore
from tests.conftest import SAMPLE
from tests.embeddings.jobs.stored import record_vectors, store_vectors
from tests.embeddings.library.subsonic_server import PASSWORD, USER, SubsonicServer, serving
from tests.embeddings.models.rows import SPEC

pytestmark = pytest.mark.django_db(transaction=True)
LONG_AGO = timedelta(days=2)


@pytest.fixture
def embedded(catalogue: list[Track], queue: None) -> Generation:
    """The eight tracks have vectors, as far as the rows know."""
    return record_vectors(catalogue)


@pytest.fixture
def navidrome(settings: Any) -> Iterator[SubsonicServer]:
    """A Navidrome that has scanned, and that we are told to ask."""
    with serving() as server:
        settings.NAVIDROME_URL, settings.NAVIDROME_USER, settings.NAVIDROME_PASSWORD = server.url, USER, PASSWORD
        server.finish_scan(at="2026-11-20T10:00:00Z", count=8)
        yield server


def long_ago() -> None:
    """The last step was days ago."""
    Watch.objects.kept()
    Watch.objects.update(stepped_at=timezone.now() - LONG_AGO)


def last_step() -> timedelta:
    """How long ago it was."""
    return timezone.now() - Watch.objects.get().stepped_at


def test_where_nothing_changed_no_job_is_started_and_nothing_is_kept(embedded: Generation) -> None:
    long_ago()
    assert keep_in_step()
    assert not BatchJob.objects.exists()
    assert not AuditEntry.objects.exists()
    assert last_step() < LONG_AGO / 2


def test_a_new_track_is_embedded_alone_and_found_at_once(
    few: Path, store: VectorStore, catalogue: list[Track], work: Callable[[], None]
) -> None:
    generation = store_acoustic(store, catalogue)
    shutil.copy(next(SAMPLE.glob("Heuchi1*/*/*.ogg")), few / "new.ogg")
    long_ago()
    assert keep_in_step()
    work()
    job = BatchJob.objects.get()
    assert (job.state, job.results.count(), job.requested_by) == (JobState.COMPLETED, 1, "schedule")
    key = str(Track.objects.get(path="new.ogg").pk)
    vector = store.fetch(generation.collection, [key])[key]
    assert store.search(SPEC.alias, vector[None], limit=1)[0][0].id == key
    done = AuditEntry.objects.order_by("pk").values_list("action", "door")
    assert list(done)[:2] == [("sync", "schedule"), ("start", "schedule")]


def store_acoustic(store: VectorStore, tracks: list[Track]) -> Generation:
    """A live generation of the model's own width."""
    return store_vectors(store, tracks, dimension=SPEC.dimension)


def test_before_the_next_moment_nothing_is_looked_at(embedded: Generation, few: Path) -> None:
    assert not keep_in_step()
    shutil.rmtree(few)
    assert not keep_in_step()
    assert Watch.objects.get().trouble == ""


def test_a_step_by_a_clock_that_was_wrong_disables_nothing(embedded: Generation) -> None:
    Watch.objects.kept()
    Watch.objects.update(stepped_at="2099-01-01T00:00Z")
    assert keep_in_step()
    assert timedelta() <= last_step() < LONG_AGO
    assert not keep_in_step()


def test_without_a_schedule_nothing_is_looked_at(embedded: Generation, settings: Any) -> None:
    settings.SYNC_SCHEDULE = ""
    long_ago()
    assert not keep_in_step()


def test_a_moment_at_which_a_job_was_active_is_made_up_for(embedded: Generation) -> None:
    long_ago()
    job = BatchJob.objects.create(state=JobState.RUNNING)
    assert not keep_in_step()
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.COMPLETED)
    assert keep_in_step()


def test_a_job_that_is_in_the_way_for_days_is_said(embedded: Generation) -> None:
    long_ago()
    job = BatchJob.objects.create(state=JobState.PAUSED)
    assert not keep_in_step()
    assert Watch.objects.get().trouble == ""
    BatchJob.objects.update(created_at=timezone.now() - LONG_AGO)
    assert not keep_in_step()
    assert f"Job {job.pk} of " in Watch.objects.get().trouble
    assert "is paused" in Watch.objects.get().trouble
    BatchJob.objects.update(state=JobState.CANCELLED)
    assert keep_in_step()
    assert Watch.objects.get().trouble == ""


def test_whatever_breaks_a_step_is_said(embedded: Generation, settings: Any) -> None:
    long_ago()
    settings.MUSIC = 5
    with pytest.raises(TypeError):
        keep_in_step()
    assert Watch.objects.get().trouble.startswith("Following the library broke: TypeError(")


def test_a_job_that_begins_meanwhile_is_given_way_to(store: VectorStore, catalogue: list[Track]) -> None:
    both = [store_vectors(store, catalogue, state=state) for state in (GenerationState.BUILDING, GenerationState.LIVE)]
    Track.objects.filter(pk=catalogue[0].pk).update(artist="Another", changed_at=timezone.now())

    def begin_job(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        found = execute(sql, *rest)
        if sql.startswith('UPDATE "embeddings_trackvector"') and not BatchJob.objects.exists():
            BatchJob.objects.create(state=JobState.PLANNING)
        return found

    with connection.execute_wrapper(begin_job):
        assert not step(again=True)
    key = str(catalogue[0].pk)
    named = [store.labels(generation.collection, [key])[key].name.partition(" - ")[0] for generation in both]
    assert (named.count("Another"), BatchJob.objects.count()) == (1, 1)


def test_a_library_that_is_away_is_said_and_made_up_for(embedded: Generation, few: Path) -> None:
    long_ago()
    few.rename(few.with_name("away"))
    assert not keep_in_step()
    assert "is its disk mounted?" in Watch.objects.get().trouble
    few.with_name("away").rename(few)
    assert keep_in_step()
    assert Watch.objects.get().trouble == ""


def fail(generation: Generation, track: Track, error: TrackError) -> None:
    """A job tried this track and failed."""
    job = BatchJob.objects.create(state=JobState.COMPLETED_WITH_ERRORS)
    row = TrackResult.objects.create(job=job, track=track, model=SPEC.key, generation=generation)
    TrackFailure.objects.bulk_create([TrackFailure.of(Failed.of(row, error, seconds=1.0), "worker")])
    generation.vectors.filter(track=track).delete()


def due(*, again: bool) -> list[str]:
    """Models that lack something."""
    return due_models(["acoustic"], conf.models(), again=again)[0]


def test_a_track_that_cannot_be_embedded_starts_nothing(embedded: Generation, catalogue: list[Track]) -> None:
    fail(embedded, catalogue[0], NotAudio("It is a picture."))
    assert due(again=True) == []


def test_a_track_that_may_pass_is_tried_again_by_the_schedule_and_not_by_each_scan(
    embedded: Generation, catalogue: list[Track]
) -> None:
    fail(embedded, catalogue[0], AudioMissing("It is not there."))
    assert (due(again=True), due(again=False)) == (["acoustic"], [])


def test_a_scan_does_not_take_the_schedule_s_place(
    embedded: Generation, catalogue: list[Track], navidrome: SubsonicServer
) -> None:
    fail(embedded, catalogue[0], AudioMissing("It is not there."))
    long_ago()
    assert look_at_navidrome()
    assert not BatchJob.objects.active().exists()
    assert keep_in_step()
    assert BatchJob.objects.active().exists()


def test_another_file_is_due(embedded: Generation, catalogue: list[Track]) -> None:
    Track.objects.filter(pk=catalogue[0].pk).update(signature="2-2")
    assert due(again=False) == ["acoustic"]


def test_a_model_without_vectors_is_due_where_there_is_music(catalogue: list[Track]) -> None:
    assert due(again=False) == ["acoustic"]
    Track.objects.update(missing_since=timezone.now())
    assert due(again=False) == []


def test_what_was_rolled_back_does_not_come_back_by_itself(embedded: Generation) -> None:
    Generation.objects.update(state=GenerationState.RETIRED)
    assert step(again=True)
    assert not BatchJob.objects.exists()
    assert "was retired; start a job to go on with it" in Watch.objects.get().trouble


def test_a_new_scan_is_followed_once(embedded: Generation, navidrome: SubsonicServer) -> None:
    assert look_at_navidrome()
    assert not look_at_navidrome()
    navidrome.finish_scan(at="2026-11-20T11:00:00Z", count=8)
    assert look_at_navidrome()


def test_a_scan_that_goes_on_is_followed_when_it_is_over(embedded: Generation, navidrome: SubsonicServer) -> None:
    look_at_navidrome()
    navidrome.status["scanning"] = True
    assert not look_at_navidrome()
    navidrome.status["scanning"] = False
    assert look_at_navidrome()


def test_a_scan_during_a_job_is_followed_after_it(embedded: Generation, navidrome: SubsonicServer) -> None:
    job = BatchJob.objects.create(state=JobState.RUNNING)
    assert not look_at_navidrome()
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.COMPLETED)
    assert look_at_navidrome()


def test_a_navidrome_that_does_not_answer_is_said_until_it_does(
    embedded: Generation, navidrome: SubsonicServer
) -> None:
    navidrome.code = 502
    assert not look_at_navidrome()
    assert "HTTP status 502" in Watch.objects.get().unanswered
    navidrome.code = 200
    assert look_at_navidrome()
    assert Watch.objects.get().unanswered == ""


def test_a_password_file_that_cannot_be_read_is_said(navidrome: SubsonicServer, settings: Any, db: None) -> None:
    settings.NAVIDROME_PASSWORD, settings.NAVIDROME_PASSWORD_FILE = "", "/nowhere/password"
    assert not look_at_navidrome()
    assert "NAVIDROME_PASSWORD_FILE=/nowhere/password cannot be read" in Watch.objects.get().unanswered


def test_a_password_may_stand_in_a_file(
    embedded: Generation, navidrome: SubsonicServer, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    settings.NAVIDROME_PASSWORD, settings.NAVIDROME_PASSWORD_FILE = "", str(tmp_path / "password")
    assert look_at_navidrome()


def test_a_job_that_a_person_starts_follows_the_catalogue_as_well(
    store: VectorStore, catalogue: list[Track], work: Callable[[], None]
) -> None:
    generation = store_acoustic(store, catalogue)
    Track.objects.filter(pk=catalogue[0].pk).update(artist="Another", changed_at=timezone.now())
    start_job(by=Actor(name="", door="command"))
    work()
    key = str(catalogue[0].pk)
    assert store.labels(generation.collection, [key])[key].name.startswith("Another - ")
