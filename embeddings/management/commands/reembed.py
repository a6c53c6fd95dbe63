"""`manage.py reembed`: jobs and generations from the terminal; docs/commands.md describes it."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from embeddings.management.reembed import arguments, generation_verbs, job_verbs
from embeddings.management.reembed.speech import Speech, exit_codes

VERBS: dict[str, Callable[[argparse.Namespace, Speech], int]] = {
    "start": job_verbs.start,
    "status": job_verbs.status,
    "failures": job_verbs.failures,
    "retry-failed": job_verbs.retry_failed,
    "pause": job_verbs.pause,
    "resume": job_verbs.resume,
    "cancel": job_verbs.cancel,
    "create-config": job_verbs.create_config,
    "verify": generation_verbs.verify,
    "promote": generation_verbs.promote,
    "rollback": generation_verbs.rollback,
    "cleanup": generation_verbs.cleanup,
}


class Command(BaseCommand):
    """One verb for each thing that may be done to a job or a generation."""

    help = "Start, watch and steer embedding jobs; verify, promote, roll back and clean up generations."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the verbs."""
        arguments.declare(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one verb; what is refused ends with its sentence."""
        chosen = argparse.Namespace(**options)
        speech = Speech(self.stdout, chosen.json)
        with exit_codes(speech):
            code = VERBS[chosen.verb](chosen, speech)
        if code:
            sys.exit(code)
