"""How varied an answer is, and what its sentences say: diversity, caps, dislikes."""

from dataclasses import replace
from typing import Any

import pytest

from embeddings.models import Track
from recommendations.domain import Dislikes, Merge, Seed, Variety
from tests.recommendations.engine.conftest import Asker

ANY = Variety(per_artist=0, per_album=0)


def test_the_caps_hold(asker: Asker) -> None:
    found = asker.ask(*asker.made.of_genre("Jazz")[:4], limit=12, variety=Variety(per_artist=2, per_album=1))
    artists = [one.candidate.artist_key for one in found.tracks]
    albums = [one.candidate.album_key for one in found.tracks]
    assert max(map(artists.count, artists)) <= 2
    assert max(map(albums.count, albums)) == 1


def test_diversity_changes_the_order_and_keeps_the_best_first(asker: Asker) -> None:
    seed = asker.made.of_genre("Jazz")[0]
    plain, varied = (asker.ids(seed, limit=10, variety=replace(ANY, diversity=much)) for much in (0.0, 1.0))
    assert plain != varied
    assert plain[0] == varied[0]


def test_without_diversity_relevance_alone_decides(asker: Asker) -> None:
    found = asker.ask(asker.made.of_genre("Jazz")[0], limit=10, variety=replace(ANY, diversity=0.0)).tracks
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert [one.explanation.rank_before for one in found] == [one.explanation.rank_after for one in found]


def test_what_sounds_like_a_disliked_track_moves_down(asker: Asker) -> None:
    jazz = asker.made.of_genre("Jazz")
    plain = asker.ask(jazz[0], limit=20, variety=ANY, models=["latent"])
    hated = plain.tracks[0].candidate.id
    after = asker.ask(
        jazz[0], limit=20, variety=ANY, models=["latent"], dislikes=Dislikes(track_ids=[hated], strength=1.0)
    )
    assert hated not in {one.candidate.id for one in after.tracks}
    scores = {one.candidate.id: one.score for one in plain.tracks}
    assert all(one.score <= scores.get(one.candidate.id, 1.0) + 1e-12 for one in after.tracks)


def test_a_disliked_artist_is_gone_at_full_strength(asker: Asker) -> None:
    jazz = asker.made.of_genre("Jazz")
    artist = next(track.artist_key for track in jazz if track.artist_key != jazz[0].artist_key)
    found = asker.ask(jazz[0], limit=30, variety=ANY, dislikes=Dislikes(artist_keys=[artist], strength=1.0))
    assert artist not in {one.candidate.artist_key for one in found.tracks}


def test_the_settings_caps_give_way_where_the_library_has_too_little_else(asker: Asker, settings: Any) -> None:
    settings.MAX_PER_ARTIST, settings.MAX_PER_ALBUM = 1, 1
    seed = asker.made.tracks[0]
    found = asker.ask(seed, limit=15)
    artists = [one.candidate.artist_key for one in found.tracks]
    assert len(artists) == 15
    assert len(set(artists[:3])) == 3
    assert len(set(artists)) < 15


def test_a_requests_own_caps_stay(asker: Asker) -> None:
    found = asker.ask(asker.made.tracks[0], limit=15, variety=Variety(per_artist=1))
    artists = [one.candidate.artist_key for one in found.tracks]
    assert len(artists) == len(set(artists)) < 15
    assert any("instead of 15" in warning for warning in found.warnings)


def test_an_intersection_is_no_shelter_for_what_is_disliked(asker: Asker) -> None:
    jazz = asker.made.of_genre("Jazz")
    artist = next(track.artist_key for track in jazz if track.artist_key != jazz[0].artist_key)
    wanted: dict[str, Any] = {"limit": 40, "variety": ANY, "merge": Merge(strategy="priority")}
    plain = [one.candidate.artist_key for one in asker.ask(jazz[0], **wanted).tracks]
    after = [
        one.candidate.artist_key
        for one in asker.ask(jazz[0], dislikes=Dislikes(artist_keys=[artist], strength=0.9), **wanted).tracks
    ]
    assert artist in plain[:10]
    assert artist not in after[:10]


def test_a_third_track_of_an_artist_comes_before_what_is_like_nothing_asked_for(asker: Asker, settings: Any) -> None:
    settings.MAX_PER_ARTIST, settings.MAX_PER_ALBUM = 1, 1
    found = asker.ask(asker.made.of_genre("Jazz")[0], limit=20, models=["latent"]).tracks
    best = max(one.score for one in found)
    near = [one.score >= 0.8 * best for one in found]
    assert near == sorted(near, reverse=True)
    assert [one.candidate.genres[0] for one in found[:10]].count("Jazz") == 10


def test_the_sentence_says_close_only_of_what_is_close(asker: Asker) -> None:
    found = asker.ask(asker.made.of_genre("Jazz")[0], limit=90, variety=ANY, models=["latent"]).tracks
    said = [(one.explanation.closest.similarity, one.explanation.sentence) for one in found if one.explanation.closest]
    assert all(sentence.startswith("Close to") == (similarity >= 0.9) for similarity, sentence in said)
    assert any("than most" in sentence for _, sentence in said)


@pytest.mark.parametrize("named", ["title", "recording_mbid"])
def test_no_copy_of_any_seed_is_in_an_answer_however_many_there_are(asker: Asker, named: str) -> None:
    tracks = asker.made.tracks
    light, copy = tracks[59], tracks[95]
    alike = {"title": light.title, "artist": light.artist, "duration": light.duration}
    mbid = {"recording_mbid": "5b1f8b1c-0000-4000-8000-000000000000"}
    Track.objects.filter(pk=copy.pk).update(**(alike if named == "title" else mbid))
    Track.objects.filter(pk=light.pk).update(**mbid)
    lightest, copies = Seed(key=str(light.pk), weight=0.1), replace(ANY, versions=True)
    assert str(copy.pk) in asker.ids(*tracks[:59], lightest, limit=60, variety=copies)
    assert str(copy.pk) not in asker.ids(*tracks[:59], lightest, limit=60, variety=ANY)
