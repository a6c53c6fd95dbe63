"""The page of a generation: what its examination found, and what may be done to it by whom."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from embeddings.models import AuditEntry, Generation, GenerationState, Verification, VerificationState
from tests.embeddings.jobs.checking.built import Built
from tests.embeddings.models.rows import SPEC

pytestmark = pytest.mark.django_db
CHECKS = [
    {"name": "coverage", "passed": False, "value": 0.6522, "bar": 0.98, "sentence": "It holds 15 of 23 tracks."},
    {"name": "latency", "passed": None, "value": 2.8, "bar": None, "sentence": "A search took <2.0 ms."},
]


@pytest.fixture
def generation(db: None) -> Generation:
    """One that is being built."""
    return Generation.objects.open(SPEC, state=GenerationState.BUILDING)


@pytest.fixture
def ada(client: Client, db: None) -> Client:
    """The browser of an administrator."""
    client.force_login(User.objects.create_superuser("ada"))
    return client


def page(client: Client, generation: Generation) -> str:
    answer = client.get(reverse("admin:embeddings_generation_change", args=[generation.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def press(client: Client, generation: Generation, verb: str, **fields: str) -> str:
    """Press a button and read what the page says then."""
    address = reverse("admin:embeddings_generation_do", args=[generation.pk, verb])
    return client.post(address, fields, follow=True).content.decode()


def test_the_newest_report_is_read_check_by_check(ada: Client, generation: Generation) -> None:
    Verification.objects.create(generation=generation, state=VerificationState.FAILED, checks=CHECKS)
    shown = page(ada, generation)
    assert "It holds 15 of 23 tracks." in shown
    assert "0.6522" in shown
    assert "A search took &lt;2.0 ms." in shown
    assert shown.index("state-failed") < shown.index("for information")


def test_one_that_nobody_examined_says_so(ada: Client, generation: Generation) -> None:
    assert "Nobody has had it verified yet." in page(ada, generation)


def test_verifying_asks_a_worker_and_says_who_did(ada: Client, generation: Generation, queue: None) -> None:
    shown = press(ada, generation, "verify")
    asked = Verification.objects.get()
    assert (asked.state, asked.requested_by) == (VerificationState.REQUESTED, "ada")
    assert "ada (admin)" in shown
    assert "embeddings/generation.js" in shown


def test_what_is_not_verified_is_not_promoted_without_a_reason(ada: Client, built: Built) -> None:
    assert "is not verified" in press(ada, built.generation, "promote")
    shown = press(ada, built.generation, "promote", because="the old one is worse")
    built.generation.refresh_from_db()
    assert built.generation.state == GenerationState.LIVE
    assert "because: the old one is worse" in shown
    built.store.remove_alias(SPEC.alias)


def test_the_buttons_are_those_that_can_be_pressed(ada: Client, generation: Generation) -> None:
    assert "Promote anyway" in page(ada, generation)
    Generation.objects.update(state=GenerationState.DROPPED)
    shown = page(ada, generation)
    assert "/do/" not in shown
    assert "Its vectors are gone." in shown


def test_only_the_live_one_is_gone_back_from(ada: Client, generation: Generation) -> None:
    assert "is not live any more" in press(ada, generation, "rollback")


def test_who_may_only_read_changes_nothing(client: Client, generation: Generation) -> None:
    reader = User.objects.create_user("ben", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_generation"))
    client.force_login(reader)
    assert "/do/" not in page(client, generation)
    for verb in ("verify", "promote", "rollback"):
        assert client.post(reverse("admin:embeddings_generation_do", args=[generation.pk, verb])).status_code == 403
    assert not Verification.objects.exists()
    assert not AuditEntry.objects.exists()


def test_looking_does_nothing(ada: Client, generation: Generation) -> None:
    assert ada.get(reverse("admin:embeddings_generation_do", args=[generation.pk, "verify"])).status_code == 405
    assert not Verification.objects.exists()
