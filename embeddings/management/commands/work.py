"""`manage.py work`: one worker, embedding, or answering prompts, until it is told to stop."""

import logging
import os
from typing import Any

import django_rq
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from embeddings import conf
from embeddings.jobs import tasks
from embeddings.jobs.context import about
from embeddings.jobs.texts import TextWorker
from embeddings.jobs.worker import InProcessWorker, ResidentWorker, current_slot


class Command(BaseCommand):
    """Run one worker; start as many as you have GPUs, on any machine that reaches the same services."""

    help = "Run one worker until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--burst", action="store_true", help="end when no message is left")
        parser.add_argument(
            "--queue",
            choices=["embed", "text"],
            default="embed",
            help="embed: plans and embeds; text: turns prompts into vectors, with the text towers of MODELS loaded",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Work."""
        if not settings.LOG_LEVEL:
            # A worker's log is what people read later; commands talk to people now.
            logging.getLogger("embeddings").setLevel(logging.INFO)
        worker = _text_worker() if options["queue"] == "text" else _embedding_worker()
        try:
            with about(worker=current_slot()):
                worker.work(burst=options["burst"], logging_level="WARNING")
        finally:
            tasks.leave()


def _embedding_worker() -> InProcessWorker:
    # Listeners' searches come first; a machine that does nothing else embeds as fast as ever.
    os.nice(conf.jobs().niceness)
    queues = [django_rq.get_queue(name) for name in ("control", "embed")]
    first = queues[0]
    return ResidentWorker(
        queues,
        connection=first.connection,
        serializer=first.serializer,
        idle_seconds=conf.jobs().sweep_seconds,
        when_idle=tasks.rest,
        stands_aside=tasks.stands_aside,
    )


def _text_worker() -> InProcessWorker:
    queue = django_rq.get_queue("text")
    return TextWorker([queue], connection=queue.connection, serializer=queue.serializer)
