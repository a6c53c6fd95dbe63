"""A row that was taken away from a worker and taken back by it, while it was on its way, is settled once."""

import numpy as np
import pytest

from embeddings.domain import Embedding
from embeddings.jobs.pipeline import Embedded
from embeddings.jobs.recording import Recorder
from embeddings.jobs.writer import Writer
from embeddings.models import Lease, ResultState, TrackResult
from embeddings.store.memory import MemoryStore
from tests.embeddings.models.rows import SPEC, running_job

pytestmark = pytest.mark.django_db


def test_what_was_embedded_twice_under_one_lease_is_settled_once() -> None:
    job, store = running_job(1), MemoryStore()
    lease = Lease.take(job.pk, worker="a", seconds=-1.0)
    writer = Writer(lease, store, Recorder(lease, 10))
    first = TrackResult.objects.claim(lease, model="acoustic", limit=1)
    other = Lease.take(job.pk, worker="b", seconds=-1.0)
    assert TrackResult.objects.claim(other, model="acoustic", limit=1)
    again = TrackResult.objects.claim(lease, model="acoustic", limit=1)
    store.create(again[0].generation.collection, SPEC.dimension)
    vector = np.zeros(SPEC.dimension, dtype=np.float32)
    vector[0] = 1.0
    for row in (*first, *again):
        made = Embedding(vector=vector)
        name = str(row.track_id)
        writer.add(row, Embedded(track_id=name, embedding=made, offset=0.0, audio_seconds=1.0, seconds=1.0, warning=""))
    writer.flush()
    assert (writer.settled, TrackResult.objects.get().state) == (1, ResultState.DONE)
