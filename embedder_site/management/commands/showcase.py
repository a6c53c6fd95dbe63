"""`manage.py showcase`: three tracks and what sounds like them, and how fast embedding was."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from embeddings import conf
from embeddings.errors import EmbedderError
from embeddings.jobs.progress import progress_of
from embeddings.management.reembed.terminal import duration
from embeddings.models import BatchJob, Generation, Track
from recommendations.neighbours import neighbours_of
from recommendations.store import vector_store

TRACKS = 3
NEIGHBOURS = 5


class Command(BaseCommand):
    """Prints a short table; exit code 1 when nothing is embedded."""

    help = "Shows what sounds like three tracks of the library, and how fast the last job was."

    def add_arguments(self, parser: CommandParser) -> None:
        """One option."""
        help_text = "speak of the job that did the work among those that ended since then, not of the newest"
        parser.add_argument("--since", type=datetime.fromisoformat, help=help_text)

    def handle(self, **options: Any) -> None:
        """Pick, search, print."""
        found = _first_live()
        if found is None:
            raise CommandError("Nothing is embedded yet, so nothing can be compared.")
        model, seeds = found
        self.stdout.write(f"\nWhat sounds alike ({model}; 1 is the same, 0 has nothing in common)")
        try:
            for seed in seeds:
                self._show(seed, model)
        except EmbedderError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"\n{_pace(options['since'])}")

    def _show(self, seed: Track, model: str) -> None:
        self.stdout.write(f"\n  {seed.name}")
        for near in neighbours_of(seed, model=model, store=vector_store(), limit=NEIGHBOURS):
            self.stdout.write(f"    {near.score:5.2f}  {near.track.name}")


def _first_live() -> tuple[str, list[Track]] | None:
    """The first configured model that has vectors, and tracks from all over its part of the library."""
    for model in conf.jobs().models:
        live = Generation.objects.live(model)
        embedded = Track.objects.present().filter(vectors__generation=live) if live else Track.objects.none()
        if count := embedded.count():
            places = sorted({count * (2 * part + 1) // (2 * TRACKS) for part in range(TRACKS)})
            return model, [embedded.order_by("artist", "title", "pk")[place] for place in places]
    return None


def _pace(since: datetime | None) -> str:
    """How long the job took, and how many tracks that is in an hour."""
    newest_first = BatchJob.objects.order_by("-pk")
    jobs = newest_first.filter(finished_at__gte=since) if since else newest_first[:1]
    # Of an interrupted job and the empty one that looked for new files after it, the first did the work.
    counted = max(map(progress_of, jobs), key=lambda job: (job.operations.done > 0, job.operations.total), default=None)
    if counted is None or not counted.operations.total:
        return "Nothing was missing: everything had been embedded before."
    tracks, seconds = counted.tracks.done, counted.elapsed_seconds
    pace = f", {tracks * 3600 / seconds:,.0f} tracks/hour" if tracks and seconds else ""
    failed = f"; {counted.tracks.failed} failed" if counted.tracks.failed else ""
    return f"{tracks} tracks embedded in {duration(seconds)}{pace}{failed}."
