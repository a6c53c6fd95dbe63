"""What people do to generations: promote, go back, clean up; and what is healed after a crash in between."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from embeddings.domain import Actor
from embeddings.errors import BackendUnavailable, NotFound, NotPossibleNow
from embeddings.jobs import migration, tasks
from embeddings.jobs.generations import heal
from embeddings.models import (
    AuditEntry,
    BatchJob,
    Generation,
    GenerationState,
    Identity,
    Track,
    TrackVector,
    Verification,
    VerificationState,
)
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.built import built, some_tracks
from tests.embeddings.jobs.weighted import WEIGHTED

pytestmark = pytest.mark.django_db(transaction=True)
ADA = Actor(name="ada", door="command")
LIVE, VERIFIED, RETIRED, BUILDING = (
    GenerationState.LIVE,
    GenerationState.VERIFIED,
    GenerationState.RETIRED,
    GenerationState.BUILDING,
)


@pytest.fixture(autouse=True)
def model(weights: Path, queue: None, store: VectorStore) -> Iterator[None]:
    """The model is in the table, and its alias is nobody's afterwards."""
    yield
    store.remove_alias(WEIGHTED.alias)


@pytest.fixture
def tracks() -> list[Track]:
    return some_tracks(5)


def states() -> list[str]:
    return list(Generation.objects.order_by("number").values_list("state", flat=True))


def deeds() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", "actor", "subject"))


def test_a_generation_is_found_by_its_collection_its_number_or_its_model(
    store: VectorStore, tracks: list[Track]
) -> None:
    live, newer = (built(store, tracks, state=state) for state in (LIVE, VERIFIED))
    assert migration.find_generation(live.collection) == live
    assert migration.find_generation(f"weighted:{live.number}") == live
    assert migration.find_generation("weighted") == newer


@pytest.mark.parametrize("name", ["nothing", "weighted:99", "weighted:x", "weighted"])
def test_what_is_not_there_is_not_found(store: VectorStore, tracks: list[Track], name: str) -> None:
    live = built(store, tracks, state=LIVE)
    with pytest.raises(NotFound) as refused:
        migration.find_generation(name)
    assert (live.collection in str(refused.value)) == (name == "nothing")


def test_promotion_moves_rows_and_alias_and_is_written_down(store: VectorStore, tracks: list[Track]) -> None:
    live, newer = (built(store, tracks, state=state) for state in (LIVE, VERIFIED))
    assert migration.promote(newer, by=ADA).state == LIVE
    assert store.alias_target(WEIGHTED.alias) == newer.collection
    assert states() == [RETIRED, LIVE]
    assert deeds() == [("promote", "ada", newer.collection)]
    assert AuditEntry.objects.get().details == {"instead_of": live.collection, "forced_because": ""}


def test_what_is_not_verified_needs_a_reason_which_is_kept(store: VectorStore, tracks: list[Track]) -> None:
    _, newer = (built(store, tracks, state=state) for state in (LIVE, BUILDING))
    with pytest.raises(NotPossibleNow, match=r"is not verified; .* give a reason"):
        migration.promote(newer, by=ADA)
    assert (states(), deeds()) == ([LIVE, BUILDING], [])
    assert migration.promote(newer, by=ADA, force_because="it sounds fine").forced_because == "it sounds fine"
    assert AuditEntry.objects.get().details["forced_because"] == "it sounds fine"


def test_a_refusal_names_the_checks_that_failed(store: VectorStore, tracks: list[Track]) -> None:
    newer = built(store, tracks, state=BUILDING)
    checks = [{"name": "norms", "passed": False}, {"name": "counts", "passed": True}]
    Verification.objects.create(generation=newer, state=VerificationState.FAILED, checks=checks)
    with pytest.raises(NotPossibleNow, match=r"did not pass verification \(norms\)"):
        migration.promote(newer, by=ADA)


def test_what_holds_nothing_is_never_promoted(store: VectorStore, tracks: list[Track]) -> None:
    built(store, tracks, state=LIVE)
    empty, lost = built(store, [], state=VERIFIED), built(store, tracks, state=VERIFIED)
    store.drop(lost.collection)
    for generation in (empty, lost):
        with pytest.raises(NotPossibleNow, match="holds nothing"):
            migration.promote(generation, by=ADA, force_because="now")
    assert states() == [LIVE, VERIFIED, VERIFIED]


def test_what_fell_behind_since_it_was_verified_is_promoted_only_for_a_reason(
    store: VectorStore, tracks: list[Track]
) -> None:
    live, newer = built(store, tracks, state=LIVE), built(store, tracks[:3], state=VERIFIED)
    with pytest.raises(NotPossibleNow, match=f"not complete any more. .* It holds 3 of the 5 .* that {live} holds"):
        migration.promote(newer, by=ADA)
    assert (states(), deeds()) == ([LIVE, VERIFIED], [])
    assert migration.promote(newer, by=ADA, force_because="I know").state == LIVE


@pytest.mark.parametrize(("state", "sentence"), [(LIVE, "is live already"), ("dropped", "its vectors are gone")])
def test_what_cannot_be_promoted_says_why(store: VectorStore, tracks: list[Track], state: str, sentence: str) -> None:
    generation = built(store, tracks, state=state)
    with pytest.raises(NotPossibleNow, match=sentence):
        migration.promote(generation, by=ADA, force_because="now")


def test_a_verification_is_asked_for_once(store: VectorStore, tracks: list[Track]) -> None:
    newer = built(store, tracks, state=BUILDING)
    asked = migration.request_verification(newer, by=ADA)
    assert asked == migration.request_verification(newer, by=ADA)
    assert (asked.state, asked.requested_by) == (VerificationState.REQUESTED, "ada")


def test_nothing_is_promoted_while_the_store_is_away(store: VectorStore, tracks: list[Track], settings: Any) -> None:
    _, newer = (built(store, tracks, state=state) for state in (LIVE, VERIFIED))
    settings.MILVUS_URI = "http://127.0.0.1:1"
    with pytest.raises(BackendUnavailable):
        migration.promote(newer, by=ADA)
    assert (states(), deeds()) == ([LIVE, VERIFIED], [])


def test_a_rollback_goes_to_what_was_live_before(store: VectorStore, tracks: list[Track]) -> None:
    live, newer = (built(store, tracks, state=state) for state in (LIVE, VERIFIED))
    migration.promote(newer, by=ADA)
    assert migration.rollback("weighted", by=ADA) == live
    assert store.alias_target(WEIGHTED.alias) == live.collection
    assert (states(), deeds()[-1]) == ([LIVE, RETIRED], ("rollback", "ada", live.collection))


def test_going_back_twice_goes_further_back(store: VectorStore, tracks: list[Track]) -> None:
    first, _, third = (built(store, tracks, state=state) for state in (LIVE, VERIFIED, VERIFIED))
    for generation in Generation.objects.filter(state=VERIFIED).order_by("number"):
        migration.promote(generation, by=ADA)
    assert Generation.objects.live("weighted") == third
    migration.rollback("weighted", by=ADA)
    assert migration.rollback("weighted", by=ADA) == first
    assert states() == [LIVE, RETIRED, RETIRED]


def test_with_two_generations_going_back_twice_ends_where_it_began(store: VectorStore, tracks: list[Track]) -> None:
    _, newer = (built(store, tracks, state=state) for state in (LIVE, VERIFIED))
    migration.promote(newer, by=ADA)
    migration.rollback("weighted", by=ADA)
    assert migration.rollback("weighted", by=ADA) == newer


def test_a_rollback_passes_over_what_is_empty_or_lost(store: VectorStore, tracks: list[Track]) -> None:
    good = built(store, tracks, state=RETIRED, days=9)
    built(store, [], state=RETIRED, days=5)
    lost = built(store, tracks, state=RETIRED, days=3)
    store.drop(lost.collection)
    built(store, tracks, state=LIVE)
    assert migration.rollback("weighted", by=ADA) == good
    with pytest.raises(NotPossibleNow, match="no generation of acoustic to go back to"):
        migration.rollback("acoustic", by=ADA)


def test_a_cleanup_lists_and_drops_what_is_old_and_keeps_the_last_good_one(
    store: VectorStore, tracks: list[Track]
) -> None:
    old, last, live = (built(store, tracks, state=state, days=20) for state in (RETIRED, RETIRED, LIVE))
    (found,) = migration.disposable()
    assert found.generation == old
    assert f"{last} stays for a rollback" in found.reason
    assert store.count(old.collection) == 5
    assert migration.clean_up(by=ADA) == [old]
    assert old.collection not in store.collections()
    assert (old.vectors.count(), states(), deeds()) == (
        0,
        ["dropped", RETIRED, LIVE],
        [("cleanup", "ada", old.collection)],
    )
    assert migration.rollback("weighted", by=ADA) == last
    assert store.count(live.collection) == 5


def test_a_cleanup_leaves_what_was_retired_lately(store: VectorStore, tracks: list[Track], settings: Any) -> None:
    for state in (RETIRED, RETIRED, LIVE):
        built(store, tracks, state=state, days=13)
    assert migration.clean_up(by=ADA) == []
    settings.RETIRED_DAYS = float("inf")
    assert migration.clean_up(by=ADA) == []
    settings.RETIRED_DAYS = 12.0
    assert len(migration.clean_up(by=ADA)) == 1


def test_a_cleanup_takes_out_what_was_abandoned_and_leaves_what_is_gone_on_with(
    store: VectorStore, tracks: list[Track]
) -> None:
    other = Identity(checkpoint="b" * 64)
    built(store, tracks, state=LIVE, days=30)
    abandoned = built(store, tracks[:2], state=BUILDING, days=20)
    built(store, tracks[:3], state=BUILDING, days=20, identity=other)
    assert migration.clean_up(by=ADA) == [abandoned]
    assert states() == [LIVE, "dropped", BUILDING]


def test_what_passed_waits_for_a_person_until_a_later_one_is_live(store: VectorStore, tracks: list[Track]) -> None:
    built(store, tracks, state=LIVE, days=30)
    waiting = built(store, tracks, state=VERIFIED, days=20)
    assert migration.disposable() == []
    Generation.objects.filter(state=LIVE).update(state=RETIRED, retired_at=timezone.now())
    built(store, tracks, state=LIVE)
    assert [found.generation for found in migration.disposable()] == [waiting]


def test_what_a_job_fills_is_not_cleaned_up(store: VectorStore, tracks: list[Track]) -> None:
    built(store, tracks, state=LIVE, days=30)
    rebuilt = built(store, tracks[:2], state=BUILDING, days=20)
    BatchJob.objects.create(state="paused", rebuild=True, targets={"weighted": rebuilt.pk})
    assert migration.disposable() == []
    assert migration.clean_up(by=ADA) == []


def test_without_anything_live_nothing_is_dropped(store: VectorStore, tracks: list[Track]) -> None:
    for _ in range(3):
        built(store, tracks, state=RETIRED, days=30)
    assert migration.clean_up(by=ADA) == []


def test_an_alias_that_a_crash_left_behind_is_moved(store: VectorStore, tracks: list[Track]) -> None:
    live, newer = (built(store, tracks, state=state) for state in (LIVE, VERIFIED))
    Generation.objects.promote(newer.pk, "weighted")
    assert store.alias_target(WEIGHTED.alias) == live.collection
    tasks.sweep()
    assert store.alias_target(WEIGHTED.alias) == newer.collection


def test_a_drop_that_a_crash_broke_off_is_finished(store: VectorStore, tracks: list[Track]) -> None:
    built(store, tracks, state=LIVE)
    half, begun = (built(store, tracks, state="dropped") for _ in range(2))
    store.drop(half.collection)
    heal(store)
    assert not {half.collection, begun.collection} & set(store.collections())
    assert TrackVector.objects.count() == 5


def test_what_another_alias_points_at_is_not_dropped(store: VectorStore, tracks: list[Track]) -> None:
    built(store, tracks, state=LIVE, days=30)
    built(store, tracks, state=RETIRED, days=15)
    old = built(store, tracks, state=RETIRED, days=20)
    store.point_alias("somebody_elses", old.collection)
    heal(store)
    Generation.objects.filter(pk=old.pk).update(state="dropped", dropped_at=timezone.now())
    heal(store)
    assert store.count(old.collection) == 5
    store.remove_alias("somebody_elses")
    heal(store)
    assert old.collection not in store.collections()
