"""What the record keeps of each deed, beyond who and when."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from embedder_site.env import BASE_DIR
from embeddings.domain import JobOptions
from embeddings.errors import VectorInvalid
from embeddings.jobs import control
from embeddings.jobs.generations import ensure_generation
from embeddings.models import AuditEntry, JobState, Track
from embeddings.store.memory import MemoryStore
from tests.embeddings.jobs.test_identity import MADE_WITH
from tests.embeddings.jobs.test_settling import begun, settled
from tests.embeddings.jobs.weighted import WEIGHTED
from tests.embeddings.models.rows import running_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("queue")]


def test_a_start_is_told_with_its_selection_and_the_options_that_somebody_chose() -> None:
    running_job(30, state=JobState.COMPLETED)
    ids = [str(pk) for pk in Track.objects.values_list("pk", flat=True)]
    control.start_job(scope="selection", selection={"ids": ids}, options=JobOptions(verify=False, batch_size=8))
    entry = AuditEntry.objects.get()
    assert entry.details["selection"]["tracks"] == 30
    assert len(entry.details["selection"]["ids"]) == control.NAMED
    assert entry.details["options"] == {"batch_size": 8, "verify": False}
    assert {"batch_size=8", "verify=no", "tracks=30"} <= set(entry.told.replace(",", "").split())


def test_what_nobody_chose_is_not_told() -> None:
    control.start_job()
    assert AuditEntry.objects.get().told == "scope: missing, models: acoustic"


def test_a_promotion_because_nothing_was_live_is_told(weights: Path) -> None:
    store = MemoryStore()
    first = ensure_generation(WEIGHTED, MADE_WITH, store)
    ensure_generation(WEIGHTED, replace(MADE_WITH, checkpoint="b" * 64), store)
    entry = AuditEntry.objects.get(action="promote")
    assert (entry.door, entry.details["instead_of"]) == ("system", first.collection)
    assert entry.details["reason"] == "what was live holds nothing"


def test_a_promotion_without_verification_is_told_with_its_reason(weights: Path) -> None:
    store, built, job = begun(2)
    settled(store, job, failed=0, error=VectorInvalid)
    entry = AuditEntry.objects.get(action="promote")
    assert (entry.job, entry.generation) == (job, built)
    assert entry.details["forced_because"] == f"{job} was started without verification."
    assert entry.details["instead_of"] == "weighted_embedding_g0001"


def test_every_deed_that_is_recorded_is_explained() -> None:
    code = "".join(path.read_text() for path in (BASE_DIR / "embeddings").rglob("*.py"))
    recorded = set(re.findall(r'AuditEntry\.objects\.note\(\s*"([a-z-]+)"', code))
    page = (BASE_DIR / "docs" / "operating.md").read_text()
    section = page.partition("\n## Audit\n")[2].partition("\n## ")[0]
    assert recorded == set(re.findall(r"`([a-z-]+)`", "".join(re.findall(r"^\| (`.*?) \|", section, re.MULTILINE))))
    assert len(recorded) > 10
