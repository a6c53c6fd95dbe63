"""Generations: one is live, and promotion happens once."""

import pytest

from embeddings.models import Generation, GenerationState
from tests.embeddings.models.rows import SPEC

pytestmark = pytest.mark.django_db


def test_promotion_retires_what_was_live() -> None:
    old = Generation.objects.open(SPEC, state=GenerationState.LIVE)
    new = Generation.objects.open(SPEC, state=GenerationState.BUILDING)
    assert Generation.objects.promote(new.pk, SPEC.key)
    assert Generation.objects.live(SPEC.key) == new
    old.refresh_from_db()
    assert old.state == GenerationState.RETIRED


def test_a_second_promotion_changes_nothing() -> None:
    Generation.objects.open(SPEC, state=GenerationState.LIVE)
    new = Generation.objects.open(SPEC, state=GenerationState.BUILDING)
    Generation.objects.promote(new.pk, SPEC.key)
    assert not Generation.objects.promote(new.pk, SPEC.key)
    assert Generation.objects.live(SPEC.key) == new


def test_a_collection_that_the_store_holds_already_is_not_taken() -> None:
    taken = [f"{SPEC.alias}_g0001", f"{SPEC.alias}_g0002"]
    assert Generation.objects.open(SPEC, state=GenerationState.LIVE, taken=taken).number == 3
