"""`manage.py reembed`: start, watch, pause, cancel and retry jobs from the terminal."""

import argparse
import getpass
import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from embeddings.domain import Actor
from embeddings.embedders import SPECS
from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs import control, tasks
from embeddings.jobs.progress import progress_of
from embeddings.management.terminal import failure_lines, summary_of, watch
from embeddings.models import BatchJob, JobState, Scope, TrackFailure

ACTOR = Actor(name=getpass.getuser(), door="command")


class Command(BaseCommand):
    """One subcommand for each thing that may be done to a job."""

    help = "Start, watch, pause, resume, cancel and retry embedding jobs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the subcommands."""
        actions = parser.add_subparsers(dest="action", required=True)
        start = actions.add_parser("start", help="start a job and watch it")
        scopes = "missing: no vector yet, or the file changed (default); all; failed: what failed before; selection"
        start.add_argument("--scope", choices=Scope.values, default=None, help=scopes)
        start.add_argument("--models", default="", help=f"comma-separated, from: {', '.join(SPECS)}")
        start.add_argument("--artist", default="", help="only tracks of this artist")
        start.add_argument("--album", default="", help="only tracks of this album")
        start.add_argument("--library", type=int, help="only this library, by its number in the admin")
        start.add_argument("--ids", default="", help="only these tracks, comma-separated ids, ours or Navidrome's")
        start.add_argument("--detach", action="store_true", help="do not watch it")
        status = actions.add_parser("status", help="show a job; the newest when none is named")
        status.add_argument("--json", action="store_true")
        status.add_argument("--watch", action="store_true")
        retry = actions.add_parser("retry-failed", help="try failed tracks again")
        retry.add_argument("--code", action="append", default=[], help="only failures of this code")
        failures = actions.add_parser("failures", help="list the files that failed, and why")
        failures.add_argument("--code", default="", help="only failures of this code")
        for name in ("pause", "resume", "cancel"):
            actions.add_parser(name, help=f"{name} a job")
        for action in ("status", "failures", "retry-failed", "pause", "resume", "cancel"):
            actions.choices[action].add_argument("job", type=int, nargs="?", help="number of the job")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one subcommand; what is refused ends with its sentence."""
        chosen = argparse.Namespace(**options)
        try:
            getattr(self, "do_" + chosen.action.replace("-", "_"))(chosen)
        except (Refused, BackendUnavailable) as error:
            raise CommandError(str(error)) from error

    def do_start(self, chosen: argparse.Namespace) -> None:
        """Start a job; watch it unless detached."""
        self._expect_workers(waits=not chosen.detach)
        ids = [part.strip() for part in chosen.ids.split(",") if part.strip()]
        named = {"artist": chosen.artist, "album": chosen.album, "library": chosen.library, "ids": ids}
        selection = {key: value for key, value in named.items() if value}
        job = control.start_job(
            models=[key.strip() for key in chosen.models.split(",") if key.strip()],
            scope=chosen.scope or (Scope.SELECTION if selection else Scope.MISSING),
            selection=selection,
            by=ACTOR,
        )
        if chosen.detach:
            self.stdout.write(f"Job {job.pk} started. Watch it with: manage.py reembed status --watch {job.pk}")
            return
        self._watch(job)

    def do_status(self, chosen: argparse.Namespace) -> None:
        """Show a job, once or until it is finished."""
        job = control.find_job(chosen.job)
        if chosen.json:
            self.stdout.write(json.dumps(asdict(progress_of(job)), indent=2, default=str))
        elif chosen.watch:
            self._watch(job)
        else:
            self.stdout.write(summary_of(job, progress_of(job)))

    def do_failures(self, chosen: argparse.Namespace) -> None:
        """List what failed in a job and was not mended since, with the sentence of the newest attempt."""
        job = control.find_job(chosen.job)
        found = TrackFailure.objects.of_failed_results(job)
        lines = list(failure_lines(found.filter(code=chosen.code) if chosen.code else found))
        for line in lines or [f"Nothing that failed in job {job.pk} is left."]:
            self.stdout.write(line)

    def do_cancel(self, chosen: argparse.Namespace) -> None:
        """Cancel a job."""
        job = control.find_job(chosen.job)
        control.cancel_job(job, by=ACTOR)
        self.stdout.write(f"Job {job.pk} stops after the tracks in hand.")

    def do_pause(self, chosen: argparse.Namespace) -> None:
        """Pause a job."""
        job = control.find_job(chosen.job)
        control.pause_job(job, by=ACTOR)
        self.stdout.write(f"Job {job.pk} pauses after the tracks in hand.")

    def do_resume(self, chosen: argparse.Namespace) -> None:
        """Resume a job."""
        job = control.find_job(chosen.job)
        control.resume_job(job, by=ACTOR)
        self.stdout.write(f"Job {job.pk} goes on.")

    def do_retry_failed(self, chosen: argparse.Namespace) -> None:
        """Retry what failed."""
        job = control.find_job(chosen.job)
        count = control.retry_failed(job, codes=chosen.code, by=ACTOR)
        again = f"tries {count} operations again" if count else "goes on with what it had left"
        self.stdout.write(f"Job {job.pk} {again}.")

    def _expect_workers(self, *, waits: bool) -> None:
        """Refuse to wait for workers that are not there."""
        try:
            awake = tasks.count_workers()
        except BackendUnavailable as error:
            raise CommandError(f"Nothing is running: start it with `make run` first. ({error})") from error
        if not awake and waits:
            raise CommandError("No worker is running: start one with `manage.py work`, or everything with `make run`.")
        if not awake:
            self.stdout.write("No worker is running; the job waits until one is started.")

    def _watch(self, job: BatchJob) -> None:
        try:
            ended = watch(job, live=sys.stdout.isatty(), write=self._say)
        except KeyboardInterrupt:
            self.stdout.write(f"\nJob {job.pk} goes on without you. Cancel it with: manage.py reembed cancel {job.pk}")
            return
        self.stdout.write(summary_of(ended, progress_of(ended)))
        if ended.state in {JobState.FAILED, JobState.CANCELLED}:
            # The summary has said what happened.
            sys.exit(1)

    def _say(self, line: str) -> None:
        # At once, also into a pipe or a journal: people wait for it.
        self.stdout.write(line)
        self.stdout.flush()
