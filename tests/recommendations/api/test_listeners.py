"""Whose plays, stars and playlists a caller may have a part in an answer: his own, and whose staff likes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from recommendations.asking.hearing import process_memory
from tests.embeddings.library.listeners import add_playlist, make_listeners, mark
from tests.embeddings.library.shelves import make_navidrome
from tests.recommendations.api.asking import error_of
from tests.recommendations.library import MadeLibrary
from tests.recommendations.served import song

pytestmark = pytest.mark.django_db
PLAYLIST: dict[str, Any] = {"seeds": [{"id": "p1", "kind": "playlist"}], "limit": 2}
LOVED: dict[str, Any] = {"mode": "favorites", "user": "bob", "limit": 2}


@pytest.fixture(autouse=True)
def bob(served: MadeLibrary, tmp_path: Path, settings: Any) -> Iterator[None]:
    """Somebody who has starred a track and has a playlist that nobody else sees."""
    path = tmp_path / "navidrome.db"
    make_navidrome(path, "0.64", libraries=[(1, "Music", "/music")])
    make_listeners(path, "0.64", [("u1", "Alice"), ("u2", "Bob")])
    mark(path, "u2", song(served, "Song 00.0.1").navidrome_id, starred=1)
    add_playlist(path, "p1", "u2", [song(served, "Song 03.0.1").navidrome_id], public=False)
    settings.NAVIDROME_DB = str(path)
    process_memory.cache_clear()
    yield
    process_memory.cache_clear()


def ask(name: str, address: str, body: dict[str, Any], *, staff: bool = False) -> Any:
    """Ask as the user of this name."""
    caller = APIClient()
    caller.force_authenticate(User.objects.create_user(name, is_staff=staff))
    return caller.post(f"/api/v1/{address}", body, format="json")


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("recommend", LOVED),
        ("recommend", PLAYLIST | {"user": "Bob"}),
        ("recommend/compare", {"request": LOVED}),
        ("radio", LOVED),
        ("path", {"start": "1", "end": "2", "user": "bob"}),
    ],
)
def test_nobody_learns_what_somebody_else_plays(address: str, body: dict[str, Any]) -> None:
    answer = ask("reader", address, body)
    assert error_of(answer) == (403, "permission_denied")
    assert "'reader'" in answer.json()["error"]["message"]


def test_a_private_playlist_is_read_for_nobody() -> None:
    assert error_of(ask("reader", "recommend", PLAYLIST)) == (404, "not_found")


def test_a_caller_names_himself_in_any_case() -> None:
    assert ask("BOB", "recommend", LOVED).json()["tracks"]
    assert ask("boB", "recommend", PLAYLIST | {"user": "Bob"}).json()["tracks"]


def test_staff_names_anybody() -> None:
    assert ask("admin", "recommend", LOVED, staff=True).json()["tracks"]
