"""A worker in a program of its own: `python -m bench.migration.filling VERSION NICE` takes every turn of one job."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace

import django

django.setup()

from embeddings.domain import Embedding, Span  # noqa: E402 - models need a configured Django
from embeddings.embedders import SPECS  # noqa: E402
from embeddings.embedders.acoustic import AcousticEmbedder  # noqa: E402
from embeddings.embedders.base import Features  # noqa: E402
from embeddings.jobs import control, tasks  # noqa: E402
from embeddings.jobs.resident import resident  # noqa: E402
from embeddings.models import Scope  # noqa: E402


class Turned(AcousticEmbedder):
    """The next version of the model: the same work, and vectors that no query of the first version finds alike."""

    def pool(self, spans: Sequence[Span], features: Sequence[Features]) -> Embedding:
        """Turn the vector's order round."""
        return Embedding(vector=super().pool(spans, features).vector[::-1].copy())


def main(version: int) -> int:
    """Embed the whole library with a version of the model; 1 when the job did not complete."""
    if version > 1:
        turned = replace(SPECS["acoustic"], version=version, loader="bench.migration.filling:Turned")
        SPECS["acoustic"] = turned
    job = control.start_job(models=["acoustic"], scope=Scope.ALL)
    tasks.plan(job.pk)
    job.refresh_from_db()
    while job.is_active:
        tasks.embed_slice(job.pk)
        job.refresh_from_db()
    resident().close()
    if job.message:
        print(f"the job says: {job.message}", flush=True)
    return 0 if job.state == "completed" else 1


if __name__ == "__main__":
    os.nice(int(sys.argv[2]))
    sys.exit(main(int(sys.argv[1])))
