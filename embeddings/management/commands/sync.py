"""Brings the catalogue in step with the configured music source: `manage.py sync`."""

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from embeddings import conf
from embeddings.library import configured_source
from embeddings.library.sync import SyncReport, sync
from embeddings.management.reembed.speech import Speech, exit_codes

COUNTS = ("added", "changed", "moved", "relinked", "gone", "returned", "unchanged", "skipped")
ALWAYS = frozenset({"added", "changed", "moved", "gone", "unchanged"})


class Command(BaseCommand):
    """Prints one sentence per library."""

    help = "Bring the catalogue in step with the music library."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--reread", action="store_true", help="read the tags of unchanged files too")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object, for programs")
        parser.add_argument("--allow-empty", action="store_true", help="believe a source that lists no track at all")

    def handle(self, *args: Any, **options: Any) -> None:
        """Synchronise and report."""
        speech = Speech(self.stdout, options["json"])
        with exit_codes(speech):
            source = configured_source(conf.library())
            reports = sync(source, reread=options["reread"], allow_empty=options["allow_empty"])
        speech.answer("\n".join(map(sentence, reports)), libraries=[asdict(report) for report in reports])
        for note in (note for report in reports for note in report.notes):
            self.stderr.write(self.style.WARNING(note))


def sentence(report: SyncReport) -> str:
    """The report for people; counts that are rare are named only when there is something to count."""
    counts = {name: getattr(report, name) for name in COUNTS}
    parts = ", ".join(f"{number} {name}" for name, number in counts.items() if number or name in ALWAYS)
    return f"{report.library}: {parts} in {report.seconds:.1f} s."
