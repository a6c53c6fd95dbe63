"""`manage.py similar`: which tracks sound like this one, or as a text says."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from embeddings import conf
from embeddings.embedders import SPECS
from embeddings.errors import BackendUnavailable, Refused
from recommendations.management.finding import find_track
from recommendations.neighbours import TEXT_MODEL, Neighbour, neighbours_of, tracks_matching
from recommendations.store import vector_store


class Command(BaseCommand):
    """Look a track up by id or by words, or read a text, and list what is nearest."""

    help = "List the tracks that sound most like one track, or as a text says."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("track", nargs="*", help="our id, Navidrome's id, or words of artist, title, album or path")
        parser.add_argument("--text", metavar="WORDS", help='what the music is like: "sad slow piano"')
        parser.add_argument("--model", choices=sorted(SPECS), help="default: the first of MODELS; with --text, muq")
        parser.add_argument("--count", type=int, default=10)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a table."""
        try:
            title, found = _matching(options) if options["text"] is not None else _similar(options)
        except Refused as error:
            raise CommandError(str(error)) from error
        except BackendUnavailable as error:
            raise CommandError(f"{error} Is `make run` running? `manage.py doctor` tells.") from error
        table = Table(title=escape(f"Nearest to {title}"), title_justify="left")
        table.add_column("similarity", justify="right")
        table.add_column("track")
        table.add_column("album")
        names = Counter(near.track.name for near in found)
        for near in found:
            place = near.track.path if names[near.track.name] > 1 else near.track.album
            table.add_row(f"{near.score:.3f}", escape(near.track.name), escape(place))
        Console().print(table)


def _matching(options: dict[str, Any]) -> tuple[str, Sequence[Neighbour]]:
    if options["track"]:
        raise Refused("Name a track or give a --text, not both.")
    model = options["model"] or TEXT_MODEL
    found = tracks_matching(options["text"], model=model, store=vector_store(), limit=options["count"])
    return repr(options["text"]), found


def _similar(options: dict[str, Any]) -> tuple[str, Sequence[Neighbour]]:
    if not options["track"]:
        raise Refused('Name a track, or say what the music is like: --text "sad slow piano"')
    track = find_track(" ".join(options["track"]))
    model = options["model"] or conf.jobs().models[0]
    return track.name, neighbours_of(track, model=model, store=vector_store(), limit=options["count"])
