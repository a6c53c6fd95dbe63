"""`manage.py schedule`: knocks for steps at the moments of SYNC_SCHEDULE, and for looks at Navidrome, until SIGTERM."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from embeddings import conf
from embeddings.jobs.schedule import run


class Command(BaseCommand):
    """Runs the schedule; a second one on another machine harms nothing."""

    help = "Keep the library in step: run SYNC_SCHEDULE and ask Navidrome for its scans, until SIGTERM."

    def handle(self, *args: Any, **options: Any) -> None:
        """Keep to the schedule."""
        config = conf.keeping()
        if not config.wanted:
            raise CommandError("Nothing is scheduled: SYNC_SCHEDULE is empty, and NAVIDROME_URL is not set.")
        run(config, self.stderr.write)
