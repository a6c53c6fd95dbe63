"""Brings the catalogue in step with the configured music source: `manage.py sync`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from embeddings import conf
from embeddings.errors import BackendUnavailable
from embeddings.library import configured_source
from embeddings.library.sync import SyncReport, sync

COUNTS = ("added", "changed", "moved", "relinked", "gone", "returned", "unchanged", "skipped")
ALWAYS = frozenset({"added", "changed", "moved", "gone", "unchanged"})


class Command(BaseCommand):
    """Prints one sentence per library."""

    help = "Bring the catalogue in step with the music library."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--reread", action="store_true", help="read the tags of unchanged files too")
        parser.add_argument("--allow-empty", action="store_true", help="believe a source that lists no track at all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Synchronise and report."""
        source = configured_source(conf.library())
        try:
            reports = sync(source, reread=options["reread"], allow_empty=options["allow_empty"])
        except BackendUnavailable as error:
            raise CommandError(str(error)) from error
        for report in reports:
            self.stdout.write(sentence(report))
            for note in report.notes:
                self.stderr.write(self.style.WARNING(note))


def sentence(report: SyncReport) -> str:
    """The report for people; counts that are rare are named only when there is something to count."""
    counts = {name: getattr(report, name) for name in COUNTS}
    parts = ", ".join(f"{number} {name}" for name, number in counts.items() if number or name in ALWAYS)
    return f"{report.library}: {parts} in {report.seconds:.1f} s."
