"""Brings a generation that a job has filled into searches, once all speaks for it; else says what does not."""

import logging
from collections.abc import Callable

from django.db import transaction
from django.db.models import Max

from embeddings import conf
from embeddings.domain import SYSTEM, JobOptions
from embeddings.embedders import get_spec
from embeddings.errors import Refused
from embeddings.jobs import archive
from embeddings.jobs.checking.coverage import check_coverage
from embeddings.jobs.finishing import Undecided, at_its_end
from embeddings.jobs.generations import point_alias
from embeddings.jobs.resident import Resident
from embeddings.jobs.verifying import examine
from embeddings.models import (
    FILLED,
    AuditEntry,
    BatchJob,
    Generation,
    GenerationState,
    Verification,
    VerificationState,
)

OBJECTED = (VerificationState.FAILED, VerificationState.BROKEN)

log = logging.getLogger(__name__)


def bring_in(job: BatchJob, generation: Generation, resident: Resident, should_stop: Callable[[], bool]) -> str:
    """Let a generation that is built take the live one's place, where all speaks for it.

    Every step can be done again: a worker that dies in the middle leaves it to the next.

    Args:
        job: which filled it, and has nothing left to do.
        generation: which; one in any other state stays as it is.
        resident: the store, and what an examination needs.
        should_stop: whether this worker has to end soon.

    Returns:
        Why it was not promoted, in sentences for people; "" when it was.

    Raises:
        Undecided: nothing can be said yet.
        BackendUnavailable: the store does not answer; nothing was promoted.

    """
    if generation.state not in FILLED:
        return _passed_by(job, generation)
    options = job.chosen
    objection = _lacking(generation)
    if not objection and options.verify:
        objection = _failing(job, generation, resident, should_stop)
    objection = objection or _unwanted(generation)
    if not objection and options.backup:
        objection = _unsaved(job, generation, resident, should_stop)
    if objection:
        log.info("generation not promoted collection=%s reason=%s", generation.collection, objection)
        return f"{generation} was not promoted, and {_live(generation)} stays: {objection}"
    _promote(job, generation, options)
    point_alias(get_spec(generation.model), resident.store)
    return ""


def _passed_by(job: BatchJob, generation: Generation) -> str:
    """Say what became of a generation that somebody took out of searches while the job filled it."""
    if generation.state == GenerationState.LIVE or not job.results.filter(generation=generation).exists():
        return ""
    return f"{generation} was {generation.state} while this job filled it; searches find nothing of what is new in it."


def _lacking(generation: Generation) -> str:
    """Say what it lacks; what is not complete yet is not worth minutes of examination."""
    checks = check_coverage(generation, conf.verification().coverage)
    return " ".join(check.sentence for check in checks if check.passed is False)


def _failing(job: BatchJob, generation: Generation, resident: Resident, should_stop: Callable[[], bool]) -> str:
    """Have it examined, unless it was; say what it did not pass."""
    if generation.state == GenerationState.VERIFIED:
        return ""
    verification = _verdict_of_late(job, generation) or examine(
        generation,
        store=resident.store,
        resident=resident,
        config=conf.verification(),
        should_stop=lambda: should_stop() or not at_its_end(job),
        report=lambda sentence: BatchJob.objects.note(job.pk, sentence),
    )
    generation.refresh_from_db()
    if verification.state == VerificationState.PASSED and generation.state == GenerationState.VERIFIED:
        return ""
    return _verdict(verification)


def _verdict_of_late(job: BatchJob, generation: Generation) -> Verification | None:
    """Give an examination that was not passed since the job came to its end; whoever made it did not finish the job.

    One from before the job went on says nothing: a person may have mended what it found.
    """
    settled = job.results.aggregate(Max("finished_at"))["finished_at__max"]
    since = max(filter(None, [settled, job.resumed_at]), default=None)
    last = generation.verifications.first()
    if since is None or last is None or last.state not in OBJECTED or last.writes != generation.writes:
        return None
    return last if last.started_at is not None and last.started_at >= since else None


def _verdict(verification: Verification) -> str:
    failed = " ".join(check["sentence"] for check in verification.failed_checks)
    if verification.state == VerificationState.FAILED:
        return f"It did not pass verification. {failed}"
    if verification.state == VerificationState.BROKEN:
        return f"Its verification was broken off. {verification.message}"
    raise Undecided


def _unwanted(generation: Generation) -> str:
    """Say who does not want it promoted by itself."""
    how = f"Promote it with: manage.py reembed promote {generation}"
    # Of any job that filled it: the next one, of the schedule, would else take the decision out of a person's hands.
    jobs = BatchJob.objects.filter(**{f"targets__{generation.model}": generation.pk}, options__promote=False)
    if (job := jobs.first()) is not None:
        return f"{str(job).capitalize()} was started so that it is not promoted by itself. {how}"
    if generation.rolled_back_at is not None:
        when = f"{generation.rolled_back_at:%Y-%m-%d}"
        return f"It was live before, and somebody went back from it on {when}. {how}"
    return ""


def _unsaved(job: BatchJob, generation: Generation, resident: Resident, should_stop: Callable[[], bool]) -> str:
    """Export what it replaces; say why that was not possible."""
    live = Generation.objects.live(generation.model)
    if live is None:
        return ""
    try:
        archive.export(
            live,
            conf.backups() / live.name,
            resident.store,
            report=lambda sentence: BatchJob.objects.note(job.pk, sentence),
            should_stop=lambda: should_stop() or not at_its_end(job),
        )
    except archive.Stopped:
        raise Undecided from None
    except (Refused, OSError) as error:
        if isinstance(error, Refused) and error.code == "folder_busy":
            BatchJob.objects.note(job.pk, f"Waiting, and trying again by itself: {error}")
            raise Undecided from None
        return f"The backup of {live} failed: {error}"
    return ""


@transaction.atomic
def _promote(job: BatchJob, generation: Generation, options: JobOptions) -> None:
    # The lock orders this and a person who cancels the job or has tracks tried again.
    if not BatchJob.objects.select_for_update().filter(pk=job.pk).exists() or not at_its_end(job):
        raise Undecided
    because = None if options.verify else f"{job} was started without verification."
    instead = Generation.objects.live(generation.model)
    if not Generation.objects.promote(generation.pk, generation.model, force_because=because):
        raise Undecided
    generation.refresh_from_db()
    details = {"instead_of": str(instead or ""), "forced_because": generation.forced_because}
    AuditEntry.objects.note("promote", SYSTEM, job=job, generation=generation, details=details)
    log.info("generation promoted collection=%s job=%s", generation.collection, job.pk)


def _live(generation: Generation) -> str:
    return str(Generation.objects.live(generation.model) or "what was live")
