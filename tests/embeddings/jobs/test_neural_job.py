"""A job of neural models: one is loaded at a time, and the vectors that texts are compared with are stored."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings.embedders import get_spec
from embeddings.jobs import control
from embeddings.jobs.resident import resident
from embeddings.models import Generation, JobState, Track
from embeddings.store.base import VectorStore

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = ["muq", "mert"]


@pytest.fixture
def neural(checkpoints: dict[str, Path], tmp_path: Path, settings: Any) -> None:
    """The settings of somebody who has the checkpoints in folders, on a CPU."""
    settings.CHECKPOINTS = {key: str(folder) for key, folder in checkpoints.items()}
    settings.DIGESTS_FILE = tmp_path / "digests.json"
    settings.DEVICE = "cpu"


def test_two_models_embed_a_library_one_after_the_other(
    few: Path, neural: None, work: Callable[[], None], store: VectorStore
) -> None:
    for song in sorted(few.rglob("*.*"))[2:]:
        song.unlink()
    job = control.start_job(models=KEYS)
    work()
    job.refresh_from_db()
    assert (job.state, job.message) == (JobState.COMPLETED, "")
    ids = [str(pk) for pk in Track.objects.values_list("pk", flat=True)]
    for key in KEYS:
        spec = get_spec(key)
        vectors = np.stack(list(store.fetch(spec.alias, ids).values()))
        assert vectors.shape == (2, spec.dimension)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    joints = store.fetch(get_spec("muq").alias, ids, field="joint")
    assert {joint.shape for joint in joints.values()} == {(512,)}
    assert resident().loaded == Generation.objects.get(model="mert").pk
