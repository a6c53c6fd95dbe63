"""A worker's turn ends: other messages are heard, and no row waits for a worker that does not work on it."""

import pytest

from embeddings.jobs import control, tasks
from embeddings.jobs.resident import resident
from embeddings.jobs.runner import Patience, Runner
from embeddings.models import Lease, ResultState, TrackResult
from embeddings.store.base import VectorStore

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_not_begun_when_a_turn_ends_is_given_back(queue: None, store: VectorStore) -> None:
    job = control.start_job()
    tasks.plan(job.pk)
    lease = Lease.take(job.pk, worker="a", seconds=60.0)
    settled = Runner(
        lease, resident(), slice_size=64, should_stop=lambda: False, patience=Patience(turn_seconds=0.0)
    ).run()
    counted = TrackResult.objects.tally()
    assert (counted.done, counted.pending) == (settled, 23 - settled)
    assert 0 < settled < 23
    assert not TrackResult.objects.filter(state=ResultState.PENDING, attempts__gt=0).exists()
