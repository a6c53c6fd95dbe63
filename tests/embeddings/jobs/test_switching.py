"""Promotion, rollback and cleanup while searches run: no error, and no answer mixes two generations."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from embeddings.domain import SYSTEM
from embeddings.errors import NotPossibleNow
from embeddings.jobs import migration
from embeddings.jobs.generations import ROUNDS, heal, point_alias
from embeddings.models import Generation, GenerationState, Track
from embeddings.store.base import VectorStore
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.built import built, some_tracks
from tests.embeddings.jobs.searching import KINDS, expected, searching
from tests.embeddings.jobs.weighted import WEIGHTED

pytestmark = pytest.mark.django_db(transaction=True)
LIVE, VERIFIED, RETIRED = GenerationState.LIVE, GenerationState.VERIFIED, GenerationState.RETIRED
SWITCHES = 6


@pytest.fixture
def tracks(weights: Path, store: VectorStore) -> Iterator[list[Track]]:
    """Forty tracks of a model that is in the table; its alias is nobody's afterwards."""
    yield some_tracks(40)
    store.remove_alias(WEIGHTED.alias)


def test_promotion_and_rollback_are_one_switch_each_for_those_who_search(
    tracks: list[Track], store: VectorStore
) -> None:
    both = [built(store, tracks, state=state) for state in (LIVE, VERIFIED)]
    right = [expected(store, generation, tracks[0]) for generation in both]
    with searching(store, tracks[0]) as load:
        load.wait_for(3)
        migration.promote(both[1], by=SYSTEM)
        for _ in range(SWITCHES):
            load.wait_for(3)
            migration.rollback("weighted", by=SYSTEM)
        load.wait_for(3)
    assert load.errors == []
    for kind in KINDS:
        given = {answer for (asked, answer) in load.answers if asked == kind}
        assert given == {answers[kind] for answers in right}


def test_searches_go_on_while_what_they_may_be_reading_is_dropped(
    tracks: list[Track], store: VectorStore, settings: Any
) -> None:
    settings.RETIRED_DAYS = 0.0
    generations = [built(store, tracks, state=LIVE)]
    with searching(store, tracks[0]) as load:
        for _ in range(SWITCHES):
            load.wait_for(2)
            generations.append(built(store, tracks, state=VERIFIED))
            migration.promote(generations[-1], by=SYSTEM)
            migration.clean_up(by=SYSTEM)
        load.wait_for(2)
        # Nobody waits until searches have let go of it.
        dropped = Generation.objects.get(state=RETIRED)
        Generation.objects.filter(pk=dropped.pk).update(state=GenerationState.DROPPED)
        store.drop(dropped.collection)
        load.wait_for(2)
    assert load.errors == []
    assert Generation.objects.filter(state=GenerationState.DROPPED).count() == SWITCHES


def in_threads(*deeds: Callable[[], object]) -> list[str]:
    """Do things at the same moment; what was refused."""
    start, refused = threading.Barrier(len(deeds)), []

    def act(deed: Callable[[], object]) -> None:
        start.wait()
        try:
            deed()
        except NotPossibleNow as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


class Contested(MemoryStore):
    """A store whose alias somebody else moves back each time."""

    moved = 0

    def point_alias(self, alias: str, collection: str) -> None:
        """Move it in vain."""
        self.moved += 1


def test_an_alias_that_others_move_on_and_on_is_left_to_the_next_look() -> None:
    Generation.objects.open(WEIGHTED, state=LIVE)
    contested = Contested()
    point_alias(WEIGHTED, contested)
    assert contested.moved == ROUNDS


@pytest.mark.parametrize("attempt", range(4))
def test_a_rollback_beside_a_cleanup_finds_its_vectors_or_changes_nothing(
    tracks: list[Track], store: VectorStore, settings: Any, attempt: int
) -> None:
    settings.RETIRED_DAYS = 0.0
    for state in (RETIRED, RETIRED, LIVE):
        built(store, tracks[:3], state=state, days=1)
    in_threads(
        lambda: migration.clean_up(by=SYSTEM),
        lambda: migration.rollback("weighted", by=SYSTEM),
        lambda: migration.clean_up(by=SYSTEM),
    )
    # As an idle worker does: an alias that had not moved yet keeps its collection for the moment.
    heal(store)
    live = Generation.objects.get(state=LIVE)
    assert store.alias_target(WEIGHTED.alias) == live.collection
    assert store.count(live.collection) == live.vectors.count() == 3
    assert Generation.objects.filter(state=RETIRED).exists()
    for gone in Generation.objects.filter(state=GenerationState.DROPPED):
        assert gone.collection not in store.collections()


@pytest.mark.parametrize("attempt", range(4))
def test_a_promotion_beside_a_cleanup_promotes_or_drops_and_never_both(
    tracks: list[Track], store: VectorStore, settings: Any, attempt: int
) -> None:
    settings.RETIRED_DAYS = 0.0
    built(store, tracks[:3], state=LIVE, days=1)
    newer = built(store, tracks[:3], state=GenerationState.BUILDING, days=1)
    refused = in_threads(
        lambda: migration.promote(newer, by=SYSTEM, force_because="now"), lambda: migration.clean_up(by=SYSTEM)
    )
    live = Generation.objects.get(state=LIVE)
    assert (live == newer) == (not refused)
    assert store.alias_target(WEIGHTED.alias) == live.collection
    assert store.count(live.collection) == live.vectors.count() == 3


def test_of_two_promotions_at_the_same_moment_one_happens(tracks: list[Track], store: VectorStore) -> None:
    built(store, tracks, state=LIVE)
    newer = built(store, tracks, state=VERIFIED)
    refused = in_threads(*(lambda: migration.promote(newer, by=SYSTEM),) * 2)
    assert len(refused) == 1
    assert Generation.objects.get(state=LIVE) == newer
