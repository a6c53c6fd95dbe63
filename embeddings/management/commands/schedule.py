"""`manage.py schedule`: knocks for steps at the moments of SYNC_SCHEDULE, and for looks at Navidrome, until SIGTERM."""

import signal
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand

from embeddings import conf
from embeddings.jobs.schedule import run


class Command(BaseCommand):
    """Runs the schedule; a second one on another machine harms nothing."""

    help = "Keep the library in step: run SYNC_SCHEDULE and ask Navidrome for its scans, until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        """Keep to the schedule, also to one in which nothing happens: whoever starts services would start it again."""
        config = conf.keeping()
        if config.wanted:
            run(config, self.stderr.write)
            return
        with suppress(KeyboardInterrupt):
            self.stderr.write("Nothing is scheduled: SYNC_SCHEDULE is empty, and NAVIDROME_URL is not set.")
            self.stderr.flush()
            signal.pause()
