"""Trust: jobs go on with adopted vectors once a sample, embedded again, agrees."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from embeddings import conf
from embeddings.embedders import get_spec, load_embedder
from embeddings.errors import Refused
from embeddings.jobs.adoption import adopt, trust
from embeddings.jobs.generations import ensure_generation
from embeddings.jobs.identity import identify
from embeddings.jobs.pipeline import Embedded, Pipeline
from embeddings.jobs.resident import Resident, resident
from embeddings.models import AuditEntry, Generation, Track, is_current
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.adoption.predecessor import Predecessor
from tests.embeddings.jobs.archive.library import unit_vectors

pytestmark = pytest.mark.django_db

SPEC = get_spec("acoustic")


@pytest.fixture
def mine(store: VectorStore, settings: Any) -> Iterator[Resident]:
    settings.VERIFY_SAMPLE = 2
    resident.cache_clear()
    yield resident()
    resident().close()
    resident.cache_clear()


@pytest.fixture
def computed(catalogue: list[Track], mine: Resident) -> dict[str, Any]:
    """What is computed of these tracks today, under their names."""
    refs = [track.ref() for track in Track.objects.select_related("library")]
    pipeline = Pipeline(SPEC, load_embedder(SPEC), mine.decoders)
    outcomes = [outcome for settled in pipeline.run(iter([refs])) for outcome in settled]
    names = {ref.id: ref.name for ref in refs}
    return {names[done.track_id]: done.embedding.vector for done in outcomes if isinstance(done, Embedded)}


def adopted(old: Predecessor, store: VectorStore, vectors: dict[str, Any]) -> Generation:
    old.make(SPEC.alias, SPEC.dimension)
    old.insert(SPEC.alias, vectors)
    return adopt(SPEC, store).generation


def test_vectors_that_agree_are_gone_on_with(
    old: Predecessor, store: VectorStore, computed: dict[str, Any], mine: Resident
) -> None:
    last = computed.popitem()[0]
    generation = adopted(old, store, computed)
    assert "2 tracks embedded again" in trust(generation, mine)
    identity = identify(SPEC, conf.models(), lambda _: None)
    assert ensure_generation(SPEC, identity, store) == generation
    assert [track.name for track in Track.objects.exclude(is_current(generation))] == [last]
    assert AuditEntry.objects.filter(action="trust", generation=generation).exists()


def test_vectors_that_differ_serve_and_are_made_anew(
    old: Predecessor, store: VectorStore, computed: dict[str, Any], mine: Resident
) -> None:
    noise = 0.1 * unit_vectors(len(computed), SPEC.dimension)
    wrong = {name: vector + noise[number] for number, (name, vector) in enumerate(computed.items())}
    generation = adopted(old, store, wrong)
    with pytest.raises(Refused, match="are not what is computed today"):
        trust(generation, mine)
    generation.refresh_from_db()
    assert (generation.spec_version, generation.state) == (0, "live")
    identity = identify(SPEC, conf.models(), lambda _: None)
    assert ensure_generation(SPEC, identity, store).number == 1


def test_what_cannot_be_compared_is_not_trusted(
    old: Predecessor, store: VectorStore, computed: dict[str, Any], mine: Resident
) -> None:
    generation = adopted(old, store, computed)
    Track.objects.update(missing_since="2026-01-01T00:00Z")
    with pytest.raises(Refused, match="could not be compared"):
        trust(generation, mine)


def test_somebody_may_trust_without_looking(old: Predecessor, store: VectorStore, catalogue: list[Track]) -> None:
    names = [track.name for track in catalogue]
    numbers = unit_vectors(len(names), SPEC.dimension)
    generation = adopted(old, store, {name: np.asarray(vector) for name, vector in zip(names, numbers, strict=True)})
    assert trust(generation, None) == "Nothing was compared."
    generation.refresh_from_db()
    assert generation.spec_version == SPEC.version


def test_only_adopted_vectors_need_trust(store: VectorStore, db: None) -> None:
    generation = ensure_generation(SPEC, identify(SPEC, conf.models(), lambda _: None), store)
    with pytest.raises(Refused, match="no adopted generation"):
        trust(generation, None)
