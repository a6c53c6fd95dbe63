"""Generations: one is live, every transition happens once or not at all, and nothing in use is dropped."""

from datetime import timedelta

import pytest
from django.utils import timezone

from embeddings.models import FILLED, BatchJob, Generation, GenerationState, Library, Track, TrackVector
from tests.embeddings.models.rows import SPEC

pytestmark = pytest.mark.django_db


def opened(state: str = GenerationState.BUILDING) -> Generation:
    return Generation.objects.open(SPEC, state=state)


def state_of(generation: Generation) -> str:
    generation.refresh_from_db()
    return generation.state


def with_a_vector(generation: Generation) -> TrackVector:
    library, _ = Library.objects.get_or_create(source="folder", external_id=1, name="music", root="/music")
    track = Track.objects.create(library=library, path=generation.collection, signature="1-1")
    row = TrackVector(generation=generation, track=track, signature="1-1")
    TrackVector.objects.record([row])
    return row


def test_promotion_retires_what_was_live() -> None:
    old, new = opened(GenerationState.LIVE), opened(GenerationState.VERIFIED)
    assert Generation.objects.promote(new.pk, SPEC.key)
    assert Generation.objects.live(SPEC.key) == new
    assert state_of(old) == GenerationState.RETIRED


def test_a_second_promotion_changes_nothing() -> None:
    opened(GenerationState.LIVE)
    new = opened(GenerationState.VERIFIED)
    Generation.objects.promote(new.pk, SPEC.key)
    assert not Generation.objects.promote(new.pk, SPEC.key)
    assert Generation.objects.live(SPEC.key) == new


@pytest.mark.parametrize("state", [GenerationState.BUILDING, GenerationState.RETIRED])
def test_what_is_not_verified_is_promoted_only_for_a_reason(state: str) -> None:
    old, new = opened(GenerationState.LIVE), opened(state)
    assert not Generation.objects.promote(new.pk, SPEC.key)
    assert (state_of(old), state_of(new)) == (GenerationState.LIVE, state)
    assert Generation.objects.promote(new.pk, SPEC.key, force_because="it is Friday")
    assert state_of(new) == GenerationState.LIVE
    assert new.forced_because == "it is Friday"


@pytest.mark.parametrize("force", [None, "please"])
def test_what_was_dropped_never_comes_back(force: str | None) -> None:
    old, gone = opened(GenerationState.LIVE), opened(GenerationState.DROPPED)
    assert not Generation.objects.promote(gone.pk, SPEC.key, force_because=force)
    assert not Generation.objects.rollback(gone.pk, SPEC.key, instead_of=old.pk)
    assert Generation.objects.live(SPEC.key) == old
    assert opened().number == gone.number + 1


def test_more_vectors_have_to_be_verified_again() -> None:
    generation = opened()
    assert Generation.objects.mark_verified(generation.pk)
    assert not Generation.objects.mark_verified(generation.pk)
    with_a_vector(generation)
    assert state_of(generation) == GenerationState.BUILDING


@pytest.mark.parametrize("ahead", [timedelta(hours=-3), timedelta(), timedelta(hours=3)])
def test_a_vector_that_came_during_the_examination_prevents_its_verdict_by_whatever_clock(ahead: timedelta) -> None:
    generation = opened()
    row = with_a_vector(generation)
    TrackVector.objects.filter(pk=row.pk).update(stored_at=timezone.now() + ahead)
    assert not Generation.objects.mark_verified(generation.pk, writes=0)
    assert Generation.objects.mark_verified(generation.pk, writes=1)


def test_a_batch_of_vectors_counts_once_and_only_where_it_went() -> None:
    generation, other = opened(), opened(GenerationState.LIVE)
    for row in (with_a_vector(generation), with_a_vector(other)):
        row.refresh_from_db()
    TrackVector.objects.record(list(TrackVector.objects.filter(generation=generation)))
    assert dict(Generation.objects.values_list("pk", "writes")) == {generation.pk: 2, other.pk: 1}
    assert state_of(other) == GenerationState.LIVE


def test_a_rollback_is_the_same_change_back() -> None:
    old, new = opened(GenerationState.LIVE), opened(GenerationState.VERIFIED)
    Generation.objects.promote(new.pk, SPEC.key)
    assert Generation.objects.rollback(old.pk, SPEC.key, instead_of=new.pk)
    assert (state_of(old), state_of(new)) == (GenerationState.LIVE, GenerationState.RETIRED)
    assert new.rolled_back_at is not None
    assert not Generation.objects.rollback(old.pk, SPEC.key, instead_of=new.pk)


def test_a_rollback_from_what_is_not_live_any_more_changes_nothing() -> None:
    first, live = opened(GenerationState.RETIRED), opened(GenerationState.LIVE)
    other = opened(GenerationState.RETIRED)
    assert not Generation.objects.rollback(first.pk, SPEC.key, instead_of=other.pk)
    assert Generation.objects.live(SPEC.key) == live


@pytest.mark.parametrize("state", [GenerationState.RETIRED, *FILLED])
def test_what_nobody_needs_is_dropped_once(state: str) -> None:
    generation = opened(state)
    assert Generation.objects.mark_dropped(generation.pk, SPEC.key, seen=state)
    assert not Generation.objects.mark_dropped(generation.pk, SPEC.key, seen=state)
    assert state_of(generation) == GenerationState.DROPPED


def test_what_is_live_is_not_dropped() -> None:
    live = opened(GenerationState.LIVE)
    assert not Generation.objects.mark_dropped(live.pk, SPEC.key, seen=GenerationState.LIVE)
    assert state_of(live) == GenerationState.LIVE


def test_what_changed_since_it_was_found_disposable_is_not_dropped() -> None:
    revived = opened(GenerationState.BUILDING)
    assert not Generation.objects.mark_dropped(revived.pk, SPEC.key, seen=GenerationState.RETIRED)


def test_nothing_is_dropped_once_what_was_to_stay_is_live() -> None:
    kept, old = opened(GenerationState.LIVE), opened(GenerationState.RETIRED)
    assert not Generation.objects.mark_dropped(old.pk, SPEC.key, seen=GenerationState.RETIRED, kept=kept.pk)
    assert not Generation.objects.mark_dropped(old.pk, SPEC.key, seen=GenerationState.RETIRED, kept=old.pk)
    assert state_of(old) == GenerationState.RETIRED


def test_what_an_active_job_fills_is_not_dropped() -> None:
    generation = opened()
    BatchJob.objects.create(state="paused", targets={SPEC.key: generation.pk})
    assert not Generation.objects.mark_dropped(generation.pk, SPEC.key, seen=GenerationState.BUILDING)


def test_a_collection_that_the_store_holds_already_is_not_taken() -> None:
    taken = [f"{SPEC.alias}_g0001", f"{SPEC.alias}_g0002"]
    assert Generation.objects.open(SPEC, state=GenerationState.LIVE, taken=taken).number == 3
