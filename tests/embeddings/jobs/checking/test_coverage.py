"""How much a generation has to hold, and what is not held against it."""

import pytest

from embeddings.domain import SYSTEM
from embeddings.errors import AudioMissing, NotAudio, TrackError
from embeddings.jobs.checking.coverage import least
from embeddings.models import (
    BatchJob,
    Failed,
    Generation,
    GenerationState,
    Lease,
    Track,
    TrackResult,
    TrackVector,
    VerificationState,
)
from tests.embeddings.jobs.checking.built import SPEC, Built, failed, sentence

pytestmark = pytest.mark.django_db


def fail(built: Built, ids: list[str], error: type[TrackError]) -> None:
    """Leave so many tracks out of the generation, because they failed in it."""
    built.store.delete(built.generation.collection, ids)
    built.generation.vectors.filter(track_id__in=ids).delete()
    job = BatchJob.objects.create(state="running", model_keys=["acoustic"])
    TrackResult.objects.bulk_create(
        [TrackResult(job=job, track_id=key, model="acoustic", generation=built.generation) for key in ids]
    )
    lease = Lease.take(job.pk, worker="a", seconds=60.0)
    rows = TrackResult.objects.claim(lease, model="acoustic", limit=100)
    TrackResult.objects.mark_failed(lease, [Failed.of(row, error("It does not work.")) for row in rows])


@pytest.mark.parametrize(
    ("tracks", "wanted"), [(0, 0), (1, 1), (2, 1), (23, 22), (50, 49), (100, 98), (101, 99), (100_000, 98_000)]
)
def test_one_track_may_be_missing_and_of_many_two_in_a_hundred(tracks: int, wanted: int) -> None:
    assert least(tracks, 0.98) == wanted


def test_one_file_that_is_not_there_does_not_hold_up_a_small_library(small: Built) -> None:
    fail(small, small.ids[:1], AudioMissing)
    assert small.examine().state == VerificationState.PASSED


def test_two_of_eight_that_may_still_be_embedded_are_too_many(small: Built) -> None:
    fail(small, small.ids[:2], AudioMissing)
    assert failed(small.examine()) == {"coverage"}


def test_what_cannot_be_embedded_is_not_missed_but_said(small: Built) -> None:
    fail(small, small.ids[:3], NotAudio)
    made = small.examine()
    assert made.state == VerificationState.PASSED
    assert (
        sentence(made, "coverage") == "It holds 5 of 5 present tracks, as the files are now; 3 more cannot be embedded."
    )


def test_weights_that_fail_every_track_pass_nothing(small: Built) -> None:
    fail(small, small.ids, NotAudio)
    assert failed(small.examine()) == {"coverage"}


def test_a_library_whose_disk_is_away_says_nothing_of_what_is_lacking(small: Built) -> None:
    Track.objects.update(missing_since=small.generation.created_at)
    assert failed(small.examine()) == {"coverage"}


def test_a_vector_of_an_earlier_state_of_the_file_does_not_count(small: Built) -> None:
    TrackVector.objects.filter(track_id__in=small.ids[:2]).update(signature="1:1")
    assert failed(small.examine()) == {"coverage"}


def test_what_searches_find_now_has_to_be_in_it_whatever_the_reason(small: Built) -> None:
    live = Generation.objects.open(SPEC, state=GenerationState.LIVE)
    TrackVector.objects.record([TrackVector(generation=live, track_id=key, signature="1:1") for key in small.ids])
    fail(small, small.ids[:3], NotAudio)
    made = small.examine()
    assert "kept" in failed(made)
    assert sentence(made, "kept") == f"It holds 5 of the 8 present tracks that {live} holds."


def test_nobody_in_particular_asked_for_it(small: Built) -> None:
    assert small.examine().requested_by == SYSTEM.door
