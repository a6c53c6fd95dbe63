"""Where rows and vectors differ for good, an examination puts it right, and touches nothing that may be at work."""

import pytest

from embeddings.models import (
    AuditEntry,
    BatchJob,
    Generation,
    Track,
    TrackVector,
    VerificationState,
    is_due,
)
from tests.embeddings.jobs.checking.built import Built, failed, sentence

pytestmark = pytest.mark.django_db


def lose(built: Built, count: int) -> list[str]:
    """Take vectors out of the store behind the rows' back."""
    built.store.delete(built.generation.collection, built.ids[:count])
    return built.ids[:count]


def disown(built: Built, count: int) -> list[str]:
    """Forget rows, and leave their vectors."""
    TrackVector.objects.filter(track_id__in=built.ids[:count]).delete()
    return built.ids[:count]


def deeds() -> list[tuple[str, str, dict[str, int]]]:
    return list(AuditEntry.objects.values_list("action", "door", "details"))


def at_work(built: Built, track_id: str, state: str) -> None:
    job = BatchJob.objects.create(state="running", model_keys=["acoustic"])
    job.results.create(track_id=track_id, model="acoustic", generation=built.generation, state=state)


def test_a_track_whose_vector_is_lost_is_embedded_again_by_the_next_job(small: Built) -> None:
    (lost,) = lose(small, 1)
    made = small.examine()
    assert failed(made) == {"rows_without_vector"}
    said = sentence(made, "rows_without_vector")
    assert said.endswith(" 1 row was taken back; a job of scope missing embeds what is lacking.")
    assert [str(track.pk) for track in Track.objects.filter(is_due(small.generation))] == [lost]
    assert deeds() == [("take-back", "system", {"rows": 1})]


def test_a_row_that_a_worker_has_in_hand_is_left_alone(small: Built) -> None:
    at_work(small, lose(small, 2)[0], "running")
    made = small.examine()
    assert "2 tracks recorded as embedded" in sentence(made, "rows_without_vector")
    assert (small.generation.vectors.count(), deeds()) == (7, [("take-back", "system", {"rows": 1})])


@pytest.mark.parametrize("differ", [lose, disown])
def test_nothing_is_touched_where_vectors_were_recorded_meanwhile(small: Built, differ: object) -> None:
    def report(sentence: str) -> None:
        if not Generation.objects.filter(writes__gt=1).exists():
            TrackVector.objects.record(list(TrackVector.objects.filter(track_id=small.ids[7])))

    assert differ in {lose, disown}
    (lose if differ is lose else disown)(small, 1)
    held = small.generation.vectors.count(), small.store.count(small.generation.collection)
    assert small.examine(report=report).state == VerificationState.FAILED
    assert (small.generation.vectors.count(), small.store.count(small.generation.collection)) == held
    assert deeds() == []


def test_a_vector_of_a_track_that_is_gone_is_taken_out(small: Built) -> None:
    (gone,) = disown(small, 1)
    Track.objects.filter(pk=gone).delete()
    made = small.examine()
    assert (made.state, deeds()) == (VerificationState.PASSED, [("take-out", "system", {"vectors": 1})])
    assert small.store.count(small.generation.collection) == 7


def test_a_vector_over_which_a_job_will_store_stays(small: Built) -> None:
    at_work(small, disown(small, 1)[0], "pending")
    assert failed(small.examine()) == {"vectors_without_row", "counts"}
    assert (small.store.count(small.generation.collection), deeds()) == (8, [])


def test_many_vectors_without_a_row_are_kept_for_the_database_may_be_an_older_one(small: Built) -> None:
    disown(small, 3)
    assert failed(small.examine()) >= {"vectors_without_row", "counts"}
    assert (small.store.count(small.generation.collection), deeds()) == (8, [])
