"""One model at a time: loaded as its generation was begun, and unloaded when nothing is asked of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from embeddings import conf
from embeddings.embedders import get_spec
from embeddings.errors import WorkerUnfit
from embeddings.jobs.bulletin import Bulletin
from embeddings.jobs.generations import ensure_generation
from embeddings.jobs.identity import identify
from embeddings.jobs.resident import Resident
from embeddings.models import Generation, WorkerState
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.weighted import write_weights

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(weights: Path) -> Resident:
    """A worker's belongings; `weights` is the checkpoint."""
    return Resident(store=MemoryStore(), decoders=[], config=conf.models(), bulletin=Bulletin("slot-1"))


def begun(key: str = "weighted") -> Generation:
    identity = identify(get_spec(key), conf.models(), lambda _sentence: None)
    return ensure_generation(get_spec(key), identity, MemoryStore())


def borrow(kept: Resident, generation: Generation) -> Any:
    with kept.embedder(generation) as embedder:
        return embedder


def said() -> str:
    return WorkerState.objects.get().sentence


def test_a_loaded_model_is_lent_again(kept: Resident) -> None:
    generation = begun()
    assert borrow(kept, generation) is borrow(kept, generation)


def test_the_model_before_makes_room_for_the_next(kept: Resident) -> None:
    first = borrow(kept, begun())
    other = begun("acoustic")
    borrow(kept, other)
    assert first.closed
    assert kept.loaded == other.pk


def test_a_model_is_loaded_as_its_generation_was_begun(kept: Resident) -> None:
    generation = begun()
    Generation.objects.update(precision="bfloat16")
    generation.refresh_from_db()
    runtime = borrow(kept, generation).runtime
    assert (runtime.precision, runtime.device) == ("bfloat16", "cpu")
    assert runtime.checkpoint.digest == generation.checkpoint


def test_it_says_what_is_loaded_and_that_it_was_unloaded(kept: Resident) -> None:
    borrow(kept, begun())
    kept.bulletin.write()
    assert (said(), WorkerState.objects.get().model) == ("weighted on cpu, float32, batch 4", "weighted")
    kept.unload()
    kept.bulletin.write()
    assert (said(), WorkerState.objects.get().model) == ("weighted unloaded", "")


def test_only_a_model_that_was_idle_for_long_is_unloaded(kept: Resident) -> None:
    embedder = borrow(kept, begun())
    kept.rest()
    assert not embedder.closed
    kept.config = replace(kept.config, idle_seconds=0.0)
    kept.rest()
    assert embedder.closed
    assert kept.loaded is None


def test_a_worker_with_other_weights_is_unfit(kept: Resident, weights: Path) -> None:
    generation = begun()
    write_weights(weights, 3.0)
    with pytest.raises(WorkerUnfit, match=f"checkpoint .{{12}} instead of {generation.checkpoint[:12]}"):
        borrow(kept, generation)
    assert kept.loaded is None
    write_weights(weights, 2.0)
    assert borrow(kept, generation).weight == 2.0


@pytest.mark.parametrize(("field", "value"), [("packages", "numpy 1.0"), ("spec_version", 7)])
def test_a_worker_of_another_making_is_unfit(kept: Resident, field: str, value: object) -> None:
    generation = begun()
    setattr(generation, field, value)
    with pytest.raises(WorkerUnfit, match=f"instead of {value} for the model weighted"):
        borrow(kept, generation)


def test_what_only_computing_has_shown_is_not_computed_again(kept: Resident) -> None:
    generation = begun()
    with pytest.raises(WorkerUnfit), kept.embedder(generation) as embedder:
        raise WorkerUnfit("bfloat16 is too coarse")
    assert embedder.closed  # type: ignore[attr-defined]
    with pytest.raises(WorkerUnfit, match="bfloat16 is too coarse"):
        borrow(kept, generation)
    assert kept.loaded is None
