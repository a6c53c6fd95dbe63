"""`manage.py up`: everything that is needed, under one supervisor, until Ctrl-C."""

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from embedder_site.supervisor.preflight import check_checkpoints, check_models
from embedder_site.supervisor.run import Wishes, run
from embeddings.errors import EmbedderError, Refused
from embeddings.lifeline import tie_to_parent


class Command(BaseCommand):
    """Parses, and calls `run`."""

    _heard = True
    # Made in `handle`, after our own checks, which say the same in a sentence.
    requires_system_checks = ()
    help = "Starts every service that is not configured elsewhere, embeds what is missing, and serves until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options of one run; what lasts is configured by the environment."""
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", default="9002", help="port to listen on")
        parser.add_argument("--workers", default="1", help="workers on this machine; each uses every core")
        parser.add_argument("--once", action="store_true", help="end after the job and its results, without serving")
        parser.add_argument("--no-job", action="store_true", help="serve without embedding what is missing first")
        parser.add_argument("--die-with-parent", action="store_true", help="stop when the calling program is gone")

    def handle(self, **options: Any) -> None:
        """Run, and leave with its exit code."""
        if options["die_with_parent"]:
            tie_to_parent(os.getppid(), signal.SIGTERM)
        try:
            wishes = _wishes(options)
            check_models()
            if wishes.workers:
                # Without a worker here nobody reads them here.
                check_checkpoints()
            self.check()
            code = run(wishes, self._say)
        except EmbedderError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            # Before the supervisor obeys signals there is nothing to stop.
            code = 130
        sys.exit(code)

    def _say(self, line: str) -> None:
        if self._heard:
            try:
                self.stdout.write(line)
                self.stdout.flush()
            except BrokenPipeError:
                # Whoever listened (`make run | head`) is gone; the services are still wanted, and still to be stopped.
                self._heard = False


def _wishes(options: Mapping[str, Any]) -> Wishes:
    workers = _number("WORKERS", options["workers"])
    return Wishes(
        host=options["host"],
        port=_number("PORT", options["port"]),
        workers=workers,
        serve=not options["once"],
        # Without a worker here nobody may ever take the job.
        embed=not options["no_job"] and workers > 0,
    )


def _number(variable: str, written: str) -> int:
    """Read a number that somebody wrote; argparse would answer a wrong one with its whole usage."""
    if not (written.isascii() and written.isdigit()):
        raise Refused(f"{variable}={written} is no number.")
    return int(written)
