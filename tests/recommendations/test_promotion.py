"""A generation that is promoted in the middle of a request: what was begun with one is ended with it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings.domain import EmbedderSpec, Hit, VectorRow
from embeddings.embedders import get_spec
from embeddings.errors import NotEmbedded
from embeddings.jobs.generations import ensure_generation, promote
from embeddings.models import Generation, Identity, Track, TrackVector
from embeddings.store.memory import MemoryStore
from recommendations.neighbours import Neighbour, neighbours_of, tracks_matching
from tests.words import WORDS, write_words

pytestmark = pytest.mark.django_db(transaction=True)


class RacingStore(MemoryStore):
    """Between what somebody did before and the search, the newest generation is promoted."""

    def search(self, *args: Any, **kwargs: Any) -> list[list[Hit]]:
        """Promote, then search."""
        newest = Generation.objects.order_by("-number")[0]
        promote(get_spec(newest.model), newest, self, force_because="")
        return super().search(*args, **kwargs)


class DroppingStore(RacingStore):
    """And what was live before is dropped at once."""

    def search(self, *args: Any, **kwargs: Any) -> list[list[Hit]]:
        """Promote, drop, then search."""
        newest = Generation.objects.order_by("-number")[0]
        promote(get_spec(newest.model), newest, self, force_because="")
        for old in Generation.objects.filter(state="retired"):
            self.drop(old.collection)
        return super().search(*args, **kwargs)


def fill(store: MemoryStore, spec: EmbedderSpec, generation: Generation, tracks: Sequence[Track]) -> None:
    """Give the tracks random vectors, others in each generation."""
    chance = np.random.default_rng(generation.number)
    rows = [
        VectorRow(
            id=str(track.pk),
            name=track.name,
            embedding=chance.standard_normal(spec.dimension).astype(np.float32),
            offset=0.0,
            model_id=generation.model_id,
            library_id=track.library_id,
            artist_key=track.artist_key,
            album_key=track.album_key,
            joint=chance.standard_normal(spec.joint_dimension).astype(np.float32) if spec.joint_dimension else None,
        )
        for track in tracks
    ]
    store.upsert(generation.collection, rows)
    TrackVector.objects.record([TrackVector(generation=generation, track=track, signature="1") for track in tracks])


def two_generations(
    spec: EmbedderSpec, checkpoint: str, tracks: Sequence[Track], kind: type[RacingStore] = RacingStore
) -> RacingStore:
    """A store with a live generation, and one of another version that is complete."""
    store = kind()
    for version in (spec, replace(spec, version=spec.version + 1)):
        fill(store, spec, ensure_generation(version, Identity(checkpoint=checkpoint), store), tracks)
    return store


def ranking(found: list[Neighbour]) -> list[tuple[str, float]]:
    return [(near.track.title, round(near.score, 6)) for near in found]


def test_neighbours_are_of_the_seed_s_generation(catalogue: list[Track]) -> None:
    store = two_generations(get_spec("acoustic"), "", catalogue)
    before = store.fetch("acoustic_embedding_g0001", [str(track.pk) for track in catalogue])
    seed = before[str(catalogue[0].pk)]
    others = {str(t.pk): float(before[str(t.pk)] @ seed) for t in catalogue[1:]}
    found = neighbours_of(catalogue[0], model="acoustic", store=store, limit=3)
    assert [str(near.track.pk) for near in found] == sorted(others, key=lambda pk: -others[pk])[:3]
    live = Generation.objects.live("acoustic")
    assert live is not None
    assert live.number == 2


def test_a_text_is_compared_with_the_generation_that_it_was_read_for(reader: Path, catalogue: list[Track]) -> None:
    store = two_generations(WORDS, write_words(reader), catalogue)
    during = ranking(tracks_matching("sad", model="words", store=store, limit=8))
    Generation.objects.filter(number=2).delete()
    Generation.objects.update(state="live")
    assert during == ranking(tracks_matching("sad", model="words", store=store, limit=8))


def test_what_was_dropped_in_the_middle_is_asked_of_the_live_one_from_the_beginning(catalogue: list[Track]) -> None:
    store = two_generations(get_spec("acoustic"), "", catalogue, DroppingStore)
    after = store.fetch("acoustic_embedding_g0002", [str(track.pk) for track in catalogue])
    seed = after[str(catalogue[0].pk)]
    others = {str(t.pk): float(after[str(t.pk)] @ seed) for t in catalogue[1:]}
    found = neighbours_of(catalogue[0], model="acoustic", store=store, limit=3)
    assert [str(near.track.pk) for near in found] == sorted(others, key=lambda pk: -others[pk])[:3]


def test_what_the_store_lost_is_said_to_be_lost(catalogue: list[Track]) -> None:
    store = two_generations(get_spec("acoustic"), "", catalogue, DroppingStore)
    Generation.objects.filter(number=2).update(collection="nowhere")
    Generation.objects.filter(number=1).update(collection="lost")
    with pytest.raises(NotEmbedded, match="lost the acoustic vectors"):
        neighbours_of(catalogue[0], model="acoustic", store=store, limit=3)
