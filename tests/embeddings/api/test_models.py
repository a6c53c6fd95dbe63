"""`GET /models`, and what a job's answer says of its workers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from embeddings.models import Generation, WorkerState
from embeddings.store.base import VectorStore
from tests.embeddings.api.test_api import client
from tests.embeddings.models.rows import running_job

pytestmark = pytest.mark.django_db(transaction=True)


def models(asking: APIClient) -> dict[str, Any]:
    answer = asking.get("/api/v1/models")
    return {model["key"]: model for model in answer.json()["results"]}


def test_models_say_their_lengths_licences_and_whether_they_know_text() -> None:
    found = models(client(staff=False))
    mert, muq, acoustic = found["mert"], found["muq"], found["acoustic"]
    assert (mert["dimension"], mert["outsideDimension"], mert["text"]) == (4096, 76_800, False)
    assert (muq["outsideDimension"], muq["text"], muq["weightsLicence"]) == (1536, True, "CC BY-NC 4.0")
    assert (muq["noncommercial"], acoustic["noncommercial"]) == (True, False)
    assert (acoustic["configured"], muq["configured"], acoustic["live"]) == (True, False, None)


def test_a_trained_checkpoint_lets_a_model_know_text(tmp_path: Path, settings: Any) -> None:
    settings.TEXT_CHECKPOINT_DIR = str(tmp_path)
    (tmp_path / "mert_best_r1.pt").touch()
    found = models(client(staff=False))
    assert {key: model["text"] for key, model in found.items()} == {
        "acoustic": False, "muq": True, "mert": True, "latent": False,
    }  # fmt: skip


def test_a_model_names_the_generation_that_searches_read(
    few: Path, work: Callable[[], None], store: VectorStore
) -> None:
    staff = client(staff=True)
    staff.post("/api/v1/jobs", {}, format="json")
    work()
    live = models(staff)["acoustic"]["live"]
    assert (live["collection"], live["tracks"]) == (Generation.objects.get().collection, 8)
    Generation.objects.update(checkpoint="a" * 64, precision="bfloat16", packages="numpy 2")
    live = models(staff)["acoustic"]["live"]
    assert (live["checkpoint"], live["precision"], live["packages"]) == ("a" * 64, "bfloat16", "numpy 2")


def test_a_job_says_what_its_workers_do(queue: None) -> None:
    job = running_job(1)
    WorkerState.objects.say(WorkerState(slot="attic:4e2cd830:1", job=job, sentence="Loading muq"))
    WorkerState.objects.say(WorkerState(slot="slot-2", sentence="muq unloaded"))
    (worker,) = client(staff=False).get(f"/api/v1/jobs/{job.pk}").json()["progress"]["workers"]
    assert worker.pop("updatedAt")
    assert worker == {
        "slot": "attic:4e2cd830:1",
        "name": "worker 1 on attic",
        "model": None,
        "standing": None,
        "sentence": "Loading muq",
    }
