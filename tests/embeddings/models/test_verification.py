"""One examination of a generation at a time, by one worker at a time, and none that is tried for ever."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from embeddings.domain import SYSTEM, Actor
from embeddings.models import Generation, GenerationState, Verification, VerificationState
from tests.embeddings.models.rows import SPEC

pytestmark = pytest.mark.django_db
ADA = Actor(name="ada", door="admin")


@pytest.fixture
def asked() -> Verification:
    """An examination that Ada asked for."""
    return Verification.objects.request(Generation.objects.open(SPEC, state=GenerationState.BUILDING), ADA)


def taken(asked: Verification, worker: str = "a") -> Verification:
    found = Verification.objects.take(asked.pk, worker)
    assert found is not None
    return found


def let_lease_run_out(verification: Verification) -> None:
    Verification.objects.filter(pk=verification.pk).update(lease_expires=timezone.now() - timedelta(seconds=1))


def test_who_asks_twice_gets_the_one_that_is_open(asked: Verification) -> None:
    assert Verification.objects.request(asked.generation, SYSTEM) == asked
    assert asked.requested_by == "ada"


def test_the_database_keeps_two_from_being_open(asked: Verification) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Verification.objects.create(generation=asked.generation)


def test_one_that_is_over_makes_room_for_the_next(asked: Verification) -> None:
    Verification.objects.conclude(taken(asked), [], passed=False)
    assert Verification.objects.request(asked.generation, ADA) != asked


def test_of_two_workers_one_takes_it(asked: Verification) -> None:
    assert taken(asked).worker == "a"
    assert Verification.objects.take(asked.pk, "b") is None


def test_a_dead_worker_s_is_taken_over_and_the_dead_one_changes_nothing_more(asked: Verification) -> None:
    dead = taken(asked)
    let_lease_run_out(dead)
    heir = taken(asked, "b")
    assert not Verification.objects.renew(dead)
    assert not Verification.objects.conclude(dead, [], passed=True)
    assert Verification.objects.conclude(heir, [], passed=False)


def test_a_worker_that_is_born_again_frees_what_it_held(asked: Verification) -> None:
    taken(asked)
    assert Verification.objects.expire("b", timezone.now()) == 0
    assert Verification.objects.expire("a", timezone.now()) == 1
    assert taken(asked, "b").attempts == 2


def test_one_that_kills_its_workers_is_broken_off(asked: Verification) -> None:
    for _ in range(3):
        let_lease_run_out(taken(asked))
    assert Verification.objects.take(asked.pk, "d") is None
    asked.refresh_from_db()
    assert asked.state == VerificationState.BROKEN
    assert asked.message.startswith("Broken off: 3 workers died")


def test_one_that_is_given_back_costs_no_attempt_and_waits_as_long_as_it_is_told(asked: Verification) -> None:
    Verification.objects.release(taken(asked), "Waiting.", until=timezone.now() + timedelta(seconds=15))
    assert not Verification.objects.due().exists()
    let_lease_run_out(asked)
    assert taken(asked).attempts == 1


@pytest.mark.parametrize("passed", [True, False])
def test_a_live_one_stays_live_and_says_when_it_passed_last(*, passed: bool) -> None:
    live = Generation.objects.open(SPEC, state=GenerationState.LIVE)
    Verification.objects.conclude(taken(Verification.objects.request(live, ADA)), [], passed=passed)
    live.refresh_from_db()
    assert (live.state, live.verified_at is not None) == (GenerationState.LIVE, passed)
