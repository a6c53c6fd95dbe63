"""During an upgrade, processes of the version before go on writing to the new schema."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from embeddings.models import BatchJob, Generation

pytestmark = pytest.mark.django_db
BEFORE = ("embeddings", "0001_initial")


def test_the_version_before_begins_generations_and_jobs() -> None:
    old = MigrationLoader(connection).project_state(BEFORE).apps
    old.get_model("embeddings", "Generation").objects.create(
        model="acoustic", number=1, spec_version=1, dimension=320, collection="acoustic_embedding_g0001"
    )
    old.get_model("embeddings", "BatchJob").objects.create()
    made = Generation.objects.get()
    assert (made.checkpoint, made.packages, made.precision, made.joint_dimension) == ("", "", "", 0)
    assert BatchJob.objects.get().planner == ""
