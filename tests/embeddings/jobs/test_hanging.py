"""A device that hangs: its worker notices, gives back what it can, and ends, for no thread of it can be ended."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from embedder_site.env import BASE_DIR
from embeddings.domain import Window
from embeddings.embedders import SPECS
from embeddings.embedders.base import Features
from embeddings.errors import TrackError, WorkerHung
from embeddings.jobs import control, tasks
from embeddings.jobs.movement import Movement
from embeddings.jobs.resident import resident
from embeddings.jobs.runner import Patience, Runner
from embeddings.jobs.turns import LEAST_HUNG_SECONDS, hung_seconds
from embeddings.models import Lease, ResultState, TrackResult
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.weighted import WeightedEmbedder

SCRIPT = """
import threading
from embeddings.jobs.worker import end_at_once
threading.Thread(target=threading.Event().wait).start()
end_at_once()
"""


class HungEmbedder(WeightedEmbedder):
    """Computes nothing until it is freed."""

    entered, freed = threading.Event(), threading.Event()

    def embed_windows(self, windows: Sequence[Window]) -> Sequence[Features | TrackError]:
        """Hang."""
        self.entered.set()
        self.freed.wait(120)
        return super().embed_windows(windows)


@pytest.fixture
def hung(weights: Path) -> Iterator[None]:
    """The model of the job hangs until the end of the test."""
    SPECS["weighted"] = replace(SPECS["weighted"], loader="tests.embeddings.jobs.test_hanging:HungEmbedder")
    yield
    HungEmbedder.freed.set()


@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_device_hangs_leaves_its_rows_to_others(
    few: Path, hung: None, queue: None, store: VectorStore
) -> None:
    job = control.start_job(models=["weighted"])
    tasks.plan(job.pk)
    lease = Lease.take(job.pk, worker="a", seconds=60.0)
    runner = Runner(lease, resident(), slice_size=64, should_stop=lambda: False, patience=Patience(hung_seconds=5.0))
    with pytest.raises(WorkerHung, match="its device seems to hang"):
        runner.run()
    assert HungEmbedder.entered.is_set()
    begun = TrackResult.objects.filter(state=ResultState.RUNNING, lease_expires__lte=timezone.now()).count()
    assert TrackResult.objects.filter(state=ResultState.PENDING, attempts=0).count() == 8 - begun
    assert 0 < begun < 8
    other = Lease.take(job.pk, worker="b", seconds=60.0)
    while TrackResult.objects.claim(other, model="weighted", limit=8):
        pass
    assert TrackResult.objects.filter(lease=other.token, lost=1).count() == begun


def test_time_in_which_nobody_looked_is_none_in_which_nothing_moved() -> None:
    movement = Movement(30.0)
    movement._looked -= 3600.0
    movement.look()
    assert not movement.hangs


def test_what_moves_does_not_hang() -> None:
    movement = Movement(6.0)
    for _ in range(9):
        movement.note()
        movement._looked -= 4.0
        movement.look()
    movement._looked -= 4.0
    movement.look()
    movement._looked -= 4.0
    with pytest.raises(WorkerHung, match="for 8 s"):
        movement.look()


@pytest.mark.parametrize(("said", "meant"), [(0, float("inf")), (1, LEAST_HUNG_SECONDS), (900, 900), (100, 240)])
def test_a_worker_hangs_later_than_a_decoder(settings: Any, said: float, meant: float) -> None:
    settings.JOB_STALL_SECONDS, settings.AUDIO_STALL_SECONDS = said, 120.0 if said == 100 else 60.0
    assert hung_seconds() == meant


def test_a_worker_ends_whatever_its_threads_do() -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "embedder_site.settings"}
    ended = subprocess.run([sys.executable, "-c", SCRIPT], cwd=BASE_DIR, env=environment, timeout=60, check=False)
    assert ended.returncode == os.EX_SOFTWARE
