"""An examination among workers: one makes it, and whatever happens to that one, it is made."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.db import OperationalError
from django.utils import timezone

from embeddings.domain import SYSTEM, Embedding, Vector
from embeddings.errors import BackendUnavailable
from embeddings.jobs import control, tasks
from embeddings.models import (
    Generation,
    GenerationState,
    Track,
    TrackVector,
    Verification,
    VerificationState,
)
from embeddings.models.verification import ATTEMPTS
from embeddings.store.base import VectorField, VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.checking.built import SPEC, Built, build, failed, fill, sentence

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


class AwayStore(MemoryStore):
    """A server that goes away while it is read."""

    def ids(self, collection: str) -> Iterator[list[str]]:
        raise BackendUnavailable("The vector store does not answer.")


class DecayedStore(MemoryStore):
    """A server whose disk gives back numbers that nobody stored."""

    def fetch(self, collection: str, ids: Sequence[str], *, field: VectorField = "embedding") -> dict[str, Vector]:
        found = super().fetch(collection, ids, field=field)
        for vector in list(found.values())[:1]:
            vector[0] = np.nan
        return found


def test_another_worker_s_examination_is_left_alone(small: Built) -> None:
    asked = Verification.objects.request(small.generation, SYSTEM)
    Verification.objects.take(asked.pk, "another")
    made = small.examine()
    assert (made, made.state, made.worker) == (asked, VerificationState.RUNNING, "another")


def test_a_dead_worker_s_is_made_by_the_next(small: Built) -> None:
    asked = Verification.objects.request(small.generation, SYSTEM)
    Verification.objects.take(asked.pk, "dead")
    Verification.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    made = small.examine()
    assert (made, made.state, made.attempts) == (asked, VerificationState.PASSED, 2)


def test_a_worker_that_has_to_end_leaves_it_to_the_next(small: Built) -> None:
    made = small.examine(should_stop=lambda: True)
    assert (made.state, made.attempts) == (VerificationState.REQUESTED, 0)
    assert small.examine() == made
    assert small.generation.state == GenerationState.VERIFIED


def test_a_store_that_is_away_is_no_verdict(small: Built) -> None:
    away = AwayStore()
    away.create(small.generation.collection, SPEC.dimension)
    small.store = away
    with pytest.raises(BackendUnavailable):
        small.examine()
    put_off = Verification.objects.get()
    assert (put_off.state, put_off.message) == (
        VerificationState.REQUESTED,
        "Waiting: The vector store does not answer.",
    )
    assert not Verification.objects.due().exists()


@pytest.mark.django_db(transaction=True)
def test_a_locked_database_is_no_death_of_a_worker(small: Built) -> None:
    def report(_sentence: str) -> None:
        raise OperationalError("database is locked")

    for _ in range(ATTEMPTS):
        Verification.objects.update(lease_expires=None)
        with pytest.raises(OperationalError):
            small.examine(report=report)
    put_off = Verification.objects.get()
    assert (put_off.state, put_off.attempts) == (VerificationState.REQUESTED, 0)
    assert put_off.message == "Waiting: database is locked"
    assert not Verification.objects.due().exists()


def test_what_breaks_in_us_breaks_the_examination_off_and_says_where(small: Built) -> None:
    def report(_sentence: str) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        small.examine(report=report)
    broken = Verification.objects.get()
    assert broken.state == VerificationState.BROKEN
    assert "ZeroDivisionError" in broken.message


def test_vectors_that_came_meanwhile_were_not_examined(small: Built) -> None:
    def report(_sentence: str) -> None:
        TrackVector.objects.record(list(TrackVector.objects.filter(track_id=small.ids[0])))

    assert small.examine(report=report).state == VerificationState.PASSED
    assert small.generation.state == GenerationState.BUILDING


def test_vectors_between_the_store_and_their_row_are_not_strays(small: Built) -> None:
    job = control.start_job()
    job.results.create(track_id=small.ids[0], model="acoustic", generation=small.generation, state="running")
    TrackVector.objects.filter(track_id=small.ids[0]).delete()
    made = small.examine()
    assert (failed(made), sentence(made, "counts")) == (set(), "7 recorded, 8 in the store, while workers write.")


def test_numbers_that_are_none_are_noticed(small: Built, embeddings: dict[str, Embedding]) -> None:
    decayed = DecayedStore()
    fill(small.generation, decayed, embeddings)
    small.store = decayed
    made = small.examine()
    assert {"finite", "sample"} <= failed(made)
    assert sentence(made, "finite").startswith("1 vector not finite: ")


def test_a_worker_that_is_unfit_leaves_the_sample_out(small: Built) -> None:
    Generation.objects.update(spec_version=99)
    small.generation.refresh_from_db()
    made = small.examine()
    assert made.state == VerificationState.PASSED
    assert sentence(made, "sample").startswith("No track was embedded again: This worker has version 1 instead of 99")


def test_files_that_are_gone_or_changed_are_left_out_and_others_take_their_place(small: Built, few: Path) -> None:
    paths = [few / track.path for track in Track.objects.order_by("path")]
    paths[0].unlink()
    for path in paths[1:6]:
        path.write_bytes(path.read_bytes() + b"\0")
    made = small.examine()
    said = sentence(made, "sample")
    assert made.state == VerificationState.PASSED
    assert said.startswith("2 tracks embedded again; the lowest cosine with what is stored is 1.00000. ")
    assert " left out: " in said


def test_copies_of_a_recording_are_no_fault(small: Built, few: Path, embeddings: dict[str, Embedding]) -> None:
    one = next(few.rglob("*.opus"))
    copies = {f"copy{number}.opus": embeddings[str(one.relative_to(few))] for number in range(4)}
    for name in copies:
        shutil.copy(one, few / name)
    held = build(MemoryStore(), small.decoders, embeddings | copies, music=few)
    made = held.examine()
    assert failed(made) == set()
    assert sentence(made, "duplicates") == "5 tracks share their vector with another."


def test_neighbours_are_compared_with_the_live_one(small: Built, embeddings: dict[str, Embedding]) -> None:
    live = Generation.objects.open(SPEC, state=GenerationState.LIVE)
    fill(live, small.store, embeddings)
    made = small.examine()
    said = f"Of the 10 nearest of a track, 100 % are the same in {live} (mean of 8 tracks)."
    assert sentence(made, "neighbours") == said


@pytest.mark.django_db(transaction=True)
def test_a_worker_makes_what_was_asked_for_once_whatever_becomes_of_the_messages(
    few: Path, work: Work, store: VectorStore
) -> None:
    control.start_job()
    work()
    live = Generation.objects.get()
    asked = Verification.objects.request(live, SYSTEM)
    work()
    tasks.verify(asked.pk)
    asked.refresh_from_db()
    live.refresh_from_db()
    assert (asked.state, failed(asked), asked.attempts) == (VerificationState.PASSED, set(), 1)
    assert live.state == GenerationState.LIVE
    assert asked.finished_at is not None
    assert live.verified_at is not None
    assert live.verified_at >= asked.finished_at
