"""A mix for a listener who names nothing: what he plays and loves stands in for seeds."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from embeddings.errors import Refused
from recommendations.asking.hearing import process_memory
from recommendations.domain import Variety
from tests.embeddings.library.listeners import make_listeners, mark
from tests.embeddings.library.shelves import make_navidrome
from tests.recommendations.engine.conftest import NOW, Asker

ANY = Variety(per_artist=0, per_album=0, diversity=0.0)


@pytest.fixture
def database(tmp_path: Path, settings: Any) -> Iterator[Path]:
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.64", libraries=[(1, "Music", "/music")])
    make_listeners(path, "0.64", [("u1", "Ann")])
    settings.NAVIDROME_DB = str(path)
    process_memory.cache_clear()
    yield path
    process_memory.cache_clear()


def played(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat(" ")


def test_recent_is_about_what_was_played_lately(asker: Asker, database: Path) -> None:
    jazz, metal = asker.made.of_genre("Jazz")[0], asker.made.of_genre("Metal")[0]
    mark(database, "u1", jazz.navidrome_id, play_count=1, play_date=played(1))
    mark(database, "u1", metal.navidrome_id, play_count=90, play_date=played(200))
    assert set(asker.genres(mode="recent", user="ann", limit=8, variety=ANY)) == {"Jazz"}


def test_favorites_is_about_what_is_starred_or_rated_high(asker: Asker, database: Path) -> None:
    jazz, metal, folk = (asker.made.of_genre(genre)[0] for genre in ("Jazz", "Metal", "Folk"))
    mark(database, "u1", jazz.navidrome_id, play_count=90, play_date=played(1))
    mark(database, "u1", metal.navidrome_id, starred=1)
    mark(database, "u1", folk.navidrome_id, rating=2)
    assert set(asker.genres(mode="favorites", user="ann", limit=8, variety=ANY)) == {"Metal"}


def test_all_is_about_both(asker: Asker, database: Path) -> None:
    jazz, metal = asker.made.of_genre("Jazz")[0], asker.made.of_genre("Metal")[0]
    mark(database, "u1", jazz.navidrome_id, play_count=1, play_date=played(1))
    mark(database, "u1", metal.navidrome_id, rating=5)
    assert {"Jazz", "Metal"} <= set(asker.genres(mode="all", user="ann", limit=20, variety=ANY))


def test_discovery_prefers_what_was_not_heard(asker: Asker, database: Path) -> None:
    jazz = asker.made.of_genre("Jazz")
    for track in jazz[:12]:
        mark(database, "u1", track.navidrome_id, play_count=30, play_date=played(100), starred=int(track is jazz[0]))
    wanted = {"user": "ann", "limit": 6, "variety": ANY, "mode": "discovery"}
    answer = asker.ask(jazz[0], **wanted)
    heard = {str(track.pk) for track in jazz[:12]}
    assert not heard & {one.candidate.id for one in answer.tracks}
    plain = asker.ask(jazz[0], **wanted, tuning={"familiarity": 0.0, "exploration": 0.0, "least_diversity": 0.0})
    assert heard & {one.candidate.id for one in plain.tracks}


def test_a_listener_of_whom_nothing_is_known_has_to_name_something(asker: Asker, database: Path) -> None:
    with pytest.raises(Refused) as caught:
        asker.ask(mode="recent", user="ann")
    assert caught.value.code == "nothing_asked"


def test_why_nothing_is_known_of_a_listener_is_said(asker: Asker) -> None:
    with pytest.raises(Refused, match="Without Navidrome's database nobody knows what ann has heard"):
        asker.ask(mode="recent", user="ann")
