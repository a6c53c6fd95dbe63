"""Paths and radio through real music, in a real store."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embeddings.jobs import control
from embeddings.models import Track
from embeddings.store.base import VectorStore
from recommendations.domain import Request, Seed
from recommendations.paths import PathRequest, find_path
from recommendations.radio import continue_radio

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]


def test_paths_and_radio_go_through_real_music(few: Path, work: Work, store: VectorStore) -> None:
    control.start_job()
    work()
    start, *_, end = Track.objects.order_by("path")
    request = PathRequest(start=str(start.pk), end=str(end.pk), steps=5, per_artist=0)
    path = find_path(request, store=store)
    found = [step.candidate.id for step in path.steps]
    assert (found[0], found[-1], len(set(found))) == (str(start.pk), str(end.pk), 5)
    assert find_path(request, store=store) == path
    begun = Request(seeds=[Seed(key=str(start.pk))], limit=3)
    played: list[str] = []
    for _ in range(2):
        answer = continue_radio(begun, played, store=store)
        played += [track.candidate.id for track in answer.tracks]
    assert len(set(played)) == len(played) == 6
    assert str(start.pk) not in played
