"""Generations as an earlier version left them, and a store in which something happens at a chosen moment."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from embeddings import conf
from embeddings.conf import KeepingConfig
from embeddings.domain import VectorRow
from embeddings.embedders import get_spec
from embeddings.jobs.renewing import renew_old
from embeddings.models import (
    Generation,
    GenerationState,
    Track,
)
from embeddings.store.base import VectorStore
from embeddings.store.milvus import MilvusStore
from tests.embeddings.jobs.stored import WIDTH, store_vectors
from tests.embeddings.store.old_schema import make_old

CONFIG = KeepingConfig(schedule="", gone_days=30, poll_seconds=0)
SPEC = get_spec("acoustic")


class Eventful(MilvusStore):
    """A real store; something happens at the moment before it does one of its things."""

    def __init__(self) -> None:
        super().__init__(conf.store())
        self.written = 0
        self.before: dict[str, Callable[[], object]] = {}

    def _happen(self, what: str) -> None:
        self.before.pop(what, lambda: None)()

    def upsert(self, collection: str, rows: Sequence[VectorRow]) -> None:
        """Write, and count what was written."""
        super().upsert(collection, rows)
        self.written += len(rows)

    def flush(self, collection: str) -> None:
        """Flush."""
        self._happen("flush")
        super().flush(collection)

    def rename(self, collection: str, name: str) -> None:
        """Rename."""
        self._happen("rename")
        super().rename(collection, name)

    def drop(self, collection: str) -> None:
        """Drop."""
        self._happen("drop")
        super().drop(collection)


@pytest.fixture
def eventful(store: VectorStore) -> Eventful:
    return Eventful()


def make_aged(store: VectorStore, tracks: Sequence[Track], **options: Any) -> Generation:
    """A generation as version 0.3 left it."""
    generation = store_vectors(store, tracks, **options)
    rows = [row for page in store.rows(generation.collection) for row in page]
    store.drop(generation.collection)
    uri = conf.store().uri
    make_old(uri, generation.collection, WIDTH, joint_dimension=generation.joint_dimension)
    store.upsert(generation.collection, rows)
    if generation.state == GenerationState.LIVE:
        store.point_alias(SPEC.alias, generation.collection)
    return generation


def describe(tracks: Sequence[Track]) -> None:
    for number, track in enumerate(tracks):
        Track.objects.filter(pk=track.pk).update(
            year=1990 + number, duration=100.5 + number, genres=["Jazz", str(number)]
        )


def renew(store: VectorStore, *, after: int = 10**9) -> None:
    """Look once; told to stop after so many pages."""
    asked = iter(range(10**9))
    renew_old(store, should_stop=lambda: next(asked) > after, report=lambda _: None)


def bits(store: VectorStore, generation: Generation) -> dict[str, tuple[bytes, bytes]]:
    rows = [row for page in store.rows(generation.collection) for row in page]
    return {row.id: (row.embedding.tobytes(), b"" if row.joint is None else row.joint.tobytes()) for row in rows}


def names(store: VectorStore, generation: Generation) -> list[str]:
    return [name for name in store.collections() if name.startswith(generation.name)]
