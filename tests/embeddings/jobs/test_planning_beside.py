"""A job is planned while others write to the database: workers report, people click, planning renews its own right."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from embeddings import conf
from embeddings.jobs.planner import plan
from embeddings.library.base import Known, Listing, SourceLibrary
from embeddings.models import BatchJob, Library, Track, WorkerState
from embeddings.store.memory import MemoryStore

pytestmark = pytest.mark.django_db(transaction=True)
TRACKS = 5000


class Shelf:
    """A source that lists what the catalogue knows."""

    kind = "folder"
    root = "/shelf"

    def listings(self, known: Known) -> list[Listing]:
        library = SourceLibrary(external_id=1, name="shelf", root="/shelf")
        return [Listing(library=library, tracks=[], unchanged=list(known[self.root]))]


@pytest.fixture
def shelf() -> Shelf:
    library = Library.objects.create(source="folder", external_id=1, name="shelf", root="/shelf")
    made = [Track(library=library, path=f"{number:05d}.mp3", signature="1-1") for number in range(TRACKS)]
    Track.objects.bulk_create(made, batch_size=1000)
    return Shelf()


@contextmanager
def somebody_writing() -> Iterator[None]:
    """A worker that says every other millisecond what it does, until the block ends."""
    begun, over = threading.Event(), threading.Event()

    def write() -> None:
        while not over.wait(0.002):
            WorkerState.objects.say(WorkerState(slot="beside", sentence="Listening"))
            begun.set()
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait(10)
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_large_library_is_planned_while_others_write(shelf: Shelf, settings: Any, tmp_path: Path) -> None:
    settings.DIGESTS_FILE = tmp_path / "digests.json"
    job = BatchJob.objects.create(model_keys=["acoustic"])
    with somebody_writing():
        assert plan(job, source=shelf, store=MemoryStore(), config=conf.models())
    assert job.results.count() == TRACKS
