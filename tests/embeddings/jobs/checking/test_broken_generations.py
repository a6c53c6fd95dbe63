"""What is wrong with a generation fails its examination, and the report says what; all in a real store."""

import pytest

from embeddings import conf
from embeddings.models import GenerationState, Track, TrackVector, VerificationState
from tests.embeddings.jobs.checking.built import Built, failed, sentence

pytestmark = pytest.mark.django_db


def test_a_good_generation_passes_and_is_verified(built: Built) -> None:
    made = built.examine()
    assert (made.state, failed(made)) == (VerificationState.PASSED, set())
    assert built.generation.state == GenerationState.VERIFIED
    assert built.generation.verified_at is not None


def test_the_report_covers_everything(built: Built) -> None:
    built.config = conf.verification()
    made = built.examine()
    assert [check["name"] for check in made.checks] == [
        "rows_without_vector",
        "vectors_without_row",
        "counts",
        "dimensions",
        "finite",
        "norms",
        "duplicates",
        "coverage",
        "kept",
        "sample",
        "self_retrieval",
        "neighbours",
        "latency",
    ]
    assert sentence(made, "sample").startswith(
        "5 tracks embedded again; the lowest cosine with what is stored is 1.0000"
    )


def test_a_vector_that_is_gone_is_missed(built: Built) -> None:
    lost = built.ids[4]
    built.store.delete(built.generation.collection, [lost])
    made = built.examine()
    assert failed(made) == {"rows_without_vector"}
    assert Track.objects.get(pk=lost).name in sentence(made, "rows_without_vector")
    assert built.generation.state == GenerationState.BUILDING


def test_a_vector_that_nothing_records_is_taken_out(built: Built) -> None:
    TrackVector.objects.filter(track_id=built.ids[4]).delete()
    made = built.examine()
    assert failed(made) == set()
    assert "1 vector was not, and taken out: " in sentence(made, "vectors_without_row")
    assert sentence(made, "counts") == "22 recorded, 22 in the store."
    assert built.store.fetch(built.generation.collection, built.ids[4:5]) == {}


@pytest.mark.parametrize("number", [0, 9])
def test_a_vector_overwritten_by_another_s_is_noticed(built: Built, number: int) -> None:
    """The sample need not have drawn it: two unlike tracks of one vector are embedded again besides."""
    overwritten = built.ids[number]
    built.put(overwritten, built.vector(built.ids[number - 1]))
    made = built.examine()
    assert failed(made) == {"sample"}
    assert Track.objects.get(pk=overwritten).name in sentence(made, "sample")


def test_vectors_of_other_lengths_are_noticed(built: Built) -> None:
    built.put(built.ids[3], 1.01 * built.vector(built.ids[3]))
    made = built.examine()
    assert failed(made) == {"norms"}
    assert "at most 0.01 away from 1; 1 vector beyond 0.001" in sentence(made, "norms")


def test_a_third_that_is_missing_is_too_much(built: Built) -> None:
    lost = built.ids[::3]
    built.store.delete(built.generation.collection, lost)
    TrackVector.objects.filter(track_id__in=lost).delete()
    made = built.examine()
    assert failed(made) == {"coverage"}
    assert sentence(made, "coverage") == "It holds 15 of 23 present tracks, as the files are now."


def test_vectors_of_each_other_s_tracks_are_seen_by_embedding_some_again(built: Built) -> None:
    vectors = [built.vector(key) for key in built.ids]
    for key, vector in zip(built.ids, vectors[1:] + vectors[:1], strict=True):
        built.put(key, vector)
    made = built.examine()
    assert failed(made) == {"sample"}
    assert "2 of them unlike" in sentence(made, "sample")


def test_one_vector_for_everything_is_a_broken_model(built: Built) -> None:
    for key in built.ids[1:]:
        built.put(key, built.vector(built.ids[0]))
    made = built.examine()
    assert failed(made) == {"duplicates", "sample"}
    assert "23 tracks share their vector with another, 22 of them without being a copy" in sentence(made, "duplicates")


def test_a_collection_that_is_gone_fails(built: Built) -> None:
    built.store.drop(built.generation.collection)
    assert failed(built.examine()) == {"collection"}


def test_what_was_verified_and_fails_later_is_not_verified_any_more(built: Built) -> None:
    built.examine()
    built.store.delete(built.generation.collection, built.ids[:1])
    built.examine()
    assert built.generation.state == GenerationState.BUILDING
