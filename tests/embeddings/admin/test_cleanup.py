"""The page of a cleanup: what would be dropped and why, and who may."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from embeddings.models import AuditEntry, Generation, GenerationState
from embeddings.store.base import VectorStore
from tests.embeddings.jobs.built import built, some_tracks
from tests.embeddings.jobs.weighted import WEIGHTED

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "/admin/embeddings/generation/"
PAGE = f"{LIST}cleanup/"


@pytest.fixture
def old(weights: Path, store: VectorStore) -> Iterator[Generation]:
    """One that nobody needs any more, beside one for a way back and one that is live."""
    tracks = some_tracks(3)
    states = (GenerationState.RETIRED, GenerationState.RETIRED, GenerationState.LIVE)
    made = [built(store, tracks, state=state, days=20) for state in states]
    yield made[0]
    store.remove_alias(WEIGHTED.alias)


@pytest.fixture
def ada(client: Client, db: None) -> Client:
    """The browser of an administrator."""
    client.force_login(User.objects.create_superuser("ada"))
    return client


def states() -> list[str]:
    return list(Generation.objects.order_by("number").values_list("state", flat=True))


def test_the_list_leads_to_what_would_be_dropped_and_why(ada: Client, old: Generation) -> None:
    assert f'href="{reverse("admin:embeddings_generation_cleanup")}"' in ada.get(LIST).content.decode()
    shown = ada.get(PAGE).content.decode()
    assert old.collection in shown
    assert "stays for a rollback" in shown
    assert states() == ["retired", "retired", "live"]


def test_what_is_listed_is_dropped_on_request(ada: Client, old: Generation, store: VectorStore) -> None:
    assert f"Dropped: {old}." in ada.post(PAGE, follow=True).content.decode()
    assert states() == ["dropped", "retired", "live"]
    assert old.collection not in store.collections()
    assert AuditEntry.objects.get(action="cleanup").who == "ada (admin)"
    assert "There is nothing to clean up." in ada.get(PAGE).content.decode()


def test_who_may_only_read_cleans_nothing_up(client: Client, old: Generation) -> None:
    reader = User.objects.create_user("ben", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_generation"))
    client.force_login(reader)
    assert "Clean up" not in client.get(LIST).content.decode()
    assert (client.get(PAGE).status_code, client.post(PAGE).status_code) == (403, 403)
    assert states() == ["retired", "retired", "live"]


def test_a_store_that_is_away_is_said(ada: Client, db: None, settings: Any) -> None:
    settings.MILVUS_URI, settings.MILVUS_TIMEOUT_SECONDS = "http://127.0.0.1:9", 2.0
    answer = ada.get(PAGE, follow=True)
    assert answer.redirect_chain == [(LIST, 302)]
    assert 'class="error"' in answer.content.decode()
