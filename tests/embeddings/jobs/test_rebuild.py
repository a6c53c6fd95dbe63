"""A rebuild fills a generation beside the live one, and takes its place once all speaks for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embeddings import conf
from embeddings.domain import SYSTEM, JobOptions
from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs import control, migration, tasks
from embeddings.jobs.generations import ensure_generation
from embeddings.jobs.identity import identify
from embeddings.jobs.planner import plan
from embeddings.jobs.resident import resident
from embeddings.jobs.settling import settle
from embeddings.library.folder import FolderSource
from embeddings.library.sync import sync
from embeddings.models import (
    AuditEntry,
    BatchJob,
    Generation,
    JobState,
    ResultState,
    Track,
    TrackResult,
    TrackVector,
    Verification,
)
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.weighted import WEIGHTED, write_weights

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]


def run(work: Work, **request: Any) -> BatchJob:
    return worked(work, control.start_job(**({"models": ["weighted"]} | request)))


def rebuild(work: Work, **options: Any) -> BatchJob:
    return run(work, scope="all", rebuild=True, options=JobOptions(**options))


def worked(work: Work, job: BatchJob) -> BatchJob:
    work()
    job.refresh_from_db()
    return job


def planned_rebuild(work: Work) -> BatchJob:
    """A rebuild whose rows are planned, and of which nobody embeds anything."""
    run(work)
    job = control.start_job(models=["weighted"], scope="all", rebuild=True)
    tasks.plan(job.pk)
    job.refresh_from_db()
    return job


class Interrupted(MemoryStore):
    """A store that goes away once, just when a second collection is to be made."""

    away = False

    def create(self, collection: str, dimension: int, *, joint_dimension: int = 0) -> None:
        if self.collections() and not self.away:
            self.away = True
            raise BackendUnavailable("The store went away.")
        super().create(collection, dimension, joint_dimension=joint_dimension)


def states() -> list[str]:
    return list(Generation.objects.order_by("number").values_list("state", flat=True))


def test_a_rebuild_embeds_everything_anew_and_takes_the_live_one_s_place(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    run(work)
    job = rebuild(work)
    old, new = Generation.objects.order_by("number")
    assert (job.state, job.message, states()) == (JobState.COMPLETED, "", ["retired", "live"])
    assert (old.identity, old.vectors.count(), new.vectors.count()) == (new.identity, 8, 8)
    assert store.alias_target(WEIGHTED.alias) == new.collection
    assert Verification.objects.get(generation=new).state == "passed"
    assert AuditEntry.objects.get(action="promote").job == job


def test_a_rebuild_is_of_the_whole_library(weights: Path) -> None:
    with pytest.raises(Refused, match="takes the whole library"):
        control.start_job(models=["weighted"], scope="selection", selection={"artist": "Flare"}, rebuild=True)


def test_the_first_generation_of_a_model_is_live_whatever_was_asked(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    rebuild(work)
    assert states() == ["live"]


def test_planned_again_after_a_crash_it_goes_on_with_its_own_generation(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    job = planned_rebuild(work)
    assert states() == ["live", "building"]
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.PLANNING, planning_lease=None)
    job.results.all().delete()
    tasks.plan(job.pk)
    assert states() == ["live", "building"]
    assert worked(work, job).state == JobState.COMPLETED
    assert (states(), job.results.filter(state=ResultState.DONE).count()) == (["retired", "live"], 8)


def test_it_begins_one_generation_although_its_planner_breaks_off(few: Path, weights: Path) -> None:
    store, source = Interrupted(), FolderSource(few)
    live = ensure_generation(WEIGHTED, identify(WEIGHTED, conf.models(), lambda _sentence: None), store)
    sync(source)
    TrackVector.objects.record([TrackVector(generation=live, track=Track.objects.all()[0], signature="1")])
    job = BatchJob.objects.create(model_keys=["weighted"], scope="all", rebuild=True)
    with pytest.raises(BackendUnavailable):
        plan(job, source=source, store=store, config=conf.models())
    assert plan(job, source=source, store=store, config=conf.models())
    assert states() == ["live", "building"]
    assert store.collections() == list(Generation.objects.order_by("number").values_list("collection", flat=True))


def test_after_a_rebuild_was_cancelled_what_is_missing_goes_into_the_live_one(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    job = planned_rebuild(work)
    control.cancel_job(job)
    live = Generation.objects.get(state="live")
    live.vectors.first().delete()  # type: ignore[union-attr]
    assert run(work).results.get().generation == live
    assert states() == ["live", "building"]


def test_what_does_not_pass_stays_beside_the_live_one_and_the_job_says_why(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    job = planned_rebuild(work)
    new = Generation.objects.get(state="building")
    TrackResult.objects.filter(pk=job.results.values("pk")[:1]).update(state=ResultState.DONE)
    done = job.results.get(state=ResultState.DONE)
    new.vectors.create(track=done.track, signature=done.track.signature)
    worked(work, job)
    assert states() == ["live", "building"]
    assert f"{new} was not promoted" in job.message
    assert "recorded as embedded without a vector in the store" in job.message
    assert migration.promote(new, by=SYSTEM, force_because="one track less").state == "live"


def test_nothing_is_promoted_that_the_job_was_not_to_promote(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    run(work)
    job = rebuild(work, promote=False)
    new = Generation.objects.get(state="verified")
    assert f"Promote it with: manage.py reembed promote {new}" in job.message
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.FAILED)
    other = BatchJob.objects.create(state=JobState.RUNNING, model_keys=["weighted"], targets=job.targets)
    assert settle(other.pk, resident())
    other.refresh_from_db()
    assert f"{job} was started so that it is not promoted".capitalize() in other.message
    assert migration.promote(new, by=SYSTEM).state == "live"


def test_without_verification_the_reason_is_kept(few: Path, weights: Path, work: Work, store: VectorStore) -> None:
    run(work)
    job = rebuild(work, verify=False)
    assert Generation.objects.get(state="live").forced_because == f"{job} was started without verification."
    assert not Verification.objects.exists()


def test_the_live_one_is_saved_before_it_is_replaced(
    few: Path, weights: Path, work: Work, store: VectorStore, settings: Any, tmp_path: Path
) -> None:
    settings.BACKUP_DIR = str(tmp_path / "backups")
    run(work)
    live = Generation.objects.get()
    rebuild(work, backup=True)
    assert (tmp_path / "backups" / live.collection / "manifest.json").is_file()
    assert states() == ["retired", "live"]


def test_without_room_for_the_backup_nothing_is_replaced(
    few: Path, weights: Path, work: Work, store: VectorStore, settings: Any, tmp_path: Path
) -> None:
    run(work)
    (tmp_path / "full").write_text("a file where a folder is to be")
    settings.BACKUP_DIR = str(tmp_path / "full")
    job = rebuild(work, backup=True)
    assert states() == ["live", "verified"]
    assert f"The backup of {Generation.objects.live('weighted')} failed" in job.message


def test_after_a_rollback_jobs_fill_the_other_and_leave_promoting_it_to_people(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    run(work)
    first = Generation.objects.get()
    write_weights(weights, 3.0)
    run(work)
    migration.rollback("weighted", by=SYSTEM)
    (few / "new.ogg").write_bytes(next(few.rglob("*.ogg")).read_bytes())
    job = run(work)
    second = Generation.objects.get(state="verified")
    assert (job.results.count(), second.vectors.count()) == (1, 9)
    assert "somebody went back from it" in job.message
    assert Generation.objects.live("weighted") == first
    assert migration.promote(second, by=SYSTEM).rolled_back_at is None


def test_a_worker_that_has_to_end_leaves_the_verdict_to_the_next(
    few: Path, weights: Path, work: Work, store: VectorStore
) -> None:
    run(work)
    job = rebuild(work, promote=False)
    BatchJob.objects.filter(pk=job.pk).update(state=JobState.RUNNING, options={"backup": False})
    Generation.objects.reopen(job.targets.values())
    assert not settle(job.pk, resident(), should_stop=lambda: True)
    assert states() == ["live", "building"]
    assert settle(job.pk, resident())
    assert states() == ["retired", "live"]
