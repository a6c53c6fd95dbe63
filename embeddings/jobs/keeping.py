"""Keeps everything in step with the library by itself: RQ's entry points, and what one step is.

Messages from the schedule are knocks as all others are: what has to be done is found out from rows,
so that lost, late and doubled ones harm nothing.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from embeddings import conf
from embeddings.conf import ModelConfig
from embeddings.domain import Actor
from embeddings.embedders import get_spec
from embeddings.embedders.checkpoints import state_of
from embeddings.errors import BackendUnavailable, JobAlreadyActive, Refused
from embeddings.jobs import control
from embeddings.jobs.following import follow
from embeddings.jobs.identity import identify
from embeddings.jobs.moments import next_moment
from embeddings.jobs.resident import resident
from embeddings.jobs.worker import should_stop
from embeddings.library import configured_source
from embeddings.library.subsonic import scan_status
from embeddings.library.sync import SyncReport, sync
from embeddings.models import (
    AuditEntry,
    BatchJob,
    Generation,
    GenerationState,
    Scope,
    Track,
    Watch,
    has_failed,
    is_due,
)

BY = Actor(name="", door="schedule")
NEWS = ("added", "changed", "moved", "relinked", "gone", "returned")
LONG = timedelta(days=1)
"""A job that keeps us from following the library for longer is said."""

log = logging.getLogger(__name__)


def keep_in_step() -> bool:
    """Take a step if a moment of the schedule has passed since the last one; whether one was taken.

    Asked now and then as well, it makes up for moments at which a job was active, the library was
    away, or nobody was awake. A step in the future was taken by a clock that was wrong, and counts for nothing.
    """
    schedule, since = conf.keeping().schedule, Watch.objects.kept().stepped_at
    now = timezone.now()
    if not schedule or since <= now < next_moment(schedule, since):
        return False
    return step(again=True)


def look_at_navidrome() -> bool:
    """Take a step if Navidrome has scanned since it was followed last; whether one was taken."""
    if not conf.keeping().poll_seconds:
        return False
    try:
        scan = scan_status(conf.navidrome())
    except (BackendUnavailable, Refused) as error:
        if Watch.objects.note(unanswered=str(error)):
            log.warning("navidrome not asked reason=%s", error)
        return False
    Watch.objects.note(unanswered="")
    if scan.scanning:
        # Over, it is news also from a server that does not say when it scanned.
        Watch.objects.mark_seen("")
        return False
    # One that a job keeps us from following is followed after the job.
    if scan.mark == Watch.objects.kept().scan or not step(again=False):
        return False
    Watch.objects.mark_seen(scan.mark)
    return True


def step(*, again: bool) -> bool:
    """Follow the library now, and start a job where a model lacks tracks; false when that was not possible.

    Args:
        again: whether tracks count that failed in a way that may pass.

    """
    job = BatchJob.objects.active().first()
    if job is not None:
        _note_wait(job)
        return False
    try:
        return _step(again=again)
    except JobAlreadyActive:
        return False
    except (BackendUnavailable, Refused) as error:
        if Watch.objects.note(trouble=str(error)):
            log.warning("not in step, and trying again by itself reason=%s", error)
        return False
    except Exception as error:
        # Ours: the doctor says so, where nobody looks into a log, and RQ keeps the traceback.
        with suppress(DatabaseError):
            Watch.objects.note(trouble=f"Following the library broke: {error!r}")
        raise


def _step(*, again: bool) -> bool:
    since = timezone.now()
    _note_news(sync(configured_source(conf.library())))
    if not follow(resident().store, conf.keeping(), by=BY, should_stop=_gives_way).complete:
        return False
    keys, refusals = due_models(conf.jobs().models, conf.models(), again=again)
    if keys:
        control.start_job(models=keys, scope=Scope.MISSING, by=BY)
    if again or not conf.keeping().schedule:
        # A step after a scan has not tried again what the schedule's next one will.
        Watch.objects.mark_stepped(since)
    Watch.objects.note(trouble=" ".join(refusals))
    return True


def _gives_way() -> bool:
    """Whether this process ends, or a job began meanwhile: it follows the library itself, and writes vectors."""
    return should_stop() or BatchJob.objects.active().exists()


def _note_wait(job: BatchJob) -> None:
    """Say which job is waited for, once that is for long, as for one that somebody paused and forgot."""
    if timezone.now() - job.created_at > LONG:
        begun = f"{job.created_at:%Y-%m-%d %H:%M} UTC"
        Watch.objects.note(trouble=f"Job {job.pk} of {begun} is {job.state}; the library is followed once it is over.")


def due_models(keys: Sequence[str], config: ModelConfig, *, again: bool) -> tuple[list[str], list[str]]:
    """Models that lack a present track, as a job for what is missing would find it; nothing is downloaded.

    Returns:
        Their keys, and a sentence for each model of which it cannot be found out here.

    """
    due, refusals = [], []
    for key in keys:
        try:
            if _lacking(key, config, again=again):
                due.append(key)
        except Refused as error:
            refusals.append(str(error))
    return due, refusals


def _lacking(key: str, config: ModelConfig, *, again: bool) -> bool:
    generation, present = _generation(key, config), Track.objects.present()
    if generation is None:
        return present.exists()
    tried = Q() if again else ~Q(has_failed(generation, permanently=False))
    return present.filter(is_due(generation) & tried).exists()


def _generation(key: str, config: ModelConfig) -> Generation | None:
    """Where new vectors of the model would go; None when that is still to be made.

    Raises:
        Refused: that was rolled back, or a checkpoint is refused; a person decides.

    """
    spec = get_spec(key)
    alike = Generation.objects.filter(model=key, spec_version=spec.version).exclude(state=GenerationState.DROPPED)
    if not alike.exists():
        return None
    if spec.checkpoint and state_of(spec, config.checkpoints.get(key)).place == "hub":
        # Gigabytes are brought here for a job, and not to find out that there is nothing to do.
        found = alike.exclude(state=GenerationState.RETIRED).order_by("-number").first()
    else:
        identity = identify(spec, config, lambda _: None)
        found = Generation.objects.begun(spec, identity)
        alike = Generation.objects.alike(spec, identity)
    if found is None and (retired := alike.filter(state=GenerationState.RETIRED).first()):
        # Left to itself, a job would fill it up and put it back where somebody took it away.
        raise Refused(f"{retired} was retired; start a job to go on with it, for by itself nothing does.")
    return found


def _note_news(reports: Sequence[SyncReport]) -> None:
    totals = {name: sum(asdict(report)[name] for report in reports) for name in NEWS}
    if news := {name: count for name, count in totals.items() if count}:
        AuditEntry.objects.note("sync", BY, details=news)
