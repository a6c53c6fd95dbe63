"""`POST /recommend`: what it answers, and what everything that may be asked for does to the answer."""

from datetime import UTC, datetime
from typing import Any

import pytest

from recommendations.models import Answered
from tests.recommendations.api.asking import client, post
from tests.recommendations.library import MadeLibrary
from tests.recommendations.served import song

pytestmark = pytest.mark.django_db


def recommend(**body: Any) -> dict[str, Any]:
    answer = post("recommend", body)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [one["track"]["id"] for one in found["tracks"]]


def test_a_track_is_answered_with_its_reasons(served: MadeLibrary) -> None:
    seed = song(served, "Song 00.0.1")
    found = recommend(seeds=[{"id": str(seed.pk)}], limit=5)
    assert found["models"] == ["acoustic", "muq"]
    assert (found["isStub"], len(found["tracks"])) == (False, 5)
    first = found["tracks"][0]
    assert set(first) == {"track", "artistKey", "albumKey", "score", "negativeSimilarity", "models", "explanation"}
    assert first["track"]["genres"] == ["Jazz"]
    assert 0 <= first["score"] <= 1
    assert {share["model"] for share in first["models"]} <= {"acoustic", "muq"}
    assert set(first["models"][0]) == {"model", "score", "amongHits", "rank"}
    why = first["explanation"]
    assert seed.name in why["sentence"]
    assert why["closest"]["trackId"] == str(seed.pk)
    assert (why["rankBefore"], why["rankAfter"]) == (1, 1)


def test_the_store_s_own_neighbours_are_found(served: MadeLibrary) -> None:
    seed = song(served, "Song 02.0.1")
    found = recommend(
        seeds=[{"id": seed.navidrome_id}], models=["muq"], limit=6, variety={"perArtist": 0, "perAlbum": 0}
    )
    assert str(seed.pk) not in ids(found)
    assert {one["track"]["genres"][0] for one in found["tracks"]} == {"Ambient"}


def test_a_text_is_read(served: MadeLibrary) -> None:
    found = recommend(mode="text", prompts=[{"text": "jazz please"}], models=["muq"], limit=4)
    assert [one["track"]["genres"] for one in found["tracks"]] == [["Jazz"]] * 4
    assert "jazz please" in found["tracks"][0]["explanation"]["sentence"]
    assert found["tracks"][0]["explanation"]["closest"] is None


def test_a_vector_is_a_seed(served: MadeLibrary) -> None:
    number = served.tracks.index(song(served, "Song 01.0.1"))
    given = {"vectors": {"muq": served.vectors["muq"][number].tolist()}, "label": "my sound", "source": "upload"}
    found = recommend(seeds=[given], models=["muq"], limit=3)
    assert found["tracks"][0]["track"]["title"] == "Song 01.0.1"
    assert found["tracks"][0]["explanation"]["closest"]["label"] == "my sound"
    assert found["tracks"][0]["explanation"]["closest"]["source"] == "upload"


def test_filters_exclusions_and_caps_are_kept(served: MadeLibrary) -> None:
    seed, unwanted = song(served, "Song 00.0.1"), song(served, "Song 04.0.1")
    found = recommend(
        seeds=[{"id": str(seed.pk)}],
        limit=20,
        filter={
            "years": [1960, 1985],
            "genres": ["jazz", "Metal"],
            "seconds": [None, 150],
            "libraryIds": [seed.library_id],
        },
        exclude={"trackIds": [str(unwanted.pk)], "artistKeys": [seed.artist_key]},
        variety={"perArtist": 2, "perAlbum": 1},
    )
    tracks = [one["track"] for one in found["tracks"]]
    assert tracks
    assert all(track["genres"][0] in ("Jazz", "Metal") and track["year"] <= 1985 for track in tracks)
    assert all(track["duration"] <= 150 and track["artist"] != seed.artist for track in tracks)
    assert str(unwanted.pk) not in ids(found)
    artists = [track["artist"] for track in tracks]
    assert max(artists.count(artist) for artist in artists) <= 2


def test_dislikes_and_negatives_are_told(served: MadeLibrary) -> None:
    seed = song(served, "Song 00.0.1")
    low = [track for track in served.of_genre("Jazz") if track.artist != seed.artist]
    body: dict[str, Any] = {"seeds": [{"id": str(seed.pk)}], "models": ["muq"], "limit": 20}
    plain = recommend(**body)
    number = served.tracks.index(low[0])
    spoiled = recommend(
        **body,
        negatives={"vectors": {"muq": [served.vectors["muq"][number].tolist()]}, "penalty": 0.3},
        dislikes={"ratings": {str(low[1].pk): 1}, "strength": 1},
    )
    assert ids(plain) != ids(spoiled)
    kinds = {penalty["kind"] for one in spoiled["tracks"] for penalty in one["explanation"]["penalties"]}
    assert "negative" in kinds
    assert all(one["negativeSimilarity"] is not None for one in spoiled["tracks"])


def test_everything_that_may_be_said_is_understood(served: MadeLibrary) -> None:
    seed = song(served, "Song 00.0.1")
    played = {"id": str(seed.pk), "kind": "track", "weight": 2, "source": "recent", "playedAt": "2026-11-01T10:00:00Z"}
    found = recommend(
        mode="recent",
        limit=3,
        user="",
        seeds=[played, {"id": seed.album_key, "kind": "album"}, {"id": seed.artist_key, "kind": "artist"}],
        prompts=[{"text": "jazz please", "weight": 0.5}],
        models=["muq", "acoustic"],
        merge={"strategy": "priority", "priorities": {"muq": 1}, "agreement": 1},
        exclude={"playlistIds": [], "albumKeys": []},
        negatives={"prompts": []},
        variety={"diversity": 0.2, "versions": True, "perArtist": None},
        tuning={"halfLifeDays": 30, "sharpness": 2, "leastDiversity": 0.1},
    )
    assert len(found["tracks"]) == 3


def test_what_an_album_is_sown_with_does_not_come_back(served: MadeLibrary) -> None:
    album = song(served, "Song 00.0.1").album_key
    found = recommend(seeds=[{"id": album, "kind": "album"}], limit=10)
    assert album not in {one["albumKey"] for one in found["tracks"]}


def test_unknown_seeds_are_a_warning(served: MadeLibrary) -> None:
    seed = song(served, "Song 00.0.1")
    found = recommend(seeds=[{"id": str(seed.pk)}, {"id": "nobody knows"}], limit=2)
    assert any("nobody knows" in warning for warning in found["warnings"])


def test_answers_are_kept_only_where_it_is_wanted(served: MadeLibrary, settings: Any) -> None:
    seed = song(served, "Song 00.0.1")
    recommend(seeds=[{"id": str(seed.pk)}], limit=2)
    assert not Answered.objects.exists()
    settings.REQUEST_LOG_DAYS = 30
    found = recommend(seeds=[{"id": str(seed.pk)}], limit=2)
    row = Answered.objects.get()
    assert (row.door, row.mode, row.ids) == ("api", "custom", ids(found))
    assert row.created_at <= datetime.now(UTC)


def test_two_ways_stand_side_by_side(served: MadeLibrary) -> None:
    seed = song(served, "Song 00.0.1")
    body = {
        "request": {"seeds": [{"id": str(seed.pk)}], "limit": 6},
        "a": {"models": ["muq"]},
        "b": {"models": ["acoustic"]},
    }
    found = post("recommend/compare", body).json()
    assert (found["a"]["models"], found["b"]["models"]) == (["muq"], ["acoustic"])
    a, b = ids(found["a"]), ids(found["b"])
    assert found["onlyA"] == sorted(set(a) - set(b))
    assert found["likeness"]["overlap"] == pytest.approx(len(set(a) & set(b)) / 6, abs=1e-6)
    assert set(found["likeness"]) == {"k", "overlap", "jaccard", "kendallTau", "rankBiasedOverlap", "persistence"}


def test_a_way_changes_only_the_fields_that_it_names(served: MadeLibrary) -> None:
    request = {"seeds": [{"id": str(served.tracks[0].pk)}], "limit": 6, "variety": {"perArtist": 1}}
    found = post("recommend/compare", {"request": request, "b": {"variety": {"diversity": 0.5}}}).json()
    artists = [one["track"]["artist"] for one in found["b"]["tracks"]]
    assert len(artists) == len(set(artists)) > 1


def test_disliked_artists_are_named_by_a_track_s_key_and_unknown_ones_are_told(served: MadeLibrary) -> None:
    body = {"seeds": [{"id": str(served.tracks[0].pk)}], "limit": 3}
    key = post("recommend", body).json()["tracks"][0]["track"]["artistKey"]
    dislikes = {"artistKeys": [key, "nobody"], "trackIds": ["nothing"]}
    found = post("recommend", body | {"dislikes": dislikes, "exclude": {"artistKeys": ["no one"]}}).json()
    assert key not in {one["artistKey"] for one in found["tracks"]}
    assert [one for one in found["warnings"] if "disliked" in one] == [
        "The library does not know 1 disliked track: nothing.",
        "The library does not know 1 disliked artist: nobody.",
    ]


def test_the_same_way_twice_gives_the_same(served: MadeLibrary) -> None:
    body = {"request": {"seeds": [{"id": str(served.tracks[0].pk)}], "limit": 6}, "k": 3}
    found = post("recommend/compare", body).json()
    assert found["likeness"] | {"k": 3, "overlap": 1, "kendallTau": 1, "rankBiasedOverlap": 1} == found["likeness"]
    assert (found["onlyA"], found["onlyB"]) == ([], [])


def test_a_path_leads_from_one_track_to_another(served: MadeLibrary) -> None:
    start, end = song(served, "Song 00.0.1"), song(served, "Song 03.1.4")
    found = post("path", {"start": str(start.pk), "end": end.navidrome_id, "steps": 6, "models": ["muq"]}).json()
    titles = [step["track"]["title"] for step in found["steps"]]
    assert (titles[0], titles[-1], len(set(titles))) == ("Song 00.0.1", "Song 03.1.4", 6)
    assert (found["steps"][0]["position"], found["steps"][0]["similarity"]) == (0, None)
    assert found["models"] == ["muq"]


def test_a_radio_does_not_repeat_itself(served: MadeLibrary) -> None:
    seed = song(served, "Song 00.0.1")
    body = {"seeds": [{"id": str(seed.pk)}], "limit": 4}
    first = ids(post("radio", body).json())
    then = ids(post("radio", body | {"played": first, "window": 50}).json())
    assert (len(first), len(then)) == (4, 4)
    assert not set(first) & set(then)


def test_templates_and_modes_are_listed(db: None) -> None:
    templates = client().get("/api/v1/prompt-templates").json()["results"]
    assert {"key", "group", "title", "prompt"} == set(templates[0])
    modes = {mode["key"]: mode for mode in client().get("/api/v1/modes").json()["results"]}
    assert modes["recent"]["halfLifeDays"] == 14.0
    assert "title" in modes["text"]
