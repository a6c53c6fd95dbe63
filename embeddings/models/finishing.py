"""Who finishes a job that has nothing left to do: one worker at a time, under a lease."""

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils import timezone

from embeddings.models.moments import may_begin

if TYPE_CHECKING:
    from embeddings.models.job import BatchJob  # noqa: F401 - named in a string that ruff does not read


class FinishingQuerySet(models.QuerySet["BatchJob"]):
    """The right to finish a job: flushing, verifying, exporting and promoting take minutes, and are done once."""

    def claim_finishing(self, job_id: int, seconds: float) -> str:
        """Take the right to finish; give the finisher's token, or "" while another holds it or the job does not run."""
        now, token = timezone.now(), uuid.uuid4().hex
        free = self.filter(may_begin("finishing_lease", now), pk=job_id, state="running")
        claimed = free.update(finisher=token, finishing_lease=now + timedelta(seconds=seconds))
        return token if claimed else ""

    def finished_by(self, job_id: int, finisher: str) -> Self:
        """The job, as long as it runs and this finisher has the right to finish it."""
        return self.filter(pk=job_id, state="running", finisher=finisher)

    def renew_finishing(self, job_id: int, finisher: str, seconds: float) -> bool:
        """Keep the right to finish, or give it back with 0 seconds; false once another worker took it over."""
        until = timezone.now() + timedelta(seconds=seconds)
        return bool(self.filter(pk=job_id, finisher=finisher).update(finishing_lease=until))
