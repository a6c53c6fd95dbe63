"""What a request names, looked up: any id, any kind of seed, whose order changes nothing."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from embeddings.library.navidrome_ids import canonical, forms
from embeddings.models import Track
from embeddings.store.memory import MemoryStore
from recommendations.asking.seeding import MOST_TRACKS
from recommendations.domain import Seed
from tests.recommendations.asking.sowing import NOW, OLD_RANDOM, ask, sown, weights
from tests.recommendations.library import MadeLibrary, Plan, make_library

pytestmark = pytest.mark.django_db


@pytest.fixture
def made(db: None) -> MadeLibrary:
    return make_library(MemoryStore(), Plan(models=()))


def test_a_track_is_known_by_every_id_that_it_ever_had(made: MadeLibrary) -> None:
    track = made.tracks[7]
    now, md5, uuid_form = forms(track.navidrome_id)
    names = [str(track.pk), str(track.pk).upper(), track.pk.hex, now, md5, uuid_form]
    for name in names:
        assert weights(ask(Seed(key=name))) == {str(track.pk): 1.0}


def test_a_catalogue_of_before_navidrome_s_new_ids_is_asked_by_the_new_ones(made: MadeLibrary) -> None:
    old_md5 = "e3b7fc2ae9447bbec37a13bf916e3cf6"
    Track.objects.filter(pk=made.tracks[0].pk).update(navidrome_id=old_md5)
    Track.objects.filter(pk=made.tracks[1].pk).update(navidrome_id=canonical(OLD_RANDOM))
    found = ask(Seed(key=canonical(old_md5)), Seed(key=OLD_RANDOM))
    assert set(weights(found)) == set(made.ids(made.tracks[:2]))


def test_of_two_tracks_with_one_id_the_present_one_is_meant(made: MadeLibrary) -> None:
    gone, there = made.tracks[:2]
    Track.objects.filter(pk=gone.pk).update(navidrome_id=there.navidrome_id, missing_since=timezone.now())
    assert set(weights(ask(Seed(key=there.navidrome_id)))) == {str(there.pk)}


def test_a_track_whose_file_is_gone_still_says_what_to_sound_like(made: MadeLibrary) -> None:
    Track.objects.filter(pk=made.tracks[0].pk).update(missing_since=timezone.now())
    assert set(weights(ask(Seed(key=str(made.tracks[0].pk))))) == {str(made.tracks[0].pk)}


def test_a_query_says_what_it_is(made: MadeLibrary) -> None:
    query = ask(Seed(key=str(made.tracks[0].pk), source="recent")).queries[0]
    assert (query.label, query.kind, query.source) == ("Artist 00 - Song 00.0.1", "track", "recent")


def test_tracks_of_a_record_share_its_weight(made: MadeLibrary) -> None:
    record = made.tracks[:4]
    found = ask(Seed(key=record[0].album_key, kind="album", weight=2.0))
    assert weights(found) == dict.fromkeys(made.ids(record), 0.5)
    assert found.excluded >= set(made.ids(record))
    assert found.excluded_albums == {record[0].album_key}


def test_of_a_record_only_what_is_there_is_aseed_of(made: MadeLibrary) -> None:
    record = made.tracks[:4]
    Track.objects.filter(pk=record[1].pk).update(missing_since=timezone.now())
    found = ask(Seed(key=record[0].album_key, kind="album", weight=3.0))
    assert weights(found) == dict.fromkeys(made.ids([record[0], *record[2:]]), 1.0)


def test_an_artist_means_all_of_theirs_and_none_of_it_is_answered(made: MadeLibrary) -> None:
    theirs = made.tracks[8:16]
    found = ask(Seed(key=forms(theirs[0].artist_key)[2], kind="artist"))
    assert weights(found) == pytest.approx(dict.fromkeys(made.ids(theirs), 1 / 8))
    assert found.excluded_artists == {theirs[0].artist_key}


def test_two_hundred_tracks_evenly_stand_for_a_large_record(made: MadeLibrary) -> None:
    Track.objects.bulk_create(
        Track(library=made.library, path=f"many/{number:03}", signature="1", album_key="many", track_number=number)
        for number in range(1, 502)
    )
    found = ask(Seed(key="many", kind="album"))
    rows = Track.objects.filter(pk__in=weights(found)).order_by("track_number")
    numbers = [track.track_number or 0 for track in rows]
    assert (len(numbers), numbers[0], numbers[-1]) == (MOST_TRACKS, 1, 501)
    assert set(np.diff(numbers)) == {2, 3}
    assert sum(weights(found).values()) == pytest.approx(1.0)
    assert len(found.excluded) == 501


def test_what_is_named_twice_has_both_weights(made: MadeLibrary) -> None:
    track = made.tracks[0]
    found = ask(
        Seed(key=str(track.pk), weight=2.0, source="recent"),
        Seed(key=track.navidrome_id, weight=0.5, source="favorites"),
        Seed(key=track.album_key, kind="album", weight=4.0, source="album"),
    )
    assert weights(found)[str(track.pk)] == 3.5
    assert next(query for query in found.queries if query.track_id == str(track.pk)).source == "recent"


def test_what_weighs_nothing_is_no_query_and_stays_out_of_the_answer(made: MadeLibrary) -> None:
    found = ask(Seed(key=str(made.tracks[0].pk), weight=0.0), Seed(key=str(made.tracks[1].pk)))
    assert set(weights(found)) == {str(made.tracks[1].pk)}
    assert found.excluded == set(made.ids(made.tracks[:2]))
    assert not found.warnings


def test_a_seed_weighs_half_after_each_half_life_where_the_mode_means_it(made: MadeLibrary) -> None:
    ids = made.ids(made.tracks)
    seeds = [
        Seed(key=ids[0], played_at=NOW),
        Seed(key=ids[1], played_at=NOW - timedelta(days=14)),
        # Without a time zone it is UTC.
        Seed(key=ids[2], played_at=datetime(2026, 5, 4, 12)),  # noqa: DTZ001
        Seed(key=ids[3]),
        Seed(key=ids[4], played_at=NOW + timedelta(days=9)),
    ]
    expected = dict(zip(ids, [1.0, 0.5, 0.25, 1.0, 1.0], strict=False))
    assert weights(ask(*seeds, mode="recent")) == pytest.approx(expected)
    assert set(weights(ask(*seeds)).values()) == {1.0}


def test_seeds_that_are_all_old_weigh_what_they_would_if_the_last_was_played_now(made: MadeLibrary) -> None:
    tracks = made.tracks[:2]
    days = (0, 14)
    fresh, old = (
        [Seed(key=str(t.pk), played_at=NOW - timedelta(days=each + ago)) for t, each in zip(tracks, days, strict=True)]
        for ago in (0, 36_500)
    )
    assert weights(ask(*old, mode="recent")) == pytest.approx(weights(ask(*fresh, mode="recent")))
    # Who is unknown or weighs nothing lets nobody grow old.
    beside = [Seed(key="nobody", played_at=NOW), Seed(key=str(made.tracks[5].pk), weight=0.0, played_at=NOW)]
    assert weights(ask(*old, *beside, mode="recent")) == weights(ask(*old, mode="recent"))


def test_unknown_seeds_are_named_up_to_five(made: MadeLibrary) -> None:
    unknown = [Seed(key=f"nobody{number}") for number in range(7)]
    found = ask(*unknown, Seed(key="no record", kind="album"), *sown(made.tracks[:1]))
    assert set(weights(found)) == {str(made.tracks[0].pk)}
    said = "8 seeds were left out, as the library has no track to go by: no record, nobody0, nobody1, nobody2, nobody3"
    assert found.warnings == (f"{said}, and others.",)


def test_one_unknown_seed_is_told_as_one(made: MadeLibrary) -> None:
    found = ask(Seed(key="nobody"), *sown(made.tracks[:1]))
    assert found.warnings == ("1 seed was left out, as the library has no track to go by: nobody.",)
