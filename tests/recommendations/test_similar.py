"""Neighbours in the terminal, and why there are none."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from embeddings.errors import NotEmbedded
from embeddings.jobs import control
from embeddings.models import Track
from embeddings.store.base import VectorStore
from recommendations.neighbours import neighbours_of

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[[], None]


def embed(work: Work) -> None:
    control.start_job()
    work()


def test_words_find_a_track_and_its_neighbours(
    few: Path, work: Work, store: VectorStore, capsys: pytest.CaptureFixture[str]
) -> None:
    embed(work)
    call_command("similar", "cave", "theme")
    shown = capsys.readouterr().out
    assert "Nearest to Flare - Cave theme" in shown
    assert "Fantasycore" in shown


def test_words_that_match_several_tracks_list_them(catalogue: list[Track]) -> None:
    with pytest.raises(CommandError, match="matches several tracks") as refused:
        call_command("similar", "e")
    assert "and 3 more" in str(refused.value)


def test_words_that_match_nothing_say_so(catalogue: list[Track]) -> None:
    with pytest.raises(CommandError, match="No track matches 'zzz'"):
        call_command("similar", "zzz")


def test_brackets_in_titles_are_shown(
    few: Path, work: Work, store: VectorStore, capsys: pytest.CaptureFixture[str]
) -> None:
    embed(work)
    Track.objects.filter(title="Town theme").update(title="Town [live] [/b]")
    call_command("similar", "cave", "theme")
    assert "Town [live] [/b]" in capsys.readouterr().out


def test_a_track_that_could_not_be_embedded_says_why(few: Path, work: Work, store: VectorStore) -> None:
    broken = next(few.rglob("*.ogg"))
    broken.write_bytes(b"")
    embed(work)
    track = Track.objects.get(path=broken.relative_to(few).as_posix())
    with pytest.raises(NotEmbedded, match="could not be embedded: The file is empty"):
        neighbours_of(track, model="acoustic", store=store, limit=5)


def test_tracks_whose_file_is_gone_leave_their_place_to_others(few: Path, work: Work, store: VectorStore) -> None:
    embed(work)
    seed, *others = Track.objects.order_by("title")
    gone = neighbours_of(seed, model="acoustic", store=store, limit=1)[0].track
    Track.objects.filter(pk=gone.pk).update(missing_since=gone.added_at)
    found = neighbours_of(seed, model="acoustic", store=store, limit=7)
    assert len(found) == len(others) - 1
    assert gone not in [near.track for near in found]
