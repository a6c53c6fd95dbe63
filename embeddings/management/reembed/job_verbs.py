"""The verbs of `manage.py reembed` that are about jobs; each gives an exit code."""

import argparse
import getpass
import os
import sys
from dataclasses import asdict, replace
from typing import Any

from embeddings import conf
from embeddings.domain import Actor, JobOptions
from embeddings.embedders import get_spec
from embeddings.errors import BackendUnavailable, NotFound, Refused
from embeddings.jobs import control, knocking
from embeddings.jobs.progress import progress_of
from embeddings.management.reembed.config import LIVE, NEW, JobFile, config_text, read_config
from embeddings.management.reembed.speech import ExitCode, Speech
from embeddings.management.reembed.terminal import failure_lines, summary_of, watch
from embeddings.models import BatchJob, Generation, JobState, Scope, Track, TrackFailure


def actor() -> Actor:
    """Who sits at this terminal."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        name = f"uid {os.getuid()}"
    return Actor(name=name, door="command")


def start(chosen: argparse.Namespace, speech: Speech) -> int:
    """Start a job; watch it unless detached."""
    wanted = _wanted(chosen)
    expect_workers(speech, waits=not chosen.detach)
    _expect_source(wanted)
    job = control.start_job(
        models=wanted.models,
        scope=wanted.scope,
        selection=wanted.selection,
        rebuild=wanted.target == NEW,
        options=wanted.options,
        by=actor(),
    )
    if chosen.detach:
        text = f"Job {job.pk} started. Watch it with: manage.py reembed status --watch {job.pk}"
        speech.answer(text, job=job.pk, state=job.state)
        return ExitCode.DONE
    return _watch(job, speech)


def status(chosen: argparse.Namespace, speech: Speech) -> int:
    """Show a job, once or until it is finished."""
    job = control.find_job(chosen.job)
    if chosen.watch:
        return _watch(job, speech)
    counted = progress_of(job)
    speech.answer(summary_of(job, counted), **_described(job))
    return ExitCode.DONE


def failures(chosen: argparse.Namespace, speech: Speech) -> int:
    """List what failed in a job and was not mended since, with the sentence of the newest attempt."""
    job = control.find_job(chosen.job)
    found = TrackFailure.objects.of_failed_results(job)
    found = found.filter(code=chosen.code) if chosen.code else found
    fields = ("track_id", "path", "model", "code", "message", "permanent", "attempt", "worker", "seconds", "created_at")
    lines = list(failure_lines(found)) or [f"Nothing that failed in job {job.pk} is left."]
    speech.answer("\n".join(lines), job=job.pk, failures=list(found.values(*fields)) if speech.as_json else [])
    return ExitCode.DONE


def cancel(chosen: argparse.Namespace, speech: Speech) -> int:
    """Cancel a job."""
    job = control.find_job(chosen.job)
    control.cancel_job(job, by=actor())
    return _told(job, "stops after the tracks in hand", speech)


def pause(chosen: argparse.Namespace, speech: Speech) -> int:
    """Pause a job."""
    job = control.find_job(chosen.job)
    control.pause_job(job, by=actor())
    return _told(job, "pauses after the tracks in hand", speech)


def resume(chosen: argparse.Namespace, speech: Speech) -> int:
    """Resume a job."""
    job = control.find_job(chosen.job)
    control.resume_job(job, by=actor())
    return _told(job, "goes on", speech)


def retry_failed(chosen: argparse.Namespace, speech: Speech) -> int:
    """Retry what failed: all, of some codes, or of some tracks."""
    job = control.find_job(chosen.job)
    ids = Track.objects.ids_named(chosen.track)
    count = control.retry_failed(job, codes=chosen.code, track_ids=ids, by=actor())
    again = f"tries {count} operations again" if count else "goes on with what it had left"
    speech.answer(f"Job {job.pk} {again}.", job=job.pk, operations=count)
    return ExitCode.DONE


def create_config(chosen: argparse.Namespace, speech: Speech) -> int:
    """Write a file that `start --config` reads."""
    models = list(conf.jobs().models)
    live = Generation.objects.live(models[0]) if len(models) == 1 else None
    text = config_text(models, live.collection if live else "")
    if chosen.file is None:
        speech.out.write(text, ending="")
        return ExitCode.DONE
    try:
        with chosen.file.open("w" if chosen.overwrite else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Refused(f"{chosen.file} is there already; --overwrite replaces it.", code="file_exists") from None
    except OSError as error:
        raise Refused(f"{chosen.file} cannot be written: {error.strerror}.", code="not_writable") from error
    text = f"Wrote {chosen.file}. Change it, and use it with: manage.py reembed start --config {chosen.file}"
    speech.answer(text, file=str(chosen.file))
    return ExitCode.DONE


def expect_workers(speech: Speech, *, waits: bool) -> None:
    """Refuse to wait for workers that are not there.

    Raises:
        BackendUnavailable: nothing is running.
        Refused: no worker is.

    """
    try:
        awake = knocking.count_workers()
    except BackendUnavailable as error:
        raise BackendUnavailable(f"Nothing is running: start it with `make run` first. ({error})") from error
    if not awake and waits:
        raise Refused(
            "No worker is running: start one with `manage.py work`, or everything with `make run`.", code="no_worker"
        )
    if not awake:
        speech.say("No worker is running; the job waits until one is started.")


def _wanted(chosen: argparse.Namespace) -> JobFile:
    """What the file says, and over it what the arguments do."""
    wanted = read_config(chosen.config) if chosen.config else JobFile()
    ids = [part.strip() for part in chosen.ids.split(",") if part.strip()]
    named = {"artist": chosen.artist, "album": chosen.album, "library": chosen.library, "ids": ids}
    selection = {key: value for key, value in named.items() if value}
    models = tuple(key.strip() for key in chosen.models.split(",") if key.strip())
    target = wanted.target if chosen.rebuild is None else (NEW if chosen.rebuild else LIVE)
    scope = chosen.scope or (Scope.SELECTION if selection else None)
    if scope is None:
        scope = Scope.ALL if target == NEW else wanted.scope
    if scope == Scope.SELECTION:
        selection = selection or wanted.selection
    return replace(
        wanted,
        target=target,
        scope=scope,
        models=models or wanted.models,
        selection=selection,
        options=_options(chosen, wanted.options),
    )


def _options(chosen: argparse.Namespace, written: JobOptions) -> JobOptions:
    given = {
        "batch_size": chosen.batch_size,
        "max_retries": chosen.max_retries,
        "delay_seconds": chosen.delay,
        "verify": chosen.verify,
        "promote": chosen.promote,
        "backup": chosen.backup,
    }
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(written, **changed)


def _expect_source(wanted: JobFile) -> None:
    """Refuse a file that was written for another state of the library."""
    if not wanted.source:
        return
    models = wanted.models or conf.jobs().models
    live = {found.collection for key in models if (found := Generation.objects.live(get_spec(key).key))}
    if wanted.source not in live:
        names = ", ".join(sorted(live)) or "none"
        raise NotFound(f"The configuration is for {wanted.source}, which is not live here ({names}); change `source`.")


def _told(job: BatchJob, done: str, speech: Speech) -> int:
    job.refresh_from_db()
    speech.answer(f"Job {job.pk} {done}.", job=job.pk, state=job.state)
    return ExitCode.DONE


def _described(job: BatchJob) -> dict[str, Any]:
    counted = asdict(progress_of(job))
    return counted | {
        "rate_per_minute": counted["rate"] * 60 if counted["rate"] else None,
        "scope": job.scope,
        "models": job.model_keys,
        "rebuild": job.rebuild,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
    }


def _watch(job: BatchJob, speech: Speech) -> int:
    live = sys.stdout.isatty() and not speech.as_json
    try:
        ended = watch(job, live=live, write=speech.say)
    except KeyboardInterrupt:
        told = f"\nJob {job.pk} goes on without you. Cancel it with: manage.py reembed cancel {job.pk}"
        speech.answer(told, **_described(job))
        return ExitCode.INTERRUPTED
    speech.answer(summary_of(ended, progress_of(ended)), **_described(ended))
    # The summary has said what happened.
    return ExitCode.UNSUCCESSFUL if ended.state in {JobState.FAILED, JobState.CANCELLED} else ExitCode.DONE
