"""Music that is away: its tracks wait, those of other libraries do not, and no job waits for ever."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from embeddings.errors import MusicAway
from embeddings.jobs import control, tasks
from embeddings.jobs.absence import MOST_WAITS, PUT_OFF_SECONDS, Absence, is_mounted
from embeddings.models import BatchJob, JobState, Lease, Library, ResultState, Track, TrackFailure, TrackResult
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.brief import TRACKS

pytestmark = pytest.mark.django_db(transaction=True)
AWAY = "The music folder {} is not there, is empty, or cannot be read; is its disk mounted?"
PAST = "2020-01-01T00:00Z"
PUT_OFF = (ResultState.PENDING, 0, 0, 0)


@pytest.fixture
def job(brief: Path, queue: None, store: VectorStore, settings: Any) -> BatchJob:
    """A planned job, of whose tracks a worker takes two at a time."""
    settings.JOB_SLICE_SIZE = 2
    made = control.start_job()
    tasks.plan(made.pk)
    return now(made)


@pytest.fixture
def attic(job: BatchJob, tmp_path: Path) -> Path:
    """The folder of another library, which is away; the first two tracks of the job belong to it."""
    folder = tmp_path / "attic"
    library = Library.objects.create(source="folder", external_id=2, name="attic", root=str(folder))
    Track.objects.filter(path__in=["0.wav", "1.wav"]).update(library=library)
    return folder


def now(job: BatchJob) -> BatchJob:
    job.refresh_from_db()
    return job


def due_now() -> None:
    BatchJob.objects.update(retry_at=PAST)
    TrackResult.objects.filter(retry_at__isnull=False).update(retry_at=PAST)


def take_turns(job: BatchJob, count: int) -> None:
    """So many more attempts, each when it is due."""
    for _ in range(count):
        due_now()
        tasks.sweep()
        tasks.embed_slice(job.pk)


def tried() -> set[tuple[Any, ...]]:
    """What the operations show of having been tried."""
    return set(TrackResult.objects.values_list("state", "attempts", "retries", "lost"))


def test_a_disk_that_is_not_mounted_is_no_failure_of_its_tracks(job: BatchJob, brief: Path) -> None:
    brief.rename(brief.with_name("unmounted"))
    brief.mkdir()
    tasks.embed_slice(job.pk)
    assert now(job).state == JobState.WAITING
    assert job.message == f"Waiting, and trying again by itself: {AWAY.format(brief)}"
    assert (tried(), TrackFailure.objects.count()) == ({PUT_OFF}, 0)
    brief.rmdir()
    brief.with_name("unmounted").rename(brief)
    take_turns(job, 1)
    assert (now(job).state, job.outages) == (JobState.COMPLETED, 0)


def test_one_library_that_is_away_keeps_no_other_from_being_embedded(job: BatchJob, attic: Path) -> None:
    take_turns(job, 2)
    assert tried() == {(ResultState.DONE, 1, 0, 0), PUT_OFF}
    assert (now(job).state, job.outages > 0) == (JobState.WAITING, True)
    assert job.message == f"Waiting, and trying again by itself: {AWAY.format(attic)}"


def test_what_is_away_is_put_off_as_long_as_there_is_other_music(job: BatchJob, attic: Path) -> None:
    lease = Lease.take(job.pk, worker="a", seconds=60.0)
    absence, (row,) = Absence(lease, patient=True), TrackResult.objects.claim(lease, model="acoustic", limit=1)
    absence.put_off([row], [])
    waits = TrackResult.objects.put_off(job.pk).values_list("retry_at", flat=True)
    assert [0 < (moment - timezone.now()).total_seconds() <= PUT_OFF_SECONDS for moment in waits] == [True, True]
    assert now(job).message == f"Embedding other music meanwhile: {AWAY.format(attic)}"
    others = TrackResult.objects.claim(lease, model="acoustic", limit=9)
    assert [other.track.path for other in others] == ["2.wav", "3.wav"]
    absence.put_off([row], others)
    with pytest.raises(MusicAway):
        absence.put_off([row], [])


def test_what_comes_back_is_embedded(job: BatchJob, attic: Path, brief: Path) -> None:
    tasks.embed_slice(job.pk)
    attic.mkdir()
    for name in ("0.wav", "1.wav"):
        (brief / name).rename(attic / name)
    take_turns(job, 1)
    assert (now(job).state, job.message) == (JobState.COMPLETED, "")
    assert tried() == {(ResultState.DONE, 1, 0, 0)}


def test_a_library_that_stays_away_fails_its_tracks_in_the_end(job: BatchJob, attic: Path) -> None:
    turns = 0
    while now(job).is_active and turns < 2 * MOST_WAITS:
        take_turns(job, 1)
        turns += 1
    assert turns > MOST_WAITS
    assert job.state == JobState.COMPLETED_WITH_ERRORS
    assert set(TrackFailure.objects.values_list("code", flat=True)) == {"audio_missing"}
    assert (job.results.filter(state="done").count(), job.results.filter(state="failed").count()) == (TRACKS - 2, 2)


def test_waits_for_something_else_do_not_make_music_less_expected(job: BatchJob, brief: Path) -> None:
    BatchJob.objects.update(outages=MOST_WAITS, message="The vector store does not answer.")
    brief.rename(brief.with_name("unmounted"))
    take_turns(job, 1)
    assert (now(job).state, job.outages, TrackFailure.objects.count()) == (JobState.WAITING, 1, 0)


def test_a_folder_is_mounted_when_there_is_anything_in_it(tmp_path: Path) -> None:
    assert not is_mounted(str(tmp_path))
    assert not is_mounted(str(tmp_path / "gone"))
    (tmp_path / "song.mp3").touch()
    assert is_mounted(str(tmp_path))


@pytest.fixture
def own() -> Iterator[Path]:
    """A folder with one song whose mode counts for this user; root, whom no mode keeps out, is another meanwhile."""
    # Nobody else may enter pytest's own folders.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "song.mp3").touch()
        if os.getuid() == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
        yield folder
        if os.getuid() == 0:
            os.seteuid(0)
        folder.chmod(0o700)


@pytest.mark.parametrize(("mode", "mounted"), [(0o000, False), (0o100, False), (0o400, False), (0o500, True)])
def test_a_folder_that_may_not_be_read_or_entered_is_not_mounted(own: Path, *, mode: int, mounted: bool) -> None:
    own.chmod(mode)
    assert is_mounted(str(own)) == mounted
