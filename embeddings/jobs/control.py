"""What a person may do to jobs; every door (admin, API, commands) calls these functions and no other."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from django.db import IntegrityError, transaction

from embeddings import conf
from embeddings.domain import MOST_BATCH, MOST_DELAY_SECONDS, MOST_RETRIES, SYSTEM, Actor, JobOptions
from embeddings.embedders import get_spec
from embeddings.errors import JobAlreadyActive, NotFound, NotPossibleNow, Refused
from embeddings.jobs import knocking
from embeddings.jobs.planner import FIELDS, selection_conditions
from embeddings.models import AuditEntry, BatchJob, JobState, ResultState, Scope, Track, TrackResult

DEFAULTS = JobOptions()
NAMED = 20
"""Of the tracks that somebody named, how many the record names."""
MOST = {"batch_size": MOST_BATCH, "max_retries": MOST_RETRIES, "delay_seconds": MOST_DELAY_SECONDS}
"""Options that are numbers, none of them below 0, and the most that makes sense."""


def start_job(
    *,
    models: Sequence[str] = (),
    scope: str = Scope.MISSING,
    selection: dict[str, Any] | None = None,
    rebuild: bool = False,
    options: JobOptions = DEFAULTS,
    by: Actor = SYSTEM,
) -> BatchJob:
    """Create a job and tell a worker to plan it.

    Args:
        models: keys of `SPECS`; none means the configured ones.
        scope: a value of `Scope`.
        selection: for scope `selection`, at least one of `library`, `artist`, `album`, `ids`.
        rebuild: fill a new generation beside the live one, whatever the live one holds; its scope is `all`.
        options: how it is worked off, where that differs from the settings.
        by: who, for the record.

    Raises:
        JobAlreadyActive: one job is active at a time.
        UnknownEmbedder: no such model.
        Refused: a scope, selection or option that means nothing.

    """
    _check_options(options)
    if rebuild and scope != Scope.ALL:
        raise Refused(f"A new generation takes the whole library: scope 'all', not {scope!r}.", code="bad_scope")
    keys = list(dict.fromkeys(models)) or list(conf.jobs().models)
    for key in keys:
        get_spec(key)
    chosen = _checked_selection(scope, selection or {})
    asked = {"scope": scope, "selection": chosen, "model_keys": keys, "rebuild": rebuild, "options": asdict(options)}
    try:
        return _create(asked, by)
    except IntegrityError:
        active = BatchJob.objects.active().first()
        name = f"Job {active.pk} is {active.state}" if active else "Another job is active"
        wait = "resume it" if active and active.state == JobState.PAUSED else "wait for it"
        raise JobAlreadyActive(f"{name}; {wait} or cancel it first.") from None


def cancel_job(job: BatchJob, *, by: Actor = SYSTEM) -> None:
    """Stop a job after the tracks in hand; what was embedded stays.

    Raises:
        NotPossibleNow: the job is finished.

    """
    with transaction.atomic():
        if not BatchJob.objects.mark_cancelling(job.pk):
            raise _not_now(job, "cancelled")
        AuditEntry.objects.note("cancel", by, job=job)
        TrackResult.objects.cancel_pending(job.pk)
        if not TrackResult.objects.filter(job=job, state=ResultState.RUNNING).exists():
            BatchJob.objects.mark_cancelled(job.pk)


def pause_job(job: BatchJob, *, by: Actor = SYSTEM) -> None:
    """Hold a running job after the tracks in hand.

    Raises:
        NotPossibleNow: the job does not run.

    """
    with transaction.atomic():
        if not BatchJob.objects.mark_paused(job.pk):
            raise _not_now(job, "paused")
        AuditEntry.objects.note("pause", by, job=job)


def resume_job(job: BatchJob, *, by: Actor = SYSTEM) -> None:
    """Go on with a paused job.

    Raises:
        NotPossibleNow: the job is not paused.

    """
    with transaction.atomic():
        if not BatchJob.objects.mark_resumed(job.pk):
            raise _not_now(job, "resumed")
        AuditEntry.objects.note("resume", by, job=job)
        transaction.on_commit(knocking.tell_sweeper)


def retry_failed(job: BatchJob, *, codes: Sequence[str] = (), track_ids: Sequence[str] = (), by: Actor = SYSTEM) -> int:
    """Try failed operations of a job again, all or those of some codes or tracks; say how many.

    Those that would be tried again by themselves later are tried now. A finished job is planned again,
    for its models may be computed otherwise by now. One that failed as a whole, by what was mended,
    then goes on where it stopped. Of a cancelled one, what was cancelled stays so: a job of scope
    `missing` does the rest.

    Args:
        job: which.
        codes: kinds of failures; none means all.
        track_ids: ids of tracks, ours or Navidrome's; none means all.
        by: who, for the record.

    Raises:
        JobAlreadyActive: another job is active.
        NotFound: there is no such track.
        NotPossibleNow: the job is being planned or cancelled, or nothing of the kind failed.

    """
    chosen = Track.objects.ids_named(track_ids) if track_ids else ()
    try:
        with transaction.atomic():
            count = _retry(job.pk, codes, chosen)
            details = {"codes": list(codes), "tracks": list(chosen)[:NAMED], "operations": count}
            AuditEntry.objects.note("retry-failed", by, job=job, details=details)
    except IntegrityError:
        raise JobAlreadyActive("Another job is active; wait for it or cancel it first.") from None
    return count


def find_job(job_id: int | None) -> BatchJob:
    """Look up a job, or the newest when none is named.

    Raises:
        NotFound: there is none.

    """
    job = BatchJob.objects.newest() if job_id is None else BatchJob.objects.filter(pk=job_id).first()
    if job is None:
        raise NotFound("There is no job yet." if job_id is None else f"There is no job {job_id}.")
    return job


def _retry(job_id: int, codes: Sequence[str], track_ids: Sequence[str]) -> int:
    # The lock orders this and the end of the job: a row that is pending again keeps its job open.
    job = BatchJob.objects.select_for_update().get(pk=job_id)
    if job.state in {JobState.PLANNING, JobState.CANCELLING}:
        raise _not_now(job, "retried")
    count = TrackResult.objects.retry(job_id, codes=codes, track_ids=track_ids)
    failed = job.state == JobState.FAILED
    if not count and not failed:
        raise NotPossibleNow(f"Job {job_id} has no failed operations of this kind.")
    if job.is_active:
        transaction.on_commit(lambda: knocking.knock(job_id))
    else:
        BatchJob.objects.mark_planning_again(job_id, complete=job.complete or not failed)
        transaction.on_commit(lambda: knocking.tell_planner(job_id))
    return count


def _checked_selection(scope: str, selection: dict[str, Any]) -> dict[str, Any]:
    if scope not in Scope.values:
        raise Refused(f"There is no scope {scope!r}; choose from {', '.join(Scope.values)}.", code="unknown_scope")
    unknown = sorted(set(selection) - set(FIELDS))
    if unknown:
        raise Refused(f"A selection cannot name {', '.join(unknown)}; use {', '.join(FIELDS)}.", code="bad_selection")
    chosen = {name: value for name, value in selection.items() if value not in (None, "", [])}
    if chosen and scope != Scope.SELECTION:
        named = ", ".join(chosen)
        raise Refused(f"A selection ({named}) belongs to the scope 'selection', not {scope!r}.", code="bad_selection")
    if scope == Scope.SELECTION and not chosen:
        raise Refused(f"The scope 'selection' needs at least one of {', '.join(FIELDS)}.", code="bad_selection")
    if "ids" in chosen:
        chosen["ids"] = Track.objects.ids_named(chosen["ids"])
    if chosen and not Track.objects.present().filter(**selection_conditions(chosen)).exists():
        raise NotFound("No track of the catalogue matches this selection.")
    return chosen


@transaction.atomic
def _create(asked: dict[str, Any], by: Actor) -> BatchJob:
    job = BatchJob.objects.create(**asked, requested_by=(by.name or by.door)[:150])
    AuditEntry.objects.note("start", by, job=job, details=_told(job))
    transaction.on_commit(lambda: knocking.tell_planner(job.pk))
    return job


def _told(job: BatchJob) -> dict[str, Any]:
    """What the record says of a job that was started; of its options, those that somebody chose."""
    selection = dict(job.selection)
    if ids := selection.pop("ids", []):
        selection |= {"tracks": len(ids), "ids": ids[:NAMED]}
    usual = asdict(DEFAULTS)
    options = {name: value for name, value in job.options.items() if value != usual[name]}
    told = {"scope": job.scope, "selection": selection, "models": job.model_keys, "rebuild": job.rebuild}
    return told | {"options": options}


def _check_options(options: JobOptions) -> None:
    for name, most in MOST.items():
        value = getattr(options, name)
        # Not `value < 0 or value > most`, which is false for what is no number.
        if value is not None and not 0 <= value <= most:
            raise Refused(f"{name} has to be between 0 and {most:g}, not {value:g}.", code="bad_options")


def _not_now(job: BatchJob, done: str) -> NotPossibleNow:
    job.refresh_from_db()
    return NotPossibleNow(f"Job {job.pk} is {job.state} and cannot be {done} now.")
