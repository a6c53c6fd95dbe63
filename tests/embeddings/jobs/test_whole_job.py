"""A job from the request to the vectors: real files, a real queue, a real store, the model that ships."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings.embedders import get_spec
from embeddings.jobs import control, tasks
from embeddings.jobs.progress import progress_of
from embeddings.jobs.resident import resident
from embeddings.models import BatchJob, Generation, JobState, ResultState, Track, TrackFailure, TrackResult
from embeddings.store.base import VectorStore

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]
SPEC = get_spec("acoustic")


def run(work: Work, **request: object) -> BatchJob:
    job = control.start_job(**request)  # type: ignore[arg-type]
    work()
    job.refresh_from_db()
    return job


def break_file(folder: Path) -> Path:
    """Replace one track by text."""
    broken = next(folder.rglob("*.ogg"))
    broken.write_text("this was a song\n" * 500)
    return broken


def test_every_track_gets_one_finite_unit_vector_under_its_id(few: Path, work: Work, store: VectorStore) -> None:
    job = run(work)
    assert job.state == JobState.COMPLETED
    ids = [str(pk) for pk in Track.objects.values_list("pk", flat=True)]
    vectors = store.fetch(SPEC.alias, ids)
    assert len(ids) == len(vectors) == store.count(SPEC.alias) == 8
    norms = np.linalg.norm(np.stack(list(vectors.values())), axis=1)
    np.testing.assert_allclose(norms, 1.0, atol=1e-5)


def test_a_second_job_embeds_nothing_that_is_current(few: Path, work: Work, store: VectorStore) -> None:
    run(work)
    again = run(work)
    assert again.state == JobState.COMPLETED
    assert (again.skipped, again.results.count()) == (8, 0)


def test_a_file_that_changed_is_embedded_again(few: Path, work: Work, store: VectorStore) -> None:
    run(work)
    one, other = sorted(few.rglob("*.opus"))[:2]
    one.write_bytes(other.read_bytes())
    again = run(work)
    assert [row.track.path for row in again.results.select_related("track")] == [str(one.relative_to(few))]


def test_done_and_failed_make_up_what_was_planned(few: Path, work: Work, store: VectorStore) -> None:
    break_file(few)
    job = run(work)
    counted = progress_of(job).operations
    assert job.state == JobState.COMPLETED_WITH_ERRORS
    assert (counted.total, counted.done, counted.failed) == (8, 7, 1)
    assert store.count(SPEC.alias) == 7
    assert TrackFailure.objects.get().code == "not_audio"


def test_a_permanent_failure_is_not_tried_again_by_itself(few: Path, work: Work, store: VectorStore) -> None:
    break_file(few)
    run(work)
    assert run(work).results.count() == 0
    assert run(work, scope="failed").results.count() == 1


def test_retry_does_only_what_failed(few: Path, work: Work, store: VectorStore) -> None:
    broken = break_file(few)
    job = run(work)
    broken.write_bytes(next(few.rglob("*.flac")).read_bytes())
    assert control.retry_failed(job) == 1
    work()
    job.refresh_from_db()
    attempts = sorted(job.results.values_list("attempts", flat=True))
    assert (job.state, attempts) == (JobState.COMPLETED, [1] * 7 + [2])
    assert TrackFailure.objects.count() == 1


def test_a_selection_embeds_only_what_it_names(few: Path, work: Work, store: VectorStore) -> None:
    run(work)
    again = run(work, scope="selection", selection={"artist": "lincoln domina"})
    assert {row.track.artist for row in again.results.select_related("track")} == {"Lincoln Domina"}


def test_a_job_cancelled_before_it_is_planned_embeds_nothing(few: Path, work: Work, store: VectorStore) -> None:
    job = control.start_job()
    control.cancel_job(job)
    work()
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED
    assert not TrackResult.objects.filter(state=ResultState.DONE).exists()


def test_a_paused_job_waits_and_goes_on(few: Path, work: Work, store: VectorStore) -> None:
    job = run(work)
    TrackResult.objects.filter(job=job).update(state=ResultState.PENDING)
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.PAUSED)
    work()
    assert not TrackResult.objects.exclude(state=ResultState.PENDING).exists()
    control.resume_job(job)
    work()
    job.refresh_from_db()
    assert job.state == JobState.COMPLETED


def test_work_goes_on_when_every_message_was_lost(few: Path, work: Work, store: VectorStore) -> None:
    job = run(work)
    TrackResult.objects.filter(job=job).update(state=ResultState.PENDING)
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.RUNNING, finished_at=None)
    work()
    job.refresh_from_db()
    assert job.state == JobState.COMPLETED


def test_a_music_folder_that_is_gone_fails_the_job_with_a_sentence(few: Path, work: Work, settings: Any) -> None:
    settings.MUSIC = str(few / "nowhere")
    job = run(work)
    assert job.state == JobState.FAILED
    assert str(few / "nowhere") in job.message


def test_a_new_version_fills_a_generation_beside_the_live_one(few: Path, work: Work, store: VectorStore) -> None:
    run(work)
    Generation.objects.update(spec_version=SPEC.version - 1 + 100)
    job = run(work)
    states = list(Generation.objects.order_by("number").values_list("state", flat=True))
    assert (job.results.count(), states) == (8, ["retired", "live"])
    assert store.alias_target(SPEC.alias) == Generation.objects.get(state="live").collection


def test_a_database_that_was_lost_neither_reuses_nor_drops_what_the_store_holds(
    few: Path, work: Work, store: VectorStore
) -> None:
    run(work)
    before = Generation.objects.get().collection
    Track.objects.all().delete()
    Generation.objects.all().delete()
    run(work)
    after = Generation.objects.get().collection
    assert before != after
    assert store.count(before) == store.count(after) == store.count(SPEC.alias) == 8


def test_planning_waits_for_a_store_that_is_away(few: Path, queue: None, store: VectorStore, settings: Any) -> None:
    uri, settings.MILVUS_URI, settings.MILVUS_TIMEOUT_SECONDS = settings.MILVUS_URI, "http://127.0.0.1:9", 2.0
    resident.cache_clear()
    job = control.start_job()
    tasks.plan(job.pk)
    job.refresh_from_db()
    assert job.state == JobState.PLANNING
    assert "trying again by itself" in job.message
    settings.MILVUS_URI = uri
    resident.cache_clear()
    tasks.plan(job.pk)
    job.refresh_from_db()
    assert (job.state, job.results.count()) == (JobState.RUNNING, 8)


@pytest.fixture
def lost(few: Path, work: Work, store: VectorStore) -> Generation:
    """All is embedded, and the store has nothing of it any more, or is another one."""
    run(work)
    live = Generation.objects.get()
    store.remove_alias(SPEC.alias)
    store.drop(live.collection)
    return live


def test_a_store_that_lost_its_vectors_is_filled_again_by_a_job_for_all(
    lost: Generation, work: Work, store: VectorStore
) -> None:
    again = run(work, scope="all")
    assert (again.state, again.skipped) == (JobState.COMPLETED, 0)
    assert store.count(SPEC.alias) == 8


@pytest.mark.parametrize("wanted", [{"scope": "missing"}, {"scope": "failed"}, {"scope": "all", "rebuild": True}])
def test_a_store_that_has_none_of_our_vectors_is_taken_for_another(
    lost: Generation, work: Work, store: VectorStore, wanted: dict[str, Any]
) -> None:
    job = run(work, **wanted)
    assert job.state == JobState.FAILED
    assert f"has none of the collections that hold our vectors ({lost.collection}); is MILVUS_URI right?" in job.message
    assert "To embed everything anew: manage.py reembed start --scope all" in job.message
    assert (lost.vectors.count(), lost.collection in store.collections()) == (8, False)


def test_an_alias_left_behind_by_a_crash_is_mended(few: Path, work: Work, store: VectorStore) -> None:
    run(work)
    store.create("elsewhere", SPEC.dimension)
    store.point_alias(SPEC.alias, "elsewhere")
    run(work, scope="all")
    assert store.alias_target(SPEC.alias) == Generation.objects.get().collection


def test_only_what_is_current_counts_as_current(few: Path, work: Work, store: VectorStore) -> None:
    break_file(few)
    run(work)
    assert run(work).skipped == 7
    assert run(work, scope="failed").skipped == 0


def test_what_may_have_killed_its_workers_is_embedded_alone(few: Path, work: Work, store: VectorStore) -> None:
    job = control.start_job()
    tasks.plan(job.pk)
    TrackResult.objects.filter(job=job).update(lost=2)
    work()
    started = list(TrackResult.objects.filter(job=job).values_list("started_at", flat=True))
    job.refresh_from_db()
    assert job.state == JobState.COMPLETED
    assert len(set(started)) == 8
