"""Jobs of models with weights: refused checkpoints, unfit workers, what people are told, and memory given back."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import django_rq
import numpy as np
import pytest
from django.core.management import call_command
from rq.exceptions import StopRequested

from embeddings.jobs import control, tasks
from embeddings.jobs.bulletin import Bulletin
from embeddings.jobs.planner import kept_planning
from embeddings.jobs.progress import progress_of
from embeddings.jobs.resident import resident
from embeddings.jobs.targets import Unwanted
from embeddings.jobs.worker import ResidentWorker
from embeddings.models import BatchJob, Generation, JobState, ResultState, TrackResult, WorkerState
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.weighted import write_weights
from tests.services import until

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]
ALIAS = "weighted_embedding"


def run(work: Work, **request: object) -> BatchJob:
    job = control.start_job(**({"models": ["weighted"]} | request))  # type: ignore[arg-type]
    return worked(work, job)


def worked(work: Work, job: BatchJob) -> BatchJob:
    work()
    job.refresh_from_db()
    return job


def planned(work: Work) -> BatchJob:
    """A job whose rows are all pending, as if its messages had been lost."""
    job = control.start_job(models=["weighted"])
    tasks.plan(job.pk)
    job.refresh_from_db()
    assert set(states()) == {ResultState.PENDING}
    return job


def states() -> list[str]:
    return list(TrackResult.objects.values_list("state", flat=True))


def test_both_vectors_are_stored_with_what_made_them(few: Path, weights: Path, work: Work, store: VectorStore) -> None:
    job = run(work)
    assert (job.state, job.message) == (JobState.COMPLETED, "")
    ids = [str(pk) for pk in job.results.values_list("track_id", flat=True)]
    vectors, joints = store.fetch(ALIAS, ids), store.fetch(ALIAS, ids, field="joint")
    assert len(vectors) == len(joints) == 8
    for name, vector in vectors.items():
        np.testing.assert_allclose(joints[name], vector[1:] / np.linalg.norm(vector[1:]), atol=1e-6)


def test_other_weights_fill_a_generation_beside_the_live_one(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    first = run(work)
    live = Generation.objects.get()
    write_weights(weights, 3.0)
    ids = [str(pk) for pk in first.results.values_list("track_id", flat=True)]
    before = store.fetch(live.collection, ids)
    assert run(work).results.count() == 8
    found = Generation.objects.order_by("number")
    assert [(row.state, row.checkpoint == live.checkpoint) for row in found] == [("retired", True), ("live", False)]
    after, untouched = store.fetch(ALIAS, ids), store.fetch(live.collection, ids)
    for name in ids:
        np.testing.assert_array_equal(untouched[name], before[name])
        assert not np.allclose(after[name], before[name])


def test_going_back_to_a_checkpoint_embeds_nothing_again(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    run(work)
    first = Generation.objects.get()
    kept = {path: path.read_bytes() for path in weights.iterdir()}
    write_weights(weights, 3.0)
    run(work)
    for path, content in kept.items():
        path.write_bytes(content)
    back = run(work)
    assert (back.results.count(), back.skipped) == (0, 8)
    assert Generation.objects.live("weighted") == first
    assert store.alias_target(ALIAS) == first.collection


def test_a_checkpoint_refused_in_planning_fails_the_job_and_retrying_plans_it(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    (weights / "weights.json").unlink()
    job = run(work, models=["acoustic", "weighted"])
    assert (job.state, job.results.count()) == (JobState.FAILED, 0)
    assert str(weights) in job.message
    write_weights(weights, 2.0)
    control.retry_failed(job)
    assert worked(work, job).state == JobState.COMPLETED
    assert job.results.filter(state=ResultState.DONE).count() == 16


def test_a_checkpoint_refused_at_loading_fails_the_job_and_retrying_goes_on(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    write_weights(weights, "no number")
    job = run(work)
    assert (job.state, states()) == (JobState.FAILED, [ResultState.PENDING] * 8)
    assert job.message == f"{weights / 'weights.json'} holds no number; copy it again."
    write_weights(weights, 2.0)
    control.retry_failed(job)
    assert worked(work, job).state == JobState.COMPLETED
    assert store.count(ALIAS) == 8
    assert list(Generation.objects.order_by("number").values_list("state", flat=True)) == ["retired", "live"]


def test_what_was_done_before_a_job_failed_is_not_done_again(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    job = run(work)
    TrackResult.objects.filter(pk__in=job.results.values("pk")[:3]).update(state=ResultState.PENDING)
    BatchJob.objects.update(state=JobState.FAILED)
    control.retry_failed(job)
    assert worked(work, job).state == JobState.COMPLETED
    assert sorted(job.results.values_list("attempts", flat=True)) == [1] * 5 + [2] * 3
    assert job.skipped == 0


def test_an_unfit_worker_touches_no_row_and_says_why(few: Path, weights: Path, work: Work, store: VectorStore) -> None:
    job = planned(work)
    write_weights(weights, 3.0)
    worked(work, job)
    assert (job.state, states()) == (JobState.RUNNING, [ResultState.PENDING] * 8)
    assert "Waiting, and trying again by itself: This worker has checkpoint" in job.message
    assert "whose vectors were begun with" in WorkerState.objects.get(job=job).sentence
    write_weights(weights, 2.0)
    assert (worked(work, job).state, job.message) == (JobState.COMPLETED, "")


def test_people_are_told_what_workers_do_and_nothing_of_dead_ones(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    job = run(work)
    (line,) = progress_of(job).workers
    assert (line.model, line.standing) == ("weighted", "cpu, float32, batch 4")
    assert line.sentence == "weighted on cpu, float32, batch 4"
    WorkerState.objects.update(updated_at="2020-01-01T00:00Z")
    assert progress_of(job).workers == ()


def test_a_worker_that_ends_takes_its_words_and_its_model_along(
    few: Path, weights: Path, queue: None, store: VectorStore, settings: Any
) -> None:
    settings.LOG_LEVEL = "WARNING"
    job = control.start_job(models=["weighted"])
    call_command("work", "--burst")
    job.refresh_from_db()
    assert job.state == JobState.COMPLETED
    assert resident().loaded is None
    assert not WorkerState.objects.exists()


def test_the_loaded_model_goes_on_before_the_next_is_loaded(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    job = control.start_job(models=["acoustic", "weighted"])
    tasks.plan(job.pk)
    first, second = (Generation.objects.get(model=key) for key in ("acoustic", "weighted"))
    assert TrackResult.objects.next_generation(job.pk) == first
    assert TrackResult.objects.next_generation(job.pk, prefer=second.pk) == second
    TrackResult.objects.filter(model="weighted").update(state=ResultState.DONE)
    assert TrackResult.objects.next_generation(job.pk, prefer=second.pk) == first


class UntilUnloaded(ResidentWorker):
    """Waits for messages like any other, and ends once it has unloaded."""

    def run_maintenance_tasks(self) -> None:
        super().run_maintenance_tasks()
        if resident().loaded is None:
            raise StopRequested


def test_an_idle_worker_gives_the_models_memory_back(few: Path, weights: Path, work: Work, store: VectorStore) -> None:
    run(work)
    assert resident().loaded is not None
    resident().config = replace(resident().config, idle_seconds=0.5)
    queues = [django_rq.get_queue(name) for name in ("control", "embed")]
    worker = UntilUnloaded(
        queues,
        connection=queues[0].connection,
        serializer=queues[0].serializer,
        idle_seconds=1,
        when_idle=tasks.rest,
    )
    worker.work(logging_level="WARNING")
    assert resident().loaded is None
    assert WorkerState.objects.get().sentence == "weighted unloaded"


def test_words_reach_the_row_from_any_thread_while_the_worker_is_busy(weights: Path, db: None) -> None:
    job, bulletin = BatchJob.objects.create(), Bulletin("slot-9")
    with bulletin.read_out(job.pk):
        threading.Thread(target=bulletin.say, args=("Downloading weighted, 1.2 of 2.8 GB",)).start()
        until(lambda: WorkerState.objects.filter(job=job, sentence__startswith="Downloading").exists())


def test_what_is_downloaded_is_noted_on_the_job_until_it_is_cancelled(db: None, queue: None) -> None:
    job = BatchJob.objects.create()
    with kept_planning(job) as report:
        report("Downloading weighted, 1.2 of 2.8 GB")
        until(lambda: BatchJob.objects.get().message == "Downloading weighted, 1.2 of 2.8 GB")
        control.cancel_job(job)
        with pytest.raises(Unwanted):
            until(lambda: bool(report("Downloading weighted, 1.3 of 2.8 GB")))
