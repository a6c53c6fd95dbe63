"""The benchmark of jobs really plans, works off and finishes what it measures; its figures tell what was asked."""

from pathlib import Path

import pytest

from bench.figure import Figure
from bench.jobs.growth import figures
from bench.jobs.measured import Measured, measure
from bench.jobs.shelf import ALBUM, MODELS, Shelf
from embeddings.models import BatchJob, JobState, ResultState, TrackResult, TrackVector

TRACKS = 100
SLICES = ("first slices", "last slices", "plain turns")
WHOLE = ("planning", "plain rows", "progress", "finishing", "unchanged sync", "one new album")
CHOOSING = ("first slices, choosing", "last slices, choosing")


def took(operations: int, seconds: float) -> Measured:
    """Everything took so long, whole or per slice of 64."""
    every = {name: [seconds] for name in (*SLICES, *WHOLE, *CHOOSING)}
    return Measured(operations=operations, seconds=every, settled=dict.fromkeys(SLICES, 64))


def named(words: str, *, small: Measured, large: Measured) -> Figure:
    (found,) = (figure for figure in figures("sqlite", small, large) if figure.name.endswith(words))
    return found


@pytest.mark.django_db(transaction=True)
def test_a_tiny_library_goes_through_everything(tmp_path: Path, checkpoints: dict[str, Path]) -> None:
    measured = measure(Shelf(tmp_path, TRACKS, checkpoints))
    assert measured.operations == TRACKS * len(MODELS)
    assert set(measured.seconds) == {*SLICES, *WHOLE, *CHOOSING}
    album, job = BatchJob.objects.order_by("-pk")
    assert job.state == JobState.COMPLETED_WITH_ERRORS
    assert album.results.count() == ALBUM * len(MODELS)
    done = TrackResult.objects.filter(job=job, state=ResultState.DONE).count()
    assert done + TrackResult.objects.filter(job=job, failure_code="audio_unreadable").count() == measured.operations
    assert TrackVector.objects.count() >= done


def test_what_is_done_by_slices_is_told_per_operation() -> None:
    slow, small = took(300_000, 0.128), took(10_000, 0.128)
    assert named("first slices, claim and settle", small=small, large=slow).value == pytest.approx(2)


def test_twice_the_time_for_twice_the_size_is_a_growth_of_one() -> None:
    found = named("growth of progress", small=took(10_000, 0.1), large=took(20_000, 0.2))
    assert found.value == pytest.approx(1)
    assert found.met
    assert not named("growth of progress", small=took(10_000, 0.1), large=took(20_000, 0.4)).met


def test_a_claim_that_grows_with_the_library_is_short() -> None:
    assert not named("growth of last slices", small=took(10_000, 0.1), large=took(300_000, 0.3)).met
