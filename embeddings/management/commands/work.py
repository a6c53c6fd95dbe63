"""`manage.py work`: one worker, embedding until it is told to stop."""

import logging
from typing import Any

import django_rq
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from embeddings.jobs.worker import ResidentWorker


class Command(BaseCommand):
    """Run one worker; start as many as you have GPUs, on any machine that reaches the same services."""

    help = "Run one worker until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--burst", action="store_true", help="end when no message is left")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work."""
        if not settings.LOG_LEVEL:
            # A worker's log is what people read later; commands talk to people now.
            logging.getLogger("embeddings").setLevel(logging.INFO)
        queues = [django_rq.get_queue(name) for name in ("control", "embed")]
        worker = ResidentWorker(queues, connection=queues[0].connection, serializer=queues[0].serializer)
        worker.work(burst=options["burst"], logging_level="WARNING")
