"""`manage.py path`: the way from one track to another, in even steps."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from embeddings.embedders import SPECS
from embeddings.management.reembed.speech import Speech, exit_codes
from recommendations.domain import MOST_LIMIT
from recommendations.management.choosing import keys, within
from recommendations.management.finding import find_track
from recommendations.paths import Path, PathRequest, find_path
from recommendations.store import vector_store
from recommendations.telling import path_out


class Command(BaseCommand):
    """Look both ends up, find the way, print a table."""

    help = "Lead from one track to another in even, small steps."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        named = "by our id, Navidrome's id, or words of artist, title, album or path; several words in quotes"
        parser.add_argument("start", help=f"where it begins, {named}")
        parser.add_argument("end", help="where it ends, likewise")
        parser.add_argument("--steps", type=int, default=10, help="tracks of the path, both ends among them")
        parser.add_argument("--models", metavar="KEYS", default="", help=f"comma-separated, from: {', '.join(SPECS)}")
        parser.add_argument("--user", default="", help="a user of Navidrome, whose dislikes stay out")
        parser.add_argument(
            "--per-artist", type=int, metavar="N", help="tracks of one artist at most; 0 for any number"
        )
        parser.add_argument("--json", action="store_true", help="answer with one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find it and print."""
        speech = Speech(self.stdout, options["json"])
        with exit_codes(speech):
            request = PathRequest(
                start=str(find_track(options["start"]).pk),
                end=str(find_track(options["end"]).pk),
                steps=options["steps"],
                models=keys(options["models"]),
                user=options["user"],
                per_artist=within("per-artist", options["per_artist"], 0, MOST_LIMIT),
            )
            found = find_path(request, store=vector_store())
        if options["json"]:
            speech.answer("", **path_out(found))
            return
        for warning in found.warnings:
            self.stderr.write(self.style.WARNING(warning))
        _show(found)


def _show(found: Path) -> None:
    table = Table(title=f"A path by {', '.join(found.models)}", title_justify="left")
    table.add_column("", justify="right")
    table.add_column("of the way", justify="right")
    table.add_column("to the one before", justify="right")
    table.add_column("track", ratio=1)
    for place, step in enumerate(found.steps, start=1):
        near = "–" if step.similarity is None else f"{step.similarity:.3f}"
        table.add_row(str(place), f"{step.position:.0%}", near, escape(step.candidate.name))
    Console().print(table)
