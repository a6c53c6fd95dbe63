"""One run from start to end: refuse what cannot work, start everything, embed, show, serve, stop everything."""

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connections
from django.utils import timezone

from embedder_site import doctor
from embedder_site.doctor_texts import reading
from embedder_site.env import BASE_DIR, LOCK_FILE, SERVICES_FILE, VAR_DIR, choice, given, kept_secret, remember_library
from embedder_site.finding import Finding
from embedder_site.supervisor import preflight, services
from embedder_site.supervisor.firstrun import create_first_admin
from embedder_site.supervisor.lock import lock_var_dir
from embedder_site.supervisor.service import ServiceSpec
from embedder_site.supervisor.supervisor import Stopping, Supervisor
from embeddings import conf
from embeddings.errors import Refused
from embeddings.jobs.progress import progress_of
from embeddings.models import BatchJob, JobState

INTERRUPTED = 130
"""Exit code of a run that was to end by itself and was stopped before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What somebody asked for on the command line."""

    host: str
    port: int
    workers: int
    serve: bool
    """Stay until told to stop; else end after the results were shown."""
    embed: bool
    """Start with a job for what is missing."""


def run(wishes: Wishes, say: Callable[[str], None]) -> int:
    """Do it all; the exit code.

    Raises:
        Refused: something cannot work; nothing was left running.
        ServiceFailed: a service did not come up; nothing was left running.

    """
    say(f"Music      {preflight.check_library()}")
    if wishes.serve:
        preflight.check_port(wishes.host, wishes.port)
    lock = lock_var_dir(LOCK_FILE)
    log_dir = VAR_DIR / "log"
    log_dir.mkdir(exist_ok=True, mode=0o700)
    supervisor = Supervisor(log_dir, lock, say)
    supervisor.obey_signals()
    _remember()
    try:
        redis_url = _start(supervisor, wishes, say)
        try:
            return _work(supervisor, wishes, redis_url, say)
        finally:
            _say_what_goes_on(say)
    except Stopping:
        return 0 if wishes.serve else INTERRUPTED
    finally:
        say("Stopping")
        supervisor.stop()
        SERVICES_FILE.unlink(missing_ok=True)


def _remember() -> None:
    named = _library()
    if any(named.values()):
        remember_library(named)


def _library() -> dict[str, str]:
    """The music source and the models, under the names that `env` reads them by again."""
    source = {name.lower(): getattr(settings, name) for name in ("MUSIC", "NAVIDROME_DB", "NAVIDROME_PATH_MAP")}
    checkpoints = {f"{key}_checkpoint": folder for key, folder in settings.CHECKPOINTS.items()}
    return {**source, **checkpoints, "models": choice("MODELS")}


def _work(supervisor: Supervisor, wishes: Wishes, redis_url: str, say: Callable[[str], None]) -> int:
    """Embed, show and serve, as wished; the exit code."""
    if wishes.serve:
        # Before the job: it may take hours, in which people want to watch it.
        _invite(say)
    code = _embed(supervisor, say) if wishes.embed else 0
    if not wishes.serve:
        return code
    say(f"\nOpen {services.address_for_people(wishes.host, wishes.port)} - Ctrl-C stops everything")
    if warning := preflight.warn_about_host(wishes.host):
        say(warning)
    if conf.keeping().wanted:
        # Not before: its first step would get in the way of the job above.
        supervisor.launch(services.schedule(redis_url))
    supervisor.serve()
    return 0


def _say_what_goes_on(say: Callable[[str], None]) -> None:
    # Behind a queue of somebody's own, workers elsewhere go on now.
    if given("REDIS_URL"):
        return
    # A database that went away meanwhile must not keep us from stopping the rest.
    with suppress(DatabaseError):
        if job := BatchJob.objects.active().exclude(state=JobState.PAUSED).first():
            say(f"Job {job.pk} goes on at the next start.")
    connections.close_all()


def _start(supervisor: Supervisor, wishes: Wishes, say: Callable[[str], None]) -> str:
    """Start everything that is wanted from the first moment; the queue's address."""
    redis_url = _start_backends(supervisor, say)
    _migrate()
    supervisor.launch(*web_and_workers(wishes, redis_url))
    supervisor.wait_until_ready()
    return redis_url


def web_and_workers(wishes: Wishes, redis_url: str) -> list[ServiceSpec]:
    """What is started last, as wished; a worker for prompts when a model of MODELS has a text tower."""
    doors = [services.web(wishes.host, wishes.port)] if wishes.serve else []
    workers = [services.worker(number, redis_url, VAR_DIR) for number in range(1, wishes.workers + 1)]
    # Who starts no worker here may have no checkpoint here; without the web server nobody asks.
    asked = doors and workers and reading()
    return [*doors, *workers, *([services.text(redis_url)] if asked else [])]


def _start_backends(supervisor: Supervisor, say: Callable[[str], None]) -> str:
    """Start the services that nobody configured, say where they are; the queue's address."""
    embedded = _library()
    if given("REDIS_URL"):
        _expect(doctor.check_queue(), say)
    else:
        port, password = services.free_port(26379), kept_secret("redis_password")
        supervisor.launch(services.valkey(VAR_DIR / "redis", LOCK_FILE.with_name("valkey.conf"), port, password))
        embedded["redis_url"] = services.valkey_url(port, password)
    # Workers give up when the queue does not answer; it takes a moment, the vector store takes seconds.
    supervisor.wait_until_ready()
    if given("MILVUS_URI"):
        _expect(doctor.check_vectors(), say)
    else:
        port = services.free_port(29530)
        supervisor.launch(services.milvus_lite(VAR_DIR / "milvus", port))
        embedded["milvus_uri"] = f"http://{services.LOOPBACK}:{port}"
    _publish(embedded)
    return embedded.get("redis_url", settings.REDIS_URL)


def _expect(finding: Finding, say: Callable[[str], None]) -> None:
    if not finding.fine:
        raise Refused(f"{finding.used}: {finding.answer.rstrip('.')}. {finding.advice}")
    say(f"{finding.subject:<10} ready   {finding.used}")


def _publish(embedded: dict[str, str]) -> None:
    """Tell other commands where the services are; only this user may read it, it holds the queue's password."""
    fresh = SERVICES_FILE.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(embedded))
    fresh.replace(SERVICES_FILE)


def _migrate() -> None:
    try:
        call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        raise Refused(f"The database {doctor.database_in_words()} cannot be used: {error}") from error
    finally:
        connections.close_all()


def _embed(supervisor: Supervisor, say: Callable[[str], None]) -> int:
    """Finish what an earlier run left, embed what is missing, show what came out; the exit code."""
    since = timezone.now()
    manage = [sys.executable, str(BASE_DIR / "manage.py")]
    showcase = [*manage, "showcase", "--since", since.isoformat()]
    left = BatchJob.objects.active().first()
    connections.close_all()
    if left and left.state == JobState.PAUSED:
        say(f"Job {left.pk} is paused; go on with: manage.py reembed resume")
        return 0
    if left and supervisor.run([*manage, "reembed", "status", "--watch", str(left.pk)]):
        # One that was asked to end before this run began is no reason not to embed in this one.
        if left.state != JobState.CANCELLING and _was_cancelled(since, say):
            return supervisor.run(showcase)
        say(f"Job {left.pk} of an earlier run did not succeed; starting anew.")
    code = supervisor.run([*manage, "reembed", "start", "--scope", "missing"])
    if code and not _was_cancelled(since, say):
        say("The job did not succeed. See what is missing with: make doctor")
        return code
    return supervisor.run(showcase)


def _was_cancelled(since: datetime, say: Callable[[str], None]) -> bool:
    """Whether somebody cancelled the job that ended last; if so, it is said."""
    job = BatchJob.objects.filter(finished_at__gte=since).newest()
    cancelled = job is not None and job.state == JobState.CANCELLED
    if job and cancelled:
        say(f"Job {job.pk} was cancelled; {progress_of(job).tracks.done} tracks are embedded.")
    connections.close_all()
    return cancelled


def _invite(say: Callable[[str], None]) -> None:
    """Say the first time as whom to log in."""
    if password := create_first_admin():
        say(f"Log in as   admin   with the password   {password}   (shown only this once)")
    connections.close_all()
