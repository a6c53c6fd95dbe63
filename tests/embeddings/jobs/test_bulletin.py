"""What a worker says of itself: nothing that happens to the database ends the worker that says it."""

import pytest
from django.db import connection

from embeddings.jobs.bulletin import Bulletin
from embeddings.models import BatchJob, WorkerState

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_outlives_the_job_that_it_speaks_of() -> None:
    job, bulletin = BatchJob.objects.create(), Bulletin("slot-1")
    with bulletin.read_out(job.pk):
        bulletin.say("weighted on cpu")
    BatchJob.objects.all().delete()
    bulletin.say("weighted unloaded")
    bulletin.write()
    bulletin.write()
    row = WorkerState.objects.get()
    assert (row.sentence, row.job) == ("weighted unloaded", None)


def test_a_connection_that_the_database_closed_is_made_anew() -> None:
    bulletin = Bulletin("slot-1")
    bulletin.say("before")
    bulletin.write()
    connection.connection.close()
    bulletin.say("after")
    bulletin.write()
    bulletin.write()
    assert WorkerState.objects.get().sentence == "after"


def test_a_worker_ends_although_its_words_cannot_be_removed() -> None:
    bulletin = Bulletin("slot-1")
    connection.ensure_connection()
    connection.connection.close()
    bulletin.forget()
    connection.close()
    assert not WorkerState.objects.exists()
