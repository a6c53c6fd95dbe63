"""The log of answers: off unless wanted, without names and vectors, bounded, and never in the way of an answer."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recommendations.configuration import Configuration
from recommendations.domain import Prompt, Request, Seed, Variety, VectorSeed
from recommendations.logbook.answering import answer, keep
from recommendations.logbook.replaying import replay
from recommendations.models import Answered
from recommendations.results import Answer
from tests.recommendations.engine.conftest import Asker


@pytest.fixture
def kept(settings: Any) -> None:
    """The log is on."""
    settings.REQUEST_LOG_DAYS = 30


def like(asker: Asker, **wanted: Any) -> Request:
    return Request(seeds=[Seed(key=str(asker.made.tracks[0].pk))], limit=6, **wanted)


def test_nothing_is_kept_unless_somebody_wants_it(asker: Asker) -> None:
    assert answer(like(asker), store=asker.store, door="api").tracks
    assert not Answered.objects.exists()


@pytest.mark.usefixtures("kept")
def test_an_answer_is_kept_with_its_scores_and_ranks(asker: Asker) -> None:
    found = answer(like(asker, variety=Variety(diversity=0.5)), store=asker.store, door="api")
    row = Answered.objects.get()
    assert row.tracks == [[one.candidate.id, one.score, one.explanation.rank_before] for one in found.tracks]
    assert (row.door, row.mode, tuple(row.model_keys)) == ("api", "custom", found.models)
    assert (row.personal, row.is_stub, row.warnings) == (False, False, list(found.warnings))
    assert row.seconds > 0
    assert row.request["seeds"][0]["key"] == str(asker.made.tracks[0].pk)


@pytest.mark.usefixtures("kept")
def test_neither_names_nor_numbers_of_vectors_are_kept(asker: Asker) -> None:
    vector = asker.made.vectors["muq"][3]
    asked = Request(seeds=[VectorSeed(vectors={"muq": vector})], user="ada lovelace", limit=3)
    answer(asked, store=asker.store, door="api")
    row = Answered.objects.get()
    assert row.personal
    assert set(row.request["seeds"][0]["vectors"]["muq"]) == {"sha256", "length"}
    assert "ada" not in json.dumps(row.request)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("name", ["ada", "Ada B.", "o'\"neill\\"])
def test_a_warning_is_kept_without_the_name_that_it_tells(asker: Asker, name: str) -> None:
    warned = f"Navidrome knows no user {name!r}: nobody asked for {name}, or {name.upper()}'s adage."
    keep(like(asker, user=name), Answer(tracks=(), warnings=(warned,)), door="api", seconds=0.1)
    assert Answered.objects.get().warnings == ["Navidrome knows no user '…': nobody asked for …, or …'s adage."]


@pytest.mark.usefixtures("kept")
def test_what_is_older_than_wanted_goes_when_something_is_written(asker: Asker) -> None:
    for days in (31, 29):
        keep(like(asker), Answer(tracks=()), door="api", seconds=0.1)
        Answered.objects.filter(pk=Answered.objects.latest("pk").pk).update(
            created_at=timezone.now() - timedelta(days=days)
        )
    keep(like(asker), Answer(tracks=()), door="api", seconds=0.1)
    assert Answered.objects.count() == 2


def test_no_more_are_kept_than_there_is_room_for(db: None) -> None:
    for seconds in range(5):
        row = Answered(door="api", mode="custom", request={}, seconds=seconds)
        Answered.objects.keep(row, days=30, most=3)
    assert list(Answered.objects.values_list("seconds", flat=True)) == [4.0, 3.0, 2.0]


def test_nobody_walks_through_the_log_to_keep_it_short(db: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        Answered.objects.keep(Answered(door="api", mode="custom", request={}, seconds=0.1), days=30)
    assert not [query for query in asked.captured_queries if "OFFSET" in query["sql"]]


@pytest.mark.usefixtures("kept")
@pytest.mark.django_db(transaction=True)
def test_a_log_that_cannot_be_written_breaks_no_answer(asker: Asker, caplog: pytest.LogCaptureFixture) -> None:
    with connection.schema_editor() as editor:
        editor.delete_model(Answered)
    try:
        with caplog.at_level(logging.WARNING):
            assert answer(like(asker), store=asker.store, door="api").tracks
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(Answered)
    assert "answer not kept door=api" in caplog.text


@pytest.mark.usefixtures("kept")
def test_asking_again_gives_the_same(asker: Asker) -> None:
    for mode in ("custom", "discovery"):
        answer(like(asker, mode=mode), store=asker.store, door="api")
    found = replay(Answered.objects.all(), Configuration(), store=asker.store)
    assert (found.asked, found.overlap, found.kendall_tau) == (2, 1, 1)
    assert found.rank_biased_overlap == pytest.approx(1)
    assert Answered.objects.count() == 2


@pytest.mark.usefixtures("kept")
def test_asking_in_another_way_tells_how_much_changes(asker: Asker) -> None:
    answer(like(asker), store=asker.store, door="api")
    told: list[float] = []
    found = replay(
        Answered.objects.all(),
        Configuration(models=["latent"], variety={"diversity": 0.9}),
        store=asker.store,
        report=lambda _row, one: told.append(one.overlap),
    )
    assert found.overlap is not None
    assert found.overlap < 1
    assert told == [found.overlap]


@pytest.mark.usefixtures("kept")
def test_what_cannot_be_asked_again_is_counted(asker: Asker) -> None:
    vector = VectorSeed(vectors={"muq": asker.made.vectors["muq"][3]})
    for asked in (Request(seeds=[vector], limit=3), like(asker, user="ada")):
        answer(asked, store=asker.store, door="api")
    keep(Request(prompts=[Prompt(text=" ")]), Answer(tracks=()), door="api", seconds=0)
    Answered.objects.create(door="api", mode="custom", request={"nonsense": 1}, seconds=0)
    found = replay(Answered.objects.all(), Configuration(), store=asker.store)
    assert (found.asked, found.overlap) == (0, None)
    assert found.left_out == {"has_vectors": 1, "personal": 1, "unreadable": 1, "prompt_empty": 1}
